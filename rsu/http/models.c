/* /v1/models: the models that came into force, and their files. */
#include "rsu/http/learning.h"

#include <stdio.h>
#include <stdlib.h>

bool learn_hash(const struct http_call *c, size_t segment, const char *what, uint8_t *ret,
    struct http_reply *r) {
    const char *text = c->target.segment[segment];
    bool good = strlen(text) == 64 && hex_decode(ret, 32, text);
    for (size_t i = 0; good && i < 64; i++)
        good = !(text[i] >= 'A' && text[i] <= 'F');
    if (!good)
        http_fail(r, MHD_HTTP_BAD_REQUEST, "%s: 64 hex digits in lower case are needed", what);
    return good;
}

void learn_give(const struct http_call *c, const uint8_t tag[static 32], uint8_t *memory, size_t n,
    struct http_reply *r) {
    char hex[65];
    char quoted[68];
    hex_encode(hex, tag, 32);
    (void)snprintf(quoted, sizeof(quoted), "\"%s\"", hex);
    const char *have =
        MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_NONE_MATCH);
    r->type = HTTP_OCTETS;
    r->cache = "public, max-age=31536000, immutable";
    http_header(r, MHD_HTTP_HEADER_ETAG, "%s", quoted);
    if (have != NULL && strcmp(have, quoted) == 0) {
        r->status = MHD_HTTP_NOT_MODIFIED;
        free(memory);
        return;
    }
    r->status = MHD_HTTP_OK;
    r->body = (struct buf){.p = memory, .n = n, .cap = n};
}

static void make_model(struct http *h, const struct http_call *c, struct http_reply *r) {
    uint8_t hash[32];
    struct materials_hold hold;
    if (!learn_hash(c, 2, "hash", hash, r))
        return;
    if (h->d->materials == NULL || !materials_get_blob(h->d->materials, hash, &hold)) {
        http_fail(r, MHD_HTTP_NOT_FOUND,
            "no model or root set of this hash is here; older ones go when their room is needed, "
            "and another unit may have it");
        return;
    }
    learn_give(c, hash, hold.memory, hold.blob.n, r);
}

void http_get_model(struct http *h, const struct http_call *c, struct http_reply *r) {
    uint8_t hash[32];
    (void)h;
    if (learn_hash(c, 2, "hash", hash, r))
        http_later(r, LANE_LEARNING, make_model);
}
