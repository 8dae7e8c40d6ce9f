#include "tests/support/map_rig.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <stdio.h>
#include <stdlib.h>

/* Time64 of the rig's start: 3 s into an hour. */
#define RIG_EPOCH UINT64_C(700002003000000)

void rig_policy(int64_t *policy) {
    static const struct {
        enum map_policy_field field;
        int64_t value;
    } general[] = {{MAP_POLICY_CONFIRM_BITS, 20}, {MAP_POLICY_MARGIN_BITS, 6},
        {MAP_POLICY_ADVISORY_BITS, 12}, {MAP_POLICY_GROUP_CAP_BITS, 8}, {MAP_POLICY_MIN_GROUPS, 3},
        {MAP_POLICY_MIN_FAMILIES, 2}, {MAP_POLICY_MIN_ISSUERS, 2}, {MAP_POLICY_MIN_VEHICLES, 3},
        {MAP_POLICY_REST_BITS, 10}, {MAP_POLICY_LIARS_PPM, 333333}, {MAP_POLICY_LIARS_BITS, 8},
        {MAP_POLICY_MIN_VIEWS, 2}, {MAP_POLICY_ADVISORY_VEHICLES, 2}, {MAP_POLICY_GROUP_MS, 600000},
        {MAP_POLICY_WINDOW_MS, 3600000}, {MAP_POLICY_ADVISORY_MS, 900000},
        {MAP_POLICY_VERSION_CHANGES, 8}, {MAP_POLICY_VERSION_AGE_MS, 30000},
        {MAP_POLICY_IMMEDIATE_KINDS, 16 + 256}, {MAP_POLICY_EPOCH_MS, 3600000},
        {MAP_POLICY_MAP_SIGMA_MM, 150}, {MAP_POLICY_MOVE_MIN_MM, 1000},
        {MAP_POLICY_MOVE_REACH_MM, 30000}, {MAP_POLICY_PLACE_SIGMA_MM, 180},
        {MAP_POLICY_EVIDENCE_HOURS, 24}, {MAP_POLICY_REPUTATION_PRIOR, 500},
        {MAP_POLICY_REPUTATION_MAX_PPM, 500000}, {MAP_POLICY_MAX_AGE_MS, 60000},
        {MAP_POLICY_HALF_LIFE_SIGN, 129600}, {MAP_POLICY_HALF_LIFE_LIMIT, 129600},
        {MAP_POLICY_HALF_LIFE_MARKING, 43200}, {MAP_POLICY_HALF_LIFE_HAZARD, 10},
        {MAP_POLICY_PLACE_SIGHTINGS, 5}, {MAP_POLICY_PLACE_FAMILIES, 2},
        {MAP_POLICY_SIGMA_MIN_UNKNOWN, 500}, {MAP_POLICY_SIGMA_MIN_CAMERA_GOOD, 200},
        {MAP_POLICY_SIGMA_MIN_CAMERA_BASIC, 300}, {MAP_POLICY_SIGMA_MIN_LIDAR, 100},
        {MAP_POLICY_SIGMA_MIN_ROADSIDE, 50}, {MAP_POLICY_SUSPICIONS_PER_VEHICLE, 256},
        {MAP_POLICY_PLACES_PER_CELL, 128}, {MAP_POLICY_ALONE_MS, 86400000},
        {MAP_POLICY_SILENCE_UNKNOWN, 50}, {MAP_POLICY_SILENCE_CAMERA_GOOD, 100},
        {MAP_POLICY_SILENCE_CAMERA_BASIC, 80}, {MAP_POLICY_SILENCE_LIDAR, 100},
        {MAP_POLICY_SILENCE_ROADSIDE, 150}, {MAP_POLICY_PSEUDONYM_GAP_MS, 15000},
        {MAP_POLICY_PSEUDONYM_OVERLAP_MM, 1500}, {MAP_POLICY_VEHICLE_SPEED_MM_S, 20000}};
    static const struct {
        int64_t tpr, fpr;
    } rate[SENSOR_CLASS_COUNT] = {
        {700000, 100000}, {950000, 20000}, {800000, 20000}, {900000, 50000}, {990000, 1000}};
    for (size_t i = 0; i < MAP_POLICY_COUNT; i++)
        policy[i] = -1;
    for (size_t i = 0; i < ARRAY_LEN(general); i++)
        policy[general[i].field] = general[i].value;
    for (size_t k = 0; k < RATE_KIND_COUNT; k++)
        for (size_t s = 0; s < SENSOR_CLASS_COUNT; s++) {
            policy[map_policy_tpr((enum map_rate_kind)k, (enum sensor_class)s)] = rate[s].tpr;
            policy[map_policy_fpr((enum map_rate_kind)k, (enum sensor_class)s)] = rate[s].fpr;
        }
    for (size_t i = 0; i < MAP_POLICY_COUNT; i++) {
        WS_ASSERT(policy[i] >= map_policy_fields[i].min);
        WS_ASSERT(policy[i] <= map_policy_fields[i].max);
    }
}

