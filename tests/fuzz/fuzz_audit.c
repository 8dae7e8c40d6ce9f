/* Octets as what a unit gives an auditor: the record of a round, its events, and what vehicles sent. Whatever they are, the audit ends with
 * a verdict, and never says that a round holds whose events are not the record's.
 *
 * Input: choices (1): bit 0: events as they follow from the record, bit 1: randomness is known; the cell (32); randomness of seed
 * and draw (32 each); then records of length (4) and octets: the round's record, the events OPEN to CLOSED, SUSPECT and EXCLUDED, materials.
 * make_audit_corpus writes whole ones. */
#include "base/assert.h"
#include "fedlearn/round/round_record.h"
#include "rsu/learning/audit.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct given {
    struct span materials;
    struct rd next;
};

static int material(
    void *ctx, const uint8_t id[static 32], struct buf *ret_octets, struct ws_err *err) {
    struct given *g = ctx;
    (void)id;
    if (rd_left(&g->next) == 0)
        g->next = rd_of(g->materials);
    struct span s = rd_take(&g->next, rd_u32(&g->next));
    if (g->next.bad)
        return ws_fail(err, WS_ENOTFOUND, "no more");
    buf_put(ret_octets, s.p, s.n);
    return WS_OK;
}

static int blob(
    void *ctx, const uint8_t sha256[static 32], struct buf *ret_octets, struct ws_err *err) {
    const struct given *g = ctx;
    (void)sha256;
    (void)err;
    buf_put(ret_octets, g->materials.p, g->materials.n);
    return WS_OK;
}

static int excluded(void *ctx, uint32_t submission, struct buf *ret_body, struct ws_err *err) {
    const struct span *body = ctx;
    if (submission % 4 == 0 || body->n == 0)
        return ws_fail(err, submission % 8 == 0 ? WS_ENOTFOUND : WS_EIO, "none");
    buf_put(ret_body, body->p, body->n);
    return WS_OK;
}

static void say(void *ctx, enum audit_mark mark, const char *place, const char *text) {
    size_t *lines = ctx;
    WS_ASSERT(mark <= AUDIT_SKIPPED && place[0] != '\0' && text[0] != '\0');
    ++*lines;
}

/* The events that a ledger with this round would have. */
static void make_events(const struct fl_round_record *r, struct buf *event) {
    uint8_t hash[32];
    fl_open_encode(&r->open, &event[FL_EVENT_OPEN]);
    for (int t = FL_EVENT_SEED; t <= FL_EVENT_OPENED; t++) {
        buf_u8(&event[t], FL_RECORDS_VERSION);
        buf_u64(&event[t], r->open.round);
    }
    buf_put(&event[FL_EVENT_SEED], r->seed, 32);
    fl_round_record_ids(r, hash);
    buf_u32(&event[FL_EVENT_CUT_OFF], r->n);
    buf_put(&event[FL_EVENT_CUT_OFF], hash, 32);
    buf_u64(&event[FL_EVENT_CUT_OFF], r->draw_height);
    fl_round_record_groups(r, hash);
    buf_u16(&event[FL_EVENT_GROUPS], r->n_groups);
    buf_u16(&event[FL_EVENT_GROUPS], r->free_groups);
    buf_u64(&event[FL_EVENT_GROUPS], r->draw_height);
    buf_put(&event[FL_EVENT_GROUPS], r->draw, 32);
    buf_put(&event[FL_EVENT_GROUPS], hash, 32);
    buf_u16(&event[FL_EVENT_OPENED], r->n_groups);
    for (size_t g = 0; g < r->n_groups; g++) {
        fl_round_record_key(r, g, hash);
        buf_put(&event[FL_EVENT_OPENED], hash, 32);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t seed_value[32];
    uint8_t draw_value[32];
    struct rd r = rd_of((struct span){data, size});
    struct audit_claim c = {0};
    struct buf event[FL_EVENT_CLOSED + 1] = {{0}};
    struct span exclusion;
    struct fl_round_record record;
    size_t lines = 0;
    const unsigned choices = rd_u8(&r);
    rd_copy(&r, c.cell, sizeof(c.cell));
    rd_copy(&r, seed_value, sizeof(seed_value));
    rd_copy(&r, draw_value, sizeof(draw_value));
    c.record = rd_take(&r, rd_u32(&r));
    for (int t = FL_EVENT_OPEN; t <= FL_EVENT_CLOSED; t++)
        c.event[t] = rd_take(&r, rd_u32(&r));
    c.event[FL_EVENT_SUSPECT] = rd_take(&r, rd_u32(&r));
    exclusion = rd_take(&r, rd_u32(&r));
    c.excluded = excluded;
    c.excluded_ctx = &exclusion;
    if (r.bad)
        return 0;
    const struct span rest = rd_take(&r, rd_left(&r));
    struct given given = {rest, rd_of(rest)};
    const bool decodes = fl_round_record_decode(c.record, &record, NULL) == WS_OK;
    c.round = decodes ? record.open.round : 1;
    if ((choices & 1) != 0 && decodes) {
        make_events(&record, event);
        for (int t = FL_EVENT_OPEN; t <= FL_EVENT_OPENED; t++)
            c.event[t] = buf_span(&event[t]);
    }
    if (decodes)
        fl_round_record_free(&record);
    if ((choices & 2) != 0) {
        c.seed_value = seed_value;
        c.draw_value = draw_value;
    }
    const struct audit_source from = {material, blob, &given};
    const struct audit_hearer to = {say, &lines};
    /* No file of ours has the hash that is asked for. */
    WS_ASSERT(audit_round(&c, &from, &to, NULL) != AUDIT_HOLDS);
    WS_ASSERT(lines > 0);
    for (int t = 0; t <= FL_EVENT_CLOSED; t++)
        buf_free(&event[t]);
    return 0;
}
