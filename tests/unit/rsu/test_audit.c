/* A round gone through again: a whole one holds, and of a changed one is said what was changed. Real ciphertexts, shares and sums. */
#include "tests/unit/rsu/audit_rig.h"

#include "base/mem.h"
#include "fedlearn/round/round_record.h"
#include "ledger/exec/hash.h"
#include "rsu/learning/audit_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { LINES = 400 };

/* ---- asking ---- */

static int material(
    void *ctx, const uint8_t id[static 32], struct buf *ret_octets, struct ws_err *err) {
    struct dossier *d = ctx;
    d->fetched++;
    for (size_t i = 0; i < DOSSIER_VEHICLES; i++)
        if (memcmp(d->id[i], id, 32) == 0 && d->material[i].n > 0) {
            buf_put(ret_octets, d->material[i].p, d->material[i].n);
            return WS_OK;
        }
    return ws_fail(err, WS_ENOTFOUND, "404");
}

static int blob(
    void *ctx, const uint8_t sha256[static 32], struct buf *ret_octets, struct ws_err *err) {
    const struct dossier *d = ctx;
    for (size_t i = 0; i < d->files; i++) {
        uint8_t hash[32];
        exec_sha256_one(buf_span(&d->file[i]), hash);
        if (memcmp(hash, sha256, 32) == 0) {
            buf_put(ret_octets, d->file[i].p, d->file[i].n);
            return WS_OK;
        }
    }
    return ws_fail(err, WS_ENOTFOUND, "404");
}

struct heard {
    size_t n, failed, unfit, missing;
    struct {
        enum audit_mark mark;
        char text[600];
    } line[LINES];
};

static void say(void *ctx, enum audit_mark mark, const char *place, const char *text) {
    struct heard *h = ctx;
    assert_true(h->n < LINES);
    h->failed += mark == AUDIT_FAILS;
    h->unfit += mark == AUDIT_UNFIT;
    h->missing += mark == AUDIT_MISSING;
    h->line[h->n].mark = mark;
    (void)snprintf(h->line[h->n].text, sizeof(h->line[0].text), "%s: %s", place, text);
    h->n++;
}

static size_t said(const struct heard *h, enum audit_mark mark, const char *words) {
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++)
        n += h->line[i].mark == mark && strstr(h->line[i].text, words) != NULL;
    return n;
}

static void dump(const struct heard *h) {
    for (size_t i = 0; i < h->n; i++)
        print_message("%d %s\n", (int)h->line[i].mark, h->line[i].text);
}

static struct heard heard;

static bool ask(struct dossier *d, struct buf *ret_model) {
    const struct audit_source from = {material, blob, d};
    const struct audit_hearer to = {say, &heard};
    heard.n = heard.failed = heard.unfit = heard.missing = 0;
    d->fetched = 0;
    const enum audit_result result = audit_round(&d->claim, &from, &to, ret_model);
    assert_int_equal(result, heard.failed > 0                  ? AUDIT_WRONG
                             : heard.unfit + heard.missing > 0 ? AUDIT_OPEN
                                                               : AUDIT_HOLDS);
    return result == AUDIT_HOLDS;
}

/* The round is wrong, and nothing is said but what begins so. */
static void expect(struct dossier *d, size_t lines, const char *words) {
    (void)ask(d, NULL);
    if (heard.failed != lines || said(&heard, AUDIT_FAILS, words) != lines || heard.unfit > 0) {
        dump(&heard);
        fail_msg("%zu lines with '%s' expected", lines, words);
    }
}

/* What was given is damaged or another's, and nothing is said against the round. */
static void expect_unfit(struct dossier *d, size_t lines, const char *words) {
    assert_false(ask(d, NULL));
    if (heard.unfit != lines || said(&heard, AUDIT_UNFIT, words) != lines || heard.failed > 0) {
        dump(&heard);
        fail_msg("%zu lines with '%s' unfit expected", lines, words);
    }
}

/* Nothing fails, and nothing is missing but what begins so. */
static void expect_missing(struct dossier *d, size_t lines, const char *words) {
    assert_false(ask(d, NULL));
    if (heard.failed + heard.unfit != 0 || heard.missing != lines ||
        said(&heard, AUDIT_MISSING, words) != lines) {
        dump(&heard);
        fail_msg("%zu lines of '%s' missing expected", lines, words);
    }
}

/* ---- whole ---- */

