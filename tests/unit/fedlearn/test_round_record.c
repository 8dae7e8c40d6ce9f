/* The record of a round: what it says is what the ledger's events say, and the outcome found from it is the validators'. */
#include "base/mem.h"
#include "fedlearn/round/events.h"
#include "fedlearn/round/find.h"
#include "fedlearn/round/roots.h"
#include "tests/unit/fedlearn/round_rig.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { VEHICLES = 24 };

struct opened {
    struct rig *r;
    struct buf cut_off, groups, opened; /* events */
    struct fl_round_record record;
};

static void keep(const struct rig *r, enum fl_event type, struct buf *ret) {
    for (size_t i = 0; i < r->host.n_events; i++)
        if (r->host.events[i].type == (uint16_t)type)
            buf_put(ret, r->host.events[i].body.p, r->host.events[i].body.n);
}

/* Step by step, as events are of one block. */
static struct opened open_round(void) {
    struct opened o = {.r = rig_open(RIG_VALIDATORS)};
    rig_submitting(o.r, VEHICLES);
    rig_attesting(o.r);
    keep(o.r, FL_EVENT_CUT_OFF, &o.cut_off);
    for (unsigned i = 0; i < 2; i++) {
        rig_block(o.r, RIG_SECOND);
        keep(o.r, FL_EVENT_GROUPS, &o.groups);
    }
    rig_opening(o.r);
    keep(o.r, FL_EVENT_OPENED, &o.opened);
    fl_round_record_of(o.r->contract.self, &o.record);
    return o;
}

static void opened_free(struct opened *o) {
    fl_round_record_free(&o->record);
    buf_free(&o->cut_off);
    buf_free(&o->groups);
    buf_free(&o->opened);
    rig_close(o->r);
}

static void it_says_what_the_events_say(void **state) {
    (void)state;
    struct opened o = open_round();
    uint8_t hash[32];
    assert_int_equal(o.record.n, VEHICLES);
    assert_int_equal(o.cut_off.n, 1 + 8 + 4 + 32 + 8);
    assert_int_equal(be32(o.cut_off.p + 9), VEHICLES);
    fl_round_record_ids(&o.record, hash);
    assert_memory_equal(hash, o.cut_off.p + 13, 32);
    assert_int_equal(o.groups.n, 1 + 8 + 2 + 2 + 8 + 32 + 32);
    assert_int_equal(be16(o.groups.p + 9), o.record.n_groups);
    fl_round_record_groups(&o.record, hash);
    assert_int_equal(be16(o.groups.p + 11), o.record.free_groups);
    assert_true(be64(o.groups.p + 13) == o.record.draw_height);
    assert_true(be64(o.cut_off.p + 45) == o.record.draw_height);
    assert_memory_equal(o.record.draw, o.groups.p + 21, 32);
    assert_memory_equal(hash, o.groups.p + 53, 32);
    assert_int_equal(o.opened.n, 1 + 8 + 2 + 32U * o.record.n_groups);
    for (size_t g = 0; g < o.record.n_groups; g++) {
        fl_round_record_key(&o.record, g, hash);
        assert_memory_equal(hash, o.opened.p + 11 + 32 * g, 32);
    }
    /* Somebody else in a group is another root. */
    fl_round_record_groups(&o.record, hash);
    uint8_t other[32];
    o.record.member[3].id[0] ^= 1;
    fl_round_record_groups(&o.record, other);
    assert_memory_not_equal(hash, other, 32);
    opened_free(&o);
}

static void octets_come_back(void **state) {
    (void)state;
    struct opened o = open_round();
    struct fl_round_record back;
    struct buf b = {0}, again = {0};
    fl_round_record_encode(&o.record, &b);
    assert_int_equal(fl_round_record_decode(buf_span(&b), &back, NULL), WS_OK);
    fl_round_record_encode(&back, &again);
    assert_int_equal(again.n, b.n);
    assert_memory_equal(again.p, b.p, b.n);
    fl_round_record_free(&back);
    /* At each length, and behind the end. */
    for (size_t n = 0; n < b.n; n += n < 2000 ? 1 : 97)
        assert_int_not_equal(fl_round_record_decode(span_of(b.p, n), &back, NULL), WS_OK);
    buf_u8(&b, 0);
    assert_int_not_equal(fl_round_record_decode(buf_span(&b), &back, NULL), WS_OK);
    b.n--;
    /* Whatever is taken is its one encoding. */
    for (size_t at = 0; at < b.n; at += at < 3000 ? 1 : 89) {
        b.p[at] ^= 0x41;
        if (fl_round_record_decode(buf_span(&b), &back, NULL) == WS_OK) {
            buf_clear(&again);
            fl_round_record_encode(&back, &again);
            assert_int_equal(again.n, b.n);
            assert_memory_equal(again.p, b.p, b.n);
            fl_round_record_free(&back);
        }
        b.p[at] ^= 0x41;
    }
    buf_free(&b);
    buf_free(&again);
    opened_free(&o);
}