void rig_set(struct map_rig *r, enum map_policy_field f, int64_t v) {
    r->host.policy[f] = v;
}

void rig_id(uint32_t n, uint8_t ret_id[static 16]) {
    uint8_t octets[4];
    uint8_t hash[32];
    put_be32(octets, n);
    exec_sha256_one(span_of(octets, sizeof(octets)), hash);
    memcpy(ret_id, hash, 16);
}

static struct element element_of(uint32_t n, enum element_kind kind, int32_t value) {
    struct element e = {.kind = kind, .has_value = true, .value = value, .valid_to_ms = INT64_MAX};
    rig_id(n, e.id);
    char alias[64];
    (void)snprintf(alias, sizeof(alias), "lanelet2:way/%u", n);
    bool ok = element_add_alias(&e, alias);
    WS_ASSERT(ok);
    return e;
}

struct element rig_sign(uint32_t n, int32_t value, int32_t x, int32_t y, uint16_t heading) {
    struct element e = element_of(n, EL_SIGN, value);
    e.has_heading = true;
    e.heading = heading;
    bool ok = element_add_point(&e, (struct map_point){x, y, 0});
    WS_ASSERT(ok);
    return e;
}

struct element rig_limit(
    uint32_t n, int32_t value, int32_t x0, int32_t y0, int32_t x1, int32_t y1) {
    struct element e = element_of(n, EL_SPEED_LIMIT, value);
    bool ok = element_add_point(&e, (struct map_point){x0, y0, 0});
    WS_ASSERT(ok);
    ok = element_add_point(&e, (struct map_point){x1, y1, 0});
    WS_ASSERT(ok);
    return e;
}

void rig_start(struct map_rig *r, struct mapset *base) {
    base->frame = frame_at(487597690, 114231700);
    rig_start_as_is(r, base);
}

void rig_start_as_is(struct map_rig *r, struct mapset *base) {
    *r = (struct map_rig){.base = *base};
    *base = (struct mapset){0};
    mapset_sort(&r->base);
    rig_policy(r->host.policy);
    memset(r->host.cell_id, 0xce, sizeof(r->host.cell_id));
    memset(r->host.policy_hash, 0x90, sizeof(r->host.policy_hash));
    r->host.time = RIG_EPOCH;
    r->contract = map_contract_new(&r->base);
    uint8_t digest[32];
    mapset_digest(&r->base, digest);
    struct ws_err err;
    int rc = r->contract.ops->genesis(r->contract.self, &r->host, span_of(digest, 32), &err);
    WS_ASSERT(rc == WS_OK);
}

void rig_free(struct map_rig *r) {
    r->contract.ops->free(r->contract.self);
    fake_exec_free(&r->host);
    for (size_t i = 0; i < r->n_versions; i++)
        map_version_free(&r->versions[i]);
    free(r->versions);
    free(r->reports);
    mapset_free(&r->base);
}

void rig_restart(struct map_rig *r) {
    r->contract.ops->free(r->contract.self);
    r->contract = map_contract_new(NULL);
    struct ws_err err;
    int rc = r->contract.ops->load(r->contract.self, &r->host, &err);
    WS_ASSERT(rc == WS_OK);
}

void rig_begin(struct map_rig *r, uint64_t at_ms) {
    r->now_ms = at_ms;
    r->index = 0;
    r->host.height++;
    uint64_t t = RIG_EPOCH + at_ms * 1000;
    r->host.time = t > r->host.time ? t : r->host.time + 1;
    r->contract.ops->begin_block(r->contract.self, &r->host);
}

static void take_event(struct map_rig *r, const struct fake_event *e) {
    struct ws_err err;
    if (e->type == MAP_EVENT_VERSION) {
        r->versions = ws_realloc(r->versions, (r->n_versions + 1) * sizeof(r->versions[0]));
        int rc = map_version_decode(buf_span(&e->body), &r->versions[r->n_versions], &err);
        WS_ASSERT(rc == WS_OK);
        r->n_versions++;
    } else if (e->type == MAP_EVENT_ADVISORY) {
        struct map_advisory a;
        int rc = map_advisory_decode(buf_span(&e->body), &a, &err);
        WS_ASSERT(rc == WS_OK);
        change_free(&a.change);
        r->advisories++;
    } else if (e->type == MAP_EVENT_ORDER) {
        r->reports = ws_realloc(r->reports, (r->n_reports + 1) * sizeof(r->reports[0]));
        int rc = map_order_report_decode(buf_span(&e->body), &r->reports[r->n_reports], &err);
        WS_ASSERT(rc == WS_OK);
        r->n_reports++;
    } else {
        struct map_advisory_end end;
        int rc = map_advisory_end_decode(buf_span(&e->body), &end, &err);
        WS_ASSERT(rc == WS_OK);
        r->last_end = end.why;
        r->ends++;
    }
}

