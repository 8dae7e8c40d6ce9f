/* Real maps that changed: vehicles drive on version A past what stands in version B, and the map contract has to find
 * exactly what differs. Perception, roads and trips are obusim's; each trip is another vehicle, of one of four families and
 * three issuers. Baselines from the same reports: believing the first one, and believing the third vehicle that says
 * the same.
 *
 * usage: bench_map_pairs [full]     seeded; WAYSIDE_DATA names the folder of the data. Exits 77 without it. */
#include "tests/bench/bench_map_drive.h"

#include "base/mem.h"
#include "mapsvc/fuse/fusion.h"
#include "mapsvc/fuse/notice.h"
#include "mapsvc/model/ints.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    NEAR_MM = 2000, /* a place is right within this: four standard deviations of one look */
    PASSES_AIM = 30, /* of each thing, at least */
    CLAIM_MM = 4000,
    MISSES_SHOWN = 3, /* of one run */
};

static const char *const pairs[][2] = {
    {"lanelet2/karlsruhe_v5_73de41b.osm", "lanelet2/karlsruhe_v6_ddb6b0f.osm"},
    {"lanelet2/karlsruhe_v6_ddb6b0f.osm", "lanelet2/karlsruhe_v8_e835f61.osm"},
    {"lanelet2/kashiwanoha_base.osm", "lanelet2/kashiwanoha_private_road_walkway.osm"},
    {"lanelet2/kashiwanoha_base.osm", "lanelet2/kashiwanoha_shoulder.osm"},
    {"lanelet2/circuit_v1.osm", "lanelet2/circuit_v2.osm"},
    {"lanelet2/circuit_v2.osm", "lanelet2/circuit_v3.osm"},
    {"lanelet2/circuit_v3.osm", "lanelet2/circuit_v4.osm"},
    {"lanelet2/circuit_v4.osm", "lanelet2/circuit_v5.osm"},
    {"lanelet2/zalazone_smartcity_mapversion9.osm", "lanelet2/zalazone_smartcity_mapversion13.osm"},
    {"lanelet2/zalazone_unitrack_mapversion6.osm", "lanelet2/zalazone_unitrack_mapversion7.osm"},
    {"opendrive/signs500m_v1_852351c1.xodr", "opendrive/signs500m_v2_50efcb48.xodr"},
    {"opendrive/signs500m_v2_50efcb48.xodr", "opendrive/signs500m_v3_c714d564.xodr"},
    {"opendrive/signs500m_v3_c714d564.xodr", "opendrive/signs500m_v4_8e2d6584.xodr"},
    {"opendrive/signs500m_v4_8e2d6584.xodr", "opendrive/signs500m_v5_e02896c2.xodr"},
};

struct setting {
    const char *policy; /* in scripts/policies */
    unsigned h, within; /* passes */
    unsigned spacing_s; /* between two passes of one thing */
    uint64_t seed;
};

/* What may be said about the road, and by how many vehicles it was. */
struct claim {
    uint64_t key; /* 0: free */
    uint32_t trips, last_trip;
    bool right;
};
struct claims {
    struct claim *slots;
    size_t n, cap; /* cap: power of two */
};

struct passes {
    uint32_t n;
    uint64_t seen; /* of sim_thing.passes */
    uint32_t trip; /* that passed last */
    bool found;
    uint32_t found_after;
};

struct run {
    struct bench_drive d;
    struct passes *passes; /* of d.world.things */
    struct claims claims;
    size_t n_taken; /* versions that were judged */
    size_t limit_octets,
        notice_octets; /* largest version record of one changed limit, and notice of it */
    size_t right, small, wrong; /* changes published; small: true, but less than 3 m */
};

struct tally {
    size_t changes, unseen, rare; /* on the road; no camera can tell; too few drive past */
    size_t right, small, wrong, found, in_time;
    size_t first_right, first_wrong, third_right, third_wrong;
    size_t limit_octets, notice_octets;
    uint32_t *after; /* passes until found */
    size_t n_after;
};

