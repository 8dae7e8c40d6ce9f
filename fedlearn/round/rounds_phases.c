/* What blocks do to a round: its steps, one after the other. */
#include "base/assert.h"
#include "base/mem.h"
#include "fedlearn/round/rounds_internal.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

static void enter(struct fl_rounds *c, enum fl_phase phase, uint64_t us) {
    c->phase = phase;
    c->until_us = c->now_us + us;
    c->control_dirty = true;
}

static void event_begin(const struct fl_rounds *c, struct buf *b) {
    buf_u8(b, FL_RECORDS_VERSION);
    buf_u64(b, c->number);
}

static void event_end(struct exec_host *h, enum fl_event type, struct buf *b) {
    exec_event(h, (uint16_t)type, buf_span(b));
    buf_free(b);
}

/* Who was shown to be bad when the draw hung on the scores already. */
static void convict_late(struct fl_rounds *c) {
    for (uint32_t i = 0; i < c->n_subs; i++)
        if (c->sub[i].late)
            round_convict(c, &c->sub[i]);
}

static void end_round(struct fl_rounds *c, struct exec_host *h, enum fl_abort why) {
    rounds_forget(c, h);
    round_clear(c);
    c->why = why;
    c->control_dirty = true;
}

void rounds_abort(struct fl_rounds *c, struct exec_host *h, enum fl_abort why) {
    struct buf b = {0};
    event_begin(c, &b);
    buf_u8(&b, (uint8_t)why);
    rounds_save_history(c, h, buf_span(&b));
    event_end(h, FL_EVENT_ABORTED, &b);
    convict_late(c);
    end_round(c, h, why);
}

/* ---- IDLE ---- */

/* For all of them at first, then for as many as a round needs. */
static bool wait_for_keys(struct fl_rounds *c, unsigned missing, const struct fl_open *o) {
    const uint64_t since_us = missing == 0 ? 0 : c->waited_us == 0 ? c->now_us : c->waited_us;
    c->control_dirty = c->control_dirty || since_us != c->waited_us;
    c->waited_us = since_us;
    return missing > fl_faults(o->n) || (missing > 0 && c->now_us < since_us + o->config.open_us);
}

/* Who is of the round: all validators of this height, or none. A few may have no key, after some time: the one that was dead when it came must
 * not be in everybody's way. */
static enum fl_abort seats(struct fl_rounds *c, struct fl_open *o) {
    struct fl_validator set[FL_VALIDATORS_MAX + 1];
    size_t n = c->committee.validators(c->committee.self, c->height, set, ARRAY_LEN(set));
    if (n < FL_VALIDATORS_MIN || n > FL_VALIDATORS_MAX)
        return FL_ABORT_COMMITTEE;
    o->n = (uint8_t)n;
    unsigned missing = 0;
    for (size_t i = 0; i < n; i++) {
        const struct round_key *k = round_find_key(c, set[i].address);
        if (set[i].power != set[0].power)
            return FL_ABORT_POWERS;
        memcpy(o->seat[i].address, set[i].address, sizeof(o->seat[i].address));
        if (k != NULL)
            o->seat[i].key = k->key;
        else
            fl_key_nobody(set[i].address, &o->seat[i].key);
        missing += k == NULL;
    }
    return wait_for_keys(c, missing, o) ? FL_ABORT_KEYS : FL_ABORT_NONE;
}

static enum fl_abort may_open(
    struct fl_rounds *c, const struct exec_host *h, struct fl_open *o, bool *ret_due) {
    uint64_t every_us = 0;
    *ret_due = false;
    if (c->model.name[0] == '\0')
        return FL_ABORT_NO_MODEL;
    if (!rounds_config(h, &o->config, &every_us))
        return FL_ABORT_POLICY;
    *ret_due = every_us > 0 && (c->opened_us == 0 || c->now_us >= c->opened_us + every_us);
    return *ret_due ? seats(c, o) : FL_ABORT_NONE;
}

/* What a region wants, and what the model leaves room for. */
static void limit_submissions(struct fl_open *o) {
    const uint64_t room = (uint64_t)(FL_SUM_VALUES_MAX / o->params) * o->config.group_min;
    if (o->config.submissions_max > room)
        o->config.submissions_max = (uint32_t)room;
}

