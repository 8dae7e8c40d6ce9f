/* One vehicle in one round: it makes what it sends, says so by a frame, and uploads until somebody has signed for it. */
#include "rsu/obus/learn_fleet.h"

#include "base/mem.h"
#include "fedlearn/vehicle/privacy.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SILENT_US = 1500000, /* then another unit is tried */
    SAY_AGAIN_US = 2000000, /* a frame may be lost */
    SAY_MOST = 4, /* through one unit */
    HEAR_BURST = 64,
};

void learn_tally_lost(struct learn_tally *t, const char *why) {
    size_t i = 0;
    while (i < t->n_lost && strcmp(t->lost[i].why, why) != 0)
        i++;
    if (i == LEARN_REASONS_MAX)
        return;
    if (i == t->n_lost) {
        t->lost[i].why = why;
        t->lost[i].n = 0;
        t->n_lost++;
    }
    t->lost[i].n++;
}

static uint64_t spent_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void put_away(struct learn_fleet *f, struct learn_trip *t) {
    if (t->stage == LEARN_UPLOADING)
        f->under_way--;
    if (t->fd >= 0)
        (void)close(t->fd);
    t->fd = -1;
    fl_upload_end(&t->upload);
    explicit_bzero(&t->key, sizeof(t->key));
    free(t->octets);
    t->octets = NULL;
}

static void lose(struct learn_fleet *f, struct learn_trip *t, const char *why) {
    put_away(f, t);
    t->stage = LEARN_LOST;
    t->why = why;
    learn_tally_lost(&f->tally, why);
}

void learn_trip_end(struct learn_fleet *f, size_t vehicle, const char *why) {
    struct learn_trip *t = &f->trips[vehicle];
    if (t->stage == LEARN_UPLOADING || t->stage == LEARN_WAITING)
        lose(f, t, why);
    t->stage = LEARN_HOME;
}

/* ---- the unit ---- */

static void say(struct learn_fleet *f, size_t vehicle, struct ws_now now) {
    struct learn_trip *t = &f->trips[vehicle];
    struct buf frame = {0};
    t->said_us = now.mono_us;
    t->said++;
    learn_put_frame(&f->drivers[vehicle], &f->round->open, &t->made, &t->key, now.its_us, &frame);
    struct learn_unit *u = &f->units[t->unit];
    struct ws_err err;
    const bool went = learn_unit_frame(u, buf_span(&frame), &err) == WS_OK;
    if (!went && !u->deaf)
        (void)fprintf(stderr, "obusim: %s\n", err.text);
    u->deaf = !went;
    t->unreachable = t->unreachable || !went;
    buf_free(&frame);
}

static void reach(struct learn_fleet *f, size_t vehicle, struct ws_now now) {
    struct learn_trip *t = &f->trips[vehicle];
    if (t->fd >= 0)
        (void)close(t->fd);
    t->fd = -1;
    t->said = 0;
    t->unreachable = learn_unit_socket(&f->units[t->unit], &t->fd, NULL) != WS_OK;
    t->heard_us = now.mono_us;
    if (!t->unreachable)
        say(f, vehicle, now);
}

/* The next one that may answer, or the same one again. */
static void change_unit(struct learn_fleet *f, size_t vehicle, struct ws_now now) {
    struct learn_trip *t = &f->trips[vehicle];
    for (size_t i = 1; i <= f->n_units; i++) {
        const size_t other = (t->unit + i) % f->n_units;
        if (!f->units[other].silent || i == f->n_units) {
            t->unit = other;
            break;
        }
    }
    f->tally.changes++;
    fl_upload_change(&t->upload, now);
    reach(f, vehicle, now);
}

/* ---- the beginning ---- */

/* Its own draws of this round, whatever it did before. */
static struct ws_random draws(const struct learn_fleet *f, size_t vehicle) {
    struct ws_random seeds = ws_random_seeded(f->o->seed);
    const uint64_t own = ws_random_u64(&seeds) + f->round->open.round * LEARN_VEHICLES_MAX;
    return ws_random_seeded(own + vehicle);
}

static int make(struct learn_fleet *f, size_t vehicle, struct ws_err *err) {
    struct learn_driver *v = &f->drivers[vehicle];
    struct learn_trip *t = &f->trips[vehicle];
    const struct fl_open *open = &f->round->open;
    const struct fl_rows rows = learn_slice(&f->slices, vehicle);
    const uint64_t begun = spent_ns();
    v->random = draws(f, vehicle);
    int rc = learn_train(v, f->o, &rows, &f->model, &f->desk, err);
    const uint64_t trained = spent_ns();
    f->tally.train_ns += trained - begun;
    if (rc != WS_OK)
        return rc;
    const bool boosted = learn_spoil(v, f->o, open->params, &f->desk);
    const struct fl_client_round round = {f->genesis.cell, open, f->round->seed, v->token};
    t->octets = ws_alloc(fl_client_octets(open));
    rc = learn_make(&round, f->o->boost_milli, boosted, &f->desk, t->octets, &t->made, err);
    f->tally.make_ns += spent_ns() - trained;
    if (rc == WS_OK)
        v->rho += fl_privacy_rho(&open->config.scale, open->params, open->config.group_min);
    return rc;
}