/* ---- what is true ---- */

static struct sim_thing *thing_of(const struct run *r, const uint8_t *id) {
    for (size_t i = 0; i < r->d.world.n; i++)
        if (r->d.world.things[i].registered && memcmp(r->d.world.things[i].id, id, 16) == 0)
            return &r->d.world.things[i];
    return NULL;
}

static struct sim_thing *new_thing_at(const struct run *r, enum element_kind kind, bool has_value,
    int32_t value, int32_t x, int32_t y, int32_t near) {
    for (size_t i = r->d.world.n_limits; i < r->d.world.n; i++) {
        struct sim_thing *t = &r->d.world.things[i];
        const struct sim_face *f = &t->face[1];
        if (!t->registered && t->kind == kind && f->has_value == has_value &&
            (!has_value || f->value == value) &&
            distance2(f->x, f->y, x, y) <= (uint64_t)near * (uint64_t)near)
            return t;
    }
    return NULL;
}

/* Drawn a second time where the map has one just like it: nothing has changed on the road. */
static bool drawn_twice(const struct run *r, const struct sim_thing *t) {
    const struct sim_face *f = &t->face[1];
    for (size_t i = r->d.world.n_limits; i < r->d.world.n && !t->registered; i++) {
        const struct sim_thing *o = &r->d.world.things[i];
        const struct sim_face *g = &o->face[1];
        if (o->registered && o->kind == t->kind && g->there && g->has_value == f->has_value &&
            g->value == f->value && distance2(f->x, f->y, g->x, g->y) <= UINT64_C(500) * 500)
            return true;
    }
    return false;
}

static bool shows(const struct sim_thing *t, int32_t value) {
    return t->changed && t->face[1].there && t->face[1].has_value && t->face[1].value == value;
}

/* ---- baselines ---- */

static void claims_grow(struct claims *c) {
    struct claims bigger = {.cap = c->cap == 0 ? 1024 : 2 * c->cap, .n = c->n};
    bigger.slots = ws_calloc(bigger.cap, sizeof(bigger.slots[0]));
    for (size_t i = 0; i < c->cap; i++) {
        if (c->slots[i].key == 0)
            continue;
        size_t at = (size_t)c->slots[i].key & (bigger.cap - 1);
        while (bigger.slots[at].key != 0)
            at = (at + 1) & (bigger.cap - 1);
        bigger.slots[at] = c->slots[i];
    }
    free(c->slots);
    *c = bigger;
}

static void claim(struct claims *c, uint64_t key, bool right, uint32_t trip) {
    if (2 * (c->n + 1) > c->cap)
        claims_grow(c);
    key = key * UINT64_C(0x9e3779b97f4a7c15) | 1;
    key ^= key >> 32 << 1;
    size_t at = (size_t)key & (c->cap - 1);
    while (c->slots[at].key != 0 && c->slots[at].key != key)
        at = (at + 1) & (c->cap - 1);
    struct claim *s = &c->slots[at];
    if (s->key == 0) {
        *s = (struct claim){.key = key, .right = right};
        c->n++;
    }
    s->trips += s->trips == 0 || s->last_trip != trip ? 1 : 0;
    s->last_trip = trip;
}

static uint64_t mix(uint64_t a, uint64_t b) {
    return (a ^ (b + UINT64_C(0x9e3779b97f4a7c15) + (a << 6) + (a >> 2))) *
           UINT64_C(0xff51afd7ed558ccd);
}

