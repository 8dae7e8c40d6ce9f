/* /v1/validators/{address}: how one validator did in the last blocks, from the commits on the disk. */
#include "rsu/http_internal.h"

#include "base/mem.h"

#include <stdlib.h>

enum { BLOCKS = 240 };

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
