#include "fedlearn/vehicle/open.h"

#include "base/assert.h"
#include "ledger/exec/hash.h"

#include <string.h>

struct fl_group_sizes fl_round_sizes(const struct fl_round_config *k) {
    uint32_t max = k->profile->weight_max;
    max = max < k->profile->square_max ? max : k->profile->square_max;
    max = max < FL_MAX_WEIGHT ? max : FL_MAX_WEIGHT;
    return (struct fl_group_sizes){
        .wanted = (uint16_t)k->group, .min = (uint16_t)k->group_min, .max = (uint16_t)max};
}

static bool sizes_good(const struct fl_round_config *k) {
    struct fl_group_sizes s = fl_round_sizes(k);
    /* Every group of a round has room in the records. */
    return k->group_min >= 2 && k->group >= k->group_min && k->group <= s.max &&
           2 * k->group_min - 1 <= s.max && k->submissions_max / k->group_min <= FL_MAX_GROUPS;
}

bool fl_round_config_good(const struct fl_round_config *k) {
    const struct fl_profile *p = k->profile;
    return fl_scale_check(&k->scale, NULL) == WS_OK && fl_rules_check(&k->rules, NULL) == WS_OK &&
           fl_suspicion_check(&k->suspicion, NULL) == WS_OK && k->scale.bits == p->bits &&
           sizes_good(k) && k->submissions_max >= 2 * k->group_min &&
           k->submissions_max <= FL_SUBMISSIONS_MAX && k->submit_us > 0 && k->attest_us > 0 &&
           k->open_us > 0 && k->judge_us > 0 && k->epoch_us > 0 && k->veto_ppm <= 1000000 &&
           k->veto_total_ppm <= 1000000;
}

static void put_config(struct buf *b, const struct fl_round_config *k) {
    buf_u8(b, k->profile->octet);
    buf_u32(b, k->scale.clip);
    buf_u32(b, k->scale.clip_inf);
    buf_u32(b, k->scale.noise);
    buf_u32(b, k->rules.min_groups);
    buf_u32(b, k->rules.clip_thousandths);
    buf_i32(b, k->rules.cosine_thousandths);
    buf_u8(b, (uint8_t)k->rules.location);
    buf_u32(b, k->rules.trim_thousandths);
    buf_u32(b, k->rules.mad_thousandths);
    buf_u32(b, k->rules.spread_thousandths);
    buf_u32(b, k->rules.krum_thousandths);
    buf_u32(b, k->rules.momentum_thousandths);
    buf_u32(b, k->suspicion.bad_ppm);
    buf_u32(b, k->suspicion.flag_bad_ppm);
    buf_u32(b, k->suspicion.flag_good_ppm);
    buf_i32(b, k->suspicion.quarantine);
    buf_i32(b, k->suspicion.floor);
    buf_u32(b, k->suspicion.quarantine_rounds);
    buf_u32(b, k->group_min);
    buf_u32(b, k->group);
    buf_u32(b, k->submissions_max);
    buf_u64(b, k->submit_us);
    buf_u64(b, k->attest_us);
    buf_u64(b, k->open_us);
    buf_u64(b, k->judge_us);
    buf_u64(b, k->epoch_us);
    buf_u32(b, k->veto_ppm);
    buf_u32(b, k->veto_total_ppm);
    buf_u32(b, k->safety_classes);
}

static bool read_config(struct rd *r, struct fl_round_config *k) {
    memset(k, 0, sizeof(*k));
    if (fl_profile_by_octet(rd_u8(r), &k->profile, NULL) != WS_OK)
        return false;
    k->scale.bits = k->profile->bits;
    k->scale.clip = rd_u32(r);
    k->scale.clip_inf = rd_u32(r);
    k->scale.noise = rd_u32(r);
    k->rules.min_groups = rd_u32(r);
    k->rules.clip_thousandths = rd_u32(r);
    k->rules.cosine_thousandths = rd_i32(r);
    uint8_t location = rd_u8(r);
    k->rules.location = location < FL_LOCATION_COUNT ? location : FL_LOCATION_COUNT;
    k->rules.trim_thousandths = rd_u32(r);
    k->rules.mad_thousandths = rd_u32(r);
    k->rules.spread_thousandths = rd_u32(r);
    k->rules.krum_thousandths = rd_u32(r);
    k->rules.momentum_thousandths = rd_u32(r);
    k->suspicion.bad_ppm = rd_u32(r);
    k->suspicion.flag_bad_ppm = rd_u32(r);
    k->suspicion.flag_good_ppm = rd_u32(r);
    k->suspicion.quarantine = rd_i32(r);
    k->suspicion.floor = rd_i32(r);
    k->suspicion.quarantine_rounds = rd_u32(r);
    k->group_min = rd_u32(r);
    k->group = rd_u32(r);
    k->submissions_max = rd_u32(r);
    k->submit_us = rd_u64(r);
    k->attest_us = rd_u64(r);
    k->open_us = rd_u64(r);
    k->judge_us = rd_u64(r);
    k->epoch_us = rd_u64(r);
    k->veto_ppm = rd_u32(r);
    k->veto_total_ppm = rd_u32(r);
    k->safety_classes = rd_u32(r);
    return !r->bad && k->rules.location < FL_LOCATION_COUNT && fl_round_config_good(k);
}

