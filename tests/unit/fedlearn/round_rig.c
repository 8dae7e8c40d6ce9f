#include "tests/unit/fedlearn/round_rig.h"

#include "base/mem.h"
#include "fedlearn/round/roots.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

static struct fl_ring ring;

static size_t validators(const void *self, uint64_t height, struct fl_validator *ret, size_t max) {
    const struct rig *r = self;
    (void)height;
    size_t n = r->n < max ? r->n : max;
    memcpy(ret, r->set, n * sizeof(*ret));
    return n;
}

void rig_set_policy(struct rig *r, const char *name, int64_t value) {
    for (size_t i = 0; i < FL_POLICY_FIELDS; i++) {
        if (strcmp(fl_policy_fields[i].name + strlen("learn."), name) == 0) {
            assert_in_range(value - fl_policy_fields[i].min, 0,
                fl_policy_fields[i].max - fl_policy_fields[i].min);
            r->host.policy[i] = value;
            return;
        }
    }
    fail_msg("no policy field %s", name);
}

static void policy(struct rig *r) {
    const struct fl_rules rules = FL_RULES_DEFAULT;
    const struct fl_suspicion_rules s = FL_SUSPICION_DEFAULT;
    const struct {
        const char *name;
        int64_t value;
    } values[] = {{"every_s", 600}, {"submit_s", 60}, {"attest_s", 60}, {"open_s", 60},
        {"judge_s", 60}, {"epoch_s", 86400}, {"profile", FL_STANDARD}, {"submissions_max", 64},
        {"group_min", 8}, {"group", 8}, {"clip", 3 << 19}, {"clip_inf", 1 << 18}, {"noise", 0},
        {"min_groups", 1}, {"norm_clip", rules.clip_thousandths},
        {"cosine", rules.cosine_thousandths}, {"location", FL_LOCATION_MEAN},
        {"trim", rules.trim_thousandths}, {"mad", rules.mad_thousandths},
        {"spread", rules.spread_thousandths}, {"krum", rules.krum_thousandths},
        {"momentum", rules.momentum_thousandths}, {"bad_ppm", s.bad_ppm},
        {"flag_bad_ppm", s.flag_bad_ppm}, {"flag_good_ppm", s.flag_good_ppm},
        {"quarantine", s.quarantine}, {"score_floor", s.floor},
        {"quarantine_rounds", s.quarantine_rounds}, {"veto_ppm", 20000}, {"veto_total_ppm", 50000},
        {"safety_classes", 0}};
    assert_int_equal(ARRAY_LEN(values), FL_POLICY_FIELDS);
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        rig_set_policy(r, values[i].name, values[i].value);
}

struct rig *rig_new(size_t n) {
    struct rig *r = aligned_alloc(64, (sizeof(*r) + 63) / 64 * 64);
    assert_non_null(r);
    memset(r, 0, sizeof(*r));
    r->n = n;
    r->random = ws_random_seeded(n);
    ws_random_bytes(&r->random, r->host.cell_id, 32);
    ws_random_bytes(&r->random, r->host.randomness, 32);
    for (size_t v = 0; v < n && v < FL_VALIDATORS_MAX; v++) {
        uint8_t secret[FL_SECRET_OCTETS];
        ws_random_bytes(&r->random, secret, sizeof(secret));
        ws_random_bytes(&r->random, r->set[v].address, 32);
        r->set[v].power = 10;
        r->reader[v] = fl_reader_new(secret);
        assert_non_null(r->reader[v]);
    }
    assert_int_equal(fl_ring_init(&ring, NULL, NULL), WS_OK);
    r->ring = &ring;
    assert_int_equal(fl_mask_open(&r->mask, r->ring, NULL), WS_OK);
    policy(r);
    r->host.time = UINT64_C(700000000000000);
    r->contract = fl_contract_new();
    const struct fl_committee committee = {validators, r};
    fl_contract_attach(r->contract.self, &committee);
    assert_int_equal(
        r->contract.ops->genesis(r->contract.self, &r->host, span_of("", 0), NULL), WS_OK);
    return r;
}

void rig_close(struct rig *r) {
    r->contract.ops->free(r->contract.self);
    for (size_t v = 0; v < FL_VALIDATORS_MAX; v++)
        fl_reader_free(r->reader[v]);
    for (size_t i = 0; i < RIG_VEHICLES; i++)
        buf_free(&r->vehicle[i].wire);
    fl_mask_close(&r->mask);
    fl_model_free(&r->model);
    fl_model_free(&r->parent);
    fl_model_free(&r->next);
    fake_exec_free(&r->host);
    free(r);
}