static void what_cannot_be_is_named(void **state) {
    (void)state;
    struct opened o = open_round();
    struct fl_round_record back;
    struct ws_err err = {0};
    struct buf b = {0};
    const uint16_t was = o.record.member[5].group;
    o.record.member[5].group = (uint16_t)(was == 0 ? 1 : 0); /* seven are left behind */
    fl_round_record_encode(&o.record, &b);
    assert_int_equal(fl_round_record_decode(buf_span(&b), &back, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "7 members"));
    o.record.member[5].group = o.record.n_groups;
    buf_clear(&b);
    fl_round_record_encode(&o.record, &b);
    assert_int_equal(fl_round_record_decode(buf_span(&b), &back, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "member 5: there is no group"));
    o.record.member[5].group = was;
    o.record.member[6].number = o.record.member[5].number;
    buf_clear(&b);
    fl_round_record_encode(&o.record, &b);
    assert_int_equal(fl_round_record_decode(buf_span(&b), &back, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "out of order"));
    o.record.member[6].number++;
    for (uint16_t n = 0; n <= 4; n += 4) {
        o.record.free_groups = n;
        buf_clear(&b);
        fl_round_record_encode(&o.record, &b);
        assert_int_equal(fl_round_record_decode(buf_span(&b), &back, &err), WS_EINPUT);
        assert_non_null(strstr(err.text, "of 3 groups are free ones"));
    }
    o.record.free_groups = 3;
    o.record.key[0][9] = 2047;
    buf_clear(&b);
    fl_round_record_encode(&o.record, &b);
    assert_int_equal(fl_round_record_decode(buf_span(&b), &back, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "no sum of keys"));
    buf_free(&b);
    opened_free(&o);
}

/* ---- drawing ---- */

static void swap_groups(struct fl_round_record *r, size_t a, size_t b) {
    const uint16_t was = r->member[a].group;
    r->member[a].group = r->member[b].group;
    r->member[b].group = was;
}

static void groups_are_made_again(const struct opened *o) {
    struct fl_round_record r = o->record;
    uint8_t cell[32];
    memcpy(cell, o->r->host.cell_id, 32);
    assert_true(fl_round_record_drawn(&r, cell));
    cell[31] ^= 1;
    assert_false(fl_round_record_drawn(&r, cell));
    cell[31] ^= 1;
    r.draw[0] ^= 1;
    assert_false(fl_round_record_drawn(&r, cell));
    r.draw[0] ^= 1;
    r.free_groups = (uint16_t)(r.free_groups == r.n_groups ? r.n_groups - 1 : r.n_groups);
    assert_false(fl_round_record_drawn(&r, cell)); /* a set of suspects that was made up */
    r.free_groups = o->record.free_groups;
    /* Two free ones: whether a suspect and a neighbour change places shows in the table of scores, not in the draw. */
    size_t one = 0;
    while (r.member[one].group >= r.free_groups)
        one++;
    size_t other = one + 1;
    while (r.member[other].group >= r.free_groups || r.member[other].group == r.member[one].group)
        other++;
    swap_groups(&r, one, other);
    assert_false(fl_round_record_drawn(&r, cell));
    swap_groups(&r, one, other);
    assert_true(fl_round_record_drawn(&r, cell));
}

static void the_draw_can_be_made_again(void **state) {
    (void)state;
    struct opened o = open_round();
    groups_are_made_again(&o);
    opened_free(&o);
}

