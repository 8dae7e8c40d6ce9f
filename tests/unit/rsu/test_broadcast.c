/* What the unit says of the cell's decisions: events in, frames out, read back as a vehicle would. */
#include "ledger/exec/hash.h"
#include "mapsvc/fuse/notice.h"
#include "rsu/obus/listen.h"
#include "rsu/radio/broadcast.h"
#include "tests/support/cm.h"
#include "tests/support/light_chain.h"
#include "tests/support/pki.h"
#include "v2x/carrier.h"
#include "v2x/gn.h"
#include "v2x/psid.h"
#include "v2x/spdu.h"

#define SECOND ((uint64_t)1000000)
#define LAT 480000000
#define LON 110000000

static const uint8_t cell_id[32] = {0xce, 0x11};

struct rig {
    struct pki pki;
    struct station unit;
    struct transmit *t;
    struct cell_frame frame;
    struct broadcast *b;
    struct buf heard; /* frames since the last look, each behind its length */
};

static bool take(void *ctx, struct span frame) {
    buf_var(&((struct rig *)ctx)->heard, frame);
    return true;
}

static void rig_open(struct rig *r, uint32_t octets_per_s, size_t items) {
    struct ws_err err;
    *r = (struct rig){.frame = frame_at(LAT, LON)};
    pki_init(&r->pki, 3);
    pki_vehicle(&r->pki, &r->unit);
    const struct transmit_config t = {
        .ticket = buf_span(&r->unit.cert),
        .key = r->unit.key,
        .lat = LAT,
        .lon = LON,
        .octets_per_s = octets_per_s,
        .burst_octets = octets_per_s < 2000 ? 2000 : octets_per_s,
    };
    assert_int_equal(transmit_new(&t, take, r, &r->t, &err), WS_OK);
    const struct broadcast_config b = {
        .lat = LAT,
        .lon = LON,
        .reach_m = 1000,
        .repeat_us = SECOND,
        .change_repeat_us = 5 * SECOND,
        .change_for_us = 60 * SECOND,
        .items = items,
        .handover_us = SECOND / 2,
        .handovers = 3,
    };
    r->b = broadcast_new(&b, &r->frame, cell_id, r->t);
}

static void rig_close(struct rig *r) {
    broadcast_free(r->b);
    transmit_free(r->t);
    station_free(&r->unit);
    pki_free(&r->pki);
    buf_free(&r->heard);
}

static struct change_record change_of(
    enum element_kind kind, uint8_t number, int32_t x_mm, int32_t value) {
    struct change_record c = {
        .op = MAP_CREATE,
        .tier = TIER_ADVISORY,
        .element_id = {number},
        .has_after = true,
        .after = {.id = {number},
            .kind = kind,
            .has_value = true,
            .value = value,
            .valid_to_ms = INT64_MAX},
    };
    c.after.points = ws_calloc(1, sizeof(*c.after.points));
    c.after.points[0] = (struct map_point){x_mm, 0, 0};
    c.after.n_points = 1;
    change_seal(&c);
    return c;
}

/* The advisory's change id goes to ret_id. */
static void advise(struct rig *r, enum element_kind kind, uint8_t number, int32_t x_mm,
    int32_t value, uint64_t now, uint64_t valid_to, uint8_t ret_id[static 32]) {
    struct map_advisory a = {.height = 5,
        .block_time = now,
        .valid_to = valid_to,
        .change = change_of(kind, number, x_mm, value)};
    struct buf body = {0};
    map_advisory_encode(&a, &body);
    memcpy(ret_id, a.change.id, 32);
    const struct event e = {.type = MAP_EVENT_ADVISORY, .height = 5, .body = buf_span(&body)};
    broadcast_event(r->b, &e, 3, now);
    change_free(&a.change);
    buf_free(&body);
}

