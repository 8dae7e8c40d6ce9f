/* What several pipelines share: the window of identities, the view of whom to trust, and what one of them has proved. */
#include "tests/unit/pktio/pipe_rig.h"

#include "v2x/carrier.h"
#include "v2x/psid.h"

/* ---- a window that several pipelines share ---- */

static void end_shared(struct pipe_rig *f) {
    struct replay_window *w = f->cfg.window;
    f->cfg.window = NULL;
    rig_start(f);
    replay_window_free(w);
}

/* Of the fixture's frame, which its car has signed. */
static void identity(const struct pipe_rig *f, uint8_t ret[static 32]) {
    uint8_t hash[32];
    struct carrier carrier;
    struct spdu spdu;
    struct cert cert;
    size_t at;
    assert_int_equal(carrier_read(LINK_ETHERNET, buf_span(&f->frame), &carrier), CARRIER_SECURED);
    assert_int_equal(spdu_parse(carrier.message, &spdu, &at), COER_OK);
    assert_int_equal(cert_parse(buf_span(&f->car.cert), &cert, &at), COER_OK);
    cert_hash256(&cert, hash);
    spdu_identity(&spdu, hash, ret);
}

static void what_another_pipeline_handed_on_is_a_duplicate(void **state) {
    struct pipe_rig *f = *state;
    f->cfg.window = replay_window_new(64, 1);
    rig_start(f);
    struct pipeline *other = pipeline_new(&f->cfg, rig_sink, f, rig_note, f);
    struct pipeline *mine = f->p;
    rig_expect(f, rig_cam(f, &f->car, f->now, true), PKT_VERIFIED);
    f->p = other;
    rig_expect(f, rig_run(f), PKT_DUPLICATE);
    assert_string_equal(f->detail, pkt_verdict_text(PKT_DUPLICATE));
    f->sink_full = true;
    rig_expect(f, rig_cam(f, &f->car, f->now + 1, true), PKT_RING_FULL);
    f->sink_full = false;
    f->p = mine;
    rig_expect(f, rig_run(f), PKT_VERIFIED); /* the claim was given back */
    assert_int_equal(pipeline_counters(f->p)->identities_max, 0);
    assert_int_equal(replay_window_counters(f->cfg.window).used, 2);
    pipeline_free(other);
    end_shared(f);
}

static void neighbours_news_spares_the_check_but_not_the_certificate(void **state) {
    struct pipe_rig *f = *state;
    f->cfg.window = replay_window_new(64, 1);
    rig_start(f);
    for (unsigned i = 0; i < 2; i++) {
        uint8_t id[32];
        rig_make(f, &f->car, PSID_CAM, f->now + i, i == 0);
        identity(f, id);
        replay_window_hear(f->cfg.window, id, f->now + 2000000, f->now);
        uint64_t before = pipeline_counters(f->p)->signatures;
        rig_expect(f, rig_run(f), PKT_DUPLICATE);
        assert_string_equal(f->detail, "heard by a neighbour");
        /* The first brings a certificate that is new here: its chain is checked for those that come. */
        assert_int_equal(pipeline_counters(f->p)->signatures - before, i == 0 ? 1 : 0);
        assert_int_equal(f->n_got, 0);
    }
    rig_expect(f, rig_cam(f, &f->car, f->now + 2, false), PKT_VERIFIED);
    end_shared(f);
}

static void what_the_cell_agrees_on_needs_more_than_a_neighbours_word(void **state) {
    struct pipe_rig *f = *state;
    uint8_t id[32];
    f->cfg.window = replay_window_new(64, 1);
    rig_start(f);
    rig_make(f, &f->car, PSID_DENM, f->now, true);
    identity(f, id);
    replay_window_hear(f->cfg.window, id, f->now + 2000000, f->now);
    rig_expect(f, rig_run(f), PKT_VERIFIED);
    rig_expect(f, rig_run(f), PKT_DUPLICATE);
    rig_make(f, &f->car, PSID_DENM, f->now + 1, true);
    identity(f, id);
    replay_window_hear(f->cfg.window, id, f->now + 2000000, f->now);
    replay_window_hold(f->cfg.window, id, f->now + 2000000, f->now);
    rig_expect(f, rig_run(f), PKT_DUPLICATE);
    assert_string_equal(f->detail, "the cell has it from a neighbour");
    end_shared(f);
}

