/* /v1/validators/{address}: how one validator did in the last blocks, from the commits on the disk; and who was jailed. */
#include "rsu/http/evidence.h"

#include "base/mem.h"
#include "ledger/committee/court.h"

#include <stdlib.h>

enum { BLOCKS = 240, JAILED = 64 };

static json_t *block_line(uint64_t height, bool is_signed, bool proposed) {
    json_t *o = json_object();
    json_put(o, "height", json_count(height));
    json_put(o, "signed", json_boolean(is_signed));
    json_put(o, "proposed", json_boolean(proposed));
    return o;
}

struct story {
    uint8_t address[32];
    json_t *blocks;
    uint64_t last; /* height in whose committee it was found last; 0: in none of these */
    struct validator seat;
};

/* A height that cannot be read whole is left out. */
static void tell_block(struct http *h, uint64_t height, struct light_block *k, struct story *s) {
    if (query_light_block(h->d->store, height, k, NULL) != WS_OK)
        return;
    int at = validator_set_find(&k->set, s->address);
    if (at < 0)
        return;
    s->last = height;
    s->seat = k->set.v[at];
    json_add(s->blocks, block_line(height, (size_t)at < k->commit.n && k->commit.present[at],
                            memcmp(k->header.proposer, s->address, 32) == 0));
}

static json_t *words(const char *s) {
    return json_words(span_of(s, strlen(s)));
}

static void give(const struct story *s, struct http_reply *r) {
    json_t *o = json_object();
    json_put(o, "address", json_hex(s->address, 32));
    json_put(o, "key", json_hex(s->seat.key, KEY_OCTETS));
    json_put(o, "owner", words(s->seat.owner));
    json_put(o, "mast", words(s->seat.mast));
    json_put(o, "power", json_count(s->seat.power));
    json_put(o, "last_seat_height", json_count(s->last));
    json_put(o, "blocks", s->blocks);
    http_json(r, o);
}

void http_get_validator(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct ws_err err = {0};
    struct buf address = {0};
    struct story s = {.blocks = json_array()};
    struct http_view *v = ws_alloc(sizeof(*v));
    int rc = http_hex(c->target.segment[2], "address", 32, &address, &err);
    if (rc == WS_OK && address.n != 32)
        rc = ws_fail(&err, WS_EINPUT, "address: %zu octets; it has 32", address.n);
    if (rc != WS_OK) {
        http_fail_err(r, rc, &err);
    } else if (http_view(h, v, r)) {
        struct light_block *k = ws_alloc(sizeof(*k));
        memcpy(s.address, address.p, 32);
        /* The last block's commit may still be on its way to the disk. */
        uint64_t from = v->node.height > BLOCKS ? v->node.height - BLOCKS + 1 : 1;
        for (uint64_t height = from; height <= v->node.height; height++)
            tell_block(h, height, k, &s);
        free(k);
        if (s.last == 0) {
            http_fail(r, MHD_HTTP_NOT_FOUND, "no validator of the last %d blocks has this address",
                (int)BLOCKS);
        } else {
            give(&s, r);
            s.blocks = NULL;
        }
    }
    json_decref(s.blocks);
    free(v);
    buf_free(&address);
}

/* ---- who was jailed ---- */

struct jailed {
    struct http *h;
    json_t *list;
};

/* The seat it had, as far as the committee of that height is still known. */
static void put_seat(struct http *h, uint64_t height, const uint8_t *address, json_t *o) {
    struct validator_set *set = ws_alloc(sizeof(*set));
    int at = -1;
    if (query_set(h->d->store, height, set, NULL) == WS_OK)
        at = validator_set_find(set, address);
    json_put(o, "owner", words(at < 0 ? "" : set->v[at].owner));
    json_put(o, "mast", words(at < 0 ? "" : set->v[at].mast));
    free(set);
}

static bool add_jailed(void *ctx, const struct event *e) {
    struct jailed *j = ctx;
    uint8_t address[32];
    struct rd r = rd_of(e->body);
    (void)rd_u8(&r);
    rd_copy(&r, address, 32);
    unsigned kind = rd_u8(&r);
    uint64_t height = rd_u64(&r);
    (void)rd_take(&r, 32);
    if (!rd_done(&r))
        return true; /* another version's */
    json_t *o = json_object();
    json_put(o, "address", json_hex(address, 32));
    put_seat(j->h, height, address, o);
    json_put(o, "evidence_kind", json_string(evidence_kind_text((enum evidence_kind)kind)));
    json_put(o, "evidence_height", json_count(height));
    json_put(o, "height", json_count(e->height));
    json_add(j->list, o);
    if (json_array_size(j->list) > JAILED)
        (void)json_array_remove(j->list, 0);
    return true;
}

json_t *http_jailed_json(struct http *h, struct http_reply *r) {
    struct jailed j = {h, json_array()};
    struct ws_err err = {0};
    int rc = query_events(
        h->d->store, EXECUTOR_COMMITTEE, COMMITTEE_EVENT_JAILED, 0, add_jailed, &j, &err);
    if (rc == WS_OK)
        return j.list;
    json_decref(j.list);
    http_fail_err(r, rc, &err);
    return NULL;
}