static void end(struct rig *r, const uint8_t change_id[static 32], uint64_t now) {
    struct map_advisory_end end = {.height = 6, .block_time = now, .why = ADVISORY_WITHDRAWN};
    struct buf body = {0};
    memcpy(end.change_id, change_id, 32);
    map_advisory_end_encode(&end, &body);
    const struct event e = {.type = MAP_EVENT_ADVISORY_END, .height = 6, .body = buf_span(&body)};
    broadcast_event(r->b, &e, 3, now);
    buf_free(&body);
}

struct heard {
    size_t notices, denm, cam, ended, terminated;
    struct notice notice; /* the latest */
    struct its_pdu event;
    uint8_t order[64]; /* first octets of the element ids, as they came */
};

static struct heard listen(struct rig *r, uint64_t now) {
    struct heard h = {0};
    buf_clear(&r->heard);
    broadcast_run(r->b, now);
    struct rd in = rd_of(buf_span(&r->heard));
    while (rd_left(&in) > 0) {
        struct carrier c;
        struct spdu m;
        struct gn_pdu gn;
        struct ws_err err;
        size_t at;
        assert_int_equal(carrier_read(LINK_ETHERNET, rd_var(&in, 4096), &c), CARRIER_SECURED);
        assert_int_equal(spdu_parse(c.message, &m, &at), COER_OK);
        assert_int_equal(gn_read(m.payload, &gn), GN_OK);
        if (m.psid == PSID_MAP_OBSERVATION) {
            assert_int_equal(notice_read(gn.payload, &h.notice, &err), WS_OK);
            assert_memory_equal(h.notice.cell, cell_id, 8);
            if (h.notices < sizeof(h.order))
                h.order[h.notices] = h.notice.element_id[0];
            h.notices++;
            h.ended += h.notice.has_ended;
        } else {
            assert_int_equal(its_pdu_read(gn.payload, &h.event), ITS_PDU_OK);
            h.denm += m.psid == PSID_DENM;
            h.cam += m.psid == PSID_CAM;
            h.terminated += m.psid == PSID_DENM && h.event.terminated;
        }
    }
    return h;
}

static void test_advisory(void **state) {
    (void)state;
    struct rig r;
    uint8_t id[32];
    uint64_t now = PKI_NOW_US;
    rig_open(&r, 100000, 16);
    assert_int_equal(listen(&r, now).notices, 0);
    advise(&r, EL_SIGN, 1, 500000, 30, now, now + 30 * SECOND, id);
    struct heard h = listen(&r, now);
    assert_int_equal(h.notices, 1);
    assert_int_equal(h.denm, 0);
    assert_int_equal(h.notice.tier, TIER_ADVISORY);
    assert_int_equal(h.notice.after, 30);
    assert_int_equal(h.notice.map_version, 3);
    assert_int_equal(h.notice.valid_to, now + 30 * SECOND);
    assert_memory_equal(h.notice.change_id, id, 32);
    assert_int_equal(listen(&r, now + SECOND - 1).notices, 0);
    assert_int_equal(listen(&r, now + SECOND).notices, 1);
    /* Withdrawn: told for ten seconds more, then never again. */
    end(&r, id, now + 2 * SECOND);
    h = listen(&r, now + 2 * SECOND);
    assert_int_equal(h.ended, 1);
    assert_int_equal(h.notice.ended, ADVISORY_WITHDRAWN);
    assert_int_equal(listen(&r, now + 11 * SECOND).ended, 1);
    assert_int_equal(listen(&r, now + 12 * SECOND).notices, 0);
    assert_int_equal(broadcast_counters(r.b)->items, 0);
    /* One that nothing ends stops by itself; one that is over already is not taken up. */
    advise(&r, EL_SIGN, 2, 0, 30, now, now + 3 * SECOND, id);
    assert_int_equal(listen(&r, now).notices, 1);
    assert_int_equal(listen(&r, now + 3 * SECOND).notices, 0);
    advise(&r, EL_SIGN, 3, 0, 30, now, now, id);
    assert_int_equal(broadcast_counters(r.b)->items, 0);
    rig_close(&r);
}

