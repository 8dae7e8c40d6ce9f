/* The YAML configuration: any octets give a configuration inside its bounds, or a refusal in printable words that
 * names the file. */
#include "base/assert.h"
#include "rsu/config/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_bounds(const struct config *c) {
    WS_ASSERT(c->genesis != NULL && c->curve_key != NULL && c->data != NULL && c->bind != NULL);
    WS_ASSERT(c->n_peers <= NET_PEERS_MAX);
    WS_ASSERT(c->n_ports <= CONFIG_PORTS_MAX);
    WS_ASSERT(c->pipeline.source_slots >= 8);
    WS_ASSERT((c->pipeline.source_slots & (c->pipeline.source_slots - 1)) == 0);
    WS_ASSERT((c->pipeline.message_pool & (c->pipeline.message_pool - 1)) == 0);
    WS_ASSERT(c->pipeline.replay_slots > 0);
    WS_ASSERT(c->pipeline.cert_slots >= 16);
    WS_ASSERT(c->clock.kind == WS_CLOCK_SYSTEM || c->clock.kind == WS_CLOCK_SCALED);
    WS_ASSERT(c->clock.kind == WS_CLOCK_SYSTEM || c->clock.rate_ppm > 0);
    for (size_t i = 0; i < c->n_ports; i++) {
        const struct config_port *p = &c->ports[i];
        WS_ASSERT((p->kind == PORT_CAPTURE) == (p->n_captures > 0));
        WS_ASSERT((p->kind == PORT_NIC) == (p->device != NULL));
        bool interface = p->kind == PORT_AF_PACKET || p->kind == PORT_AF_XDP || p->kind == PORT_TAP;
        WS_ASSERT(interface == (p->interface != NULL));
        WS_ASSERT(p->ring_frames == 0 || (p->ring_frames >= 1024 && p->ring_frames <= 16384));
        WS_ASSERT(p->mbufs == 0 || p->mbufs >= 256);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct config c;
    struct ws_err err = {0};
    if (config_parse("dir/f.yaml", span_of(data, size), &c, &err) == WS_OK) {
        check_bounds(&c);
        config_free(&c);
        return 0;
    }
    WS_ASSERT(strncmp(err.text, "dir/f.yaml:", 11) == 0);
    for (const char *p = err.text; *p != '\0'; p++)
        WS_ASSERT((unsigned char)*p >= ' ' && *p != 0x7f);
    return 0;
}
