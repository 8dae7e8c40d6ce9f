#include "fedlearn/round/events.h"

/* Version and round. */
static struct rd opened(struct span body, uint64_t *ret_round) {
    struct rd r = rd_of(body);
    r.bad = rd_u8(&r) != FL_RECORDS_VERSION || r.bad;
    *ret_round = rd_u64(&r);
    r.bad = r.bad || *ret_round == 0;
    return r;
}

static bool groups_good(uint16_t n) {
    return n >= 1 && n <= FL_MAX_GROUPS;
}

static bool read_cut_off(struct span body, struct fl_event_body *e) {
    struct rd r = opened(body, &e->round);
    e->cut_off.included = rd_u32(&r);
    rd_copy(&r, e->cut_off.root, sizeof(e->cut_off.root));
    e->cut_off.draw_height = rd_u64(&r);
    return rd_done(&r) && e->cut_off.included >= 1 && e->cut_off.included <= FL_SUBMISSIONS_MAX;
}

static bool read_groups(struct span body, struct fl_event_body *e) {
    struct rd r = opened(body, &e->round);
    e->groups.n = rd_u16(&r);
    e->groups.n_free = rd_u16(&r);
    e->groups.height = rd_u64(&r);
    rd_copy(&r, e->groups.draw, sizeof(e->groups.draw));
    rd_copy(&r, e->groups.root, sizeof(e->groups.root));
    return rd_done(&r) && groups_good(e->groups.n) && e->groups.n_free >= 1 &&
           e->groups.n_free <= e->groups.n;
}

static bool read_opened(struct span body, struct fl_event_body *e) {
    struct rd r = opened(body, &e->round);
    e->opened.n = rd_u16(&r);
    e->opened.hashes = rd_take(&r, 32 * (size_t)e->opened.n);
    return rd_done(&r) && groups_good(e->opened.n);
}

static bool read_closed(struct span body, struct fl_event_body *e) {
    struct rd r = rd_of(body);
    r.bad = rd_u8(&r) != FL_RECORDS_VERSION || r.bad;
    e->closed.model_version = rd_u64(&r);
    rd_copy(&r, e->closed.parent, sizeof(e->closed.parent));
    if (r.bad || !fl_outcome_decode(rd_take(&r, rd_left(&r)), &e->closed.outcome))
        return false;
    e->round = e->closed.outcome.round;
    return e->round > 0;
}

static bool read_aborted(struct span body, struct fl_event_body *e) {
    struct rd r = opened(body, &e->round);
    uint8_t why = rd_u8(&r);
    if (!rd_done(&r) || why == FL_ABORT_NONE || why >= FL_ABORT_COUNT)
        return false;
    e->aborted = (enum fl_abort)why;
    return true;
}

static bool read_fault(struct span body, struct fl_event_body *e) {
    struct rd r = opened(body, &e->round);
    rd_copy(&r, e->fault.address, sizeof(e->fault.address));
    uint8_t fault = rd_u8(&r);
    e->fault.what = rd_u32(&r);
    if (!rd_done(&r) || fault < FL_FAULT_WRONG_SUM || fault > FL_FAULT_OTHER_OUTCOME)
        return false;
    e->fault.fault = (enum fl_fault)fault;
    return true;
}

static bool read_excluded(struct span body, struct fl_event_body *e) {
    struct rd r = opened(body, &e->round);
    rd_copy(&r, e->excluded.token, sizeof(e->excluded.token));
    uint8_t reason = rd_u8(&r);
    e->excluded.submission = rd_u32(&r);
    if (!rd_done(&r) || reason < FL_EXCLUDED_TWO_SUBMISSIONS || reason > FL_EXCLUDED_BAD_BUNDLE)
        return false;
    e->excluded.reason = (enum fl_exclusion)reason;
    return true;
}

static bool read_model(struct span body, struct fl_event_body *e) {
    struct rd r = rd_of(body);
    r.bad = rd_u8(&r) != FL_RECORDS_VERSION || r.bad;
    e->model.version = rd_u64(&r);
    return !r.bad && fl_model_order_decode(rd_take(&r, rd_left(&r)), &e->model.order);
}

enum { SUSPECT_OCTETS = FL_TOKEN + 1 + 4 + 8 };