static void a_round_holds(void **state) {
    (void)state;
    struct dossier *d = dossier_open(DOSSIER_ALL_OPENED);
    struct buf model = {0}, want = {0};
    if (!ask(d, &model))
        dump(&heard);
    assert_int_equal(heard.failed, 0);
    static const char *const places[] = {"open: ", "seed: ", "cut_off: ", "groups: ", "draw: ",
        "opened: ", "octets of this SHA-256", "submissions: ", "outcome: ", "model: ", "suspect: "};
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        assert_true(said(&heard, AUDIT_OK, places[i]) >= 1);
    assert_int_equal(said(&heard, AUDIT_OK, "and 3 are in the step"), 1);
    assert_int_equal(said(&heard, AUDIT_SKIPPED, ""), 0);
    assert_int_equal(d->fetched, DOSSIER_VEHICLES);
    fl_model_encode(&d->r->model, &want);
    assert_int_equal(model.n, want.n);
    assert_memory_equal(model.p, want.p, want.n);
    /* A next one, with a model before it. */
    dossier_next(d);
    dossier_round(d);
    assert_true(d->r->has_parent);
    if (!ask(d, NULL))
        dump(&heard);
    assert_int_equal(heard.failed, 0);
    assert_int_equal(said(&heard, AUDIT_OK, "octets of this SHA-256"), 3);
    buf_free(&model);
    buf_free(&want);
    dossier_free(d);
}

/* A vehicle's long key is the vehicle's fault: the cell told of it by a verdict, and whoever looks again finds the same. */
static void a_long_key_is_no_forgery(void **state) {
    (void)state;
    struct dossier *d = ws_alloc(sizeof(*d));
    struct fl_event_body *e = ws_alloc(sizeof(*e));
    d->r = rig_open(RIG_VALIDATORS);
    d->r->long_keys = 0xfff;
    dossier_round(d);
    if (!ask(d, NULL))
        dump(&heard);
    assert_int_equal(heard.failed, 0);
    assert_true(fl_event_decode(FL_EVENT_CLOSED, buf_span(&d->event[FL_EVENT_CLOSED]), e));
    size_t found = 0;
    for (size_t g = 0; g < e->closed.outcome.n_groups; g++)
        found += e->closed.outcome.group[g].verdict == FL_LONG_KEY;
    assert_true(found > 0);
    free(e);
    dossier_free(d);
}

/* No group is any good: then none is in a step that there is not. */
static void a_round_without_a_step(void **state) {
    (void)state;
    struct dossier *d = ws_alloc(sizeof(*d));
    d->r = rig_open(RIG_VALIDATORS);
    d->r->long_keys = 0xffffff;
    dossier_round(d);
    if (!ask(d, NULL))
        dump(&heard);
    assert_int_equal(heard.failed + heard.unfit + heard.missing, 0);
    assert_int_equal(said(&heard, AUDIT_OK, "and 0 in the step: 0 accepted, 1 needed"), 1);
    assert_int_equal(said(&heard, AUDIT_OK, "model: no step is applied"), 1);
    dossier_free(d);
}

static void without_randomness_it_says_so(void **state) {
    (void)state;
    struct dossier *d = dossier_open(DOSSIER_ALL_OPENED);
    d->claim.seed_value = d->claim.draw_value = NULL;
    assert_true(ask(d, NULL));
    assert_int_equal(said(&heard, AUDIT_SKIPPED, "whether GROUPS says the randomness"), 1);
    assert_int_equal(
        said(&heard, AUDIT_SKIPPED, "whether the seed follows from the randomness"), 1);
    d->seed_value[0] ^= 1;
    d->claim.seed_value = d->seed_value;
    expect(d, 1, "seed: it does not follow");
    d->seed_value[0] ^= 1;
    d->draw_value[0] ^= 1;
    d->claim.draw_value = d->draw_value;
    expect(d, 1, "draw: GROUPS says another randomness");
    dossier_free(d);
}

/* ---- the record ---- */

/* The record is changed as `edit` says. */
static void with_record(
    struct dossier *d, void (*edit)(struct fl_round_record *), size_t lines, const char *words) {
    struct fl_round_record record;
    struct buf octets = {0};
    assert_int_equal(fl_round_record_decode(buf_span(&d->record), &record, NULL), WS_OK);
    edit(&record);
    fl_round_record_encode(&record, &octets);
    d->claim.record = buf_span(&octets);
    expect_unfit(d, lines, words);
    assert_int_equal(d->fetched, 0);
    dossier_claim(d);
    buf_free(&octets);
    fl_round_record_free(&record);
}

