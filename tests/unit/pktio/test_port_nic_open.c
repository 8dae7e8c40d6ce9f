/* The code that opens a network card, with a device of DPDK's own in its place: opened, sent on, heard, closed, found anew.
 * What only a card has (interrupts, its rings' limits, DMA) is not tested by this. */
#include "tests/support/cm.h"

#include "base/mem.h"
#include "pktio/port.h"
#include "pktio/send_queue.h"

#include <stdio.h>

#include <rte_bus_vdev.h>

static struct port *port_new(void) {
    struct port *p = ws_alloc(sizeof(*p));
    p->kind = PORT_NIC;
    p->workers = 1;
    p->id = RTE_MAX_ETHPORTS;
    p->ready_fd = p->ask_fd = -1;
    return p;
}

static void hear(struct port *p, const uint8_t *octets, size_t n) {
    struct rte_mbuf *m[4];
    assert_true(send_queue_put(p->send, span_of(octets, n)));
    assert_false(port_send(p)); /* nothing more is waiting */
    assert_int_equal(p->sent.frames, 1);
    assert_int_equal(p->sent.errors, 0);
    assert_int_equal(rte_eth_rx_burst(p->id, 0, m, 4), 1);
    assert_int_equal(rte_pktmbuf_pkt_len(m[0]), n);
    assert_memory_equal(rte_pktmbuf_mtod(m[0], const uint8_t *), octets, n);
    rte_pktmbuf_free(m[0]);
    assert_int_equal(port_losses(p), 0);
}

static void test_open(void **state) {
    (void)state;
    static const uint8_t octets[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x89, 0x47, 1, 2, 3};
    const struct port_config cfg = {.kind = PORT_NIC, .device = "net_ring0", .mbufs = 4096};
    assert_int_equal(rte_vdev_init("net_ring0", NULL), 0);
    for (unsigned i = 0; i < 3; i++) { /* from the second time on it is not there before */
        struct port *p = port_new();
        struct ws_err err = {0};
        if (port_nic_open(p, &cfg, &err) != WS_OK)
            fail_msg("%s", err.text);
        assert_int_equal(p->sleep, PORT_SLEEP_TIMED);
        assert_int_equal(p->ready_fd, -1);
        assert_int_equal(p->ring_frames, 2048);
        hear(p, octets, sizeof(octets));
        port_before_sleep(p);
        port_after_sleep(p);
        port_close(p);
        uint16_t id;
        assert_int_not_equal(rte_eth_dev_get_port_by_name("net_ring0", &id), 0);
    }
}

/* A card whose link is down takes nothing to send later. */
static void test_link_down(void **state) {
    (void)state;
    static const uint8_t octets[60] = {2, 0, 0, 0, 0, 1};
    const struct port_config cfg = {.kind = PORT_NIC, .device = "net_ring0", .mbufs = 4096};
    struct port *p = port_new();
    struct rte_mbuf *m[4];
    struct ws_err err = {0};
    if (port_nic_open(p, &cfg, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(rte_eth_dev_set_link_down(p->id), 0);
    assert_true(send_queue_put(p->send, span_of(octets, sizeof(octets))));
    assert_false(port_send(p));
    assert_int_equal(p->sent.errors, 1);
    assert_int_equal(p->sent.frames, 0);
    assert_int_equal(rte_eth_dev_set_link_up(p->id), 0);
    assert_false(port_send(p));
    assert_int_equal(rte_eth_rx_burst(p->id, 0, m, 4), 0);
    port_close(p);
}

static void test_no_device(void **state) {
    (void)state;
    static const char *const devices[] = {"0000:ff:1f.7", "net_nobody0"};
    for (size_t i = 0; i < ARRAY_LEN(devices); i++) {
        struct port *p = port_new();
        struct ws_err err = {0};
        const struct port_config cfg = {.kind = PORT_NIC, .device = devices[i]};
        assert_int_equal(port_nic_open(p, &cfg, &err), WS_EIO);
        assert_non_null(strstr(err.text, devices[i]));
        assert_non_null(strstr(err.text, "no driver"));
        port_close(p);
    }
}

int main(void) {
    struct ws_err err;
    if (pktio_start(64, &err) != WS_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_link_down),
        cmocka_unit_test(test_no_device),
    };
    int rc = cmocka_run_group_tests_name("a stand-in for a network card", tests, NULL, NULL);
    pktio_stop();
    return rc;
}