void fl_open_encode(const struct fl_open *o, struct buf *b) {
    size_t name = strlen(o->model);
    buf_u8(b, FL_RECORDS_VERSION);
    buf_u64(b, o->round);
    buf_u64(b, o->height);
    buf_u64(b, o->time_us);
    buf_u64(b, o->seed_height);
    buf_u8(b, (uint8_t)name);
    buf_put(b, o->model, name);
    buf_u64(b, o->model_version);
    buf_put(b, o->model_hash, sizeof(o->model_hash));
    buf_put(b, o->root_set, sizeof(o->root_set));
    buf_u32(b, o->params);
    buf_u8(b, o->classes);
    for (size_t i = 0; i < o->classes; i++)
        buf_u32(b, o->best[i]);
    put_config(b, &o->config);
    buf_u8(b, o->n);
    for (size_t i = 0; i < o->n; i++) {
        buf_put(b, o->seat[i].address, sizeof(o->seat[i].address));
        buf_put(b, o->seat[i].key.b, sizeof(o->seat[i].key.b));
    }
}

bool fl_open_decode(struct span octets, struct fl_open *ret) {
    memset(ret, 0, sizeof(*ret));
    struct rd r = rd_of(octets);
    r.bad = rd_u8(&r) != FL_RECORDS_VERSION || r.bad;
    ret->round = rd_u64(&r);
    ret->height = rd_u64(&r);
    ret->time_us = rd_u64(&r);
    ret->seed_height = rd_u64(&r);
    struct span name = rd_take(&r, rd_u8(&r));
    ret->model_version = rd_u64(&r);
    rd_copy(&r, ret->model_hash, sizeof(ret->model_hash));
    rd_copy(&r, ret->root_set, sizeof(ret->root_set));
    ret->params = rd_u32(&r);
    const uint8_t classes = rd_u8(&r);
    ret->classes = classes <= FL_MAX_CLASSES ? classes : 0;
    for (size_t i = 0; i < ret->classes; i++)
        ret->best[i] = rd_u32(&r);
    if (r.bad || classes != ret->classes || name.n == 0 || name.n >= FL_MODEL_NAME ||
        memchr(name.p, 0, name.n) != NULL || ret->params < 1 || ret->params > FL_MAX_PARAMS ||
        !read_config(&r, &ret->config))
        return false;
    memcpy(ret->model, name.p, name.n);
    ret->n = rd_u8(&r);
    if (r.bad || ret->n < FL_VALIDATORS_MIN || ret->n > FL_VALIDATORS_MAX)
        return false;
    for (size_t i = 0; i < ret->n; i++) {
        rd_copy(&r, ret->seat[i].address, sizeof(ret->seat[i].address));
        fl_point_read(&r, &ret->seat[i].key);
    }
    return rd_done(&r);
}

/* In memory of its own: a vehicle comes here with every update, and has no heap. */
static void hash_of(const struct fl_open *o, uint8_t ret_id[static 32]) {
    uint8_t room[FL_OPEN_OCTETS_MAX];
    struct buf b = {room, 0, sizeof(room)};
    fl_open_encode(o, &b);
    WS_ASSERT(b.p == room);
    exec_sha256_one(buf_span(&b), ret_id);
}

bool fl_seat_is_empty(const struct fl_seat *s) {
    struct fl_point nobody;
    fl_key_nobody(s->address, &nobody);
    return memcmp(s->key.b, nobody.b, sizeof(nobody.b)) == 0;
}

void fl_open_round(
    const struct fl_open *o, const uint8_t cell[static 32], struct fl_round *ret_round) {
    memset(ret_round, 0, sizeof(*ret_round));
    memcpy(ret_round->cell, cell, sizeof(ret_round->cell));
    hash_of(o, ret_round->id);
    ret_round->profile = o->config.profile->octet;
    ret_round->n = o->n;
    memcpy(ret_round->seat, o->seat, sizeof(o->seat));
}

void fl_round_seed(
    const struct fl_open *o, const uint8_t randomness[static 32], uint8_t ret_seed[static 32]) {
    uint8_t id[32];
    hash_of(o, id);
    const struct span parts[] = {span_of(id, sizeof(id)), span_of(randomness, 32)};
    fl_hash(FL_FOR_ROUND, parts, ARRAY_LEN(parts), ret_seed);
}
