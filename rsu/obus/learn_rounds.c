/* Rounds as the vehicles of obusim --learn see them: heard of, believed, called to, over. */
#include "rsu/obus/learn_fleet.h"

#include "fedlearn/vehicle/privacy.h"

#include <stdio.h>

enum {
    SILENT_UNIT_US = 2000000, /* a unit that did not answer is left alone */
    END_UNKNOWN_US = 30000000, /* then a round that is over is told without its end */
    SKEW_US = 30000000,
    WORDS_MAX = 8, /* complaints that are told */
};

/* ---- asking ---- */

static void complain(struct learn_fleet *f, const struct ws_err *err) {
    if (f->complaints < WORDS_MAX)
        (void)fprintf(stderr, "obusim: %s\n", err->text);
    f->complaints++;
}

/* Any unit that answers: the last one, else the next. */
static struct learn_unit *ask_somebody(struct learn_fleet *f, struct learn_heard *heard) {
    for (size_t i = 0; i < f->n_units; i++) {
        const size_t at = (f->at + i) % f->n_units;
        struct learn_unit *u = &f->units[at];
        struct ws_err err;
        if (u->silent && ws_clock_now(&f->clock).mono_us < u->again_us)
            continue;
        u->silent = learn_ask(u, heard, &err) != WS_OK;
        if (!u->silent) {
            f->at = at;
            return u;
        }
        u->again_us = ws_clock_now(&f->clock).mono_us + SILENT_UNIT_US;
        complain(f, &err);
    }
    return NULL;
}

/* Vehicles upload where units say, so each has to be asked once. */
static void ask_all(struct learn_fleet *f) {
    for (size_t i = 0; i < f->n_units; i++) {
        struct learn_unit *u = &f->units[i];
        struct learn_heard heard;
        if (u->silent && ws_clock_now(&f->clock).mono_us < u->again_us)
            continue;
        u->silent = learn_ask(u, &heard, NULL) != WS_OK;
        if (u->silent)
            u->again_us = ws_clock_now(&f->clock).mono_us + SILENT_UNIT_US;
    }
}

/* From whoever has it; then rows are under its constants, and how good it is is known. */
static int take_model(struct learn_fleet *f, const uint8_t hash[static 32], struct ws_err *err) {
    if (f->has_model && memcmp(f->model_hash, hash, 32) == 0)
        return WS_OK;
    struct fl_model next = {0};
    int rc = WS_ENOTFOUND;
    for (size_t i = 0; i < f->n_units && rc != WS_OK; i++) {
        struct learn_unit *u = &f->units[(f->at + i) % f->n_units];
        if (!u->silent)
            rc = learn_ask_model(u, hash, &next, err);
    }
    if (rc != WS_OK)
        return rc == WS_ENOTFOUND ? ws_fail(err, WS_ENOTFOUND, "no unit has the model yet") : rc;
    rc = learn_slices_fit(&f->slices, &next, err);
    if (rc != WS_OK) {
        fl_model_free(&next);
        return rc;
    }
    if (f->has_model)
        fl_model_free(&f->model);
    f->model = next;
    f->has_model = true;
    memcpy(f->model_hash, hash, 32);
    const struct fl_rows held = learn_held_out(&f->slices);
    fl_confuse(&f->model.shape, f->model.params, &held, &f->confusion);
    f->accuracy = (double)fl_confusion_right(&f->confusion) / (double)held.n;
    return WS_OK;
}

/* ---- rounds ---- */

static bool chance(struct ws_random *r, uint32_t ppm) {
    return ws_random_below(r, 1000000) < ppm;
}

/* Would it give away more than it is willing to? */
static bool is_private(const struct learn_fleet *f, const struct learn_driver *v, double rho) {
    return f->o->epsilon_milli != 0 &&
           !(fl_privacy_epsilon(v->rho + rho, LEARN_DELTA) <= f->o->epsilon_milli / 1000.0);
}

static void call_vehicles(struct learn_fleet *f) {
    const struct fl_open *open = &f->round->open;
    struct ws_random draw = ws_random_seeded(f->o->seed + open->round * 1000003);
    const double rho = f->o->epsilon_milli == 0 ? 0
                                                : fl_privacy_rho(&open->config.scale, open->params,
                                                      open->config.group_min);
    f->tally = (struct learn_tally){0};
    for (size_t i = 0; i < f->o->vehicles; i++) {
        struct learn_trip *t = &f->trips[i];
        const bool absent = chance(&draw, f->o->absent_ppm);
        const bool vanishes = chance(&draw, f->o->vanish_ppm);
        const bool private = !absent && is_private(f, &f->drivers[i], rho);
        *t = (struct learn_trip){.stage = absent || private ? LEARN_HOME : LEARN_WAITING,
            .fd = -1,
            .unit = (i + open->round) % f->n_units,
            .vanishes = vanishes};
        f->tally.absent += absent;
        f->tally.private += private;
    }
    f->next = 0;
}