/* ---- blocks ---- */

void rig_begin(struct rig *r, uint64_t us) {
    fake_exec_clear_events(&r->host);
    r->host.height++;
    r->host.time += us;
    r->contract.ops->begin_block(r->contract.self, &r->host);
}

void rig_end(struct rig *r) {
    r->contract.ops->end_block(r->contract.self, &r->host);
}

void rig_block(struct rig *r, uint64_t us) {
    rig_begin(r, us);
    rig_end(r);
}

exec_code rig_record(struct rig *r, unsigned v, enum fl_record kind, struct buf *body) {
    struct exec_record rec = {
        .kind = (uint16_t)kind, .validator = (int)v - 1, .body = buf_span(body)};
    bool later = false;
    memcpy(rec.signer, r->set[v - 1].address, 32);
    uint64_t writes = r->host.writes;
    size_t events = r->host.n_events;
    exec_code checked = r->contract.ops->check_record(r->contract.self, &rec, &later);
    assert_int_equal(r->host.writes, writes);
    exec_code code = r->contract.ops->record(r->contract.self, &r->host, &rec);
    assert_int_equal(code, checked);
    if (code != EXEC_OK) {
        assert_int_equal(r->host.writes, writes);
        assert_int_equal(r->host.n_events, events);
    }
    buf_free(body);
    return code;
}

exec_code rig_message(struct rig *r, const uint8_t token[static 32], const struct fl_submit *s) {
    struct buf payload = {0};
    fl_submit_encode(s, &payload);
    const uint64_t day_s = r->host.time / 1000000 / 86400 * 86400;
    struct exec_message m = {.psid = FL_PSID,
        .payload = buf_span(&payload),
        .permissions = 1,
        .valid_from_s = day_s,
        .valid_until_s = day_s + 86400};
    memcpy(m.signer, token, 32);
    assert_true(r->contract.ops->takes_psid(m.psid));
    exec_code code = r->contract.ops->message(r->contract.self, &r->host, &m);
    buf_free(&payload);
    return code;
}

exec_code rig_order(struct rig *r, enum fl_order kind, struct span body) {
    struct exec_order o = {.role = ROLE_POLICY, .kind = (uint16_t)kind, .body = body};
    assert_true(r->contract.ops->takes_order(o.role, o.kind));
    exec_code checked = r->contract.ops->check_order(r->contract.self, &o);
    exec_code code = r->contract.ops->order(r->contract.self, &r->host, &o);
    if (checked != EXEC_OK)
        assert_int_equal(code, checked);
    return code;
}

/* 4 classes of 74 inputs: RIG_PARAMS parameters. */
static void make_model(struct rig *r) {
    struct buf text = {0};
    struct fl_schema *schema = ws_alloc(sizeof(*schema));
    struct fl_norm norm[RIG_INPUTS];
    buf_printf(&text, "label risk 1 2 3 4\n");
    for (unsigned i = 0; i < RIG_INPUTS; i++) {
        buf_printf(&text, "feature f%u\n", i);
        norm[i] = (struct fl_norm){.factor = INT64_C(1) << 32};
    }
    assert_int_equal(fl_schema_read(buf_span(&text), schema, NULL), WS_OK);
    assert_int_equal(fl_model_new(schema, 0, norm, NULL, &r->model, NULL), WS_OK);
    assert_int_equal(fl_shape_params(&r->model.shape), RIG_PARAMS);
    for (size_t i = 0; i < RIG_ROWS; i++) {
        r->root_y[i] = (uint8_t)(i % 4);
        for (size_t k = 0; k < RIG_INPUTS; k++)
            r->root_x[i * RIG_INPUTS + k] =
                (int32_t)ws_random_below(&r->random, 1 << 17) - (1 << 16);
    }
    r->root_set = (struct fl_rows){r->root_x, r->root_y, RIG_ROWS};
    buf_free(&text);
    free(schema);
}

exec_code rig_order_model(struct rig *r) {
    struct fl_model_order m = {.name = "risk-74", .params = RIG_PARAMS, .classes = 4};
    struct buf b = {0};
    fl_model_free(&r->model);
    fl_model_free(&r->parent);
    r->has_parent = false;
    make_model(r);
    fl_model_hash(&r->model, m.hash);
    fl_roots_encode(&r->model.shape, &r->root_set, &b);
    exec_sha256_one(buf_span(&b), m.root_set);
    buf_clear(&b);
    fl_model_order_encode(&m, &b);
    exec_code code = rig_order(r, FL_ORDER_MODEL, buf_span(&b));
    buf_free(&b);
    return code;
}