static void note_claim(struct run *r, const struct obs_report *p, uint32_t trip) {
    const struct sim_thing *t = p->has_element ? thing_of(r, p->element_id) : NULL;
    uint64_t value = p->has_value ? (uint64_t)(uint32_t)p->value + 1 : 0;
    if (t != NULL) {
        bool gone = p->kind == REPORT_NOT_DETECTED;
        if (!gone && (!p->has_value || (t->face[0].has_value && t->face[0].value == p->value)))
            return;
        claim(&r->claims, mix((uint64_t)(t - r->d.world.things) + 1, gone ? 0 : value),
            gone ? t->changed && !t->face[1].there : shows(t, p->value), trip);
        return;
    }
    int32_t x = 0;
    int32_t y = 0;
    if (!frame_from_wgs(&r->d.world.map.frame, p->lat, p->lon, &x, &y))
        return;
    t = new_thing_at(r, p->element_kind, p->has_value, p->value, x, y, CLAIM_MM);
    uint64_t place =
        (uint64_t)(uint32_t)floor_div(x, CLAIM_MM) << 32 | (uint32_t)floor_div(y, CLAIM_MM);
    claim(&r->claims,
        t != NULL ? mix((uint64_t)(t - r->d.world.things) + 1, value)
                  : mix(mix(place, value), UINT64_C(0xffff)),
        t != NULL, trip);
}

/* ---- what was published ---- */

static void found(struct run *r, const struct sim_thing *t) {
    struct passes *p = &r->passes[t - r->d.world.things];
    p->found = true;
    p->found_after = p->n;
}

static bool is_new_to_us(const struct run *r, const struct sim_thing *t) {
    return t != NULL && t->changed && !r->passes[t - r->d.world.things].found;
}

static bool judge_moved(struct run *r, const struct sim_thing *t, int32_t x, int32_t y) {
    const struct sim_face *f = &t->face[1];
    if (f->there) {
        /* Less than what obusim takes for a move, but it does stand there. */
        bool is = distance2(f->x, f->y, x, y) <= (uint64_t)NEAR_MM * NEAR_MM &&
                  (f->x != t->face[0].x || f->y != t->face[0].y);
        r->small += is ? 1 : 0;
        return is;
    }
    const struct sim_thing *to =
        new_thing_at(r, t->kind, t->face[0].has_value, t->face[0].value, x, y, NEAR_MM);
    if (!is_new_to_us(r, t) || !is_new_to_us(r, to))
        return false;
    found(r, t);
    found(r, to);
    r->right += 2;
    return true;
}

static bool judge(struct run *r, const struct change_record *c) {
    int32_t x = 0;
    int32_t y = 0;
    if (c->has_after)
        element_anchor(&c->after, &x, &y);
    const struct sim_thing *t = NULL;
    if (c->op == MAP_CREATE) {
        t = new_thing_at(r, c->after.kind, c->after.has_value, c->after.value, x, y, NEAR_MM);
    } else {
        t = thing_of(r, c->element_id);
        int32_t bx = 0;
        int32_t by = 0;
        element_anchor(&c->before, &bx, &by);
        if (t != NULL && c->op == MAP_MODIFY && (bx != x || by != y))
            return judge_moved(r, t, x, y);
        if (t != NULL && (c->op == MAP_DELETE ? t->face[1].there : !shows(t, c->after.value)))
            t = NULL;
    }
    if (!is_new_to_us(r, t))
        return false;
    found(r, t);
    r->right++;
    return true;
}

static void print_false(const struct change_record *c) {
    static const char *const ops[] = {"create", "modify", "delete"};
    const struct element *e = c->has_after ? &c->after : &c->before;
    int32_t x = 0;
    int32_t y = 0;
    element_anchor(e, &x, &y);
    (void)printf("    false: %s %s %s, value %" PRId32
                 ", at %.1f %.1f m, %.1f bits, %u vehicles, %u groups\n",
        ops[c->op], element_kind_name(e->kind), e->n_aliases > 0 ? e->aliases[0] : "", e->value,
        x / 1000.0, y / 1000.0, (double)c->bits_q16 / 65536, c->vehicles, c->groups);
}

