/* One run from options to files. */
#include "rsu/obus/obusim.h"

#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>

struct sim {
    const struct sim_options *o;
    uint64_t duration_us, change_us;
    struct sim_world world;
    struct sim_roads roads;
    struct sim_fcd fcd;
    struct sim_pki pki;
    struct sim_senses senses;
    struct sim_emit emit;
    struct sim_vehicle *vehicles;
    size_t n;
    struct ws_random keys, driving, sensing, air; /* apart, so that one option moves only its own */
};

static void seed_all(struct sim *s) {
    struct ws_random seeds = ws_random_seeded(s->o->seed);
    s->keys = ws_random_seeded(ws_random_u64(&seeds));
    s->driving = ws_random_seeded(ws_random_u64(&seeds));
    s->sensing = ws_random_seeded(ws_random_u64(&seeds));
    s->air = ws_random_seeded(ws_random_u64(&seeds));
}

static int load(struct sim *s, struct buf *notes, struct ws_err *err) {
    const struct sim_options *o = s->o;
    int rc = sim_world_load(&s->world, o, notes, err);
    if (rc != WS_OK)
        return rc;
    if (sim_roads_make(&s->roads, &s->world, err) != WS_OK)
        return ws_fail_in(err, "%s", o->map);
    s->n = o->vehicles;
    s->duration_us = o->duration_us;
    if (o->fcd != NULL) {
        rc = sim_fcd_load(o->fcd, o->fcd_net, &s->world.map.frame, &s->fcd, err);
        if (rc != WS_OK)
            return rc;
        s->n = s->fcd.n;
        unsigned on = sim_fcd_on_lanes(&s->fcd, &s->roads);
        if (on < 100)
            return ws_fail(err, WS_EINPUT,
                "%s: %u of 1000 positions lie on a lane of %s; does it need its --fcd-net?", o->fcd,
                on, o->map);
        if (s->duration_us == 0)
            s->duration_us = (uint64_t)(s->fcd.last_us - s->fcd.first_us) + SIM_TICK_US;
        if (!o->change_half && o->change_us > s->duration_us)
            return ws_fail(
                err, WS_EINPUT, "--change-at lies behind the last position of %s", o->fcd);
    }
    s->change_us = o->change_half ? s->duration_us / 2 : o->change_us;
    return WS_OK;
}

static size_t common_round(size_t a, size_t b) {
    size_t n = a;
    while (n % b != 0)
        n += a;
    return n;
}

/* Makes and issuers in every combination: no make belongs to one issuer, in however short a fleet. */
static void take_ticket(struct sim *s, struct sim_vehicle *v) {
    const struct sim_options *o = s->o;
    size_t round = common_round(o->families, o->issuers);
    struct observer_class c = {SENSOR_CAMERA_GOOD, (uint16_t)(1 + v->index % o->families)};
    sim_station_new(&s->pki, (v->index + v->index / round) % o->issuers, &c, o->start_its_us,
        s->duration_us, &s->keys, &v->station);
}

/* Another name; and who bears it knows nothing of what the last one said. */
static void change_ticket(struct sim *s, struct sim_vehicle *v, uint64_t its_us) {
    enum { SILENT_MIN_US = 3000000, SILENT_MORE_US = 10000000 };
    sim_station_free(&v->station);
    take_ticket(s, v);
    v->ticket_due_us = its_us + s->o->ticket_us;
    v->silent_until_us = its_us + SILENT_MIN_US + ws_random_below(&s->keys, SILENT_MORE_US);
    v->cert_due_us = v->cam_due_us = 0;
    v->n_reported = 0;
}

