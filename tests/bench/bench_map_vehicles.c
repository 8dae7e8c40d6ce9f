/* Certificates and vehicles: how many honest ones are taken for another, how many changes of certificate are seen through, what
 * that costs in voices, and what one car with ten certificates counts for. Roads and trips are obusim's, on a real map
 * that changed.
 *
 * usage: bench_map_vehicles [full]     seeded; WAYSIDE_DATA names the folder of the data. Without it the car comes alone, and
 * the exit is 77. */
#include "tests/bench/bench_map_drive.h"

#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "mapsvc/fuse/contract_internal.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- traffic ---- */

enum { CHANGE_MS = 60000, SILENT_MIN_MS = 3000, SILENT_MAX_MS = 13000 };
#define NOBODY UINT32_MAX

struct ticket {
    uint8_t signer[32];
    uint32_t trip, before; /* the same vehicle's last one, or NOBODY */
    uint32_t root; /* whose it was taken for when it was last heard, or NOBODY */
    bool was_wrong;
    uint64_t first_ms, last_ms;
};
struct trip {
    uint32_t ticket;
    uint64_t changes_at, silent_until;
};
struct run {
    struct bench_drive d;
    bool changes; /* certificates on the road */
    struct ticket *tickets; /* by rig_car.id */
    uint32_t *slots; /* hash table of tickets */
    size_t n, cap;
    struct trip *trips; /* by bench_car.trip */
    size_t n_trips;
};

static size_t slot_of(const struct run *r, const uint8_t *signer) {
    size_t i = (size_t)be64(signer) & (r->cap - 1);
    while (r->slots[i] != NOBODY && memcmp(r->tickets[r->slots[i]].signer, signer, 32) != 0)
        i = (i + 1) & (r->cap - 1);
    return i;
}

static uint32_t new_ticket(struct run *r, uint32_t trip, uint32_t before) {
    if (2 * (r->n + 1) > r->cap) {
        r->cap = r->cap == 0 ? 1024 : 2 * r->cap;
        r->tickets = ws_realloc(r->tickets, r->cap * sizeof(r->tickets[0]));
        r->slots = ws_realloc(r->slots, r->cap * sizeof(r->slots[0]));
        memset(r->slots, 0xff, r->cap * sizeof(r->slots[0]));
        for (size_t i = 0; i < r->n; i++)
            r->slots[slot_of(r, r->tickets[i].signer)] = (uint32_t)i;
    }
    uint32_t id = (uint32_t)r->n++;
    r->tickets[id] = (struct ticket){.trip = trip, .before = before, .root = NOBODY};
    rig_signer(id, r->tickets[id].signer);
    r->slots[slot_of(r, r->tickets[id].signer)] = id;
    return id;
}

static void told(void *self, struct bench_car *car, struct sim_look *look) {
    struct run *r = self;
    uint64_t now = r->d.rig.now_ms;
    if (car->trip >= r->n_trips) {
        size_t n = 2 * (size_t)car->trip + 64;
        r->trips = ws_realloc(r->trips, n * sizeof(r->trips[0]));
        memset(&r->trips[r->n_trips], 0, (n - r->n_trips) * sizeof(r->trips[0]));
        r->n_trips = n;
    }
    struct trip *t = &r->trips[car->trip];
    if (t->changes_at == 0) {
        t->ticket = new_ticket(r, car->trip, NOBODY);
        t->changes_at = now + ws_random_below(&r->d.rnd, CHANGE_MS);
    }
    if (r->changes && now >= t->changes_at) {
        t->ticket = new_ticket(r, car->trip, t->ticket);
        t->silent_until =
            now + SILENT_MIN_MS + ws_random_below(&r->d.rnd, SILENT_MAX_MS - SILENT_MIN_MS + 1);
        t->changes_at = now + CHANGE_MS;
        car->v.n_reported = 0; /* the new name knows nothing of what the old one said */
    }
    car->car.id = t->ticket;
    look->any = now >= t->silent_until;
    struct ticket *k = &r->tickets[t->ticket];
    k->first_ms = k->first_ms == 0 && look->any ? now : k->first_ms;
    k->last_ms = look->any ? now : k->last_ms;
}