static void note_size(struct run *r, const struct map_version *v) {
    const struct change_record *c = &v->changes[0];
    if (v->n_changes != 1 || c->op != MAP_MODIFY || c->before.kind != EL_SPEED_LIMIT)
        return;
    struct buf b = {0};
    map_version_encode(v, &b);
    r->limit_octets = b.n > r->limit_octets ? b.n : r->limit_octets;
    struct notice n = {.map_version = v->version, .time = v->block_time};
    notice_from_change(c, &r->d.world.map.frame, &n);
    buf_clear(&b);
    notice_put(&b, &n);
    r->notice_octets = b.n > r->notice_octets ? b.n : r->notice_octets;
    buf_free(&b);
}

static void judge_versions(struct run *r) {
    for (; r->n_taken < r->d.rig.n_versions; r->n_taken++) {
        const struct map_version *v = &r->d.rig.versions[r->n_taken];
        note_size(r, v);
        for (size_t i = 0; i < v->n_changes; i++) {
            const struct change_record *c = &v->changes[i];
            if (judge(r, c))
                continue;
            print_false(c);
            r->wrong++;
        }
    }
}

/* ---- driving ---- */

static void count_passes(struct run *r, uint32_t trip) {
    for (size_t i = 0; i < r->d.world.n; i++) {
        struct passes *p = &r->passes[i];
        uint64_t now = r->d.world.things[i].passes;
        if (p->seen == now)
            continue;
        p->seen = now;
        p->n += p->trip == trip ? 0 : 1;
        p->trip = trip;
    }
}

static void told(void *self, struct bench_car *car, struct sim_look *look) {
    struct run *r = self;
    for (size_t i = 0; i < look->n; i++)
        note_claim(r, &look->reports[i], car->trip);
    count_passes(r, car->trip);
}

static void block(void *self) {
    judge_versions(self);
}

static bool all_passed(void *self) {
    const struct run *r = self;
    for (size_t i = 0; i < r->d.world.n; i++)
        if (r->d.world.things[i].changed && r->passes[i].n < PASSES_AIM)
            return false;
    return true;
}

/* ---- figures ---- */

static void print_missed(const struct sim_thing *t, const struct passes *p) {
    (void)printf("    missed: %s %s %s, value %" PRId32 " -> %" PRId32
                 ", at %.1f %.1f m, %u passes\n",
        !t->registered     ? "new"
        : t->face[1].there ? "changed"
                           : "removed",
        element_kind_name(t->kind), t->element->n_aliases > 0 ? t->element->aliases[0] : "",
        t->face[0].value, t->face[1].value, t->face[1].x / 1000.0, t->face[1].y / 1000.0, p->n);
}

