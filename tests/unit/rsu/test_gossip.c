/* Units of one cell, each with its own pipeline and window, that tell one another what they handed on: beacons recorded
 * at one mast and sent again at another, units that start again, clocks that differ, and neighbours who lie. */
#include "tests/support/cm.h"

#include "pktio/pipeline.h"
#include "rsu/radio/gossip.h"
#include "tests/support/pki.h"
#include "v2x/carrier.h"
#include "v2x/psid.h"

#include <stdio.h>

#define S 1000000U
enum { UNITS = 3, MAIL_MAX = 64 };

struct unit {
    struct cell *cell;
    size_t index;
    int64_t skew_us; /* of its clock */
    struct replay_window *window;
    struct pipeline *pipe;
    struct gossip *gossip;
    enum pkt_verdict verdict;
    char detail[80];
    size_t verified;
    bool silent; /* it tells nobody anything */
};

struct mail {
    size_t from, to;
    struct buf msg;
};

struct cell {
    struct pki pki;
    struct station car;
    uint64_t mono_us;
    struct unit unit[UNITS];
    struct mail mail[MAIL_MAX];
    size_t n_mail;
    struct buf frame;
};

static struct ws_now now_of(const struct unit *u) {
    return (struct ws_now){
        u->cell->mono_us, (uint64_t)((int64_t)(PKI_NOW_US + u->cell->mono_us) + u->skew_us)};
}

static void post(void *ctx, size_t peer, struct span msg) {
    struct unit *u = ctx;
    struct cell *c = u->cell;
    assert_true(c->n_mail < MAIL_MAX);
    struct mail *m = &c->mail[c->n_mail++];
    *m = (struct mail){u->index, peer, {0}};
    buf_put(&m->msg, msg.p, msg.n);
}

static bool sink(void *ctx, struct pkt_message *m) {
    struct unit *u = ctx;
    u->verified++;
    if (pipeline_class_of(m->psid) == PIPELINE_ROUTINE && !u->silent)
        gossip_note(u->gossip, m->id, u->cell->mono_us);
    pkt_message_release(m);
    return true;
}

static void note(void *ctx, const struct pkt_frame *f, enum pkt_verdict v, const char *detail) {
    struct unit *u = ctx;
    (void)f;
    u->verdict = v;
    (void)snprintf(u->detail, sizeof(u->detail), "%s", detail);
}

static void open_unit(struct cell *c, size_t i) {
    struct unit *u = &c->unit[i];
    u->cell = c;
    u->index = i;
    u->window = replay_window_new(4096, i);
    struct gossip_config g = {.window = u->window,
        .n_peers = UNITS,
        .me = i,
        .rate = 1000,
        .batch_us = 20000,
        .keep_us = 2500000,
        .send = post,
        .ctx = u};
    u->gossip = gossip_new(&g);
    struct pipeline_config p = {.limits = {.source_slots = 64,
                                    .source_rate = 0,
                                    .replay_slots = 1,
                                    .cert_slots = 64,
                                    .message_pool = 64,
                                    .freshness_us = 2000000,
                                    .freshness_own_us = 10000000,
                                    .future_us = 500000},
        .trust = c->pki.trust,
        .verify = true,
        .window = u->window};
    u->pipe = pipeline_new(&p, sink, u, note, u);
}

static void close_unit(struct unit *u) {
    pipeline_free(u->pipe);
    gossip_free(u->gossip);
    replay_window_free(u->window);
}

static int setup(void **state) {
    struct cell *c = ws_alloc(sizeof(*c));
    pki_init(&c->pki, 1);
    pki_vehicle(&c->pki, &c->car);
    c->mono_us = 10 * (uint64_t)S;
    for (size_t i = 0; i < UNITS; i++)
        open_unit(c, i);
    *state = c;
    return 0;
}

