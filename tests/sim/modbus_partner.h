/*
 * The other end of a Modbus line or connection, in a thread of the test's or benchmark's own
 * process, so that it bounds no figure: remote I/O modules by unit, over an RTU pty (paced to its
 * rate, or as fast as it can) or over TCP (one thread for all connections). Shows the symptoms of
 * miswired lines on request. Written from the standard, apart from the product's code.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PARTNER_UNITS_MAX = 64, PARTNER_PATH_SIZE = 64 };

enum partner_symptom {
    PARTNER_WELL,
    PARTNER_SILENT,        /* `symptom_unit` does not answer (0 = nobody) */
    PARTNER_ECHO,          /* the adapter hands each request back first */
    PARTNER_SECOND_MASTER, /* behind each answer another master asks unit 99 */
    PARTNER_TWICE,         /* two modules answer, one after the other */
    PARTNER_COLLIDING,     /* answers of `symptom_unit` are two at once */
    PARTNER_SWAPPED,       /* only breaks and garbage */
    PARTNER_REFLECTING,    /* behind each answer a few bytes of its reflection */
    PARTNER_LONG_GARBLED   /* answers above 16 bytes lose a bit */
};

struct partner_unit {
    uint8_t unit;
    atomic_uint inputs; /* FC02: bit i is address i; FC04: registers are their address */
    atomic_uint coils;  /* FC01, FC05 */
    atomic_ullong requests;
    atomic_llong coil_ns[32]; /* CLOCK_MONOTONIC when the coil was last written */
};

struct partner {
    struct partner_unit units[PARTNER_UNITS_MAX];
    size_t unit_count;
    _Atomic enum partner_symptom symptom;
    atomic_uint symptom_unit;
    atomic_ullong answer_us; /* before each answer */
    int priority;            /* SCHED_FIFO, as far as the process may; 0 = normal */
    /* RTU */
    char path[PARTNER_PATH_SIZE];
    int master;
    int slave;
    uint32_t baud_bps; /* 0 = not paced; 10 bits a character */
    /* TCP */
    int listener;
    uint16_t port;
    pthread_t thread;
    int wake[2];
    bool started;
};

void partner_init(struct partner *partner);
/* A module at that unit; before start. */
struct partner_unit *partner_add(struct partner *partner, uint8_t unit);
/* Start the thread; false when the system refuses. Over TCP the unit is looked up in each request,
 * on whichever connection. */
bool partner_start_rtu(struct partner *partner, uint32_t baud_bps);
bool partner_start_tcp(struct partner *partner);
/* The line is gone, as an unplugged adapter; partner_start_rtu plugs it in again. */
void partner_stop(struct partner *partner);