static void other_seed(struct fl_round_record *r) {
    r->seed[31] ^= 1;
}
static void other_open(struct fl_round_record *r) {
    r->open.config.rules.momentum_thousandths--;
}
static void other_key(struct fl_round_record *r) {
    r->key[1][2047] = (int16_t)(r->key[1][2047] == 7 ? 8 : 7);
}
static void one_left_out(struct fl_round_record *r) {
    /* The last of the group that has most. */
    uint32_t size[FL_MAX_GROUPS + 1] = {0};
    for (uint32_t i = 0; i < r->n; i++)
        size[r->member[i].group]++;
    for (uint32_t i = r->n; i-- > 0;)
        if (size[r->member[i].group] > r->open.config.group_min) {
            memmove(&r->member[i], &r->member[i + 1], (r->n - i - 1) * sizeof(r->member[0]));
            r->n--;
            return;
        }
    r->member[r->n - 1].id[0] ^= 1; /* all are as small as may be */
}
static void two_changed_places(struct fl_round_record *r) {
    size_t other = 1;
    while (r->member[other].group == r->member[0].group)
        other++;
    uint16_t g = r->member[0].group;
    r->member[0].group = r->member[other].group;
    r->member[other].group = g;
}

static void a_changed_record_is_found_out(void **state) {
    (void)state;
    struct dossier *d = dossier_open(DOSSIER_ALL_OPENED);
    with_record(d, other_seed, 1, "seed: the record has another");
    with_record(d, other_open, 1, "open: the record has another");
    with_record(d, other_key, 1, "opened: group 1: another sum");
    with_record(d, two_changed_places, 1, "groups: who is where");
    with_record(d, one_left_out, 2, "s"); /* cut_off and groups */
    assert_int_equal(said(&heard, AUDIT_UNFIT, "cut_off: "), 1);
    assert_int_equal(said(&heard, AUDIT_UNFIT, "groups: "), 1);
    /* Cut at each length. */
    for (size_t n = 0; n < d->record.n; n += n < 1500 ? 1 : 101) {
        d->claim.record = span_of(d->record.p, n);
        expect_unfit(d, 1, "record: ");
        assert_int_equal(d->fetched, 0);
    }
    dossier_claim(d);
    dossier_free(d);
}

/* As far as nothing is needed that vehicles sent. */
static bool is_bound(const struct dossier *d) {
    const struct audit_hearer to = {say, &heard};
    struct audit *a = ws_alloc(sizeof(*a));
    a->claim = &d->claim;
    a->to = &to;
    audit_look_at_record(a);
    const bool is = audit_is_bound(a);
    if (a->decoded)
        fl_round_record_free(&a->record);
    free(a);
    return is;
}

/* Whatever bit is turned: all of it is bound to the ledger, but tokens, and they to what vehicles sent. */
static void no_bit_of_the_record_is_free(void **state) {
    (void)state;
    struct dossier *d = dossier_open(DOSSIER_ALL_OPENED);
    const size_t members =
        d->record.n - 3 * (1 + 2 * FL_KEY_VALUES) - DOSSIER_VEHICLES * (4 + 2 + 32 + 32);
    struct fl_round_record r;
    assert_int_equal(fl_round_record_decode(buf_span(&d->record), &r, NULL), WS_OK);
    assert_int_equal(r.n_groups, 3);
    fl_round_record_free(&r);
    for (size_t at = 0; at < d->record.n; at += at < 4000 ? 3 : 211) {
        const size_t in = at - members;
        const bool token = at >= members && in < (size_t)DOSSIER_VEHICLES * 70 && in % 70 >= 38;
        d->record.p[at] ^= (uint8_t)(1U << at % 8);
        heard.n = heard.failed = heard.unfit = heard.missing = 0;
        const bool good = is_bound(d);
        assert_int_equal(heard.missing, 0);
        if (good != token)
            dump(&heard);
        assert_int_equal(good, token);
        if (token && in / 70 % 8 == 0) {
            assert_false(ask(d, NULL));
            assert_int_equal(said(&heard, AUDIT_UNFIT, "submission "), 1);
        }
        d->record.p[at] ^= (uint8_t)(1U << at % 8);
    }
    dossier_free(d);
}

/* ---- events ---- */

static void events_that_are_not_there_or_others(void **state) {
    (void)state;
    struct dossier *d = dossier_open(DOSSIER_ALL_OPENED);
    for (unsigned t = FL_EVENT_OPEN; t < DOSSIER_EVENTS; t++) {
        if (t > FL_EVENT_CLOSED && t != FL_EVENT_SUSPECT)
            continue;
        char words[64];
        (void)snprintf(
            words, sizeof(words), "%s: the ledger's event was not given", fl_event_name(t));
        d->claim.event[t] = (struct span){0};
        expect_missing(d, 1, words);
        d->claim.event[t] = span_of(d->event[t].p, d->event[t].n - 1);
        (void)snprintf(words, sizeof(words), "%s: what is given for it", fl_event_name(t));
        expect_unfit(d, 1, words);
        dossier_claim(d);
    }
    d->claim.round++;
    expect_unfit(d, 1, "open: it is of another round");
    d->claim.round--;
    /* Of another cell: nothing that vehicles sent belongs to it, and others would have been drawn. */
    d->claim.cell[0] ^= 1;
    expect(d, 1, "draw: ");
    d->claim.draw_value = NULL;
    expect(d, 1, "draw: ");
    dossier_free(d);
}

