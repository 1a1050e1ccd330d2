/* See bench_bare.h. */
#include "tests/bench/bench_bare.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "drivers/api/capture.h"
#include "tests/bench/bench.h"

int bench_bare_receive(const char *port)
{
    static uint16_t id = RTE_MAX_ETHPORTS; /* looked up once */
    struct rte_mbuf *mbufs[CAPTURE_BURST_MAX];
    if (id == RTE_MAX_ETHPORTS && rte_eth_dev_get_port_by_name(port, &id) != 0)
        bench_fail("no port '%s'", port);
    uint16_t count = rte_eth_rx_burst(id, 0, mbufs, CAPTURE_BURST_MAX);
    rte_pktmbuf_free_bulk(mbufs, count);
    return count;
}
