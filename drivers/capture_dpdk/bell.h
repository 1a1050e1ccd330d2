/*
 * A bell on an interface of the system: a packet socket that tells when a frame comes, so that the
 * poller of a virtual device over that interface can sleep meanwhile. It keeps one byte of a frame
 * and nothing at all while it is not armed. Internal to this driver; one thread.
 */
#pragma once

#include <stdbool.h>

/* A file descriptor for close(), not armed; -1 without the right, or without the interface. */
int bell_open(const char *interface);
/* From now on frames ring. False: it is broken, close it. */
bool bell_arm(int fd);
/* Waits until one has rung, at most `timeout_ms`. False: it is broken, close it. */
bool bell_wait(int fd, int timeout_ms);
bool bell_disarm(int fd);