/* The caller has said so: no second word, and no good end. */
static void events_whose_proof_is_unfit(void **state) {
    (void)state;
    struct dossier *d = dossier_open(DOSSIER_ALL_OPENED);
    const struct audit_source from = {material, blob, d};
    const struct audit_hearer to = {say, &heard};
    for (unsigned t = FL_EVENT_OPEN; t < DOSSIER_EVENTS; t++) {
        if (t > FL_EVENT_CLOSED && t != FL_EVENT_SUSPECT)
            continue;
        d->claim.event[t] = (struct span){0};
        d->claim.unfit[t] = true;
        heard.n = heard.failed = heard.unfit = heard.missing = 0;
        assert_int_equal(audit_round(&d->claim, &from, &to, NULL), AUDIT_OPEN);
        assert_int_equal(heard.failed + heard.unfit + heard.missing, 0);
        d->claim.unfit[t] = false;
        dossier_claim(d);
    }
    d->claim.seed_value = d->claim.draw_value = NULL;
    d->claim.unfit_seed_value = d->claim.unfit_draw_value = true;
    assert_true(ask(d, NULL));
    assert_int_equal(said(&heard, AUDIT_SKIPPED, "what was given does not prove that"), 2);
    dossier_free(d);
}

/* Whatever the record is: two events that a quorum signed contradict each other. */
static void a_draw_at_another_height_than_the_cut_off_s(void **state) {
    (void)state;
    struct dossier *d = dossier_open(DOSSIER_ALL_OPENED);
    d->event[FL_EVENT_CUT_OFF].p[45 + 7] ^= 1;
    expect(d, 1, "groups: CUT_OFF has them drawn by");
    dossier_free(d);
}

/* ---- what vehicles sent ---- */

static void swap(struct buf *a, struct buf *b) {
    struct buf t = *a;
    *a = *b;
    *b = t;
}

static void a_ciphertext_is_missing_or_another(void **state) {
    (void)state;
    struct dossier *d = dossier_open(DOSSIER_ALL_OPENED);
    swap(&d->material[3], &d->material[5]);
    expect_unfit(d, 2, "its cover is not what the vehicle signed");
    assert_int_equal(said(&heard, AUDIT_UNFIT, "submission 3: "), 1);
    assert_int_equal(said(&heard, AUDIT_UNFIT, "submission 5: "), 1);
    assert_int_equal(said(&heard, AUDIT_SKIPPED, "outcome: "), 1);
    assert_int_equal(d->fetched, DOSSIER_VEHICLES); /* each once */
    swap(&d->material[3], &d->material[5]);

    struct buf *m = &d->material[9];
    m->p[m->n - 1] ^= 1;
    expect_unfit(d, 1, "submission 9: its ciphertext is not the one");
    m->p[m->n - 1] ^= 1;
    m->p[60] ^= 1; /* in the cover */
    expect_unfit(d, 1, "submission 9: ");
    m->p[60] ^= 1;
    m->p[0] = 0xff;
    expect_unfit(d, 1, "submission 9: cut off");
    m->p[0] = 0;
    const size_t whole = m->n;
    for (m->n = 1; m->n < whole; m->n += m->n < 200 ? 7 : 397)
        expect_unfit(d, 1, "submission 9: ");
    m->n = 0;
    struct buf other = {0};
    swap(&other, &d->material[2]);
    expect_missing(d, 2, "what it sent was not given: 404");
    swap(&other, &d->material[2]);
    m->n = whole;
    assert_true(ask(d, NULL));
    dossier_free(d);
}

/* The time for audits is over: some are told, the others counted. */
static void no_ciphertext_is_there_any_more(void **state) {
    (void)state;
    struct dossier *d = dossier_open(DOSSIER_ALL_OPENED);
    for (size_t i = 0; i < DOSSIER_VEHICLES; i++)
        buf_clear(&d->material[i]);
    expect_missing(d, 9, "");
    assert_int_equal(said(&heard, AUDIT_MISSING, "what it sent was not given: 404"), 8);
    assert_int_equal(said(&heard, AUDIT_MISSING, "submissions: what 16 more vehicles sent"), 1);
    assert_int_equal(d->fetched, DOSSIER_VEHICLES);
    dossier_free(d);
}

