/* A port of DPDK polled with nothing of the product in between: what its driver alone reaches. */
#pragma once

/* Takes a burst of at most CAPTURE_BURST_MAX frames from the port's first queue and gives the
 * buffers back at once; how many there were. By the thread of the source that has it open. */
int bench_bare_receive(const char *port);