static int teardown(void **state) {
    struct cell *c = *state;
    for (size_t i = 0; i < UNITS; i++)
        close_unit(&c->unit[i]);
    for (size_t i = 0; i < c->n_mail; i++)
        buf_free(&c->mail[i].msg);
    station_free(&c->car);
    pki_free(&c->pki);
    buf_free(&c->frame);
    free(c);
    return 0;
}

/* Time passes for everybody, and what was posted arrives. */
static void pass(struct cell *c, uint64_t us) {
    c->mono_us += us;
    for (size_t i = 0; i < UNITS; i++)
        gossip_run(c->unit[i].gossip, c->mono_us);
    for (size_t i = 0; i < c->n_mail; i++) {
        struct mail *m = &c->mail[i];
        struct unit *to = &c->unit[m->to];
        assert_true(gossip_owns(buf_span(&m->msg)));
        gossip_take(to->gossip, m->from, buf_span(&m->msg), now_of(to));
        buf_free(&m->msg);
    }
    c->n_mail = 0;
}

static void say(struct cell *c, uint64_t psid, uint64_t ago_us) {
    buf_clear(&c->frame);
    station_frame(&c->frame, &c->car, psid, PKI_NOW_US + c->mono_us - ago_us,
        span_of("\x02\x02hello", 7), true);
}

static void hears(struct cell *c, size_t unit, enum pkt_verdict want, const char *detail) {
    struct unit *u = &c->unit[unit];
    struct pkt_frame f = {.data = buf_span(&c->frame),
        .link = LINK_ETHERNET,
        .original_octets = (uint32_t)c->frame.n};
    u->verdict = PKT_VERDICT_COUNT;
    pipeline_take(u->pipe, &f, 1, now_of(u).its_us);
    pipeline_finish(u->pipe, now_of(u).its_us);
    assert_string_equal(pkt_verdict_name(u->verdict), pkt_verdict_name(want));
    if (detail != NULL)
        assert_string_equal(u->detail, detail);
}

static void identity(const struct cell *c, uint8_t ret[static 32]) {
    struct carrier carrier;
    struct spdu spdu;
    struct cert cert;
    uint8_t hash[32];
    size_t at;
    assert_int_equal(carrier_read(LINK_ETHERNET, buf_span(&c->frame), &carrier), CARRIER_SECURED);
    assert_int_equal(spdu_parse(carrier.message, &spdu, &at), COER_OK);
    assert_int_equal(cert_parse(buf_span(&c->car.cert), &cert, &at), COER_OK);
    cert_hash256(&cert, hash);
    spdu_identity(&spdu, hash, ret);
}

static void a_recorded_beacon_is_old_at_every_mast(void **state) {
    struct cell *c = *state;
    say(c, PSID_CAM, 0);
    hears(c, 0, PKT_VERIFIED, NULL);
    pass(c, 20000);
    hears(c, 1, PKT_DUPLICATE, "heard by a neighbour");
    hears(c, 2, PKT_DUPLICATE, "heard by a neighbour");
    hears(c, 0, PKT_DUPLICATE, NULL);
    /* As long as it counts as fresh anywhere. */
    pass(c, 1900000);
    hears(c, 1, PKT_DUPLICATE, "heard by a neighbour");
    pass(c, 200000);
    hears(c, 1, PKT_STALE, NULL);
    assert_int_equal(c->unit[1].verified + c->unit[2].verified, 0);
}

static void both_at_the_same_instant_hand_it_on(void **state) {
    struct cell *c = *state;
    say(c, PSID_BSM, 0);
    hears(c, 0, PKT_VERIFIED, NULL);
    hears(c, 1, PKT_VERIFIED, NULL);
    pass(c, 20000);
    hears(c, 2, PKT_DUPLICATE, "heard by a neighbour");
    assert_int_equal(replay_window_counters(c->unit[0].window).told_known, 1);
}