static void test_hazard(void **state) {
    (void)state;
    struct rig r;
    uint8_t id[32];
    uint64_t now = PKI_NOW_US;
    rig_open(&r, 100000, 16);
    advise(&r, EL_HAZARD, 1, 100000, 94, now, now + 90 * SECOND, id);
    struct heard h = listen(&r, now);
    assert_int_equal(h.denm, 1);
    assert_int_equal(h.notices, 1);
    assert_int_equal(h.event.cause, 94);
    assert_int_equal(h.event.validity_s, 90);
    assert_int_equal(h.event.state.lat, h.notice.lat);
    uint16_t sequence = h.event.action_sequence;
    h = listen(&r, now + 2 * SECOND);
    assert_int_equal(h.event.action_sequence, sequence);
    end(&r, id, now + 3 * SECOND);
    h = listen(&r, now + 3 * SECOND);
    assert_int_equal(h.terminated, 1);
    assert_int_equal(h.event.action_sequence, sequence);
    assert_int_equal(h.ended, 1);
    advise(&r, EL_HAZARD, 2, 100000, -1, now + 4 * SECOND, now + 90 * SECOND, id);
    h = listen(&r, now + 4 * SECOND);
    assert_int_equal(h.event.cause, 10);
    assert_int_not_equal(h.event.action_sequence, sequence);
    rig_close(&r);
}

static void test_version_and_reach(void **state) {
    (void)state;
    struct rig r;
    uint64_t now = PKI_NOW_US;
    rig_open(&r, 100000, 16);
    struct change_record c[3] = {change_of(EL_SIGN, 1, 0, 50),
        change_of(EL_SIGN, 2, 2000000, 50), /* 2 km away */
        change_of(EL_SPEED_LIMIT, 3, -900000, 70)};
    for (size_t i = 0; i < 3; i++) {
        c[i].tier = TIER_PERMANENT;
        change_seal(&c[i]);
    }
    const struct map_version v = {.version = 4,
        .height = 9,
        .block_time = now,
        .geometry = true,
        .changes = c,
        .n_changes = 3};
    struct buf body = {0};
    map_version_encode(&v, &body);
    const struct event e = {.type = MAP_EVENT_VERSION, .height = 9, .body = buf_span(&body)};
    broadcast_event(r.b, &e, 4, now);
    assert_int_equal(broadcast_counters(r.b)->out_of_reach, 1);
    struct heard h = listen(&r, now);
    assert_int_equal(h.notices, 2);
    assert_int_equal(h.notice.map_version, 4);
    assert_int_equal(h.notice.tier, TIER_PERMANENT);
    assert_int_equal(listen(&r, now + 4 * SECOND).notices, 0);
    assert_int_equal(listen(&r, now + 5 * SECOND).notices, 2);
    assert_int_equal(listen(&r, now + 60 * SECOND).notices, 0);
    const struct event broken = {.type = MAP_EVENT_VERSION, .body = span_of(body.p, body.n - 1)};
    broadcast_event(r.b, &broken, 4, now);
    assert_int_equal(broadcast_counters(r.b)->unreadable, 1);
    for (size_t i = 0; i < 3; i++)
        change_free(&c[i]);
    buf_free(&body);
    rig_close(&r);
}

/* Little air time: the hazard is always said, the others share what is left, none is forgotten. */
static void test_budget_goes_to_the_urgent(void **state) {
    (void)state;
    struct rig r;
    uint8_t id[32];
    size_t denm = 0;
    size_t count[5] = {0};
    uint64_t now = PKI_NOW_US;
    rig_open(&r, 1200, 16);
    for (uint8_t i = 1; i <= 4; i++)
        advise(&r, i == 4 ? EL_HAZARD : EL_SIGN, i, 0, 9, now, now + 600 * SECOND, id);
    for (int s = 0; s < 30; s++) {
        struct heard h = listen(&r, now + (uint64_t)s * SECOND);
        denm += h.denm;
        for (size_t i = 0; i < h.notices; i++)
            count[h.order[i]]++;
    }
    assert_int_equal(denm, 30);
    assert_int_equal(count[4], 30);
    for (size_t i = 1; i <= 3; i++) {
        assert_true(count[i] >= 5);
        assert_true(count[i] < 30);
    }
    assert_true(transmit_counters(r.t)->octets <= 2000 + 30 * 1200);
    rig_close(&r);
}

