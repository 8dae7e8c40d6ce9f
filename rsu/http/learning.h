/* What the handlers of learning share: an index of rounds and models in the store's events, kept in memory, and the door to what is on
 * disk beside the ledger. Internal to rsu/http. */
#ifndef WAYSIDE_RSU_HTTP_LEARNING_H
#define WAYSIDE_RSU_HTTP_LEARNING_H

#include "fedlearn/round/events.h"
#include "rsu/http/internal.h"
#include "rsu/json/learning.h"
#include "rsu/learning/materials.h"

/* A round whose OPEN event is in the store; what came before is gone with its headers. */
struct learn_round {
    uint64_t number;
    struct json_place at[JSON_LEARN_STEPS];
    bool aborted; /* its end is an ABORTED event */
};

/* A model that came into force. */
struct learn_model {
    uint64_t version;
    uint64_t round; /* 0: by order */
    struct json_place at;
    uint8_t hash[32];
};

/* learning_index.c. Any thread. */
struct learn_index;
struct learn_index *learn_index_new(struct store *store);
void learn_index_free(struct learn_index *x);
/* Looks for what is new in the store; the first time for all of it, which takes as long as there are events: in a lane. WS_EBUSY:
 * something was pruned meanwhile; ask again. */
WARN_UNUSED int learn_index_refresh(struct learn_index *x, struct ws_err *err);
/* The first time before anybody asks, in its lane. */
void learn_index_begin(struct http *h);
/* Lowest and highest that are kept; both 0: none. */
void learn_index_rounds(struct learn_index *x, uint64_t *ret_lowest, uint64_t *ret_highest);
bool learn_index_round(struct learn_index *x, uint64_t number, struct learn_round *ret);
/* The newest ones below that version, at most n; returns how many. Versions are not consecutive where headers were pruned. */
size_t learn_index_models(
    struct learn_index *x, uint64_t below, struct learn_model *ret, size_t n, bool *ret_more);
bool learn_index_model(struct learn_index *x, uint64_t version, struct learn_model *ret);

/* The event at a place, decoded; the octets that it borrows are in *ret_octets, to be freed in any case. WS_EBUSY: it was
 * pruned meanwhile. */
WARN_UNUSED int learn_event(struct store *s, const struct json_place *at, struct fl_event_body *ret,
    struct buf *ret_octets, struct ws_err *err);

/* learning_rounds.c: the round that segment 3 of the path names. False: the reply says why not; 410 for what has gone. */
bool learn_round_asked(
    struct http *h, const struct http_call *c, struct learn_round *ret, struct http_reply *r);
/* limit=N&before=B of a list that is newest first. */
struct learn_page {
    uint64_t limit, before;
};
bool learn_page_asked(const struct http_call *c, struct learn_page *ret, struct http_reply *r);

/* models.c. A SHA-256 in a path, as it is written everywhere: 64 hex digits in lower case. False: the reply says so. */
bool learn_hash(const struct http_call *c, size_t segment, const char *what, uint8_t *ret,
    struct http_reply *r);
/* What never changes under its name: 200 with these octets, or 304 when the caller has them; takes the memory over, of which `n`
 * octets are given. */
void learn_give(const struct http_call *c, const uint8_t tag[static 32], uint8_t *memory, size_t n,
    struct http_reply *r);

#endif