static void make_vehicles(struct sim *s) {
    const struct sim_options *o = s->o;
    sim_pki_new(&s->pki, o->issuers, o->start_its_us, o->seed, &s->keys);
    s->vehicles = ws_calloc(s->n, sizeof(s->vehicles[0]));
    for (size_t i = 0; i < s->n; i++) {
        struct sim_vehicle *v = &s->vehicles[i];
        v->index = i;
        v->ticket_due_us = o->start_its_us + (i + 1) * 7919000 % (o->ticket_us + 1);
        take_ticket(s, v);
        sim_drive_start(v, &s->driving);
    }
    /* Exactly the share asked for, rounded: the liars are drawn without putting back. */
    size_t liars = (size_t)(((uint64_t)s->n * o->liars_ppm + 500000) / 1000000);
    for (size_t left = s->n, i = 0; i < s->n; i++, left--)
        if (ws_random_below(&s->driving, left) < liars) {
            s->vehicles[i].liar = true;
            liars--;
        }
    s->senses = (struct sim_senses){o->tpr_ppm, o->fpr_ppm, o->sigma_mm, {0}};
    sim_lie_choose(&s->senses, &s->world, &s->roads, &s->sensing);
}

/* Each vehicle's messages have their own place in a tick. */
static uint64_t phase_us(const struct sim_vehicle *v) {
    return v->index * 7919 % SIM_TICK_US;
}

static void say(struct sim *s, struct sim_vehicle *v, uint64_t its_us, bool changed) {
    if (s->o->ticket_us > 0 && its_us >= v->ticket_due_us)
        change_ticket(s, v, its_us);
    if (its_us < v->silent_until_us)
        return;
    struct sim_look look;
    sim_sense(v, &s->world, &s->roads, &s->senses, changed, &s->sensing, &look);
    if (look.any)
        sim_emit_look(&s->emit, v, its_us, &look, &s->air);
    if (!v->on_road)
        return;
    if (s->o->cam_hz > 0) {
        uint64_t period = 1000000 / s->o->cam_hz;
        if (its_us >= v->cam_due_us) {
            sim_emit_cam(&s->emit, v, its_us, period, &s->air);
            /* In step with its own beginning, however long the tick. */
            v->cam_due_us =
                v->cam_due_us + period > its_us ? v->cam_due_us + period : its_us + period;
        }
    }
}

static void drive_all(struct sim *s) {
    bool changed = false;
    for (uint64_t t = 0; t < s->duration_us; t += SIM_TICK_US) {
        if (!changed && t >= s->change_us) {
            changed = true;
            sim_roads_forget(&s->roads);
        }
        for (size_t i = 0; i < s->n; i++) {
            struct sim_vehicle *v = &s->vehicles[i];
            if (s->o->fcd != NULL)
                sim_fcd_drive(v, &s->fcd, &s->roads, t, changed);
            else
                sim_drive(v, &s->roads, t, changed, &s->driving);
            say(s, v, s->o->start_its_us + t + phase_us(v), changed);
        }
        sim_emit_flush(&s->emit, s->o->start_its_us + t);
    }
    sim_emit_flush(&s->emit, UINT64_MAX / 4000);
}

/* ---- what happened ---- */

static int order_u64(const void *a, const void *b) {
    uint64_t p = *(const uint64_t *)a;
    uint64_t q = *(const uint64_t *)b;
    return (p > q) - (p < q);
}

static uint64_t vehicles_of(const struct sim_thing *t) {
    uint64_t n = 0;
    for (size_t i = 0; t->passed_by != NULL && i <= SIM_VEHICLES_MAX / 8; i++)
        n += (uint64_t)__builtin_popcount(t->passed_by[i]);
    return n;
}

static void sum_up_changes(struct sim *s, struct buf *b) {
    const struct sim_world *w = &s->world;
    if (!w->has_actual) {
        buf_printf(b, "changes on the road: none (no --world)\n");
        return;
    }
    buf_printf(b,
        "changes on the road: %zu that a passing vehicle can tell, %zu that it cannot (lanes, "
        "markings, shapes)\n",
        w->n_changed, w->n_unseen);
    uint64_t *passes = ws_calloc(w->n, sizeof(passes[0]));
    uint64_t *vehicles = ws_calloc(w->n, sizeof(vehicles[0]));
    size_t n = 0;
    size_t never = 0;
    for (size_t i = 0; i < w->n; i++)
        if (w->things[i].changed) {
            never += w->things[i].passes == 0 ? 1 : 0;
            vehicles[n] = vehicles_of(&w->things[i]);
            passes[n++] = w->things[i].passes;
        }
    if (n > 0) {
        qsort(passes, n, sizeof(passes[0]), order_u64);
        qsort(vehicles, n, sizeof(vehicles[0]), order_u64);
        buf_printf(b,
            "passes of each after the change: fewest %" PRIu64 ", median %" PRIu64
            "; by different vehicles: fewest %" PRIu64 ", median %" PRIu64 "; never passed: %zu\n",
            passes[0], passes[n / 2], vehicles[0], vehicles[n / 2], never);
    }
    free(passes);
    free(vehicles);
}