static void test_full(void **state) {
    (void)state;
    struct rig r;
    uint8_t id[32];
    uint64_t now = PKI_NOW_US;
    rig_open(&r, 100000, 4);
    for (uint8_t i = 1; i <= 6; i++)
        advise(&r, EL_SIGN, i, 0, 9, now, now + 60 * SECOND, id);
    advise(&r, EL_HAZARD, 7, 0, 9, now, now + 60 * SECOND, id);
    assert_int_equal(broadcast_counters(r.b)->items, 4);
    assert_int_equal(broadcast_counters(r.b)->crowded_out, 3);
    struct heard h = listen(&r, now);
    assert_int_equal(h.notices, 4);
    assert_int_equal(h.denm, 1);
    assert_int_equal(h.order[0], 7); /* the hazard first */
    rig_close(&r);
}

/* ---- handovers ---- */

struct car {
    struct chain chain;
    struct buf handover[6];
    struct sim_listener l;
};

/* Committees of 22 that share nobody with the one before, changing every 5 heights. */
static struct car *car_open(struct rig *r) {
    struct car *c = ws_alloc(sizeof(*c));
    const struct chain_plan plan = {.members = 22, .fresh = 22, .term = 5, .heights = 32};
    struct handover *o = ws_alloc(sizeof(*o));
    rig_open(r, 100000, 4);
    chain_make(&c->chain, &plan);
    for (size_t i = 0; i < ARRAY_LEN(c->handover); i++) {
        chain_handover(&c->chain, i, o);
        handover_encode(o, &c->handover[i]);
        assert_true(c->handover[i].n < 2000);
        assert_int_equal(fragment_count(c->handover[i].n), 2);
    }
    free(o);
    assert_int_equal(sim_listener_begin(&c->l, buf_span(&c->chain.cell.octets), true, NULL), WS_OK);
    return c;
}

static void car_close(struct rig *r, struct car *c) {
    for (size_t i = 0; i < ARRAY_LEN(c->handover); i++)
        buf_free(&c->handover[i]);
    chain_free(&c->chain);
    free(c);
    rig_close(r);
}

/* So many turns of half a second each; the car hears what is sent, or does not. */
static uint64_t drive(struct rig *r, struct car *c, unsigned turns, bool hears, uint64_t now) {
    for (unsigned i = 0; i < turns; i++, now += SECOND / 2) {
        buf_clear(&r->heard);
        broadcast_run(r->b, now);
        struct rd in = rd_of(buf_span(&r->heard));
        while (hears && rd_left(&in) > 0) {
            struct pkt_frame f = {.data = rd_var(&in, 4096), .link = LINK_ETHERNET};
            assert_true(f.data.n <= TRANSMIT_FRAME_MAX + 18);
            sim_listener_take(&c->l, &f);
        }
    }
    return now;
}

static uint64_t refused(const struct car *c) {
    uint64_t n = 0;
    for (size_t v = 0; v < LIGHT_VERDICT_COUNT; v++)
        n += c->l.refused[v];
    return n;
}