void rig_restart(struct rig *r) {
    uint8_t before[32];
    uint8_t after[32];
    const struct fl_committee committee = {validators, r};
    fake_exec_digest(&r->host, before);
    r->contract.ops->free(r->contract.self);
    r->contract = fl_contract_new();
    fl_contract_attach(r->contract.self, &committee);
    struct ws_err err = {0};
    if (r->contract.ops->load(r->contract.self, &r->host, &err) != WS_OK)
        fail_msg("%s", err.text);
    fake_exec_digest(&r->host, after);
    assert_memory_equal(before, after, 32);
}

/* ---- validators ---- */

exec_code rig_key(struct rig *r, unsigned v) {
    struct fl_key_record k = {
        .serial = fl_contract_key_serial(r->contract.self, r->set[v - 1].address) + 1};
    struct buf b = {0};
    fl_reader_public(r->reader[v - 1], &k.key);
    fl_key_prove(r->reader[v - 1], r->host.cell_id, r->set[v - 1].address, k.serial, &k.proof);
    fl_key_record_encode(&k, &b);
    return rig_record(r, v, FL_RECORD_KEY, &b);
}

struct rig *rig_open(size_t n) {
    struct rig *r = rig_new(n);
    rig_begin(r, RIG_SECOND);
    for (unsigned v = 1; v <= n; v++)
        assert_int_equal(rig_key(r, v), FL_ROUND_OK);
    assert_int_equal(rig_order_model(r), FL_ROUND_OK);
    rig_end(r);
    assert_int_equal(rig_view(r).phase, FL_SEEDING);
    rig_block(r, RIG_SECOND);
    rig_block(r, RIG_SECOND);
    assert_int_equal(rig_view(r).phase, FL_SUBMITTING);
    return r;
}

exec_code rig_attest(struct rig *r, unsigned v, uint64_t without) {
    uint8_t bits[FL_SUBMISSIONS_MAX / 8] = {0};
    struct fl_round_view view = rig_view(r);
    struct fl_attest a = {.round = view.number,
        .n = view.submissions,
        .bits = span_of(bits, (view.submissions + 7) / 8)};
    struct buf b = {0};
    for (size_t i = 0; i < view.submissions; i++)
        if (i >= 64 || (without >> i & 1) == 0)
            bits[i / 8] = (uint8_t)(bits[i / 8] | 0x80U >> (i % 8));
    fl_attest_encode(&a, &b);
    return rig_record(r, v, FL_RECORD_ATTEST, &b);
}

static struct span bundle_of(const struct rig_vehicle *c, unsigned v) {
    const struct fl_share_plan *p = &c->submission.plan;
    return span_of(c->bundles + fl_bundle_offset(p, v), fl_bundle_octets(p, v));
}

exec_code rig_complain(struct rig *r, unsigned v, size_t vehicle) {
    const struct rig_vehicle *c = &r->vehicle[vehicle];
    struct fl_complaint k;
    uint8_t octets[FL_COMPLAINT_OCTETS];
    struct buf b = {0};
    fl_complaint_make(&r->round, &c->submission, v, r->reader[v - 1], &k);
    fl_complaint_put(&k, octets);
    struct fl_complaint_record rec = {.round = rig_view(r).number,
        .submission = (uint32_t)vehicle,
        .complaint = span_of(octets, sizeof(octets)),
        .cover = span_of(c->cover, fl_cover_octets((unsigned)r->n)),
        .bundle = bundle_of(c, v)};
    fl_complaint_record_encode(&rec, &b);
    return rig_record(r, v, FL_RECORD_COMPLAINT, &b);
}

enum fl_bundle_verdict rig_share(
    struct rig *r, size_t i, unsigned v, uint16_t ret_share[static FL_SHARE_VALUES]) {
    const struct rig_vehicle *c = &r->vehicle[i];
    return fl_bundle_open(
        &r->round, &c->submission, v, bundle_of(c, v), r->reader[v - 1], ret_share);
}

static size_t members(const struct rig *r, size_t g, uint32_t *ret) {
    return fl_contract_members(r->contract.self, g, ret, RIG_VEHICLES);
}