void rig_end(struct map_rig *r) {
    fake_exec_clear_events(&r->host);
    r->contract.ops->end_block(r->contract.self, &r->host);
    for (size_t i = 0; i < r->host.n_events; i++)
        take_event(r, &r->host.events[i]);
}

struct observation rig_look(const struct map_rig *r, const struct rig_car *car) {
    struct observation o = {.map_version = map_contract_version(r->contract.self),
        .time = r->host.time - 200000,
        .heading = car->heading,
        .range_mm = 60000,
        .half_angle = 8192};
    frame_to_wgs(&r->base.frame, car->x, car->y, &o.lat, &o.lon);
    return o;
}

void rig_saw(const struct map_rig *r, struct observation *o, enum element_kind kind, int32_t x,
    int32_t y, uint32_t sigma_mm, int32_t value, uint16_t heading) {
    struct obs_report *p = &o->reports[o->n_reports++];
    *p = (struct obs_report){.kind = REPORT_DETECTED,
        .element_kind = kind,
        .has_position = true,
        .sigma_mm = sigma_mm,
        .has_value = true,
        .value = value,
        .has_heading = true,
        .heading = heading};
    frame_to_wgs(&r->base.frame, x, y, &p->lat, &p->lon);
}

void rig_missed(struct observation *o, const struct element *e) {
    struct obs_report *p = &o->reports[o->n_reports++];
    *p = (struct obs_report){
        .kind = REPORT_NOT_DETECTED, .element_kind = e->kind, .has_element = true};
    memcpy(p->element_id, e->id, sizeof(p->element_id));
}

void rig_mismatch(struct observation *o, const struct element *e, int32_t value) {
    struct obs_report *p = &o->reports[o->n_reports++];
    *p = (struct obs_report){.kind = REPORT_MISMATCH,
        .element_kind = e->kind,
        .has_element = true,
        .has_value = true,
        .value = value};
    memcpy(p->element_id, e->id, sizeof(p->element_id));
}

void rig_signer(uint32_t id, uint8_t ret_signer[static 32]) {
    uint8_t n[8];
    put_be32(n, id);
    put_be32(n + 4, 1);
    exec_sha256_one(span_of(n, sizeof(n)), ret_signer);
}

static exec_code send(struct map_rig *r, const struct rig_car *car, struct exec_message *m) {
    uint8_t ssp[OBS_SSP_OCTETS];
    struct observer_class c = {car->sensor, car->family};
    observer_put_ssp(ssp, &c);
    m->index = r->index++;
    m->psid = 0x1d;
    m->ssp = span_of(ssp, sizeof(ssp));
    uint8_t n[8];
    rig_signer(car->id, m->signer);
    put_be32(n, car->issuer);
    put_be32(n + 4, 2);
    exec_sha256_one(span_of(n, sizeof(n)), m->issuer);
    /* The leaf depends on what was said and by whom, not on the place in the block. */
    struct span parts[] = {m->payload, span_of(m->signer, 32)};
    exec_sha256(parts, ARRAY_LEN(parts), m->leaf);
    memcpy(m->id, m->leaf, sizeof(m->id));
    r->messages++;
    uint64_t writes = r->host.writes;
    exec_code rc = r->contract.ops->message(r->contract.self, &r->host, m);
    WS_ASSERT(r->host.writes == writes); /* all writing happens at the end of the block */
    return rc;
}

exec_code rig_send(struct map_rig *r, const struct rig_car *car, const struct observation *o) {
    struct buf payload = {0};
    observation_put(&payload, o);
    struct exec_message m = {.payload = buf_span(&payload),
        .generation_time = r->host.time - 100000,
        .has_location = true,
        .lat = o->lat,
        .lon = o->lon};
    exec_code rc = send(r, car, &m);
    buf_free(&payload);
    return rc;
}

exec_code rig_deliver(struct map_rig *r, const struct rig_car *car, struct span payload) {
    struct exec_message m = {.payload = payload, .generation_time = r->host.time};
    return send(r, car, &m);
}

exec_code rig_order(struct map_rig *r, uint16_t kind, struct span body, uint8_t ret_id[static 32]) {
    struct exec_order o = {.index = r->index++, .role = ROLE_MAP, .kind = kind, .body = body};
    uint8_t k[2];
    put_be16(k, kind);
    const struct span parts[] = {span_of(k, sizeof(k)), body};
    exec_sha256(parts, ARRAY_LEN(parts), o.id);
    memcpy(ret_id, o.id, 32);
    const struct contract_ops *ops = r->contract.ops;
    WS_ASSERT(ops->takes_order(o.role, o.kind));
    exec_code rc = ops->check_order(r->contract.self, &o);
    if (rc != EXEC_OK)
        return rc;
    uint64_t writes = r->host.writes;
    rc = ops->order(r->contract.self, &r->host, &o);
    WS_ASSERT(r->host.writes == writes);
    return rc;
}
