/* obusim: whole runs. The same seed gives the same octets; every frame passes the packet path; what the
 * vehicles say is what stands on the road. */
#include "tests/unit/rsu/obusim_maps.h"

#include "base/clock.h"
#include "base/fileio.h"
#include "ledger/exec/hash.h"
#include "pktio/pipeline.h"
#include "tests/support/golden.h"
#include "v2x/facility.h"
#include "v2x/psid.h"
#include "v2x/spdu.h"
#include "v2x/trust.h"

static struct sim_options town_options(const char *dir, const char *name) {
    static char out[2][160];
    static size_t turn;
    char *path = out[turn++ % 2];
    (void)snprintf(path, sizeof(out[0]), "%s/%s.pcap", dir, name);
    struct sim_options o = {.map = TOWN_MAP,
        .world = TOWN_WORLD,
        .out = path,
        .vehicles = 8,
        .seed = 7,
        .duration_us = 60000000,
        .change_half = true,
        .cam_hz = 2,
        .families = 4,
        .issuers = 3,
        .tpr_ppm = 950000,
        .fpr_ppm = 20000,
        .sigma_mm = 500};
    assert_true(sim_time("2026-06-01T08:00:00Z", &o.start_its_us));
    return o;
}

static void run(const struct sim_options *o) {
    struct buf notes = {0};
    struct buf summary = {0};
    struct ws_err err = {0};
    if (sim_run(o, &notes, &summary, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_true(summary.n > 0);
    buf_free(&notes);
    buf_free(&summary);
}

static struct buf octets_of(const char *path) {
    struct buf b = {0};
    struct ws_err err = {0};
    if (file_read(path, 1U << 28, &b, &err) != WS_OK)
        fail_msg("%s", err.text);
    return b;
}

static void same_seed_same_octets(void **state) {
    (void)state;
    char name[] = "/tmp/wayside-obusim-XXXXXX";
    const char *dir = test_folder(name);
    struct sim_options a = town_options(dir, "a");
    struct sim_options b = town_options(dir, "b");
    run(&a);
    run(&b);
    struct buf x = octets_of(a.out);
    struct buf y = octets_of(b.out);
    assert_true(x.n > 10000);
    assert_true(span_equal(buf_span(&x), buf_span(&y)));
    uint8_t digest[32];
    exec_sha256_one(buf_span(&x), digest);
    golden_check("obusim", digest);
    buf_free(&y);
    b.seed++;
    run(&b);
    y = octets_of(b.out);
    assert_false(span_equal(buf_span(&x), buf_span(&y)));
    buf_free(&x);
    buf_free(&y);
    remove_folder(dir);
}

/* ---- through the packet path ---- */

struct heard {
    const struct sim_world *w;
    uint64_t change_us;
    size_t cams, observations, reports, empty;
    size_t new_seen, gone_seen, value_seen; /* the three changes, after they happened */
    uint64_t families; /* bit set */
};

/* With rates of 1 and 0 every report must be the truth. */
static void check_report(struct heard *h, const struct obs_report *r, bool changed) {
    const struct sim_thing *t = NULL;
    for (size_t i = 0; i < h->w->n && r->has_element; i++)
        if (h->w->things[i].registered &&
            memcmp(h->w->things[i].id, r->element_id, sizeof(r->element_id)) == 0)
            t = &h->w->things[i];
    h->reports++;
    if (!r->has_element) {
        t = thing_named(h->w, "lanelet2:way/2015");
        h->new_seen++;
        assert_true(changed);
        assert_int_equal(r->kind, REPORT_DETECTED);
    }
    if (t == NULL) {
        fail_msg("a report names an element that the map does not have");
        return;
    }
    assert_int_equal(r->element_kind, t->kind);
    const struct sim_face *f = &t->face[changed ? 1 : 0];
    bool other = t->registered && f->there && f->has_value && f->value != t->face[0].value;
    assert_int_equal(r->kind, !f->there ? REPORT_NOT_DETECTED
                              : other   ? REPORT_MISMATCH
                                        : REPORT_DETECTED);
    assert_int_equal(r->has_value, f->there && f->has_value);
    if (r->has_value)
        assert_int_equal(r->value, f->value);
    h->gone_seen += r->kind == REPORT_NOT_DETECTED ? 1 : 0;
    h->value_seen += r->kind == REPORT_MISMATCH ? 1 : 0;
    if (!r->has_position)
        return;
    assert_int_equal(r->sigma_mm, 500);
    if (t->kind == EL_SPEED_LIMIT)
        return;
    int32_t x = 0;
    int32_t y = 0;
    assert_true(frame_from_wgs(&h->w->map.frame, r->lat, r->lon, &x, &y));
    assert_in_range(abs(x - f->x), 0, 1520);
    assert_in_range(abs(y - f->y), 0, 1520);
    assert_true(!r->has_heading || heading_gap(r->heading, f->heading) <= 400);
}

static bool on_message(void *ctx, struct pkt_message *m) {
    struct heard *h = ctx;
    struct spdu s;
    struct cert c;
    size_t at = 0;
    uint16_t port = 0;
    assert_int_equal(spdu_parse(m->spdu, &s, &at), COER_OK);
    assert_int_equal(cert_parse(m->cert, &c, &at), COER_OK);
    struct span payload = spdu_app_payload(&s, &port);
    if (m->psid == PSID_CAM) {
        struct its_pdu cam;
        assert_int_equal(its_pdu_read(payload, &cam), ITS_PDU_OK);
        assert_int_equal(cam.kind, ITS_CAM);
        assert_int_equal(cam.station_id, be32(m->cert_hash + 28));
        h->cams++;
        pkt_message_release(m);
        return true;
    }
    assert_int_equal(m->psid, PSID_MAP_OBSERVATION);
    assert_int_equal(s.signer, SIGNER_CERTIFICATE);
    struct observation o;
    struct ws_err err = {0};
    if (observation_read(payload, &o, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_true(o.time <= m->generation_time && m->generation_time - o.time < 100000);
    assert_true(m->has_location && m->lat == o.lat && m->lon == o.lon);
    assert_int_equal(o.map_version, 1);
    struct span ssp;
    bool bitmap = false;
    assert_true(cert_app_permission(&c, PSID_MAP_OBSERVATION, &ssp, &bitmap));
    h->families |= UINT64_C(1) << observer_from_ssp(ssp).family;
    for (size_t i = 0; i < o.n_reports; i++)
        check_report(h, &o.reports[i], o.time >= h->change_us);
    h->observations++;
    h->empty += o.n_reports == 0 ? 1 : 0;
    pkt_message_release(m);
    return true;
}

static struct trust_store *trust_of(const char *dir, size_t issuers) {
    struct trust_store *t = trust_store_new(16);
    struct ws_err err;
    for (size_t i = 0; i <= issuers; i++) {
        char path[200];
        (void)snprintf(path, sizeof(path), i == 0 ? "%s/root.cert" : "%s/aa-%zu.cert", dir, i);
        struct buf cert = octets_of(path);
        if (i == 0)
            assert_int_equal(trust_add_root(t, buf_span(&cert), &err), WS_OK);
        else
            assert_int_equal(trust_add_issuer(t, buf_span(&cert)), TRUST_OK);
        buf_free(&cert);
    }
    return t;
}

static void must_verify(
    void *ctx, const struct pkt_frame *f, enum pkt_verdict v, const char *detail) {
    (void)ctx;
    if (v != PKT_VERIFIED)
        fail_msg("frame %llu: %s, %s", (unsigned long long)f->number, pkt_verdict_name(v), detail);
}

static void run_one(struct pipeline *p, const struct pkt_frame *f) {
    uint64_t its_us = its_from_unix_us((int64_t)(f->stamp_ns / 1000));
    uint64_t before = pipeline_counters(p)->verdict[PKT_VERIFIED];
    pipeline_take(p, f, 1, its_us);
    while (pipeline_work(p, its_us))
        ;
    assert_int_equal(pipeline_counters(p)->verdict[PKT_VERIFIED], before + 1);
}

static void feed(const struct sim_options *o, const char *trust_dir, struct heard *h,
    size_t *ret_frames, size_t ret_kinds[static 3]) {
    struct trust_store *trust = trust_of(trust_dir, o->issuers);
    struct pipeline_config cfg = {
        .limits = {.source_slots = 4096,
            .source_rate = 100,
            .source_burst = 200,
            .replay_slots = 1U << 16,
            .cert_slots = 4096,
            .message_pool = 64,
            .freshness_us = 1000000,
            .freshness_own_us = 1000000,
            .future_us = 1000},
        .trust = trust,
        .verify = true,
    };
    struct pipeline *p = pipeline_new(&cfg, on_message, h, must_verify, NULL);
    struct capture *c = NULL;
    struct pkt_frame f;
    struct ws_err err = {0};
    uint64_t last = 0;
    assert_int_equal(capture_open(o->out, 0, &c, &err), WS_OK);
    int rc = capture_next(c, &f, &err);
    for (; rc == 1; rc = capture_next(c, &f, &err)) {
        struct carrier carrier;
        assert_true(f.stamp_ns >= last);
        last = f.stamp_ns;
        size_t before = h->observations;
        run_one(p, &f);
        assert_int_equal(carrier_read(f.link, f.data, &carrier), CARRIER_SECURED);
        if (h->observations > before)
            ret_kinds[carrier.kind]++;
        (*ret_frames)++;
    }
    assert_int_equal(rc, 0);
    capture_close(c);
    pipeline_free(p);
    trust_store_free(trust);
}

static void every_frame_is_verified_and_true(void **state) {
    (void)state;
    char name[] = "/tmp/wayside-obusim-XXXXXX";
    const char *dir = test_folder(name);
    struct sim_options o = town_options(dir, "true");
    o.tpr_ppm = 1000000;
    o.fpr_ppm = 0;
    o.vehicles = 16;
    o.duration_us = 120000000;
    o.change_half = false;
    o.change_us = 30000000;
    run(&o);
    struct mapset map = map_of(TOWN_MAP);
    struct mapset actual = map_of(TOWN_WORLD);
    struct sim_world w;
    sim_world_make(&w, &map, &actual, NULL);
    struct heard h = {.w = &w, .change_us = o.start_its_us + o.change_us};
    size_t frames = 0;
    size_t kinds[3] = {0};
    char trust[160];
    (void)snprintf(trust, sizeof(trust), "%s/true.trust", dir);
    feed(&o, trust, &h, &frames, kinds);
    assert_int_equal(frames, h.cams + h.observations);
    assert_true(h.cams > 1000 && h.observations > 300 && h.reports > 100);
    assert_true(h.empty > 10); /* what was inspected is said also when nothing was there */
    assert_true(h.new_seen > 0 && h.gone_seen > 0 && h.value_seen > 0);
    for (size_t i = 0; i < 3; i++)
        assert_in_range(kinds[i], h.observations / 4, h.observations / 2);
    assert_int_equal(h.families, 0x1e); /* 1 to 4 */
    sim_world_free(&w);
    remove_folder(dir);
}

static bool count_only(void *ctx, struct pkt_message *m) {
    size_t *by_kind = ctx;
    struct spdu s;
    struct observation o;
    size_t at = 0;
    uint16_t port = 0;
    assert_int_equal(spdu_parse(m->spdu, &s, &at), COER_OK);
    if (observation_read(spdu_app_payload(&s, &port), &o, NULL) == WS_OK)
        for (size_t i = 0; i < o.n_reports; i++)
            by_kind[o.reports[i].kind - 1]++;
    pkt_message_release(m);
    return true;
}

/* Kinds of reports in the run that the options describe. */
static void count_kinds(const struct sim_options *o, const char *trust_dir, size_t ret[static 4]) {
    run(o);
    struct trust_store *trust = trust_of(trust_dir, o->issuers);
    struct pipeline_config cfg = {
        .limits = {.source_slots = 4096,
            .replay_slots = 1U << 16,
            .cert_slots = 4096,
            .message_pool = 64,
            .freshness_us = 1000000,
            .freshness_own_us = 1000000,
            .future_us = 1000},
        .trust = trust,
        .verify = true,
    };
    struct pipeline *p = pipeline_new(&cfg, count_only, ret, must_verify, NULL);
    struct capture *c = NULL;
    struct pkt_frame f;
    struct ws_err err;
    assert_int_equal(capture_open(o->out, 0, &c, &err), WS_OK);
    while (capture_next(c, &f, &err) == 1) {
        run_one(p, &f);
    }
    capture_close(c);
    pipeline_free(p);
    trust_store_free(trust);
}

/* Nothing changes, so everything but a detection is a mistake. */
static void mistakes_are_as_frequent_as_asked(void **state) {
    (void)state;
    char name[] = "/tmp/wayside-obusim-XXXXXX";
    char trust[160];
    const char *dir = test_folder(name);
    struct sim_options o = town_options(dir, "rates");
    (void)snprintf(trust, sizeof(trust), "%s/rates.trust", dir);
    o.world = NULL;
    o.cam_hz = 0;
    o.vehicles = 20;
    o.duration_us = 300000000;
    size_t all[4] = {0};
    o.tpr_ppm = 1000000;
    o.fpr_ppm = 0;
    count_kinds(&o, trust, all);
    assert_int_equal(all[REPORT_NOT_DETECTED - 1] + all[REPORT_MISMATCH - 1], 0);
    size_t some[4] = {0};
    o.tpr_ppm = 600000;
    o.fpr_ppm = 100000;
    count_kinds(&o, trust, some);
    /* Same drives, so the same number of looks at things, n: 0.1 n wrong; 0.54 n right and about one
     * phantom in ten looks. Wide enough for four standard deviations. */
    size_t n = all[REPORT_DETECTED - 1];
    size_t wrong = some[REPORT_NOT_DETECTED - 1] + some[REPORT_MISMATCH - 1];
    assert_true(n > 700);
    assert_in_range(wrong, n * 55 / 1000, n * 145 / 1000);
    assert_true(some[REPORT_DETECTED - 1] > n * 50 / 100);
    size_t none[4] = {0};
    o.tpr_ppm = 0;
    o.fpr_ppm = 0;
    count_kinds(&o, trust, none);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(none[i], 0);
    remove_folder(dir);
}

/* All lie, and all the same, about one thing that stays as it is. */
static void liars_agree(void **state) {
    (void)state;
    char name[] = "/tmp/wayside-obusim-XXXXXX";
    char trust[160];
    const char *dir = test_folder(name);
    struct sim_options o = town_options(dir, "lie");
    (void)snprintf(trust, sizeof(trust), "%s/lie.trust", dir);
    o.world = NULL;
    o.cam_hz = 0;
    o.vehicles = 16;
    o.duration_us = 600000000;
    o.tpr_ppm = 1000000;
    o.fpr_ppm = 0;
    o.liars_ppm = 1000000;
    size_t kinds[4] = {0};
    count_kinds(&o, trust, kinds);
    size_t lies = kinds[REPORT_NOT_DETECTED - 1] + kinds[REPORT_MISMATCH - 1];
    assert_true(lies >= 3);
    assert_true(kinds[REPORT_NOT_DETECTED - 1] == 0 || kinds[REPORT_MISMATCH - 1] == 0);
    assert_true(kinds[REPORT_DETECTED - 1] > 10 * lies);
    remove_folder(dir);
}

static void what_cannot_be_read_or_written_is_named(void **state) {
    (void)state;
    char name[] = "/tmp/wayside-obusim-XXXXXX";
    const char *dir = test_folder(name);
    struct sim_options o = town_options(dir, "x");
    struct buf notes = {0};
    struct buf summary = {0};
    struct ws_err err = {0};
    o.map = "no-such-map.osm";
    assert_int_not_equal(sim_run(&o, &notes, &summary, &err), WS_OK);
    assert_non_null(strstr(err.text, "no-such-map.osm"));
    o.map = TOWN_MAP;
    o.out = "/no/such/folder/x.pcap";
    o.pki = dir;
    assert_int_not_equal(sim_run(&o, &notes, &summary, &err), WS_OK);
    assert_non_null(strstr(err.text, "/no/such/folder"));
    assert_int_equal(summary.n, 0);
    buf_free(&notes);
    remove_folder(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_same_octets),
        cmocka_unit_test(every_frame_is_verified_and_true),
        cmocka_unit_test(mistakes_are_as_frequent_as_asked),
        cmocka_unit_test(liars_agree),
        cmocka_unit_test(what_cannot_be_read_or_written_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