static void a_unit_that_starts_again_knows_nothing(void **state) {
    struct cell *c = *state;
    say(c, PSID_CAM, 0);
    hears(c, 0, PKT_VERIFIED, NULL);
    pass(c, 20000);
    close_unit(&c->unit[1]);
    open_unit(c, 1);
    hears(c, 1, PKT_VERIFIED,
        NULL); /* a beacon once more in the local picture; a transaction the ledger refuses */
    hears(c, 1, PKT_DUPLICATE, NULL);
}

static void clocks_differ(void **state) {
    struct cell *c = *state;
    c->unit[1].skew_us = -100000;
    c->unit[2].skew_us = 100000;
    say(c, PSID_CAM, 0);
    hears(c, 0, PKT_VERIFIED, NULL);
    pass(c, 20000);
    for (unsigned i = 0; i < 19; i++) {
        hears(c, 1, PKT_DUPLICATE, "heard by a neighbour");
        if (i < 18)
            hears(c, 2, PKT_DUPLICATE, "heard by a neighbour");
        pass(c, 100000);
    }
    pass(c, 300000);
    hears(c, 1, PKT_STALE, NULL);
    hears(c, 2, PKT_STALE, NULL);
}

/* ---- liars ---- */

static void hand(struct cell *c, size_t from, size_t to, const uint8_t *ids, size_t n) {
    struct buf b = {0};
    const uint8_t head[] = {0, 1, 1, (uint8_t)(n >> 8), (uint8_t)n};
    buf_put(&b, head, sizeof(head));
    buf_put(&b, ids, n * REPLAY_ID_OCTETS);
    gossip_take(c->unit[to].gossip, from, buf_span(&b), now_of(&c->unit[to]));
    buf_free(&b);
}

/* The liar heard them first, says he handed them on, and keeps them to himself. */
static void a_liar_cannot_keep_from_us_what_the_cell_agrees_on(void **state) {
    struct cell *c = *state;
    static const uint64_t psid[] = {PSID_DENM, PSID_MAP_OBSERVATION, PSID_LEARNING_RECORD};
    for (size_t i = 0; i < ARRAY_LEN(psid); i++) {
        uint8_t id[32];
        say(c, psid[i], i + 1);
        identity(c, id);
        hand(c, 2, 1, id, 1);
        hears(c, 1, PKT_VERIFIED, NULL);
        hears(c, 1, PKT_DUPLICATE, NULL);
        hand(c, 2, 1, id, 1); /* too late: it is ours */
        hears(c, 1, PKT_DUPLICATE, pkt_verdict_text(PKT_DUPLICATE));
    }
}

/* With beacons he can: one unit misses a sample of what stays local anyway, and not the certificate in it. */
static void a_liar_about_a_beacon_costs_one_sample(void **state) {
    struct cell *c = *state;
    uint8_t id[32];
    say(c, PSID_CAM, 0);
    identity(c, id);
    hand(c, 2, 1, id, 1);
    hears(c, 1, PKT_DUPLICATE, "heard by a neighbour");
    hears(c, 0, PKT_VERIFIED, NULL);
    assert_int_equal(pipeline_counters(c->unit[1].pipe)->certs, 1);
}

static void a_flood_is_cut_at_the_rate_and_displaces_nothing(void **state) {
    struct cell *c = *state;
    say(c, PSID_CAM, 0);
    hears(c, 1, PKT_VERIFIED, NULL);
    static uint8_t ids[GOSSIP_IDS_MAX][REPLAY_ID_OCTETS];
    struct ws_random rnd = ws_random_seeded(3);
    for (unsigned i = 0; i < 50; i++) {
        ws_random_bytes(&rnd, ids, sizeof(ids));
        hand(c, 2, 1, ids[0], GOSSIP_IDS_MAX);
        c->mono_us += 100000;
    }
    struct gossip_counters n = gossip_counters(c->unit[1].gossip);
    assert_int_equal(n.taken + n.over_rate, 50 * GOSSIP_IDS_MAX);
    assert_in_range(n.taken, 5800, 5900); /* a second's worth at once, and 4.9 s */
    /* Another neighbour has a rate of his own. */
    hand(c, 0, 1, ids[0], 10);
    assert_int_equal(gossip_counters(c->unit[1].gossip).taken, n.taken + 10);
    struct replay_window_counters w = replay_window_counters(c->unit[1].window);
    assert_true(w.told_used <= w.told_slots);
    assert_int_equal(w.evicted, 0);
}

