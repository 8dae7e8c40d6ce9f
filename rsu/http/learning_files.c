/* /v1/learning/rounds/{n}/record and .../materials/{id}: what this unit keeps of a round beside the ledger, for auditors. Shares that
 * vehicles sealed for validators are never among it. */
#include "rsu/http/learning.h"

#include "base/mem.h"
#include "fedlearn/round/round_record.h"
#include "ledger/exec/hash.h"

#include <inttypes.h>
#include <stdlib.h>

/* ITS time at which the round was over, by its block; 0: it is on, or that cannot be read. */
static uint64_t ended_us(struct http *h, const struct learn_round *round) {
    const uint64_t height = round->at[JSON_LEARN_END].height;
    struct header hd;
    if (height == 0 || query_header(h->d->store, height, &hd, NULL) != WS_OK)
        return 0;
    return hd.time;
}

/* Not here: because its time is over, or for another reason. */
static void not_here(
    struct http *h, const struct learn_round *round, const char *what, struct http_reply *r) {
    const uint64_t ended = ended_us(h, round);
    const uint64_t now = ws_clock_now(&h->d->clock).its_us;
    const uint64_t window = h->d->config->learning.audit_us;
    if (ended > 0 && now > ended && now - ended > window)
        http_fail(r, MHD_HTTP_GONE,
            "round %" PRIu64 ": %s is not kept any more: the time for audits is over",
            round->number, what);
    else
        http_fail(r, MHD_HTTP_NOT_FOUND,
            "round %" PRIu64 ": %s is not here; another unit may have it", round->number, what);
}

/* ---- the record ---- */

static void no_record(struct http *h, const struct learn_round *round, struct http_reply *r) {
    if (round->at[JSON_LEARN_OPENED].height == 0 && round->at[JSON_LEARN_END].height > 0)
        http_fail(r, MHD_HTTP_NOT_FOUND,
            "round %" PRIu64 " has no record: it was aborted before its groups were opened",
            round->number);
    else if (round->at[JSON_LEARN_OPENED].height == 0)
        http_fail(r, MHD_HTTP_NOT_FOUND,
            "round %" PRIu64 " has no record yet: its groups are not opened", round->number);
    else
        not_here(h, round, "the record", r);
}

/* What is given out for good must be what it says: the disk may have been at it. */
static bool is_record_of(struct span octets, uint64_t number) {
    struct fl_round_record record;
    if (fl_round_record_decode(octets, &record, NULL) != WS_OK)
        return false;
    const bool good = record.open.round == number;
    fl_round_record_free(&record);
    return good;
}

static void make_record(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct learn_round round;
    struct materials_hold hold;
    uint8_t tag[32];
    if (!learn_round_asked(h, c, &round, r))
        return;
    if (h->d->materials == NULL || !materials_get_record(h->d->materials, round.number, &hold)) {
        no_record(h, &round, r);
        return;
    }
    if (!is_record_of(hold.blob, round.number)) {
        materials_release(&hold);
        http_fail(r, MHD_HTTP_INTERNAL_SERVER_ERROR,
            "the record of round %" PRIu64 " is damaged on this unit's disk", round.number);
        return;
    }
    exec_sha256_one(hold.blob, tag);
    learn_give(c, tag, hold.memory, hold.blob.n, r);
}

void http_get_learn_record(struct http *h, const struct http_call *c, struct http_reply *r) {
    (void)h;
    (void)c;
    http_later(r, LANE_LEARNING, make_record);
}

/* ---- what a vehicle sent ---- */

/* The cover and the ciphertext are whole, of this round, and of one another; that they are what this id stands for can only be told
 * with the sender's token, which is in the round's record. */
static bool is_of(struct http *h, const struct learn_round *round, const struct fl_material *m,
    bool *ret_damaged) {
    struct fl_event_body *e = ws_alloc(sizeof(*e));
    struct fl_cover *cover = ws_alloc(sizeof(*cover));
    struct buf octets = {0};
    struct fl_round id = {0};
    bool good = learn_event(h->d->store, &round->at[JSON_LEARN_OPEN], e, &octets, NULL) == WS_OK;
    if (good)
        fl_open_round(&e->open, h->d->cell_id, &id);
    *ret_damaged =
        fl_cover_read(m->cover, cover, NULL) != WS_OK || !fl_material_wire_fits(cover, m->wire);
    good = good && !*ret_damaged && memcmp(cover->round, id.id, 32) == 0;
    buf_free(&octets);
    free(cover);
    free(e);
    return good;
}

static void make_material(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct learn_round round;
    struct materials_hold hold;
    uint8_t id[32];
    bool damaged = false;
    if (!learn_hash(c, 5, "id", id, r) || !learn_round_asked(h, c, &round, r))
        return;
    if (h->d->materials == NULL || !materials_get(h->d->materials, id, &hold)) {
        not_here(h, &round, "what was sent under this id", r);
        return;
    }
    if (!is_of(h, &round, &hold.material, &damaged)) {
        materials_release(&hold);
        if (damaged)
            http_fail(r, MHD_HTTP_INTERNAL_SERVER_ERROR,
                "what was sent under this id is damaged on this unit's disk");
        else
            http_fail(r, MHD_HTTP_NOT_FOUND,
                "round %" PRIu64 ": nothing was sent for it under this id", round.number);
        return;
    }
    /* In memory: length of the cover, cover, ciphertext, and sealed shares behind them, which stay here. */
    const struct fl_material *m = &hold.material;
    const size_t n = (size_t)(m->wire.p + m->wire.n - (const uint8_t *)hold.memory);
    learn_give(c, id, hold.memory, n, r);
}

void http_get_learn_material(struct http *h, const struct http_call *c, struct http_reply *r) {
    uint8_t id[32];
    (void)h;
    if (learn_hash(c, 5, "id", id, r))
        http_later(r, LANE_LEARNING, make_material);
}