/* ---- revocation while it runs ---- */

static struct trust_view *view_over(struct pipe_rig *f, struct trust_store *store,
    struct revocation_source *s, uint64_t generation) {
    uint32_t now_s = (uint32_t)(f->now / 1000000);
    while (revocation_step(s, now_s, 1000)) {
    }
    return trust_view_new(store, NULL, NULL, revocation_take(s, store, now_s), generation);
}

/* One certificate by hash, then everybody under the authority; a view that knows nothing of it sets them free. */
static void revoked_from_the_next_view_on(void **state) {
    struct pipe_rig *f = *state;
    struct trust_issuer root = trust_issuer_at(f->pki.trust, 0);
    struct trust_issuer ca = trust_issuer_at(f->pki.trust, 1);
    const struct revocation_clock clock = REVOCATION_CLOCK_SCMS;
    const struct revocation_limits limits = revocation_limits_default();
    struct revocation_source *none = revocation_source_new(&limits, &clock);
    struct revocation_source *by_hash = revocation_source_new(&limits, &clock);
    struct revocation_source *by_issuer = revocation_source_new(&limits, &clock);
    struct ws_err err;
    struct cert car;
    size_t at;
    uint8_t hash[32];
    assert_int_equal(cert_parse(buf_span(&f->car.cert), &car, &at), COER_OK);
    cert_hash256(&car, hash);
    /* A full hash list of series 0 with one entry. */
    struct buf list = {0};
    buf_put(&list, "\x01\x00\x00", 3);
    buf_put(&list, root.hash256 + 24, 8);
    buf_put(&list, "\x00\x00\x00\x01\x00\x00\x00\x02\x00\x80\x00\x00\x00\x00\x01\x01\x01", 17);
    buf_put(&list, hash + 22, 10);
    buf_u32(&list, UINT32_MAX);
    struct coer c = coer_of(buf_span(&list));
    struct crl crl;
    assert_true(crl_read(&c, &crl));
    assert_int_equal(revocation_add_crl(by_hash, &crl, root.hash256, "one.crl", &err), WS_OK);
    assert_int_equal(revocation_add_issuers(
                         by_issuer, span_of(ca.hash256 + 24, 8), root.hash256, "ca.crl", &err),
        WS_OK);

    struct trust_slot *slot = trust_slot_new(view_over(f, f->pki.trust, none, 1));
    f->cfg.views = slot;
    rig_start(f);
    rig_expect(f, rig_cam(f, &f->car, f->now, true), PKT_VERIFIED);
    rig_expect(f, rig_cam(f, &f->car, f->now + 1, false), PKT_VERIFIED);
    trust_slot_publish(slot, view_over(f, f->pki.trust, by_hash, 2));
    rig_expect(f, rig_cam(f, &f->car, f->now + 2, false), PKT_REVOKED);
    assert_string_equal(f->detail, "one.crl");
    rig_expect(f, rig_cam(f, &f->car, f->now + 3, true), PKT_REVOKED);
    rig_expect(f, rig_cam(f, &f->truck, f->now + 4, true), PKT_VERIFIED);
    trust_slot_publish(slot, view_over(f, f->pki.trust, by_issuer, 3));
    rig_expect(f, rig_cam(f, &f->truck, f->now + 5, false), PKT_REVOKED);
    assert_string_equal(f->detail, "ca.crl");
    rig_expect(
        f, rig_cam(f, &f->silent, f->now + 6, true), PKT_REVOKED); /* heard for the first time */
    trust_slot_publish(slot, view_over(f, f->pki.trust, none, 4));
    rig_expect(f, rig_cam(f, &f->car, f->now + 7, false), PKT_VERIFIED);
    /* Another store: what the first one proved does not count, and what it lacked does. */
    rig_expect(f, rig_cam(f, &f->stranger, f->now + 8, true), PKT_GOOD_ISSUER_UNKNOWN);
    trust_slot_publish(slot, view_over(f, f->foreign.trust, none, 5));
    rig_expect(f, rig_cam(f, &f->stranger, f->now + 9, true), PKT_VERIFIED);
    rig_expect(f, rig_cam(f, &f->car, f->now + 10, true), PKT_GOOD_ISSUER_UNKNOWN);
    pipeline_free(f->p);
    f->cfg.views = NULL;
    trust_slot_free(slot);
    f->p = NULL;
    rig_start(f);
    revocation_source_free(none);
    revocation_source_free(by_hash);
    revocation_source_free(by_issuer);
    buf_free(&list);
}