static void test_handovers(void **state) {
    (void)state;
    struct rig r;
    struct car *c = car_open(&r);
    uint64_t now = PKI_NOW_US;
    now = drive(&r, c, 4, true, now);
    assert_int_equal(c->l.fragments, 0);
    /* One fragment at a time, not in one burst. */
    broadcast_handover(r.b, buf_span(&c->handover[0]), now);
    now = drive(&r, c, 1, true, now);
    assert_int_equal(c->l.fragments, 1);
    now = drive(&r, c, 1, true, now);
    assert_int_equal(c->l.verified, 1);
    assert_int_equal(c->l.trust.height, 5);
    now = drive(&r, c, 6, true, now); /* again and again, for others */
    assert_int_equal(c->l.known, 3);
    /* Two changes while it was away: both are said. */
    broadcast_handover(r.b, buf_span(&c->handover[1]), now);
    now = drive(&r, c, 1, false, now);
    broadcast_handover(r.b, buf_span(&c->handover[2]), now);
    now = drive(&r, c, 12, true, now);
    assert_int_equal(c->l.verified, 3);
    assert_int_equal(c->l.trust.height, 15);
    assert_int_equal(broadcast_counters(r.b)->handovers, 3);
    assert_int_equal(c->l.refused[LIGHT_NOT_SUCCESSOR], 1); /* the newest came first */
    /* More than are kept: it has to ask elsewhere, and believes nothing meanwhile. */
    for (size_t i = 3; i < 6; i++)
        broadcast_handover(r.b, buf_span(&c->handover[i]), now);
    struct light_trust before = c->l.trust;
    c->l.trust.height -= 5;
    memset(c->l.trust.next_validators, 1, 32);
    now = drive(&r, c, 12, true, now);
    assert_int_equal(c->l.verified, 3);
    c->l.trust = before;
    (void)drive(&r, c, 12, true, now);
    assert_int_equal(c->l.verified, 6);
    assert_int_equal(c->l.trust.height, 30);
    assert_int_equal(c->l.malformed + c->l.spoiled, 0);
    assert_int_equal(broadcast_counters(r.b)->fragments,
        transmit_counters(r.t)->notices); /* nothing else was said */
    car_close(&r, c);
}

/* Another unit's lies, heard under the same PSID. */
static void test_bad_handovers(void **state) {
    (void)state;
    struct rig r;
    struct car *c = car_open(&r);
    uint64_t now = PKI_NOW_US;
    struct buf bad = {0};
    buf_put(&bad, c->handover[0].p, c->handover[0].n);
    bad.p[150] ^= 1; /* a signature */
    broadcast_handover(r.b, buf_span(&bad), now);
    now = drive(&r, c, 2, true, now);
    assert_int_equal(c->l.refused[LIGHT_BAD_SIGNATURE], 1);
    bad.n = 1500; /* cut */
    broadcast_handover(r.b, buf_span(&bad), now);
    now = drive(&r, c, 2, true, now);
    assert_int_equal(c->l.refused[LIGHT_MALFORMED], 1);
    assert_int_equal(refused(c), 2);
    assert_int_equal(c->l.verified, 0);
    assert_int_equal(c->l.trust.height, 0);
    struct buf text = {0};
    sim_listener_sum_up(&c->l, &text);
    buf_u8(&text, 0);
    assert_non_null(strstr((const char *)text.p, "0 verified, 0 known, 2 refused\n"));
    assert_non_null(strstr((const char *)text.p, "refused: 1 bad_signature\n"));
    buf_free(&text);
    /* Frames cut at each length, and with bits changed, are no fragments or bad ones. */
    broadcast_handover(r.b, buf_span(&c->handover[0]), now);
    buf_clear(&r.heard);
    broadcast_run(r.b, now);
    struct rd in = rd_of(buf_span(&r.heard));
    struct span frame = rd_var(&in, 4096);
    struct ws_random rnd = ws_random_seeded(9);
    for (size_t i = 0; i < 3 * frame.n; i++) {
        buf_clear(&bad);
        buf_put(&bad, frame.p, frame.n);
        if (i >= frame.n)
            bad.p[ws_random_below(&rnd, frame.n)] ^= (uint8_t)(1U << ws_random_below(&rnd, 8));
        struct pkt_frame f = {
            .data = span_of(bad.p, i < frame.n ? i : frame.n), .link = LINK_ETHERNET};
        sim_listener_take(&c->l, &f);
    }
    assert_int_equal(c->l.verified, 0);
    buf_free(&bad);
    car_close(&r, c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_advisory),
        cmocka_unit_test(test_hazard),
        cmocka_unit_test(test_version_and_reach),
        cmocka_unit_test(test_budget_goes_to_the_urgent),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_handovers),
        cmocka_unit_test(test_bad_handovers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