static void a_model_is_missing_or_another(void **state) {
    (void)state;
    struct dossier *d = dossier_open(DOSSIER_ALL_OPENED);
    assert_int_equal(d->files, 2);
    const struct buf *roots = &d->file[1];
    d->files = 1;
    expect_missing(d, 1, " was not given: 404");
    assert_int_equal(said(&heard, AUDIT_OK, "octets of this SHA-256"), 1);
    d->files = 2;
    roots->p[roots->n - 1] ^= 1;
    expect_missing(d, 1, " was not given: 404"); /* our store goes by the hash of what it has */
    roots->p[roots->n - 1] ^= 1;
    assert_true(ask(d, NULL));
    dossier_free(d);
}

/* Gives the first file for whatever is asked. */
static int liar(
    void *ctx, const uint8_t sha256[static 32], struct buf *ret_octets, struct ws_err *err) {
    const struct dossier *d = ctx;
    (void)sha256;
    (void)err;
    buf_put(ret_octets, d->file[0].p, d->file[0].n);
    return WS_OK;
}

static void a_file_that_is_not_of_its_hash(void **state) {
    (void)state;
    struct dossier *d = dossier_open(DOSSIER_ALL_OPENED);
    const struct audit_source from = {material, liar, d};
    const struct audit_hearer to = {say, &heard};
    heard.n = heard.failed = heard.unfit = heard.missing = 0;
    assert_int_equal(audit_round(&d->claim, &from, &to, NULL), AUDIT_OPEN);
    assert_int_equal(said(&heard, AUDIT_UNFIT, "have another SHA-256"), 1);
    dossier_free(d);
}

/* ---- the outcome ---- */

static void with_outcome(
    struct dossier *d, void (*edit)(struct fl_event_body *), size_t lines, const char *words) {
    struct fl_event_body *e = ws_alloc(sizeof(*e));
    struct buf octets = {0};
    assert_true(fl_event_decode(FL_EVENT_CLOSED, buf_span(&d->event[FL_EVENT_CLOSED]), e));
    edit(e);
    buf_u8(&octets, FL_RECORDS_VERSION);
    buf_u64(&octets, e->closed.model_version);
    buf_put(&octets, e->closed.parent, 32);
    fl_outcome_encode(&e->closed.outcome, &octets);
    assert_true(fl_event_decode(FL_EVENT_CLOSED, buf_span(&octets), e));
    d->claim.event[FL_EVENT_CLOSED] = buf_span(&octets);
    expect(d, lines, words);
    dossier_claim(d);
    buf_free(&octets);
    free(e);
}

#define EDIT(name, what)                                                                           \
    static void name(struct fl_event_body *e) {                                                    \
        struct fl_outcome *o = &e->closed.outcome;                                                 \
        (void)o;                                                                                   \
        what;                                                                                      \
    }
EDIT(verdict, o->group[1].verdict = o->group[1].verdict == FL_DISTANT ? FL_ACCEPTED : FL_DISTANT)
EDIT(clipped, o->group[0].clipped = !o->group[0].clipped)
EDIT(residual, o->group[2].residual++)
EDIT(norm, o->group[2].norm++)
EDIT(distance, o->group[0].distance++)
EDIT(sums, o->group[1].sum_hash[4] ^= 1)
EDIT(accepted, o->accepted--)
EDIT(vehicles, o->vehicles--)
EDIT(step_norm, o->step_norm++)
EDIT(model_hash, o->model_hash[0] ^= 1)
EDIT(before, o->before[5]++)
EDIT(after, o->after[0]++)
EDIT(change, o->change[0].after += o->change[0].after > o->change[0].before ? 1 : -1)
EDIT(version, e->closed.model_version++)
EDIT(parent, e->closed.parent[0] ^= 1)

