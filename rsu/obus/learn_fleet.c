/* The vehicles of obusim --learn: who they are, and the loop they live in. */
#include "rsu/obus/learn_fleet.h"

#include "base/mem.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    ASK_US = 250000,
    ISSUERS = 3,
};
#define MONTH_US (UINT64_C(32) * 86400 * 1000000)

/* ---- beginning ---- */

int learn_prepare(const struct learn_options *o, struct ws_err *err) {
    const struct ws_clock clock = {.kind = WS_CLOCK_SYSTEM};
    struct ws_random keys = ws_random_seeded(o->seed);
    struct sim_pki pki;
    char root[4096];
    if (snprintf(root, sizeof(root), "%s/root.cert", o->pki) < (int)sizeof(root) &&
        access(root, F_OK) == 0)
        return ws_fail(err, WS_EEXIST,
            "%s is there, and cells may have been founded on it: others go into another folder",
            root);
    /* An epoch that is on already may be a month old, and a ticket is not older than its issuer. */
    sim_pki_new(&pki, ISSUERS, ws_clock_now(&clock).its_us - MONTH_US, o->seed, &keys);
    int rc = sim_pki_write(&pki, o->pki, err);
    if (rc == WS_OK)
        rc = sim_pki_keep(&pki, o->pki, err);
    sim_pki_free(&pki);
    if (rc == WS_OK)
        (void)printf("%s: root and %d issuers, for `rsuctl cell init --trust`; their keys are in "
                     "%s.issuers\n",
            o->pki, ISSUERS, o->pki);
    return rc;
}

/* The same vehicles by the same seed, and exactly the share of bad ones, rounded. */
static void make_drivers(struct learn_fleet *f) {
    const struct learn_options *o = f->o;
    const size_t n = o->vehicles;
    size_t bad =
        o->poison == LEARN_HONEST ? 0 : (size_t)(((uint64_t)n * o->poison_ppm + 500000) / 1000000);
    struct ws_random draw = ws_random_seeded(o->seed);
    f->drivers = ws_calloc(n, sizeof(*f->drivers));
    f->trips = ws_calloc(n, sizeof(*f->trips));
    for (size_t i = 0; i < n; i++) {
        f->drivers[i].index = i;
        f->trips[i].fd = -1;
        if (ws_random_below(&draw, n - i) < bad) {
            f->drivers[i].poisons = true;
            bad--;
        }
    }
}

static void raise_files(void) {
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &r);
    }
}

void learn_print(const struct buf *b, FILE *to) {
    (void)fprintf(to, "%.*s", (int)b->n, b->n > 0 ? (const char *)b->p : "");
    (void)fflush(to);
}

/* One that is not there may come with its unit; without any, nobody would be heard. */
static int find_interfaces(struct learn_fleet *f, struct ws_err *err) {
    size_t ready = 0;
    for (size_t i = 0; i < f->n_units; i++) {
        f->units[i].deaf = learn_unit_ready(&f->units[i], err) != WS_OK;
        ready += !f->units[i].deaf;
        if (f->units[i].deaf && f->n_units > 1)
            (void)fprintf(stderr, "obusim: %s\n", err->text);
    }
    return ready > 0 ? WS_OK : WS_EIO;
}

static int open_fleet(struct learn_fleet *f, struct ws_err *err) {
    const struct learn_options *o = f->o;
    struct buf notes = {0};
    int rc = learn_genesis_read(&f->genesis, o->genesis, o->fingerprint, err);
    if (rc == WS_OK)
        rc = learn_slices_read(&f->slices, o, &notes, err);
    learn_print(&notes, stderr);
    buf_free(&notes);
    if (rc == WS_OK)
        rc = sim_pki_load(&f->pki, o->pki, err);
    if (rc == WS_OK)
        rc = learn_desk_open(&f->desk, err);
    f->units = ws_calloc(o->n_units, sizeof(*f->units));
    for (size_t i = 0; i < o->n_units && rc == WS_OK; i++) {
        rc = learn_unit_open(&f->units[i], &o->unit[i], err);
        f->n_units = i + 1;
    }
    if (rc == WS_OK)
        rc = find_interfaces(f, err);
    if (rc != WS_OK)
        return rc;
    raise_files();
    make_drivers(f);
    f->round = ws_alloc(sizeof(*f->round));
    f->end = ws_alloc(sizeof(*f->end));
    f->accuracy = -1;
    return WS_OK;
}