/* ---- what another pipeline proved ---- */

static void learn_there(void *ctx, const struct pipeline_proven *c) {
    struct pipeline **other = ctx;
    pipeline_learn(*other, c, PKI_NOW_US);
}

static void learns_what_a_sibling_proved(void **state) {
    struct pipe_rig *f = *state;
    struct pipeline *sibling = NULL;
    f->cfg.hooks = (struct pipeline_hooks){.ctx = &sibling, .proven = learn_there};
    struct pipeline *p = f->p;
    pipeline_free(p);
    sibling = pipeline_new(&f->cfg, rig_sink, f, rig_note, f);
    f->cfg.hooks = (struct pipeline_hooks){0};
    f->p = pipeline_new(&f->cfg, rig_sink, f, rig_note, f);
    struct pipeline *teacher = sibling;
    sibling = f->p;
    /* One message waits here, the certificate is heard there. */
    rig_make(f, &f->car, PSID_CAM, f->now, false);
    struct pkt_frame fr = {.data = buf_span(&f->frame),
        .link = LINK_ETHERNET,
        .original_octets = (uint32_t)f->frame.n,
        .number = 1};
    rig_take(f, &fr, 1);
    assert_int_equal(f->n_said, 0);
    struct buf other = {0};
    station_frame(&other, &f->car, PSID_CAM, f->now + 1, RIG_HELLO, true);
    struct pkt_frame first = {
        .data = buf_span(&other), .link = LINK_ETHERNET, .original_octets = (uint32_t)other.n};
    pipeline_take(teacher, &first, 1, f->now);
    while (pipeline_work(teacher, f->now))
        ;
    assert_int_equal(f->n_said, 1);
    rig_expect(f, f->last, PKT_VERIFIED);
    while (pipeline_work(f->p, f->now))
        ;
    assert_int_equal(f->n_said, 2);
    rig_expect(f, f->last, PKT_VERIFIED);
    assert_int_equal(pipeline_counters(f->p)->signatures, 1); /* not the chain's */
    /* Under another store it does not count. */
    f->cfg.trust = f->foreign.trust;
    rig_start(f);
    sibling = f->p;
    buf_clear(&other);
    station_frame(&other, &f->truck, PSID_CAM, f->now + 2, RIG_HELLO, true);
    first.data = buf_span(&other);
    pipeline_take(teacher, &first, 1, f->now);
    while (pipeline_work(teacher, f->now))
        ;
    rig_expect(f, f->last, PKT_VERIFIED);
    assert_int_equal(pipeline_counters(f->p)->certs, 0);
    rig_expect(f, rig_cam(f, &f->truck, f->now, false), PKT_SIGNER_UNKNOWN);
    pipeline_free(teacher);
    buf_free(&other);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(what_another_pipeline_handed_on_is_a_duplicate),
        T(neighbours_news_spares_the_check_but_not_the_certificate),
        T(what_the_cell_agrees_on_needs_more_than_a_neighbours_word),
        T(revoked_from_the_next_view_on),
        T(learns_what_a_sibling_proved),
    };
    return cmocka_run_group_tests_name("pipeline_shared", tests, NULL, NULL);
}