static void try_to_open(struct fl_rounds *c, struct exec_host *h) {
    struct fl_open *o = ws_alloc(sizeof(*o));
    bool due = false;
    enum fl_abort why = may_open(c, h, o, &due);
    if (why != FL_ABORT_NONE && why != c->why) {
        c->why = why;
        c->control_dirty = true;
    }
    if (why != FL_ABORT_NONE || !due) {
        free(o);
        return;
    }
    o->round = ++c->number;
    o->height = c->height;
    o->time_us = c->now_us;
    o->seed_height = exec_beacon_height(h, c->height + 1);
    memcpy(o->model, c->model.name, sizeof(o->model));
    o->model_version = c->model.version;
    memcpy(o->model_hash, c->model.hash, sizeof(o->model_hash));
    memcpy(o->root_set, c->model.root_set, sizeof(o->root_set));
    o->params = c->model.params;
    limit_submissions(o);
    o->classes = c->model.counted;
    memcpy(o->best, c->model.best, sizeof(o->best));
    if (c->model.vetoed)
        o->config.rules.momentum_thousandths = 0; /* or what was vetoed comes again by itself */
    c->open = *o;
    free(o);
    c->opened_us = c->now_us;
    c->suspicion.rules = c->open.config.suspicion;
    fl_suspicion_epoch(&c->suspicion, c->now_us / c->open.config.epoch_us);
    c->suspicion_dirty = true;
    round_begin(c);
    enter(c, FL_SEEDING, c->open.config.open_us);
    struct buf b = {0};
    fl_open_encode(&c->open, &b);
    event_end(h, FL_EVENT_OPEN, &b);
}

/* ---- randomness ---- */

/* IS; COMES while there is time; else the round is aborted. */
static bool randomness(
    struct fl_rounds *c, struct exec_host *h, uint64_t height, uint8_t ret_value[static 32]) {
    enum beacon_answer a = exec_beacon(h, height, ret_value);
    if (a == BEACON_IS)
        return true;
    if (a != BEACON_COMES || c->now_us >= c->until_us)
        rounds_abort(c, h, FL_ABORT_NO_RANDOMNESS);
    return false;
}

static void try_to_seed(struct fl_rounds *c, struct exec_host *h) {
    uint8_t value[32];
    if (!randomness(c, h, c->open.seed_height, value))
        return;
    fl_round_seed(&c->open, value, c->seed);
    enter(c, FL_SUBMITTING, c->open.config.submit_us);
    struct buf b = {0};
    event_begin(c, &b);
    buf_put(&b, c->seed, sizeof(c->seed));
    event_end(h, FL_EVENT_SEED, &b);
}

/* ---- SUBMITTING, ATTESTING ---- */

static void try_to_end_submitting(struct fl_rounds *c, struct exec_host *h) {
    if (c->now_us < c->until_us && c->n_subs < c->open.config.submissions_max)
        return;
    if (c->n_subs < 2 * c->open.config.group_min)
        rounds_abort(c, h, FL_ABORT_TOO_FEW);
    else
        enter(c, FL_ATTESTING, c->open.config.attest_us);
}

static void root_of_ids(const struct fl_rounds *c, const uint32_t *in, size_t n, uint8_t *root) {
    uint8_t(*leaf)[32] = ws_calloc(n, sizeof(*leaf));
    for (size_t k = 0; k < n; k++)
        exec_list_leaf(span_of(c->sub[in[k]].id, 32), leaf[k]);
    exec_list_root((const uint8_t(*)[32])leaf, n, root);
    free(leaf);
}

static void cut_off(struct fl_rounds *c, struct exec_host *h) {
    uint32_t *in = ws_calloc(c->n_subs, sizeof(*in));
    uint8_t root[32];
    for (size_t i = 0; i < c->n_subs; i++)
        c->sub[i].included = round_is_in(c, i);
    size_t n = round_included(c, in);
    root_of_ids(c, in, n, root);
    free(in);
    if (n < 2 * (size_t)c->open.config.group_min) {
        rounds_abort(c, h, FL_ABORT_TOO_FEW);
        return;
    }
    c->draw_height = exec_beacon_height(h, c->height + 1);
    enter(c, FL_DRAWING, c->open.config.open_us);
    struct buf b = {0};
    event_begin(c, &b);
    buf_u32(&b, (uint32_t)n);
    buf_put(&b, root, sizeof(root));
    buf_u64(&b, c->draw_height);
    event_end(h, FL_EVENT_CUT_OFF, &b);
}

/* Whoever has a complaint makes it before it attests. */
static void try_to_end_attesting(struct fl_rounds *c, struct exec_host *h) {
    bool all = true;
    for (size_t v = 0; v < c->open.n; v++)
        all = all && (c->member[v].attested != NULL || (c->empty & 1U << v) != 0);
    if (all || c->now_us >= c->until_us)
        cut_off(c, h);
}