static int by_number(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void take_figures(const struct run *r, const struct setting *s, struct tally *t, bool say) {
    t->unseen += r->d.world.n_unseen;
    t->limit_octets = r->limit_octets > t->limit_octets ? r->limit_octets : t->limit_octets;
    t->notice_octets = r->notice_octets > t->notice_octets ? r->notice_octets : t->notice_octets;
    t->right += r->right;
    t->small += r->small;
    t->wrong += r->wrong;
    size_t shown = 0;
    t->after = ws_realloc(t->after, (t->n_after + r->d.world.n) * sizeof(t->after[0]));
    for (size_t i = 0; i < r->d.world.n; i++) {
        const struct passes *p = &r->passes[i];
        if (!r->d.world.things[i].changed)
            continue;
        if (!p->found && drawn_twice(r, &r->d.world.things[i])) {
            t->unseen++;
            continue;
        }
        if (!p->found && p->n < s->within) {
            t->rare++;
            continue;
        }
        t->changes++;
        t->found += p->found ? 1 : 0;
        t->in_time += p->found && p->found_after <= s->within ? 1 : 0;
        if (p->found)
            t->after[t->n_after++] = p->found_after;
        else if (say && shown++ < MISSES_SHOWN)
            print_missed(&r->d.world.things[i], p);
    }
    for (size_t i = 0; i < r->claims.cap; i++) {
        const struct claim *c = &r->claims.slots[i];
        if (c->key == 0)
            continue;
        t->first_right += c->right ? 1 : 0;
        t->first_wrong += c->right ? 0 : 1;
        t->third_right += c->right && c->trips >= 3 ? 1 : 0;
        t->third_wrong += !c->right && c->trips >= 3 ? 1 : 0;
    }
}

static double percent(size_t part, size_t other) {
    return part + other == 0 ? 100.0 : 100.0 * (double)part / (double)(part + other);
}

static void print_tally(const char *name, const struct setting *s, struct tally *t) {
    if (t->n_after > 1)
        qsort(t->after, t->n_after, sizeof(t->after[0]), by_number);
    (void)printf("%s: %zu changes that cameras see (%zu more they do not, %zu too rarely passed): "
                 "precision %.2f %% (%zu of %zu), recall within %u passes %.2f %%, in the end %.2f "
                 "%%",
        name, t->changes, t->unseen, t->rare, percent(t->right + t->small, t->wrong),
        t->right + t->small, t->right + t->small + t->wrong, s->within,
        percent(t->in_time, t->changes - t->in_time), percent(t->found, t->changes - t->found));
    if (t->n_after > 0)
        (void)printf("; median %u, p98 %u passes", t->after[t->n_after / 2],
            t->after[t->n_after * 98 / 100]);
    if (t->limit_octets > 0)
        (void)printf(
            "; one changed limit takes %zu octets at most to a vehicle, %zu as a record with the "
            "lane's shape before and after",
            t->notice_octets, t->limit_octets);
    (void)printf("\n    baselines: precision %.1f %% believing the first report, %.1f %% believing "
                 "the third vehicle\n",
        percent(t->first_right, t->first_wrong), percent(t->third_right, t->third_wrong));
}

static bool run_setting(struct setting s, unsigned repeats) {
    int64_t policy[MAP_POLICY_COUNT];
    if (!bench_policy(s.policy, policy))
        return false;
    policy[MAP_POLICY_CONFIRM_BITS] = s.h;
    policy[MAP_POLICY_VERSION_AGE_MS] = 0; /* counted until confirmed */
    (void)printf("%s, h = %u, a pass in %u s, 0.95/0.02, %u families, %u runs of each pair\n",
        s.policy, s.h, s.spacing_s, BENCH_FAMILIES, repeats);
    struct tally all = {0};
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(pairs) && ok; i++) {
        struct tally t = {0};
        for (unsigned k = 0; k < repeats && ok; k++) {
            struct run r = {.d = {.told = told, .block = block, .done = all_passed}};
            r.d.self = &r;
            ok = bench_drive_start(&r.d, pairs[i][0], pairs[i][1], policy, s.seed + 1000 * i + k);
            if (ok) {
                r.passes = ws_calloc(r.d.world.n, sizeof(r.passes[0]));
                bench_drive_run(&r.d, s.spacing_s, (uint64_t)4 * PASSES_AIM * s.spacing_s);
                take_figures(&r, &s, &t, true);
                take_figures(&r, &s, &all, false);
            }
            bench_drive_free(&r.d);
            free(r.passes);
            free(r.claims.slots);
        }
        print_tally(strchr(pairs[i][1], '/') + 1, &s, &t);
        free(t.after);
    }
    print_tally("all pairs", &s, &all);
    free(all.after);
    return ok;
}

int main(int argc, char **argv) {
    bool full = argc > 1 && strcmp(argv[1], "full") == 0;
    if (bench_maps() == NULL)
        return 77;
    static const struct setting settings[] = {
        {"urban.lua", 20, 12, 60, 1}, {"urban.lua", 31, 20, 60, 2}, {"motorway.lua", 31, 20, 20, 3},
        {"urban.lua", 20, 12, 20, 4},
        {"urban.lua", 31, 20, 20, 5}, /* all within one group's ten minutes, from one direction */
    };
    size_t n = full ? ARRAY_LEN(settings) : 3;
    for (size_t i = 0; i < n; i++)
        if (!run_setting(settings[i], full ? 5 : 1))
            return 1;
    return 0;
}