void fl_event_suspect(const struct fl_event_body *e, size_t i, struct fl_suspect *ret) {
    struct rd r = rd_of(span_of(e->suspects.changed.p + i * SUSPECT_OCTETS, SUSPECT_OCTETS));
    *ret = (struct fl_suspect){0};
    rd_copy(&r, ret->token, FL_TOKEN);
    ret->standing = (enum fl_standing)rd_u8(&r);
    ret->score = rd_i32(&r);
    ret->evidence = rd_u64(&r);
}

static bool read_suspects(struct span body, struct fl_event_body *e) {
    struct rd r = opened(body, &e->round);
    rd_copy(&r, e->suspects.root, sizeof(e->suspects.root));
    e->suspects.scored = rd_u32(&r);
    e->suspects.n = rd_u32(&r);
    if (r.bad || e->suspects.n > FL_SUBMISSIONS_MAX)
        return false;
    e->suspects.changed = rd_take(&r, (size_t)e->suspects.n * SUSPECT_OCTETS);
    if (!rd_done(&r))
        return false;
    for (size_t i = 0; i < e->suspects.n; i++) {
        const uint8_t *at = e->suspects.changed.p + i * SUSPECT_OCTETS;
        if (at[FL_TOKEN] >= FL_STANDING_COUNT ||
            (i > 0 && memcmp(at - SUSPECT_OCTETS, at, FL_TOKEN) >= 0))
            return false;
    }
    return true;
}

bool fl_event_decode(uint16_t type, struct span body, struct fl_event_body *ret) {
    memset(ret, 0, sizeof(*ret));
    ret->type = (enum fl_event)type;
    switch (ret->type) {
    case FL_EVENT_OPEN: {
        bool good = fl_open_decode(body, &ret->open);
        ret->round = good ? ret->open.round : 0;
        return good && ret->round > 0;
    }
    case FL_EVENT_SEED: {
        struct rd r = opened(body, &ret->round);
        rd_copy(&r, ret->seed, sizeof(ret->seed));
        return rd_done(&r);
    }
    case FL_EVENT_CUT_OFF:
        return read_cut_off(body, ret);
    case FL_EVENT_GROUPS:
        return read_groups(body, ret);
    case FL_EVENT_OPENED:
        return read_opened(body, ret);
    case FL_EVENT_CLOSED:
        return read_closed(body, ret);
    case FL_EVENT_ABORTED:
        return read_aborted(body, ret);
    case FL_EVENT_FAULT:
        return read_fault(body, ret);
    case FL_EVENT_EXCLUDED:
        return read_excluded(body, ret);
    case FL_EVENT_MODEL:
        return read_model(body, ret);
    case FL_EVENT_SUSPECT:
        return read_suspects(body, ret);
    }
    return false;
}

const char *fl_event_name(enum fl_event type) {
    static const char *const names[] = {[FL_EVENT_OPEN] = "open",
        [FL_EVENT_SEED] = "seed",
        [FL_EVENT_CUT_OFF] = "cut_off",
        [FL_EVENT_GROUPS] = "groups",
        [FL_EVENT_OPENED] = "opened",
        [FL_EVENT_CLOSED] = "closed",
        [FL_EVENT_ABORTED] = "aborted",
        [FL_EVENT_FAULT] = "fault",
        [FL_EVENT_EXCLUDED] = "excluded",
        [FL_EVENT_MODEL] = "model",
        [FL_EVENT_SUSPECT] = "suspect"};
    return (size_t)type < ARRAY_LEN(names) && names[type] != NULL ? names[type] : "unknown";
}

const char *fl_fault_name(enum fl_fault fault) {
    switch (fault) {
    case FL_FAULT_WRONG_SUM:
        return "wrong_sum";
    case FL_FAULT_TWO_SUMS:
        return "two_sums";
    case FL_FAULT_FALSE_COMPLAINT:
        return "false_complaint";
    case FL_FAULT_OTHER_OUTCOME:
        return "other_outcome";
    }
    return "unknown";
}

const char *fl_exclusion_name(enum fl_exclusion reason) {
    switch (reason) {
    case FL_EXCLUDED_TWO_SUBMISSIONS:
        return "two_submissions";
    case FL_EXCLUDED_BAD_BUNDLE:
        return "bad_bundle";
    }
    return "unknown";
}

const char *fl_standing_name(enum fl_standing standing) {
    static const char *const names[FL_STANDING_COUNT] = {"free", "quarantined", "excluded"};
    return (unsigned)standing < FL_STANDING_COUNT ? names[standing] : "unknown";
}
