/*
 * Read-copy-update over liburcu's QSBR flavour. Readers register, read a pointer with rcu_load, and
 * pass a quiescent state between packets or bursts; one writer publishes with rcu_publish and waits
 * with rcu_wait before it frees the old object. An idle reader goes offline, so that a poller that
 * sleeps never delays a writer. Annotated for ThreadSanitizer, which cannot see liburcu's barriers.
 */
#pragma once

void rcu_reader_register(void);
void rcu_reader_unregister(void);
void rcu_reader_quiescent(void); /* holds no pointer from rcu_load any more */
void rcu_reader_offline(void);
void rcu_reader_online(void);

/* Loads *slot; valid until this thread's next quiescent state. */
void *rcu_load(void **slot);
/* Publishes a fully built object; the returned old pointer may be freed after rcu_wait(). */
void *rcu_publish(void **slot, void *object);
/* Returns once every online reader has passed a quiescent state. Not from a reader that is online.
 */
void rcu_wait(void);