void rig_sum(struct rig *r, unsigned v, size_t g, struct fl_share_sum *ret_sum) {
    uint32_t in[RIG_VEHICLES];
    uint16_t share[FL_SHARE_VALUES];
    size_t n = members(r, g, in);
    memset(ret_sum, 0, sizeof(*ret_sum));
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(rig_share(r, in[i], v, share), FL_BUNDLE_GOOD);
        fl_share_sum_add(ret_sum, share, 1);
    }
}

exec_code rig_shares(struct rig *r, unsigned v, size_t first, size_t n, uint16_t spoil) {
    uint8_t sums[FL_SHARES_MAX * FL_SUM_OCTETS];
    struct buf b = {0};
    for (size_t i = 0; i < n; i++) {
        struct fl_share_sum s;
        rig_sum(r, v, first + i, &s);
        s.v[0] = (uint16_t)((s.v[0] + spoil) % FL_SHARE_PRIME);
        fl_share_sum_put(&s, sums + i * FL_SUM_OCTETS);
    }
    struct fl_shares_record rec = {.round = rig_view(r).number,
        .first = (uint16_t)first,
        .n = (uint16_t)n,
        .sums = span_of(sums, n * FL_SUM_OCTETS)};
    fl_shares_record_encode(&rec, &b);
    return rig_record(r, v, FL_RECORD_SHARES, &b);
}

/* ---- vehicles ---- */

/* In the place of the key that was drawn. */
static void take_long_key(struct fl_mask *m, int8_t *key) {
    key[0] = INT8_MAX;
    for (size_t i = 0; i < FL_N; i++)
        m->a[i] = (uint64_t)((int64_t)FL_Q * (key[i] < 0) + key[i]);
    fl_ring_prepare(m->ring, m->a, &m->key);
}

static void make(struct rig *r, size_t i, unsigned unreadable) {
    struct rig_vehicle *c = &r->vehicle[i];
    const struct fl_round_view view = rig_view(r);
    const struct fl_profile *p = view.open->config.profile;
    uint8_t seed[FL_SEED_OCTETS];
    uint8_t root[32];
    int8_t key[FL_N];
    struct fl_sealer sealer;
    fl_open_round(view.open, r->host.cell_id, &r->round);
    memset(c->token, (int)i + 1, sizeof(c->token));
    ws_random_bytes(&r->random, seed, sizeof(seed));
    for (size_t k = 0; k < RIG_PARAMS; k++)
        c->update[k] = (int32_t)((i * 31 + k * 7) % 101) - 50;
    fl_mask_round(&r->mask, view.seed);
    fl_mask_draw_key(&r->mask, seed, key);
    if ((r->long_keys >> i & 1) != 0)
        take_long_key(&r->mask, key);
    buf_clear(&c->wire);
    uint8_t *wire = buf_grow(&c->wire, fl_wire_octets(p, RIG_PARAMS));
    for (size_t k = 0; k < fl_chunks(p, RIG_PARAMS); k++)
        fl_mask_encrypt(&r->mask, p, RIG_PARAMS, k, c->update + k * fl_full_params(p),
            wire + k * fl_full_octets(p));
    fl_mask_forget(&r->mask);
    fl_data_root(buf_span(&c->wire), root);
    struct fl_round as = r->round;
    if (unreadable != 0)
        as.seat[unreadable - 1].key = as.seat[unreadable % as.n].key;
    const struct fl_parcel parcel = {&as, c->token, key, (uint32_t)c->wire.n, root};
    fl_seal(&sealer, &parcel, &r->random, &c->submission, c->bundles);
    fl_cover_put(&c->submission.cover, c->cover);
}

void rig_make(struct rig *r, size_t i) {
    make(r, i, 0);
}

void rig_make_unreadable(struct rig *r, size_t i, unsigned v) {
    make(r, i, v);
}

struct fl_submit rig_submit_of(const struct rig *r, size_t i) {
    struct fl_submit s = {.round = rig_view(r).number,
        .profile = rig_view(r).open->config.profile->octet,
        .params = RIG_PARAMS};
    memcpy(s.id, r->vehicle[i].submission.id, sizeof(s.id));
    memset(s.upload_key, 0x40 + (int)i, sizeof(s.upload_key));
    return s;
}

exec_code rig_submit(struct rig *r, size_t i) {
    struct fl_submit s = rig_submit_of(r, i);
    return rig_message(r, r->vehicle[i].token, &s);
}

