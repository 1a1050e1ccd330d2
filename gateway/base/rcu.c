/*
 * liburcu QSBR behind our own names. Global state is liburcu's.
 */
#include "gateway/base/rcu.h"

#include <urcu-qsbr.h>

/* ThreadSanitizer does not model liburcu's grace period: tell it that everything a reader did
 * before a quiescent state happens before rcu_wait returns. */
#if defined(__SANITIZE_THREAD__)
#define RCU_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RCU_TSAN 1
#endif
#endif

#ifdef RCU_TSAN
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
static char grace_period;
#define GRACE_RELEASE() __tsan_release(&grace_period)
#define GRACE_ACQUIRE() __tsan_acquire(&grace_period)
#else
#define GRACE_RELEASE() ((void)0)
#define GRACE_ACQUIRE() ((void)0)
#endif

void rcu_reader_register(void)
{
    urcu_qsbr_register_thread();
}

void rcu_reader_unregister(void)
{
    GRACE_RELEASE();
    urcu_qsbr_unregister_thread();
}

void rcu_reader_quiescent(void)
{
    GRACE_RELEASE();
    urcu_qsbr_quiescent_state();
}

void rcu_reader_offline(void)
{
    GRACE_RELEASE();
    urcu_qsbr_thread_offline();
}

void rcu_reader_online(void)
{
    urcu_qsbr_thread_online();
}

void *rcu_load(void **slot)
{
    /* Pairs with the release in rcu_publish. */
    return __atomic_load_n(slot, __ATOMIC_ACQUIRE);
}

void *rcu_publish(void **slot, void *object)
{
    return __atomic_exchange_n(slot, object, __ATOMIC_ACQ_REL);
}

void rcu_wait(void)
{
    urcu_qsbr_synchronize_rcu();
    GRACE_ACQUIRE();
}
