#include "rsu/radio/radio.h"

#include "base/fileio.h"
#include "base/log.h"
#include "base/mem.h"
#include "ledger/node/query.h"
#include "mapsvc/fuse/diff.h"
#include "rsu/host/secret.h"

#include <stdlib.h>
#include <string.h>

enum { CERT_MAX = 4096, PAGE = 64 };

struct radio {
    struct sign_key *key;
    struct transmit *transmit;
    struct broadcast *broadcast;
    struct requests *requests;
    uint64_t handover_height; /* of the newest handover that is known */
};

static int read_key(const struct config_radio *c, struct span ticket, struct sign_key **ret_key,
    struct ws_err *err) {
    struct cert cert;
    size_t at = 0;
    uint8_t scalar[32];
    enum coer_fail fail = cert_parse(ticket, &cert, &at);
    if (fail != COER_OK)
        return ws_fail(err, WS_EINPUT, "radio.ticket: %s: no certificate: %s at octet %zu",
            c->ticket, coer_fail_text(fail), at);
    if (cert.key_curve != CURVE_P256 && cert.key_curve != CURVE_BP256)
        return ws_fail(
            err, WS_EINPUT, "radio.ticket: %s: its key is not on a 256-bit curve", c->ticket);
    if (secret_read(c->ticket_key, scalar, err) != WS_OK)
        return ws_fail_in(err, "radio.ticket_key");
    *ret_key = sign_key_from_octets(cert.key_curve, scalar);
    explicit_bzero(scalar, sizeof(scalar));
    if (*ret_key == NULL)
        return ws_fail(err, WS_EINPUT, "radio.ticket_key: %s: no usable key", c->ticket_key);
    return WS_OK;
}

static int read_file(const char *path, const char *key, struct buf *dst, struct ws_err *err) {
    if (path == NULL)
        return WS_OK;
    int rc = file_read(path, CERT_MAX, dst, err);
    return rc == WS_OK ? rc : ws_fail_in(err, "radio.%s", key);
}

static int open_transmit(const struct config_radio *c, transmit_send send, void *ctx,
    struct radio *r, struct ws_err *err) {
    struct buf ticket = {0};
    struct buf issuer = {0};
    int rc = read_file(c->ticket, "ticket", &ticket, err);
    if (rc == WS_OK)
        rc = read_file(c->issuer, "issuer", &issuer, err);
    if (rc == WS_OK)
        rc = read_key(c, buf_span(&ticket), &r->key, err);
    if (rc == WS_OK) {
        const struct transmit_config t = {
            .ticket = buf_span(&ticket),
            .issuer = buf_span(&issuer),
            .key = r->key,
            .lat = c->lat,
            .lon = c->lon,
            .octets_per_s = c->octets_per_s,
            .burst_octets = c->burst_octets,
        };
        rc = transmit_new(&t, send, ctx, &r->transmit, err);
        if (rc != WS_OK)
            (void)ws_fail_in(err, "radio");
    }
    buf_free(&ticket);
    buf_free(&issuer);
    return rc;
}

int radio_check(const struct config_radio *c, struct ws_err *err) {
    struct radio *r = ws_alloc(sizeof(*r));
    int rc = open_transmit(c, NULL, NULL, r, err);
    radio_close(r);
    return rc;
}

int radio_open(const struct config_radio *c, const struct mapset *map,
    const uint8_t cell_id[static 32], transmit_send send, void *ctx, struct radio **ret_radio,
    struct ws_err *err) {
    struct radio *r = ws_alloc(sizeof(*r));
    int rc = open_transmit(c, send, ctx, r, err);
    if (rc != WS_OK) {
        radio_close(r);
        return rc;
    }
    const struct broadcast_config b = {
        .lat = c->lat,
        .lon = c->lon,
        .reach_m = c->reach_m,
        .cam_us = c->cam_us,
        .repeat_us = c->repeat_us,
        .change_repeat_us = c->change_repeat_us,
        .change_for_us = c->change_for_us,
        .items = c->items,
        .handover_us = c->handover_us,
        .handovers = c->handovers,
    };
    r->requests = requests_new();
    r->broadcast = broadcast_new(&b, &map->frame, cell_id, r->transmit);
    *ret_radio = r;
    return WS_OK;
}

void radio_close(struct radio *r) {
    if (r == NULL)
        return;
    broadcast_free(r->broadcast);
    requests_free(r->requests);
    transmit_free(r->transmit);
    sign_key_free(r->key);
    free(r);
}

struct pipeline_hooks radio_hooks(struct radio *r) {
    return requests_hooks(r->requests);
}

struct recall {
    struct radio *r;
    uint64_t map_version, its_us;
};

static bool recall_one(void *ctx, const struct event *e) {
    const struct recall *k = ctx;
    broadcast_event(k->r->broadcast, e, k->map_version, k->its_us);
    return true;
}

int radio_recall(struct radio *r, struct store *s, uint8_t map_contract, uint64_t from_height,
    uint64_t map_version, uint64_t its_us, struct ws_err *err) {
    static const uint16_t types[] = {MAP_EVENT_VERSION, MAP_EVENT_ADVISORY, MAP_EVENT_ADVISORY_END};
    struct recall k = {r, map_version, its_us};
    int rc = WS_OK;
    for (size_t i = 0; i < ARRAY_LEN(types) && rc == WS_OK; i++)
        rc = query_events(s, map_contract, types[i], from_height, recall_one, &k, err);
    return rc;
}

static void take_handovers(struct radio *r, const struct query_handovers *q, uint64_t its_us) {
    struct rd rd = rd_of(buf_span(&q->octets));
    for (size_t i = 0; i < q->n; i++)
        broadcast_handover(r->broadcast, rd_var(&rd, HANDOVER_OCTETS_MAX), its_us);
    if (q->n > 0)
        r->handover_height = q->last;
}

int radio_recall_handovers(struct radio *r, struct store *s, uint64_t its_us, struct ws_err *err) {
    struct query_handovers q = {.more = true};
    int rc = WS_OK;
    while (rc == WS_OK && q.more) {
        rc = query_handovers(s, r->handover_height, UINT64_MAX, PAGE, &q, err);
        if (rc == WS_OK)
            take_handovers(r, &q, its_us);
        query_handovers_free(&q);
    }
    return rc;
}

void radio_block(struct radio *r, struct executor *ex, uint64_t its_us) {
    struct query_handovers q;
    struct ws_err err = {0};
    if (query_handovers_now(ex, r->handover_height, UINT64_MAX, PAGE, &q, &err) == WS_OK)
        take_handovers(r, &q, its_us);
    else
        ws_log(WS_LOG_ERROR, "radio", "no handover is sent: %s", err.text);
    query_handovers_free(&q);
}

void radio_event(struct radio *r, const struct event *e, uint64_t map_version, uint64_t its_us) {
    broadcast_event(r->broadcast, e, map_version, its_us);
}

void radio_run(struct radio *r, uint64_t its_us) {
    requests_take(r->requests, r->transmit, its_us);
    broadcast_run(r->broadcast, its_us);
}

const struct transmit_counters *radio_transmit_counters(const struct radio *r) {
    return transmit_counters(r->transmit);
}

const struct broadcast_counters *radio_broadcast_counters(const struct radio *r) {
    return broadcast_counters(r->broadcast);
}

uint64_t radio_requests_dropped(const struct radio *r) {
    return requests_dropped(r->requests);
}

bool radio_offer(struct radio *r, struct buf *ret_cert) {
    return requests_offer(r->requests, ret_cert);
}

uint32_t radio_station_id(const struct radio *r) {
    return transmit_station_id(r->transmit);
}
