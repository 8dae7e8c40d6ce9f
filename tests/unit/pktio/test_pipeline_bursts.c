/* Verdicts do not depend on how frames fall into bursts, nor on how much of what came before still fits into the tables. */
#include "tests/unit/pktio/pipe_rig.h"

#include "v2x/psid.h"

enum { MIX = 240 };

/* A stretch of traffic in which most frames depend on one before. */
static void make_mix(struct pipe_rig *f, struct buf *frames, struct pkt_frame *fr) {
    struct ws_random rnd = ws_random_seeded(4);
    struct station implicit[2];
    for (size_t i = 0; i < 2; i++)
        rig_implicit_station(&f->pki, &implicit[i]);
    const struct station *who[] = {
        &f->car, &f->truck, &f->stranger, &f->silent, &implicit[0], &implicit[1]};
    for (size_t i = 0; i < MIX; i++) {
        const struct station *s = who[ws_random_below(&rnd, 6)];
        uint64_t gen = f->now + ws_random_below(&rnd, 20);
        frames[i] = (struct buf){0};
        bool cert = ws_random_below(&rnd, 4) == 0 && s != &f->silent;
        station_frame(&frames[i], s, PSID_CAM, gen, RIG_HELLO, cert);
        if (ws_random_below(&rnd, 5) == 0)
            frames[i].p[frames[i].n - 1] ^= 1;
        fr[i] = (struct pkt_frame){.data = buf_span(&frames[i]),
            .link = LINK_ETHERNET,
            .original_octets = (uint32_t)frames[i].n,
            .number = i + 1};
    }
    for (size_t i = 0; i < 2; i++)
        station_free(&implicit[i]);
}

static void forget(struct pipe_rig *f, enum pkt_verdict *by_number) {
    f->by_number = by_number;
    for (size_t i = 0; i < MIX; i++)
        by_number[i] = PKT_VERDICT_COUNT;
}

static void verdicts_do_not_depend_on_bursts(void **state) {
    struct pipe_rig *f = *state;
    static struct buf frames[MIX];
    static struct pkt_frame fr[MIX];
    static enum pkt_verdict one[MIX];
    static enum pkt_verdict many[MIX];
    make_mix(f, frames, fr);
    bool seen[PKT_VERDICT_COUNT] = {false};
    forget(f, one);
    for (size_t i = 0; i < MIX; i++)
        rig_take(f, &fr[i], 1);
    pipeline_finish(f->p, f->now);
    for (size_t i = 0; i < MIX; i++)
        seen[one[i]] = true;
    assert_true(seen[PKT_VERIFIED] && seen[PKT_DUPLICATE] && seen[PKT_BAD_SIGNATURE]);
    assert_true(seen[PKT_SIGNER_UNKNOWN] && seen[PKT_GOOD_ISSUER_UNKNOWN]);
    struct pipeline_counters first = *pipeline_counters(f->p);
    size_t handed = f->n_got;
    static uint64_t order[RIG_SINK_MAX];
    for (size_t i = 0; i < handed; i++)
        order[i] = f->got[i]->frame;
    struct ws_random rnd = ws_random_seeded(9);
    for (unsigned round = 0; round < 10; round++) {
        f->cfg.limits.cert_slots = round % 2 == 0 ? 64 : 4096; /* more of them, a longer line */
        rig_start(f);
        forget(f, many);
        for (size_t i = 0; i < MIX;) {
            size_t n = round < 2 ? PIPELINE_BURST_MAX
                                 : 1 + (size_t)ws_random_below(&rnd, PIPELINE_BURST_MAX);
            n = n > MIX - i ? MIX - i : n;
            pipeline_take(f->p, &fr[i], n, f->now);
            (void)pipeline_work(f->p, f->now); /* the line stays standing */
            i += n;
        }
        pipeline_finish(f->p, f->now);
        assert_memory_equal(one, many, sizeof(one));
        assert_memory_equal(first.verdict, pipeline_counters(f->p)->verdict, sizeof(first.verdict));
        assert_int_equal(f->n_got, handed);
        for (size_t i = 0; i < f->n_got; i++) /* and they are handed on in the same order */
            assert_int_equal(f->got[i]->frame, order[i]);
    }
    for (size_t i = 0; i < MIX; i++)
        buf_free(&frames[i]);
}

/* Whoever says again what he hears takes nothing from the others: copies wait for their twin in the line, and batches stay
 * as full as without them. A forged copy does not help either, and one that comes first does not hide the true one. */