/* ---- DRAWING, OPENING ---- */

void fl_group_leaf(
    uint16_t group, uint32_t number, const uint8_t id[static 32], uint8_t ret_leaf[static 32]) {
    uint8_t what[2 + 4 + 32];
    put_be16(what, group);
    put_be32(what + 2, number);
    memcpy(what + 6, id, 32);
    exec_list_leaf(span_of(what, sizeof(what)), ret_leaf);
}

static void try_to_draw(struct fl_rounds *c, struct exec_host *h) {
    if (!randomness(c, h, c->draw_height, c->draw))
        return;
    /* Too many are quarantined, or too few are there for a step: then nothing is opened for nothing. */
    if (!round_draw(c) || round_free_groups(c) < c->open.config.rules.min_groups) {
        rounds_abort(c, h, FL_ABORT_TOO_FEW);
        return;
    }
    uint8_t(*leaf)[32] = ws_calloc(c->n_subs, sizeof(*leaf));
    uint8_t root[32];
    size_t n = 0;
    for (size_t g = 0; g < c->n_groups; g++) {
        for (uint32_t i = 0; i < c->n_subs; i++) {
            if (!c->sub[i].included || c->sub[i].group != g)
                continue;
            fl_group_leaf((uint16_t)g, i, c->sub[i].id, leaf[n++]);
        }
    }
    exec_list_root((const uint8_t(*)[32])leaf, n, root);
    free(leaf);
    enter(c, FL_OPENING, c->open.config.open_us);
    struct buf b = {0};
    event_begin(c, &b);
    buf_u16(&b, c->n_groups);
    buf_u16(&b, round_free_groups(c));
    buf_u64(&b, c->draw_height);
    buf_put(&b, c->draw, sizeof(c->draw));
    buf_put(&b, root, sizeof(root));
    event_end(h, FL_EVENT_GROUPS, &b);
}

static void tell_liars(struct fl_rounds *c, struct exec_host *h, size_t g, uint32_t liars) {
    for (unsigned v = 1; v <= c->open.n; v++)
        if ((liars & 1U << (v - 1)) != 0)
            round_tell_fault(c, h, v, FL_FAULT_WRONG_SUM, (uint32_t)g);
}

static uint32_t sums_there(const struct fl_rounds *c, const struct round_group *g) {
    uint32_t there = 0;
    for (size_t v = 0; v < c->open.n; v++)
        there |= (uint32_t)(g->sum[v] != NULL) << v;
    return there;
}

static bool decode(
    const struct fl_rounds *c, const struct round_group *g, uint32_t of, struct fl_key_sum *ret) {
    const struct fl_share_sum *sums[FL_VALIDATORS_MAX] = {0};
    for (size_t v = 0; v < c->open.n; v++)
        sums[v] = (of & 1U << v) != 0 ? g->sum[v] : NULL;
    fl_shares_decode(sums, c->open.n, ret);
    return ret->state == FL_DECODE_DONE;
}

static bool open_group(struct fl_rounds *c, struct round_group *g, uint32_t of) {
    if (g->key == NULL)
        g->key = ws_alloc(sizeof(*g->key));
    g->opened = decode(c, g, of, g->key);
    if (g->opened)
        g->good = of & ~g->key->liars;
    return g->opened;
}

/* A group is opened once. Later sums are held against those that opened it, each by itself: what is told then is the same whatever came
 * first, and whoever was restarted in between tells it, too. */
static void hold_against(struct fl_rounds *c, struct exec_host *h, size_t at) {
    struct round_group *g = &c->group[at];
    struct fl_key_sum *with = ws_alloc(sizeof(*with));
    for (unsigned v = 0; v < c->open.n; v++) {
        const uint32_t one = 1U << v;
        if (g->sum[v] == NULL || (g->judged & one) != 0)
            continue;
        bool is = decode(c, g, g->good | one, with);
        WS_ASSERT(is);
        tell_liars(c, h, at, with->liars & one);
        g->judged |= one;
    }
    free(with);
}

static void try_group(struct fl_rounds *c, struct exec_host *h, size_t at) {
    struct round_group *g = &c->group[at];
    const uint32_t there = sums_there(c, g);
    g->dirty = false;
    if (g->opened) {
        hold_against(c, h, at);
        return;
    }
    if ((unsigned)__builtin_popcount(there) < 2 * round_faults(c) + 1 || !open_group(c, g, there))
        return;
    g->judged = there;
    rounds_save_good(h, at, g->good);
    tell_liars(c, h, at, g->key->liars);
}