void learn_trip_begin(struct learn_fleet *f, size_t vehicle, struct ws_now now) {
    struct learn_driver *v = &f->drivers[vehicle];
    struct learn_trip *t = &f->trips[vehicle];
    const struct fl_open *open = &f->round->open;
    struct ws_err err = {0};
    enum learn_away away = LEARN_COMES;
    t->fd = -1;
    learn_ticket(v, &f->pki, f->o->seed, open->time_us, open->config.epoch_us);
    if (learn_stays_away(v, buf_span(&f->standings), &away, &err) != WS_OK) {
        lose(f, t, "standing_unknown");
        return;
    }
    if (away != LEARN_COMES) {
        t->stage = LEARN_HOME;
        f->tally.set_apart += away == LEARN_NOT_FREE;
        return;
    }
    if (make(f, vehicle, &err) != WS_OK) {
        lose(f, t, "no_update");
        return;
    }
    fl_upload_draw(&f->desk.secrets, &t->key);
    const uint8_t *bundles = t->octets + t->made.cover_octets;
    const struct fl_upload_parcel parcel = {.round = &f->round->sealed,
        .number = f->round->open.round,
        .id = t->made.id,
        .key = &t->key,
        .material = {span_of(t->octets, t->made.cover_octets),
            span_of(bundles, t->made.bundle_octets),
            span_of(bundles + t->made.bundle_octets, t->made.wire_octets)},
        .give_up_us = f->deadline_us};
    fl_upload_begin(&t->upload, &parcel, now);
    t->stage = LEARN_UPLOADING;
    f->under_way++;
    f->tally.took_part++;
    f->tally.octets += (uint64_t)t->made.cover_octets + t->made.bundle_octets + t->made.wire_octets;
    reach(f, vehicle, now);
}

/* ---- under way ---- */

static void look(struct learn_fleet *f, struct learn_trip *t) {
    if (t->upload.state == FL_UPLOAD_GOING)
        return;
    if (t->upload.state == FL_UPLOAD_FAILED) {
        lose(f, t, fl_upload_why(&t->upload));
        return;
    }
    /* fl_upload has checked it: a member of the round has signed for this submission. */
    f->tally.receipts++;
    put_away(f, t);
    t->stage = LEARN_DONE;
}

static bool is_restless(const struct learn_trip *t, struct ws_now now) {
    return t->unreachable || now.mono_us - t->heard_us > SILENT_US || t->said > SAY_MOST;
}

void learn_trip_run(struct learn_fleet *f, size_t vehicle, struct ws_now now) {
    struct learn_trip *t = &f->trips[vehicle];
    uint8_t octets[FL_UPLOAD_DATAGRAM_MAX];
    size_t n;
    if (is_restless(t, now) && now.mono_us - t->said_us > SILENT_US / 4)
        change_unit(f, vehicle, now);
    /* The unit answers, and does not know of us: perhaps nobody heard the frame. */
    if (!t->unreachable && t->upload.asking && t->upload.reason == FL_UPLOAD_UNKNOWN &&
        now.mono_us - t->said_us > SAY_AGAIN_US)
        say(f, vehicle, now);
    while (t->fd >= 0 && (n = fl_upload_next(&t->upload, now, &f->desk.secrets, octets)) > 0) {
        if (t->vanishes && 2 * t->upload.counters.parts >= t->upload.pieces) {
            f->tally.vanished++;
            lose(f, t, "vanished");
            return;
        }
        if (send(t->fd, octets, n, 0) < 0 && errno == ECONNREFUSED)
            t->unreachable = true;
    }
    look(f, t);
}

void learn_trip_hear(struct learn_fleet *f, size_t vehicle, struct ws_now now) {
    struct learn_trip *t = &f->trips[vehicle];
    uint8_t octets[FL_UPLOAD_DATAGRAM_MAX + 1];
    for (unsigned i = 0; i < HEAR_BURST && t->stage == LEARN_UPLOADING; i++) {
        const ssize_t n = recv(t->fd, octets, sizeof(octets), 0);
        if (n < 0) {
            t->unreachable = t->unreachable || errno == ECONNREFUSED;
            return;
        }
        const uint64_t ignored = t->upload.counters.ignored;
        fl_upload_hear(&t->upload, span_of(octets, (size_t)n), now);
        if (t->upload.counters.ignored == ignored)
            t->heard_us = now.mono_us;
        look(f, t);
    }
}

uint64_t learn_trip_when(const struct learn_trip *t) {
    const uint64_t silent =
        (t->unreachable ? t->said_us + SILENT_US / 4 : t->heard_us + SILENT_US) + 1;
    const uint64_t due = fl_upload_when(&t->upload);
    return t->fd < 0 || silent < due ? silent : due;
}