static void other_octets_are_counted_and_do_nothing(void **state) {
    struct cell *c = *state;
    static const uint8_t good[] = {0, 1, 1, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17};
    struct span ids;
    struct gossip *g = c->unit[0].gossip;
    uint64_t bad = 0;
    for (size_t n = 0; n < sizeof(good); n++) {
        uint8_t *cut = ws_memdup(good, n);
        assert_false(gossip_parse(span_of(cut, n), &ids));
        gossip_take(g, 1, span_of(cut, n), now_of(&c->unit[0]));
        free(cut);
        assert_int_equal(gossip_counters(g).malformed, ++bad);
    }
    for (unsigned bit = 0; bit < 40; bit++) {
        uint8_t octets[sizeof(good)];
        memcpy(octets, good, sizeof(good));
        octets[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_false(gossip_parse(span_of(octets, sizeof(octets)), &ids));
    }
    gossip_take(
        g, UNITS, span_of(good, sizeof(good)), now_of(&c->unit[0])); /* nobody of the cell */
    assert_int_equal(gossip_counters(g).malformed, ++bad);
    assert_int_equal(replay_window_counters(c->unit[0].window).used, 0);
    assert_true(gossip_parse(span_of(good, sizeof(good)), &ids));
    gossip_take(g, 1, span_of(good, sizeof(good)), now_of(&c->unit[0]));
    assert_int_equal(replay_window_counters(c->unit[0].window).told_used, 2);
}

static void batches_by_size_and_by_time(void **state) {
    struct cell *c = *state;
    struct gossip *g = c->unit[0].gossip;
    uint8_t id[32] = {0};
    assert_int_equal(gossip_due(g), UINT64_MAX);
    gossip_note(g, id, c->mono_us);
    assert_int_equal(gossip_due(g), c->mono_us + 20000);
    gossip_run(g, c->mono_us + 19999);
    assert_int_equal(c->n_mail, 0);
    gossip_run(g, c->mono_us + 20000);
    assert_int_equal(c->n_mail, UNITS - 1);
    assert_int_equal(gossip_due(g), UINT64_MAX);
    pass(c, 3 * (uint64_t)S);
    /* The rate is 1,000 a second here, less than a whole batch. */
    for (unsigned i = 0; i < 3000; i++) {
        id[0] = (uint8_t)i;
        id[1] = (uint8_t)(i >> 8);
        gossip_note(g, id, c->mono_us);
    }
    struct gossip_counters n = gossip_counters(g);
    assert_int_equal(n.untold, 2000);
    for (unsigned i = 0; i < 1000; i++)
        gossip_note(g, id, c->mono_us + 1000 * (i + 1));
    assert_int_equal(gossip_counters(g).untold, 2000);
    assert_int_equal(gossip_counters(g).batches, 2);
    assert_int_equal(gossip_counters(g).told, 1 + GOSSIP_IDS_MAX);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_recorded_beacon_is_old_at_every_mast),
        T(both_at_the_same_instant_hand_it_on),
        T(a_unit_that_starts_again_knows_nothing),
        T(clocks_differ),
        T(a_liar_cannot_keep_from_us_what_the_cell_agrees_on),
        T(a_liar_about_a_beacon_costs_one_sample),
        T(a_flood_is_cut_at_the_rate_and_displaces_nothing),
        T(other_octets_are_counted_and_do_nothing),
        T(batches_by_size_and_by_time),
    };
    return cmocka_run_group_tests_name("gossip", tests, NULL, NULL);
}
