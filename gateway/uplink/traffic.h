/*
 * Who has the link: what hits' pictures give way to. Written by those who send records, read by who
 * sends pictures; each a number on its own, so all of it is relaxed.
 */
#pragma once

#include <stdatomic.h>

struct uplink_traffic {
    atomic_uint urgents; /* that came and are not delivered yet */
    atomic_uint records; /* 1: a batch is on its way, or the next one is due */
    atomic_uint windows; /* counts those of a metered link that ended with all records sent */
};