static void close_fleet(struct learn_fleet *f) {
    for (size_t i = 0; i < f->o->vehicles && f->drivers != NULL; i++) {
        learn_trip_end(f, i, "stopped");
        sim_station_free(&f->drivers[i].ticket);
    }
    for (size_t i = 0; i < f->n_units; i++)
        learn_unit_close(&f->units[i]);
    free(f->units);
    free(f->drivers);
    free(f->trips);
    free(f->round);
    free(f->end);
    if (f->has_model)
        fl_model_free(&f->model);
    learn_desk_close(&f->desk);
    learn_slices_free(&f->slices);
    sim_pki_free(&f->pki);
    buf_free(&f->genesis.octets);
    buf_free(&f->standings);
}

/* ---- the loop ---- */

static void begin_next(struct learn_fleet *f) {
    while (f->next < f->o->vehicles && f->trips[f->next].stage != LEARN_WAITING)
        f->next++;
    if (f->next < f->o->vehicles && f->under_way < LEARN_UNDER_WAY) {
        learn_trip_begin(f, f->next, ws_clock_now(&f->clock));
        f->next++;
    }
}

static uint64_t run_trips(struct learn_fleet *f, uint64_t until_us) {
    for (size_t i = 0; i < f->o->vehicles; i++) {
        if (f->trips[i].stage != LEARN_UPLOADING)
            continue;
        learn_trip_run(f, i, ws_clock_now(&f->clock));
        if (f->trips[i].stage != LEARN_UPLOADING)
            continue;
        const uint64_t when = learn_trip_when(&f->trips[i]);
        until_us = when < until_us ? when : until_us;
    }
    return until_us;
}

static void wait_and_hear(struct learn_fleet *f, uint64_t until_us) {
    struct pollfd p[LEARN_UNDER_WAY];
    size_t who[LEARN_UNDER_WAY];
    nfds_t n = 0;
    const bool more = f->next < f->o->vehicles && f->under_way < LEARN_UNDER_WAY && f->in_round;
    for (size_t i = 0; i < f->o->vehicles && n < LEARN_UNDER_WAY; i++)
        if (f->trips[i].stage == LEARN_UPLOADING && f->trips[i].fd >= 0) {
            who[n] = i;
            p[n++] = (struct pollfd){f->trips[i].fd, POLLIN, 0};
        }
    const uint64_t now = ws_clock_now(&f->clock).mono_us;
    const int ms = more || until_us <= now ? 0 : (int)((until_us - now + 999) / 1000);
    if (poll(p, n, ms) <= 0)
        return;
    for (nfds_t i = 0; i < n; i++)
        if (p[i].revents != 0)
            learn_trip_hear(f, who[i], ws_clock_now(&f->clock));
}

static int run(struct learn_fleet *f, struct ws_err *err) {
    const struct learn_options *o = f->o;
    const uint64_t begun = ws_clock_now(&f->clock).mono_us;
    uint64_t ask_us = begun;
    while (o->rounds == 0 || f->rounds < o->rounds) {
        const struct ws_now now = ws_clock_now(&f->clock);
        if (o->within_us != 0 && now.mono_us - begun > o->within_us)
            return ws_fail(
                err, WS_EBUSY, "%llu rounds within the time given", (unsigned long long)f->rounds);
        if (now.mono_us >= ask_us) {
            learn_rounds_run(f, now);
            ask_us = ws_clock_now(&f->clock).mono_us + ASK_US;
        }
        if (f->in_round)
            begin_next(f);
        wait_and_hear(f, run_trips(f, ask_us));
    }
    return WS_OK;
}

int learn_run(const struct learn_options *o, struct ws_err *err) {
    struct learn_fleet *f = ws_alloc(sizeof(*f));
    f->o = o;
    f->clock.kind = WS_CLOCK_SYSTEM;
    int rc = open_fleet(f, err);
    if (rc == WS_OK)
        rc = run(f, err);
    if (f->rounds > 0) {
        struct buf b = {0};
        learn_report_cost(f, &b);
        learn_print(&b, stdout);
        buf_free(&b);
    }
    close_fleet(f);
    free(f);
    return rc;
}