/* Who was in the malformed group of one round stands apart in the next: the group is the last, and said to be of suspects. */
static void suspects_stand_apart(void **state) {
    (void)state;
    struct rig *r = rig_open(RIG_VALIDATORS);
    struct opened o = {.r = r};
    rig_set_policy(r, "quarantine", FL_NAT);
    r->contract.ops->order(r->contract.self, &r->host,
        &(struct exec_order){.role = ROLE_POLICY, .kind = FL_ORDER_STOP});
    rig_begin(r, 600 * (uint64_t)RIG_SECOND);
    assert_int_equal(rig_order_model(r), FL_ROUND_OK);
    rig_end(r);
    rig_block(r, RIG_SECOND);
    rig_block(r, RIG_SECOND);
    rig_submitting(r, VEHICLES);
    for (size_t i = 0; i < 300; i++)
        r->vehicle[3].wire.p[i] = (uint8_t)(i * 59);
    rig_attesting(r);
    rig_drawing(r);
    rig_opening(r);
    fl_round_record_of(r->contract.self, &o.record);
    assert_int_equal(o.record.free_groups, 3);
    const uint16_t bad = o.record.member[3].group;
    bool suspect[VEHICLES];
    for (size_t i = 0; i < VEHICLES; i++)
        suspect[i] = o.record.member[i].group == bad;
    fl_round_record_free(&o.record);
    rig_judging(r);
    /* Said with CLOSED: these eight, and the root of what the table holds. */
    struct fl_event_body *e = ws_alloc(sizeof(*e));
    struct buf said = {0};
    uint8_t root[32];
    keep(r, FL_EVENT_SUSPECT, &said);
    assert_true(fl_event_decode(FL_EVENT_SUSPECT, buf_span(&said), e));
    fl_suspicion_root(fl_contract_suspicion(r->contract.self), root);
    assert_memory_equal(e->suspects.root, root, 32);
    assert_int_equal(e->suspects.n, 8);
    for (size_t i = 0; i < 8; i++) {
        struct fl_suspect s;
        fl_event_suspect(e, i, &s);
        assert_true(suspect[s.token[0] - 1]);
        assert_int_equal(s.standing, FL_QUARANTINED);
        assert_true(s.evidence == (e->round << 16 | bad));
    }
    buf_free(&said);
    free(e);
    rig_block(r, 600 * (uint64_t)RIG_SECOND);
    rig_block(r, RIG_SECOND);
    rig_block(r, RIG_SECOND);
    rig_submitting(r, VEHICLES);
    rig_attesting(r);
    rig_drawing(r);
    rig_restart(r);
    rig_opening(r);
    fl_round_record_of(r->contract.self, &o.record);
    assert_int_equal(o.record.n_groups, 3);
    assert_int_equal(o.record.free_groups, 2);
    for (size_t i = 0; i < VEHICLES; i++)
        assert_int_equal(o.record.member[i].group == 2, suspect[i]);
    groups_are_made_again(&o);
    struct fl_outcome *found = ws_alloc(sizeof(*found));
    rig_outcome(r, found);
    assert_int_equal(found->n_groups, 3);
    assert_int_equal(found->group[2].verdict, FL_ACCEPTED);
    assert_int_equal(found->accepted, 2); /* and not in the step */
    assert_int_equal(found->vehicles, 16);
    free(found);
    opened_free(&o);
}

/* More than a profile adds up would not decode, whatever they sent. */
static void a_group_has_an_upper_bound(void **state) {
    (void)state;
    struct opened o = open_round();
    struct fl_round_record back;
    struct ws_err err = {0};
    struct buf b = {0};
    const uint32_t most = o.record.open.config.profile->weight_max;
    o.record.open.config.submissions_max = 128;
    struct fl_round_member *member = ws_calloc(most + 1, sizeof(*member));
    for (uint32_t i = 0; i <= most; i++)
        member[i].number = i;
    free(o.record.member);
    o.record.member = member;
    o.record.n_groups = o.record.free_groups = 1;
    o.record.n = most;
    fl_round_record_encode(&o.record, &b);
    assert_int_equal(fl_round_record_decode(buf_span(&b), &back, &err), WS_OK);
    fl_round_record_free(&back);
    buf_clear(&b);
    o.record.n = most + 1;
    fl_round_record_encode(&o.record, &b);
    assert_int_equal(fl_round_record_decode(buf_span(&b), &back, &err), WS_EINPUT);
    assert_string_equal(err.text, "group 0: 65 members, the profile adds up 64");
    member[most].number = 128;
    buf_clear(&b);
    fl_round_record_encode(&o.record, &b);
    assert_int_equal(fl_round_record_decode(buf_span(&b), &back, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "is out of order"));
    buf_free(&b);
    opened_free(&o);
}