static void look_at_block(void *self) {
    struct run *r = self;
    const struct map_contract *c = r->d.rig.contract.self;
    for (size_t i = 0; i < c->pseudonyms.n; i++) {
        const struct pseudonym *p = c->pseudonyms.list[i];
        if (p->heard != r->d.rig.host.time)
            continue;
        struct ticket *t = &r->tickets[r->slots[slot_of(r, p->signer)]];
        t->root = r->slots[slot_of(r, p->root)];
        t->was_wrong = t->was_wrong || r->tickets[t->root].trip != t->trip;
    }
}

struct figures {
    size_t heard, was_wrong, wrong; /* first certificates of vehicles */
    size_t changes, seen; /* certificates after the first, both heard */
    size_t late,
        alone; /* after a longer silence than the policy allows; not seen though not late, and for nobody else */
    uint64_t voices;
    bool ok;
};

static struct figures drive(unsigned spacing_s, uint64_t seconds, bool changes, int64_t gap_ms) {
    struct figures f = {0};
    int64_t policy[MAP_POLICY_COUNT];
    if (!bench_policy("urban.lua", policy))
        return f;
    policy[MAP_POLICY_CONFIRM_BITS] = 62; /* nothing is settled: every voice is counted */
    policy[MAP_POLICY_PSEUDONYM_GAP_MS] = gap_ms < 0 ? policy[MAP_POLICY_PSEUDONYM_GAP_MS] : gap_ms;
    uint64_t gap = (uint64_t)policy[MAP_POLICY_PSEUDONYM_GAP_MS];
    struct run r = {.d = {.told = told, .block = look_at_block}, .changes = changes};
    r.d.self = &r;
    f.ok = bench_drive_start(&r.d, "lanelet2/zalazone_smartcity_mapversion9.osm",
        "lanelet2/zalazone_smartcity_mapversion13.osm", policy, 4);
    if (f.ok)
        bench_drive_run(&r.d, spacing_s, seconds);
    for (size_t i = 0; i < r.n; i++) {
        const struct ticket *t = &r.tickets[i];
        if (t->root == NOBODY)
            continue;
        if (t->before == NOBODY) {
            f.heard++;
            f.was_wrong += t->was_wrong ? 1 : 0;
            f.wrong += r.tickets[t->root].trip != t->trip ? 1 : 0;
        } else if (r.tickets[t->before].root != NOBODY) {
            bool seen = t->root == r.tickets[t->before].root;
            bool late = t->first_ms - r.tickets[t->before].last_ms > gap;
            f.changes++;
            f.seen += seen ? 1 : 0;
            f.late += late ? 1 : 0;
            f.alone += !seen && !late && t->root == i ? 1 : 0;
        }
    }
    enum { MOST = 16384 };
    struct map_candidate *all = ws_calloc(MOST, sizeof(*all));
    size_t n = f.ok ? map_contract_candidates(r.d.rig.contract.self, all, MOST) : 0;
    for (size_t i = 0; i < n; i++)
        f.voices += all[i].vehicles;
    free(all);
    free(r.tickets);
    free(r.slots);
    free(r.trips);
    bench_drive_free(&r.d);
    return f;
}

static double percent(double part, double of) {
    return of > 0 ? 100 * part / of : 0;
}

static bool traffic(bool full) {
    static const unsigned spacings[] = {5, 20, 60};
    for (size_t i = 0; i < ARRAY_LEN(spacings); i++) {
        uint64_t seconds = (full ? 100 : 25) * (uint64_t)spacings[i] + 300;
        struct figures keep = drive(spacings[i], seconds, false, -1);
        struct figures apart = drive(spacings[i], seconds, false, 0);
        struct figures change = drive(spacings[i], seconds, true, -1);
        struct figures many = drive(spacings[i], seconds, true, 0);
        if (!keep.ok || !apart.ok || !change.ok || !many.ok)
            return false;
        (void)printf("a vehicle each %u s on each lane, certificates kept: of %zu vehicles %.1f %% "
                     "taken for another at some time, %.1f %% when last heard; %.2f %% of the "
                     "voices lost\n",
            spacings[i], keep.heard, percent((double)keep.was_wrong, (double)keep.heard),
            percent((double)keep.wrong, (double)keep.heard),
            100 - percent((double)keep.voices, (double)apart.voices));
        (void)printf("    a new certificate each %d s after %d to %d s of silence: %.1f %% of %zu "
                     "seen through (%.1f %% after a longer silence than the policy allows, %.1f %% "
                     "taken for new vehicles, the others for another one); voices %.1f %% of those "
                     "with certificates kept, %.1f %% if "
                     "each were a vehicle\n",
            CHANGE_MS / 1000, SILENT_MIN_MS / 1000, SILENT_MAX_MS / 1000,
            percent((double)change.seen, (double)change.changes), change.changes,
            percent((double)change.late, (double)change.changes),
            percent((double)change.alone, (double)change.changes),
            percent((double)change.voices, (double)apart.voices),
            percent((double)many.voices, (double)apart.voices));
        (void)fflush(stdout);
    }
    return true;
}