static void a_changed_outcome_is_found_out(void **state) {
    (void)state;
    struct dossier *d = dossier_open(DOSSIER_ALL_OPENED);
    with_outcome(d, verdict, 1, "outcome, group 1: verdict is ");
    with_outcome(d, clipped, 1, "outcome, group 0: clipped is ");
    with_outcome(d, residual, 1, "outcome, group 2: residual is ");
    with_outcome(d, norm, 1, "outcome, group 2: norm is ");
    with_outcome(d, distance, 1, "outcome, group 0: distance is ");
    with_outcome(d, sums, 1, "outcome, group 1: hash of the sums is ");
    with_outcome(d, accepted, 1, "outcome: groups in the step is ");
    with_outcome(d, vehicles, 1, "outcome: vehicles in the step is ");
    with_outcome(d, step_norm, 1, "outcome: norm of the step is ");
    with_outcome(d, model_hash, 1, "outcome: model is ");
    assert_int_equal(said(&heard, AUDIT_OK, "model: "), 0);
    with_outcome(d, before, 1, "outcome, before, class 1 taken for 1: count is ");
    with_outcome(d, after, 1, "outcome, after, class 0 taken for 0: count is ");
    with_outcome(d, change, 1, "outcome, change 0: it is parameter ");
    with_outcome(d, version, 1, "closed: model version ");
    with_outcome(d, parent, 1, "closed: the model before ");
    assert_true(ask(d, NULL));
    dossier_free(d);
}

/* ---- groups that were given up ---- */

static void with_exclusion(struct dossier *d, size_t at, uint8_t change, const char *words) {
    d->event[FL_EVENT_EXCLUDED].p[at] ^= change;
    expect_unfit(d, 1, words);
    assert_int_equal(said(&heard, AUDIT_SKIPPED, "given up; why is not known"), 1);
    d->event[FL_EVENT_EXCLUDED].p[at] ^= change;
}

static size_t unopened_group;
static void opened_after_all(struct fl_round_record *r) {
    r->given_up[unopened_group] = false;
    r->key[unopened_group][0] = 1;
}
static void another_given_up(struct fl_round_record *r) {
    const size_t g = unopened_group == 0 ? 1 : 0;
    r->given_up[g] = true;
    memset(r->key[g], 0, sizeof(r->key[g]));
}

static void a_group_that_a_bad_share_closed(void **state) {
    (void)state;
    struct dossier *d = dossier_open(DOSSIER_BAD_SHARE);
    char words[80];
    if (!ask(d, NULL))
        dump(&heard);
    assert_int_equal(heard.failed + heard.unfit + heard.missing, 0);
    (void)snprintf(words, sizeof(words), "group %zu: given up, because submission %d", d->without,
        DOSSIER_LATE);
    assert_int_equal(said(&heard, AUDIT_OK, words), 1);
    assert_int_equal(said(&heard, AUDIT_OK, "opened: 2 groups were opened"), 1);
    assert_int_equal(said(&heard, AUDIT_OK, "of 3 groups 2 were opened and 1 given up"), 1);
    /* The event EXCLUDED: round 8, token 32, reason, submission 4. */
    with_exclusion(
        d, 8, 2, "exclusion of submission 7: the event given for it is of another round");
    with_exclusion(d, 20, 1, "exclusion of submission 7: the record has another token");
    with_exclusion(d, 41, FL_EXCLUDED_BAD_BUNDLE ^ FL_EXCLUDED_TWO_SUBMISSIONS,
        "exclusion of submission 7: the event given for it has a reason");
    with_exclusion(d, 41, 0x40, "exclusion of submission 7: what is given for it is no such event");
    with_exclusion(d, 45, 1, "exclusion of submission 7: the event given for it is of another sub");
    d->lost = WS_EIO;
    expect_missing(d, 1, "exclusion of submission 7: the ledger's event is not proven: it is gone");
    d->lost = WS_EINPUT; /* the caller has said so */
    const struct audit_source from = {material, blob, d};
    const struct audit_hearer to = {say, &heard};
    heard.n = heard.failed = heard.unfit = heard.missing = 0;
    assert_int_equal(audit_round(&d->claim, &from, &to, NULL), AUDIT_OPEN);
    assert_int_equal(heard.failed + heard.unfit + heard.missing, 0);
    assert_int_equal(said(&heard, AUDIT_SKIPPED, "given up; why is not known"), 1);
    d->lost = WS_OK;
    /* Nothing of it: then SUSPECT excludes somebody for no reason that was given. */
    d->claim.excluded = NULL;
    expect_missing(d, 1, "suspect: for 1 of the tokens that are excluded");
    assert_int_equal(said(&heard, AUDIT_OK, "given up, because it was not opened in time"), 1);
    dossier_claim(d);
    unopened_group = d->without;
    (void)snprintf(words, sizeof(words),
        "opened: group %zu: opened in the record, and given up in the ledger", d->without);
    with_record(d, opened_after_all, 1, words);
    with_record(d, another_given_up, 1, ": given up in the record, and opened in the ledger");
    dossier_free(d);
}