bool round_open_again(struct fl_rounds *c, size_t at, uint32_t good) {
    struct round_group *g = &c->group[at];
    g->judged = sums_there(c, g);
    g->given_up = false; /* whoever was late was later than that */
    return (good & ~g->judged) == 0 &&
           (unsigned)__builtin_popcount(good) >= 2 * round_faults(c) + 1 &&
           open_group(c, g, good) && g->good == good;
}

static void tell_opened(struct fl_rounds *c, struct exec_host *h) {
    struct buf b = {0};
    event_begin(c, &b);
    buf_u16(&b, c->n_groups);
    for (size_t g = 0; g < c->n_groups; g++) {
        uint8_t octets[2 * FL_KEY_VALUES];
        uint8_t hash[32];
        memset(hash, 0, sizeof(hash));
        for (size_t i = 0; c->group[g].opened && i < FL_KEY_VALUES; i++)
            put_be16(octets + 2 * i, (uint16_t)c->group[g].key->key[i]);
        if (c->group[g].opened)
            exec_sha256_one(span_of(octets, sizeof(octets)), hash);
        buf_put(&b, hash, sizeof(hash));
    }
    event_end(h, FL_EVENT_OPENED, &b);
}

/* A group that nobody could open in time keeps no other from its step: one vehicle that brings some members no bundle would else stop all. */
static void give_up_the_rest(struct fl_rounds *c) {
    for (size_t g = 0; g < c->n_groups; g++)
        c->group[g].given_up = !c->group[g].opened;
}

static void try_to_end_opening(struct fl_rounds *c, struct exec_host *h) {
    bool all = true;
    bool some = false;
    for (size_t g = 0; g < c->n_groups; g++) {
        if (c->group[g].dirty && !c->group[g].given_up)
            try_group(c, h, g);
        all = all && (c->group[g].opened || c->group[g].given_up);
        some = some || c->group[g].opened;
    }
    if (!all && c->now_us < c->until_us)
        return;
    if (!some) {
        rounds_abort(c, h, FL_ABORT_NOT_OPENED);
        return;
    }
    give_up_the_rest(c);
    tell_opened(c, h);
    enter(c, FL_JUDGING, c->open.config.judge_us);
}

/* ---- JUDGING ---- */

/* Of the free groups that were opened, in 10^-6. */
static uint32_t share_flagged(const struct fl_rounds *c, const struct fl_outcome *o) {
    const uint32_t n = round_free_groups(c);
    uint32_t flagged = 0;
    uint32_t opened = 0;
    for (size_t g = 0; g < n; g++) {
        opened += c->group[g].opened;
        flagged += fl_verdict_flags(o->group[g].verdict);
    }
    return opened == 0 ? 0 : flagged * 1000000U / opened;
}

static void tell_suspects(
    const struct fl_rounds *c, struct exec_host *h, const struct fl_suspect *changed, size_t n) {
    struct buf b = {0};
    uint8_t root[32];
    fl_suspicion_root(&c->suspicion, root);
    event_begin(c, &b);
    buf_put(&b, root, sizeof(root));
    buf_u32(&b, c->suspicion.n);
    buf_u32(&b, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        buf_put(&b, changed[i].token, FL_TOKEN);
        buf_u8(&b, (uint8_t)changed[i].standing);
        buf_i32(&b, changed[i].score);
        buf_u64(&b, changed[i].evidence);
    }
    event_end(h, FL_EVENT_SUSPECT, &b);
}

/* Who was convicted by this round's end, among those whose standing it changed; all by token. */
static size_t add_convicted(const struct fl_rounds *c, struct fl_suspect *changed, size_t n) {
    for (uint32_t i = 0; i < c->n_subs; i++) {
        struct fl_suspect s;
        if (!c->sub[i].late || !fl_suspicion_find(&c->suspicion, c->sub[i].token, &s))
            continue;
        size_t at = n++;
        for (; at > 0 && memcmp(changed[at - 1].token, s.token, FL_TOKEN) > 0; at--)
            changed[at] = changed[at - 1];
        changed[at] = s;
    }
    return n;
}