/* ---- one car with ten certificates ---- */

enum { TICKETS = 10, ROAD_SPEED = 14000, GAP_MS = 25000 };
struct trick {
    const char *name;
    uint64_t step_ms; /* between two messages */
    unsigned stay; /* messages with one certificate before the next; 0: all in turns */
    int32_t speed, apart; /* mm/s; mm that each certificate's place lies behind the last one's */
    uint64_t silent_ms; /* before each new certificate */
};

static struct rig_car car_of(const struct trick *t, unsigned ticket, uint64_t ms) {
    return (struct rig_car){.id = ticket,
        .issuer = 1,
        .family = 1,
        .sensor = SENSOR_CAMERA_GOOD,
        .x = (int32_t)(ms * (uint64_t)t->speed / 1000) - t->apart * (int32_t)ticket};
}

static uint32_t counts_for(const struct trick *t, int64_t gap_ms) {
    struct mapset m = {.ns = "bench"};
    struct element e = rig_sign(0, 50, 900000, -4000, 0);
    mapset_add(&m, &e);
    struct map_rig r;
    rig_start(&r, &m);
    rig_set(&r, MAP_POLICY_PSEUDONYM_GAP_MS, gap_ms);
    uint64_t ms = 1000;
    unsigned n = (t->stay == 0 ? 6 : t->stay) * TICKETS;
    for (unsigned i = 0; i < n; i++, ms += t->step_ms) {
        unsigned ticket = t->stay == 0 ? i % TICKETS : i / t->stay;
        if (i > 0 && t->stay > 0 && i % t->stay == 0)
            ms += t->silent_ms;
        rig_begin(&r, ms);
        struct rig_car car = car_of(t, ticket, ms);
        struct observation o = rig_look(&r, &car);
        o.range_mm = 1000000;
        o.half_angle = 32768;
        rig_mismatch(&o, &r.base.elements[0], 30);
        (void)rig_send(&r, &car, &o);
        rig_end(&r);
    }
    struct map_candidate one = {0};
    (void)map_contract_candidates(r.contract.self, &one, 1);
    rig_free(&r);
    return one.vehicles; /* all within a window */
}

static void tricks(void) {
    static const struct trick all[] = {
        {"a new one each second, driving", 1000, 1, ROAD_SPEED, 0, 0},
        {"a new one each 2 s, standing", 2000, 1, 0, 0, 0},
        {"a new one each 10 messages, driving, silent for 10 s", 500, 10, ROAD_SPEED, 0, 10000},
        {"the same, standing", 500, 10, 0, 0, 10000},
        {"in turns, ten in a second", 100, 0, ROAD_SPEED, 0, 0},
        {"in turns, one in a second", 1000, 0, ROAD_SPEED, 0, 0},
        {"silent for 30 s before each", 500, 10, 0, 0, 30000},
        {"one message at one place each 5 s", 5000, 1, 0, 0, 0},
        {"in turns, as ten cars 15 m apart", 100, 0, ROAD_SPEED, 15000, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        (void)printf("one car with %d certificates, %s: counts for %u (by certificates: %u)\n",
            TICKETS, all[i].name, counts_for(&all[i], GAP_MS), counts_for(&all[i], 0));
}

int main(int argc, char **argv) {
    tricks();
    (void)fflush(stdout);
    if (bench_maps() == NULL)
        return 77;
    return traffic(argc > 1 && strcmp(argv[1], "full") == 0) ? 0 : 1;
}