static void a_group_that_was_late(void **state) {
    (void)state;
    struct dossier *d = dossier_open(DOSSIER_NO_SHARES);
    char words[80];
    if (!ask(d, NULL))
        dump(&heard);
    assert_int_equal(heard.failed + heard.unfit + heard.missing, 0);
    (void)snprintf(
        words, sizeof(words), "group %zu: given up, because it was not opened in time", d->without);
    assert_int_equal(said(&heard, AUDIT_OK, words), 1);
    assert_int_equal(said(&heard, AUDIT_OK, "of 3 groups 2 were opened and 1 given up"), 1);
    dossier_free(d);
}

EDIT(nothing, )
EDIT(give_up, o->group[0].verdict = FL_GIVEN_UP; o->group[0].clipped = false)
EDIT(use_all, for (size_t g = 0; g < o->n_groups; g++) o->group[g].verdict = FL_ACCEPTED)

/* What CLOSED has given up is seen without what vehicles sent, too. */
static void given_up_in_one_of_two(void **state) {
    (void)state;
    struct dossier *d = dossier_open(DOSSIER_ALL_OPENED);
    with_outcome(d, give_up, 1, "outcome, group 0: verdict is ");
    buf_clear(&d->material[3]);
    with_outcome(d, give_up, 1, "closed: group 0 is given up, though OPENED has a sum of keys");
    with_outcome(d, nothing, 0, "");
    dossier_free(d);
    d = dossier_open(DOSSIER_NO_SHARES);
    for (size_t i = 0; i < DOSSIER_VEHICLES; i++)
        buf_clear(&d->material[i]);
    with_outcome(d, use_all, 1, "has the verdict accepted, though OPENED has no sum of keys");
    dossier_free(d);
}

/* ---- whose standing changed ---- */

static struct fl_event_body *event_of(const struct dossier *d, enum fl_event type) {
    struct fl_event_body *e = ws_alloc(sizeof(*e));
    assert_true(fl_event_decode((uint16_t)type, buf_span(&d->event[type]), e));
    return e;
}

static size_t flagged_groups(const struct dossier *d) {
    struct fl_event_body *e = event_of(d, FL_EVENT_CLOSED);
    size_t n = 0;
    for (size_t g = 0; g < e->closed.outcome.n_groups; g++)
        n += fl_verdict_flags(e->closed.outcome.group[g].verdict);
    free(e);
    return n;
}

/* One flag is enough for quarantine, and one more round for the end of it: in the round that this gives, one group was flagged. */
static struct dossier *set_apart(void) {
    for (unsigned n = 3; n <= 12; n++) {
        struct dossier *d = dossier_open(DOSSIER_ALL_OPENED);
        rig_set_policy(d->r, "quarantine", FL_NAT);
        rig_set_policy(d->r, "quarantine_rounds", 1);
        d->r->long_keys = (1U << n) - 1;
        dossier_next(d);
        dossier_round(d);
        if (flagged_groups(d) == 1)
            return d;
        dossier_free(d);
    }
    fail_msg("no round with one group that was flagged");
    return NULL;
}

struct change {
    enum { TOKEN, STANDING, SCORE, EVIDENCE } what;
    int64_t to; /* EVIDENCE, SCORE: added */
    const char *words;
};

/* One of those that SUSPECT names, changed. */
static void with_standing(struct dossier *d, size_t entry, const struct change *c) {
    struct buf *b = &d->event[FL_EVENT_SUSPECT];
    struct buf was = {0};
    uint8_t *at = b->p + 9 + 32 + 4 + 4 + entry * (32 + 1 + 4 + 8);
    buf_put(&was, b->p, b->n);
    if (c->what == TOKEN)
        at[31] ^= (uint8_t)c->to;
    else if (c->what == STANDING)
        at[32] = (uint8_t)c->to;
    else if (c->what == SCORE)
        put_be32(at + 33, (uint32_t)(be32(at + 33) + (uint64_t)c->to));
    else
        put_be64(at + 37, be64(at + 37) + (uint64_t)c->to);
    expect(d, 1, c->words);
    assert_int_equal(said(&heard, AUDIT_FAILS, "suspect: token "), 1);
    assert_int_equal(said(&heard, AUDIT_OK, "outcome: "), 1);
    memcpy(b->p, was.p, was.n);
    buf_free(&was);
}

/* One whose submission has a number that no group has. */
static size_t entry_with_number(const struct dossier *d, const struct fl_event_body *e) {
    for (size_t i = 0; i < e->suspects.n; i++) {
        struct fl_suspect s;
        fl_event_suspect(e, i, &s);
        for (size_t v = 4; v < DOSSIER_VEHICLES; v++)
            if (memcmp(d->r->vehicle[v].token, s.token, FL_TOKEN) == 0)
                return i;
    }
    fail_msg("nobody's standing changed");
    return 0;
}