static void remember(struct fl_rounds *c, struct exec_host *h, const struct fl_outcome *o) {
    convict_late(c); /* first: what is told of the scores is what stays */
    struct fl_suspect *changed = ws_calloc(c->n_subs, sizeof(*changed));
    struct fl_sighting *s = ws_calloc(c->n_subs, sizeof(*s));
    size_t n = 0;
    for (size_t i = 0; i < c->n_subs; i++) {
        const struct round_sub *sub = &c->sub[i];
        if (!sub->included || sub->group >= c->n_groups || c->group[sub->group].given_up)
            continue;
        s[n] = (struct fl_sighting){.group_size = c->group[sub->group].size,
            .flagged = fl_verdict_flags(o->group[sub->group].verdict),
            .evidence = c->number << 16 | sub->group};
        memcpy(s[n++].token, sub->token, FL_TOKEN);
    }
    n = fl_suspicion_round(&c->suspicion, s, n, share_flagged(c, o), changed);
    n = add_convicted(c, changed, n);
    tell_suspects(c, h, changed, n);
    c->suspicion_dirty = true;
    free(changed);
    free(s);
}

static void tell_others(struct fl_rounds *c, struct exec_host *h, const uint8_t *agreed) {
    for (unsigned v = 1; v <= c->open.n; v++)
        if (c->member[v - 1].has_outcome && memcmp(c->member[v - 1].outcome, agreed, 32) != 0)
            round_tell_fault(c, h, v, FL_FAULT_OTHER_OUTCOME, 0);
}

/* What has been right once must not be lost bit by bit. */
static void note_best(struct fl_model_view *m, const struct fl_outcome *o) {
    const bool applied = o->step && !o->vetoed;
    if (o->classes == 0)
        return;
    m->counted = o->classes;
    for (size_t k = 0; k < o->classes; k++) {
        const size_t at = k * o->classes + k;
        m->best[k] = o->before[at] > m->best[k] ? o->before[at] : m->best[k];
        m->best[k] = applied && o->after[at] > m->best[k] ? o->after[at] : m->best[k];
    }
}

static void close_round(struct fl_rounds *c, struct exec_host *h, unsigned v) {
    struct fl_outcome *o = ws_alloc(sizeof(*o));
    struct buf b = {0};
    struct span octets;
    uint8_t key[2] = {'o', (uint8_t)v};
    bool is = exec_get(h, span_of(key, sizeof(key)), &octets) && fl_outcome_decode(octets, o);
    WS_ASSERT(is);
    buf_u8(&b, FL_RECORDS_VERSION);
    if (o->step && !o->vetoed) {
        memcpy(c->model.parent, c->model.hash, sizeof(c->model.parent));
        memcpy(c->model.hash, o->model_hash, sizeof(c->model.hash));
        c->model.version++;
    }
    if (o->step)
        c->model.vetoed = o->vetoed;
    note_best(&c->model, o);
    buf_u64(&b, c->model.version);
    buf_put(&b, c->open.model_hash, 32);
    buf_put(&b, octets.p, octets.n);
    tell_others(c, h, c->member[v - 1].outcome);
    remember(c, h, o);
    free(o);
    rounds_save_history(c, h, buf_span(&b));
    rounds_save_model(c, h);
    event_end(h, FL_EVENT_CLOSED, &b);
    end_round(c, h, FL_ABORT_NONE);
}

static void try_to_close(struct fl_rounds *c, struct exec_host *h) {
    for (unsigned v = 1; v <= c->open.n; v++) {
        unsigned same = 0;
        for (size_t w = 0; c->member[v - 1].has_outcome && w < c->open.n; w++)
            same += c->member[w].has_outcome &&
                    memcmp(c->member[w].outcome, c->member[v - 1].outcome, 32) == 0;
        if (same >= c->open.n - round_faults(c)) {
            close_round(c, h, v);
            return;
        }
    }
    if (c->now_us >= c->until_us)
        rounds_abort(c, h, FL_ABORT_NO_AGREEMENT);
}

void rounds_end_block(struct fl_rounds *c, struct exec_host *h) {
    static void (*const step[FL_PHASE_COUNT])(struct fl_rounds *, struct exec_host *) = {
        [FL_IDLE] = try_to_open,
        [FL_SEEDING] = try_to_seed,
        [FL_SUBMITTING] = try_to_end_submitting,
        [FL_ATTESTING] = try_to_end_attesting,
        [FL_DRAWING] = try_to_draw,
        [FL_OPENING] = try_to_end_opening,
        [FL_JUDGING] = try_to_close,
    };
    step[c->phase](c, h);
    if (c->suspicion_dirty)
        rounds_save_suspicion(c, h);
    if (c->control_dirty)
        rounds_save_control(c, h);
    c->suspicion_dirty = c->control_dirty = false;
}