static uint64_t batches_of(struct pipe_rig *f, unsigned copies, bool forged_first) {
    enum { EACH = 16, COPIES_MAX = 2 };
    static struct buf frames[EACH * (COPIES_MAX + 1)];
    static struct pkt_frame fr[EACH * (COPIES_MAX + 1)];
    static enum pkt_verdict said[EACH * (COPIES_MAX + 1)];
    struct verify_counters before, after;
    size_t n = 0;
    rig_start(f);
    f->by_number = NULL;
    rig_expect(f, rig_cam(f, &f->car, f->now, true), PKT_VERIFIED);
    for (unsigned i = 0; i < EACH; i++) {
        for (unsigned k = 0; k <= copies; k++, n++) {
            buf_clear(&frames[n]);
            station_frame(&frames[n], &f->car, PSID_CAM, f->now + 1 + i, RIG_HELLO, false);
            if (k == (forged_first ? 0U : 1U))
                frames[n].p[frames[n].n - 1] ^= 1;
            fr[n] = (struct pkt_frame){.data = buf_span(&frames[n]),
                .link = LINK_ETHERNET,
                .original_octets = (uint32_t)frames[n].n,
                .number = n + 1};
            said[n] = PKT_VERDICT_COUNT;
        }
    }
    f->by_number = said;
    pipeline_verify_counters(f->p, &before);
    pipeline_take(f->p, fr, n, f->now);
    pipeline_finish(f->p, f->now);
    pipeline_verify_counters(f->p, &after);
    f->by_number = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t k = i % (copies + 1);
        enum pkt_verdict first = forged_first ? PKT_BAD_SIGNATURE : PKT_VERIFIED;
        enum pkt_verdict second = forged_first ? PKT_VERIFIED : PKT_DUPLICATE;
        assert_int_equal(said[i], k == 0 ? first : k == 1 ? second : PKT_DUPLICATE);
        buf_free(&frames[i]);
    }
    assert_int_equal(f->n_got, 1 + EACH);
    return after.batches - before.batches;
}

static void copies_leave_batches_full(void **state) {
    struct pipe_rig *f = *state;
    f->cfg.limits.cert_slots = 4096; /* for a long line */
    uint64_t alone = batches_of(f, 0, false);
    assert_int_equal(batches_of(f, 2, false), alone);
    assert_true(batches_of(f, 2, true) <= 2 * alone + 2);
}

/* More signers than the cache holds, within one burst: entries are dropped while others still wait. */
static void more_signers_than_slots(void **state) {
    struct pipe_rig *f = *state;
    enum { SIGNERS = 40 };
    f->cfg.limits.cert_slots = 3;
    rig_start(f);
    static struct station s[SIGNERS];
    static struct buf frames[SIGNERS];
    static struct pkt_frame fr[SIGNERS];
    static enum pkt_verdict v[SIGNERS];
    for (size_t i = 0; i < SIGNERS; i++) {
        pki_vehicle(i % 4 == 3 ? &f->foreign : &f->pki, &s[i]);
        frames[i] = (struct buf){0};
        station_frame(&frames[i], &s[i], PSID_CAM, f->now, RIG_HELLO, true);
        fr[i] = (struct pkt_frame){.data = buf_span(&frames[i]),
            .link = LINK_ETHERNET,
            .original_octets = (uint32_t)frames[i].n,
            .number = i + 1};
        v[i] = PKT_VERDICT_COUNT;
    }
    f->by_number = v;
    rig_take(f, fr, SIGNERS);
    for (size_t i = 0; i < SIGNERS; i++) {
        assert_int_equal(v[i], i % 4 == 3 ? PKT_GOOD_ISSUER_UNKNOWN : PKT_VERIFIED);
        buf_free(&frames[i]);
        station_free(&s[i]);
    }
    assert_int_equal(pipeline_counters(f->p)->certs, 3);
    assert_int_equal(pipeline_counters(f->p)->certs_max, 3);
    assert_int_equal(f->n_got, 30);
}

static void replay_window_too_small_is_counted(void **state) {
    struct pipe_rig *f = *state;
    f->cfg.limits.replay_slots = 4;
    rig_start(f);
    for (unsigned i = 0; i < 6; i++)
        rig_expect(f, rig_cam(f, &f->car, f->now + i, true), PKT_VERIFIED);
    assert_int_equal(pipeline_counters(f->p)->identities, 4);
    assert_int_equal(pipeline_counters(f->p)->identities_evicted, 2);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(verdicts_do_not_depend_on_bursts),
        T(copies_leave_batches_full),
        T(more_signers_than_slots),
        T(replay_window_too_small_is_counted),
    };
    return cmocka_run_group_tests_name("pipeline_bursts", tests, NULL, NULL);
}