static void expect_standings(struct dossier *d, enum fl_standing standing) {
    struct fl_event_body *e = event_of(d, FL_EVENT_SUSPECT);
    char words[64];
    if (!ask(d, NULL))
        dump(&heard);
    assert_int_equal(heard.failed + heard.unfit + heard.missing, 0);
    (void)snprintf(
        words, sizeof(words), "suspect: the standing of %u vehicles changed", e->suspects.n);
    assert_int_equal(said(&heard, AUDIT_OK, words), 1);
    assert_true(e->suspects.n >= 8);
    for (size_t i = 0; i < e->suspects.n; i++) {
        struct fl_suspect s;
        fl_event_suspect(e, i, &s);
        assert_int_equal(s.standing, standing);
    }
    free(e);
}

static void change_standings(struct dossier *d, const struct change *c, size_t n) {
    struct fl_event_body *e = event_of(d, FL_EVENT_SUSPECT);
    const size_t entry = entry_with_number(d, e);
    for (size_t i = 0; i < n; i++)
        with_standing(d, entry, &c[i]);
    free(e);
}

static void standings_follow_from_verdicts(void **state) {
    (void)state;
    static const struct change quarantined[] = {{TOKEN, 1, "the token of no submission"},
        {STANDING, FL_FREE, "it was in a group of vehicles that are free"},
        {STANDING, FL_EXCLUDED, "it was in a group of vehicles that are free"},
        {SCORE, -FL_NAT, "a score below that of quarantine"},
        {EVIDENCE, 1, "a group that its submission was not in"},
        {EVIDENCE, -(1 << 16), "its group was flagged, and the evidence names another"},
        {EVIDENCE, 1 << 16, "names no round, or one to come"},
        {EVIDENCE, -(2 << 16), "names no round, or one to come"}};
    static const struct change freed[] = {
        {STANDING, FL_QUARANTINED, "was in a group of suspects before"},
        {STANDING, FL_EXCLUDED, "it is excluded, and its group was not flagged"},
        {SCORE, 1, "another score than half"},
        {EVIDENCE, 1 << 16, "the evidence names this round, in which its group was not flagged"}};
    static const struct change shut_out[] = {
        {STANDING, FL_FREE, "it is free again, and its group was flagged"},
        {STANDING, FL_QUARANTINED, "was in a group of suspects before"},
        {EVIDENCE, -(1 << 16), "its group was flagged, and the evidence names another"}};
    struct dossier *d = set_apart();
    expect_standings(d, FL_QUARANTINED);
    change_standings(d, quarantined, ARRAY_LEN(quarantined));
    /* Without what vehicles sent, tokens are the unit's word. */
    struct buf none = {0};
    swap(&none, &d->material[0]);
    (void)ask(d, NULL);
    assert_int_equal(said(&heard, AUDIT_SKIPPED, "suspect: not looked at"), 1);
    swap(&none, &d->material[0]);
    dossier_next(d);
    d->r->long_keys = 0;
    dossier_round(d);
    assert_int_equal(flagged_groups(d), 0);
    expect_standings(d, FL_FREE);
    change_standings(d, freed, ARRAY_LEN(freed));
    dossier_free(d);
    d = set_apart();
    dossier_next(d);
    dossier_round(d);
    assert_int_equal(flagged_groups(d), 1);
    expect_standings(d, FL_EXCLUDED);
    change_standings(d, shut_out, ARRAY_LEN(shut_out));
    dossier_free(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_round_holds),
        cmocka_unit_test(a_long_key_is_no_forgery),
        cmocka_unit_test(a_round_without_a_step),
        cmocka_unit_test(without_randomness_it_says_so),
        cmocka_unit_test(a_changed_record_is_found_out),
        cmocka_unit_test(no_bit_of_the_record_is_free),
        cmocka_unit_test(events_that_are_not_there_or_others),
        cmocka_unit_test(events_whose_proof_is_unfit),
        cmocka_unit_test(a_draw_at_another_height_than_the_cut_off_s),
        cmocka_unit_test(a_ciphertext_is_missing_or_another),
        cmocka_unit_test(no_ciphertext_is_there_any_more),
        cmocka_unit_test(a_model_is_missing_or_another),
        cmocka_unit_test(a_file_that_is_not_of_its_hash),
        cmocka_unit_test(a_changed_outcome_is_found_out),
        cmocka_unit_test(a_group_that_a_bad_share_closed),
        cmocka_unit_test(a_group_that_was_late),
        cmocka_unit_test(given_up_in_one_of_two),
        cmocka_unit_test(standings_follow_from_verdicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