static void sum_up(struct sim *s, const char *pki, struct buf *b) {
    char from[32];
    char change[32];
    its_format(from, s->o->start_its_us);
    its_format(change, s->o->start_its_us + s->change_us);
    size_t liars = 0;
    for (size_t i = 0; i < s->n; i++)
        liars += s->vehicles[i].liar ? 1 : 0;
    buf_printf(b,
        "%s: %" PRIu64 " frames: %" PRIu64 " CAM, %" PRIu64 " observations with %" PRIu64
        " reports\n%zu vehicles (%zu lying), %" PRIu64 " s from %s, seed %" PRIu64 "\n",
        s->o->out, s->emit.frames, s->emit.cams, s->emit.observations, s->emit.reports, s->n, liars,
        s->duration_us / 1000000, from, s->o->seed);
    if (s->world.has_actual)
        buf_printf(b, "the road changes at %s\n", change);
    sum_up_changes(s, b);
    if (liars > 0 && s->senses.lie.any) {
        const struct sim_thing *t = &s->world.things[s->senses.lie.thing];
        const char *alias = t->element->n_aliases > 0 ? t->element->aliases[0] : "without a name";
        if (s->senses.lie.gone)
            buf_printf(b, "the lie: %s %s is gone\n", element_kind_name(t->kind), alias);
        else
            buf_printf(b, "the lie: %s %s shows %d\n", element_kind_name(t->kind), alias,
                s->senses.lie.value);
    }
    buf_printf(b, "trust certificates: %s\n", pki);
}

/* CAPTURE without its extension, and ".trust". */
static char *pki_folder(const struct sim_options *o) {
    if (o->pki != NULL)
        return ws_strdup(o->pki);
    const char *slash = strrchr(o->out, '/');
    const char *dot = strrchr(o->out, '.');
    size_t stem = dot != NULL && dot > (slash == NULL ? o->out : slash + 1) ? (size_t)(dot - o->out)
                                                                            : strlen(o->out);
    struct buf b = {0};
    buf_put(&b, o->out, stem);
    buf_put(&b, ".trust", sizeof(".trust"));
    return (char *)b.p;
}

static void close_all(struct sim *s) {
    for (size_t i = 0; i < s->n && s->vehicles != NULL; i++) {
        sim_station_free(&s->vehicles[i].station);
        free(s->vehicles[i].reported);
    }
    free(s->vehicles);
    sim_emit_free(&s->emit);
    sim_pki_free(&s->pki);
    sim_fcd_free(&s->fcd);
    sim_roads_free(&s->roads);
    sim_world_free(&s->world);
}

int sim_run(
    const struct sim_options *o, struct buf *notes, struct buf *summary, struct ws_err *err) {
    struct sim s = {.o = o};
    seed_all(&s);
    char *pki = pki_folder(o);
    int rc = load(&s, notes, err);
    if (rc == WS_OK) {
        make_vehicles(&s);
        rc = sim_pki_write(&s.pki, pki, err);
    }
    if (rc == WS_OK && o->units > 0)
        rc = sim_units_write(&s.pki, pki, o->units, o->start_its_us, s.duration_us, &s.keys, err);
    if (rc == WS_OK)
        rc = capture_create(o->out, &s.emit.writer, err);
    if (rc == WS_OK) {
        s.emit.frame = &s.world.map.frame;
        s.emit.map_version = o->map_version > 0 ? o->map_version : 1;
        drive_all(&s);
        rc = capture_finish(s.emit.writer, err);
    }
    if (rc == WS_OK)
        sum_up(&s, pki, summary);
    close_all(&s);
    free(pki);
    return rc;
}