/* ---- finding ---- */

struct files {
    struct rig *r;
    struct buf model, roots;
    uint32_t without; /* this submission is not here */
    atomic_size_t lent; /* threads */
};

static bool wire(void *ctx, const struct fl_round_member *m, struct fl_lent *ret) {
    struct files *f = ctx;
    if (m->number == f->without)
        return false;
    *ret = (struct fl_lent){.octets = buf_span(&f->r->vehicle[m->number].wire)};
    f->lent++;
    return true;
}

static bool blob(void *ctx, const uint8_t sha256[static 32], struct fl_lent *ret) {
    struct files *f = ctx;
    const struct fl_round_view view = rig_view(f->r);
    if (memcmp(sha256, view.open->model_hash, 32) == 0)
        *ret = (struct fl_lent){.octets = buf_span(&f->model)};
    else if (memcmp(sha256, view.open->root_set, 32) == 0 && f->roots.n > 0)
        *ret = (struct fl_lent){.octets = buf_span(&f->roots)};
    else
        return false;
    f->lent++;
    return true;
}

static void give_back(void *ctx, struct fl_lent *lent) {
    struct files *f = ctx;
    (void)lent;
    f->lent--;
}

static void an_auditor_finds_the_same(void **state) {
    (void)state;
    struct opened o = open_round();
    struct files f = {.r = o.r, .without = UINT32_MAX};
    const struct fl_source from = {wire, blob, give_back, &f};
    struct fl_outcome *mine = ws_alloc(sizeof(*mine));
    struct fl_outcome *theirs = ws_alloc(sizeof(*theirs));
    struct fl_model next;
    struct buf a = {0}, b = {0};
    struct ws_err err = {0};
    fl_model_encode(&o.r->model, &f.model);
    fl_roots_encode(&o.r->model.shape, &o.r->root_set, &f.roots);
    rig_outcome(o.r, theirs);
    assert_int_equal(fl_find(&o.record, &from, mine, &next, &err), WS_OK);
    fl_outcome_encode(mine, &a);
    fl_outcome_encode(theirs, &b);
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.p, b.p, a.n);
    assert_memory_equal(next.params, o.r->next.params, RIG_PARAMS * sizeof(int32_t));
    fl_model_free(&next);
    for (unsigned threads = 2; threads <= FL_FIND_THREADS_MAX; threads *= 2) {
        assert_int_equal(fl_find_with(&o.record, &from, threads, mine, &next, &err), WS_OK);
        buf_clear(&a);
        fl_outcome_encode(mine, &a);
        assert_int_equal(a.n, b.n);
        assert_memory_equal(a.p, b.p, a.n);
        assert_memory_equal(next.params, o.r->next.params, RIG_PARAMS * sizeof(int32_t));
        fl_model_free(&next);
    }

    f.without = 7;
    for (unsigned threads = 1; threads <= 4; threads++) {
        assert_int_equal(fl_find_with(&o.record, &from, threads, mine, &next, &err), WS_ENOTFOUND);
        assert_string_equal(err.text, "what submission 7 sent is not here");
    }
    f.without = UINT32_MAX;
    /* Ordered by hash, but for another model. */
    const struct fl_shape narrow = {RIG_INPUTS - 1, 0, 4};
    buf_clear(&f.roots);
    fl_roots_encode(&narrow, &o.r->root_set, &f.roots);
    assert_int_equal(fl_find(&o.record, &from, mine, &next, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "the root set has 73 inputs"));
    buf_clear(&f.roots);
    assert_int_equal(fl_find(&o.record, &from, mine, &next, &err), WS_ENOTFOUND);
    assert_non_null(strstr(err.text, "root set "));
    assert_int_equal(f.lent, 0);
    buf_free(&a);
    buf_free(&b);
    buf_free(&f.model);
    buf_free(&f.roots);
    free(mine);
    free(theirs);
    opened_free(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_what_the_events_say),
        cmocka_unit_test(octets_come_back),
        cmocka_unit_test(what_cannot_be_is_named),
        cmocka_unit_test(the_draw_can_be_made_again),
        cmocka_unit_test(suspects_stand_apart),
        cmocka_unit_test(a_group_has_an_upper_bound),
        cmocka_unit_test(an_auditor_finds_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