/* ---- the outcome ---- */

void rig_outcome(struct rig *r, struct fl_outcome *ret) {
    const struct fl_round_view view = rig_view(r);
    struct fl_found_group group[FL_MAX_GROUPS];
    int32_t *sums = ws_calloc((size_t)view.groups * RIG_PARAMS, sizeof(*sums));
    for (size_t g = 0; g < view.groups; g++) {
        uint32_t in[RIG_VEHICLES];
        const uint8_t *wires[RIG_VEHICLES];
        size_t n = members(r, g, in);
        for (size_t i = 0; i < n; i++)
            wires[i] = r->vehicle[in[i]].wire.p;
        group[g] = (struct fl_found_group){.vehicles = (uint32_t)n,
            .suspects = g >= view.free_groups,
            .sum = sums + g * RIG_PARAMS};
        group[g].given_up = fl_contract_given_up(r->contract.self, g);
        if (group[g].given_up)
            continue;
        assert_int_equal(fl_find_group(view.open, view.seed, r->ring, wires,
                             fl_contract_key_sum(r->contract.self, g), &group[g], NULL),
            WS_OK);
    }
    const struct fl_find find = {
        view.open, group, view.groups, &r->model, r->has_parent ? &r->parent : NULL, &r->root_set};
    struct ws_err err = {0};
    fl_model_free(&r->next);
    if (fl_find_outcome(&find, ret, &r->next, &err) != WS_OK)
        fail_msg("%s", err.text);
    free(sums);
}

exec_code rig_say_outcome(struct rig *r, unsigned v, const struct fl_outcome *o) {
    struct buf b = {0};
    fl_outcome_encode(o, &b);
    return rig_record(r, v, FL_RECORD_OUTCOME, &b);
}

/* ---- whole steps ---- */

void rig_submitting_bad(struct rig *r, size_t vehicles, uint64_t bad, unsigned v) {
    rig_begin(r, RIG_SECOND);
    for (size_t i = 0; i < vehicles; i++) {
        if ((bad >> i & 1) != 0)
            rig_make_unreadable(r, i, v);
        else
            rig_make(r, i);
        assert_int_equal(rig_submit(r, i), FL_ROUND_OK);
    }
    rig_end(r);
    rig_block(r, 60 * (uint64_t)RIG_SECOND);
}

void rig_submitting(struct rig *r, size_t vehicles) {
    rig_submitting_bad(r, vehicles, 0, 1);
}

void rig_attesting_without(struct rig *r, uint64_t without, unsigned lacking) {
    rig_begin(r, RIG_SECOND);
    for (unsigned v = 1; v <= r->n; v++)
        assert_int_equal(rig_attest(r, v, v <= lacking ? without : 0), FL_ROUND_OK);
    rig_end(r);
}

void rig_attesting(struct rig *r) {
    rig_attesting_without(r, 0, 0);
}

void rig_drawing(struct rig *r) {
    for (unsigned i = 0; i < 2; i++)
        rig_block(r, RIG_SECOND);
}

void rig_opening(struct rig *r) {
    rig_begin(r, RIG_SECOND);
    for (unsigned v = 1; v <= r->n; v++)
        assert_int_equal(rig_shares(r, v, 0, rig_view(r).groups, 0), FL_ROUND_OK);
    rig_end(r);
}

void rig_move_on(struct rig *r, const struct fl_outcome *o) {
    if (o->step && !o->vetoed) {
        fl_model_free(&r->parent);
        r->parent = r->model;
        r->has_parent = true;
        r->model = r->next;
        r->next = (struct fl_model){0};
    }
}

void rig_judging(struct rig *r) {
    struct fl_outcome *o = ws_alloc(sizeof(*o));
    rig_outcome(r, o);
    rig_begin(r, RIG_SECOND);
    for (unsigned v = 1; v <= r->n; v++)
        assert_int_equal(rig_say_outcome(r, v, o), FL_ROUND_OK);
    rig_end(r);
    rig_move_on(r, o);
    free(o);
}

struct fl_round_view rig_view(const struct rig *r) {
    struct fl_round_view v;
    fl_contract_round(r->contract.self, &v);
    return v;
}

size_t rig_events(const struct rig *r, enum fl_event type) {
    size_t n = 0;
    for (size_t i = 0; i < r->host.n_events; i++)
        n += r->host.events[i].type == type;
    return n;
}