static int begin_round(struct learn_fleet *f, struct learn_unit *u, const struct learn_heard *heard,
    struct ws_err *err) {
    int rc = learn_believe_round(u, &f->genesis, heard, f->round, err);
    const struct fl_open *open = &f->round->open;
    const struct fl_round_config *k = &open->config;
    const struct ws_now now = ws_clock_now(&f->clock);
    if (rc == WS_OK) /* an old round is as well proven as this one */
        if (now.its_us + SKEW_US < open->time_us ||
            now.its_us > open->time_us + k->open_us + k->submit_us + SKEW_US)
            rc = ws_fail(err, WS_EINPUT, "round %llu is not of this time, or the clock is wrong",
                (unsigned long long)open->round);
    if (rc == WS_OK)
        rc = take_model(f, open->model_hash, err);
    if (rc == WS_OK && f->desk.params != 0 && fl_shape_params(&f->model.shape) != open->params)
        rc = ws_fail(err, WS_EINPUT, "the model has another number of parameters than the round");
    if (rc == WS_OK)
        rc = learn_believe_table(u, &f->genesis, open->height, &f->standings, err);
    if (rc != WS_OK)
        return rc;
    f->in_round = true;
    f->over_us = 0;
    f->last = open->round;
    f->deadline_us = now.mono_us + k->submit_us + k->attest_us;
    ask_all(f);
    call_vehicles(f);
    return WS_OK;
}

static void add_up(struct learn_fleet *f) {
    struct learn_tally *a = &f->all;
    const struct learn_tally *t = &f->tally;
    a->took_part += t->took_part;
    a->absent += t->absent;
    a->private += t->private;
    a->set_apart += t->set_apart;
    a->vanished += t->vanished;
    a->receipts += t->receipts;
    a->changes += t->changes;
    a->octets += t->octets;
    a->train_ns += t->train_ns;
    a->make_ns += t->make_ns;
}

/* The end is on the ledger, proven, and its model is here; WS_EBUSY: not yet. */
static int know_end(struct learn_fleet *f, struct learn_unit *u, const struct learn_heard *heard,
    struct ws_err *err) {
    struct learn_place at = {0};
    int rc = learn_ask_end(u, f->round->open.round, &at, err);
    if (rc == WS_OK && (at.height == 0 || at.height >= heard->height))
        rc = ws_fail(err, WS_EBUSY, "the end is not on the ledger yet");
    if (rc == WS_OK)
        rc = learn_believe_end(u, &f->genesis, f->round->open.round, &at, f->end, err);
    if (rc == WS_OK && f->end->closed)
        rc = take_model(f, f->end->outcome.model_hash, err);
    return rc;
}

static void end_round(struct learn_fleet *f, struct learn_unit *u, const struct learn_heard *heard,
    struct ws_now now) {
    struct ws_err err = {0};
    struct fl_suspicion suspicion = {0};
    for (size_t i = 0; i < f->o->vehicles; i++)
        learn_trip_end(f, i, "round_over");
    f->over_us = f->over_us == 0 ? now.mono_us : f->over_us;
    f->end_known = know_end(f, u, heard, &err) == WS_OK;
    if (!f->end_known && now.mono_us - f->over_us < END_UNKNOWN_US)
        return;
    if (!f->end_known)
        complain(f, &err);
    const bool suspects = f->o->poison != LEARN_HONEST &&
                          learn_believe_suspicion(u, &f->genesis, &f->round->open.config.suspicion,
                              &suspicion, &err) == WS_OK;
    struct buf b = {0};
    learn_report_round(f, suspects ? &suspicion : NULL, &b);
    learn_print(&b, stdout);
    buf_free(&b);
    if (suspects)
        fl_suspicion_free(&suspicion);
    add_up(f);
    f->rounds++;
    f->in_round = false;
}

void learn_rounds_run(struct learn_fleet *f, struct ws_now now) {
    struct learn_heard heard;
    struct ws_err err = {0};
    struct learn_unit *u = ask_somebody(f, &heard);
    if (u == NULL)
        return;
    if (!f->has_model && heard.model_version != 0 &&
        take_model(f, heard.model_hash, NULL) == WS_OK) {
        struct buf b = {0};
        learn_report_start(f, &b);
        learn_print(&b, stdout);
        buf_free(&b);
    }
    if (f->in_round && heard.round == f->last)
        f->tally.on_ledger = heard.submissions;
    if (f->in_round && heard.rounds >= f->last && heard.round != f->last)
        end_round(f, u, &heard, now);
    if (f->in_round || heard.round <= f->last || !heard.submitting || heard.seed.height == 0 ||
        heard.seed.height >= heard.height)
        return;
    const int rc = begin_round(f, u, &heard, &err);
    if (rc != WS_OK)
        f->at = (f->at + 1) %
                f->n_units; /* it cannot prove what it says, or not yet: another one, then */
    if (rc != WS_OK && rc != WS_EBUSY && rc != WS_ENOTFOUND)
        complain(f, &err);
}
