/* What obusim --learn tells: a line for each round, in words or as JSON. */
#include "rsu/obus/learn_fleet.h"

#include "fedlearn/vehicle/privacy.h"

#include <inttypes.h>

/* Verdicts of the round's groups, by name. */
static void put_groups(const struct fl_outcome *o, const char *form, struct buf *b) {
    const char *between = "";
    for (int v = 0; v < FL_VERDICT_COUNT; v++) {
        unsigned n = 0;
        for (size_t g = 0; g < o->n_groups; g++)
            n += o->group[g].verdict == (enum fl_verdict_code)v;
        if (n == 0)
            continue;
        buf_printf(b, "%s", between);
        buf_printf(b, form, fl_verdict_name((enum fl_verdict_code)v), n);
        between = ", ";
    }
}

static void put_lost(const struct learn_tally *t, const char *form, struct buf *b) {
    for (size_t i = 0; i < t->n_lost; i++) {
        buf_printf(b, "%s", i == 0 ? "" : ", ");
        buf_printf(b, form, t->lost[i].why, (unsigned)t->lost[i].n);
    }
}

struct suspects {
    unsigned all, quarantined, excluded;
};

static struct suspects count_suspects(
    const struct learn_fleet *f, const struct fl_suspicion *s, bool bad) {
    struct suspects n = {0};
    for (size_t i = 0; i < f->o->vehicles; i++) {
        if (f->drivers[i].poisons != bad)
            continue;
        const enum fl_standing standing = fl_suspicion_standing(s, f->drivers[i].token);
        n.all++;
        n.quarantined += standing == FL_QUARANTINED;
        n.excluded += standing == FL_EXCLUDED;
    }
    return n;
}

static void put_json(
    const struct learn_fleet *f, const struct fl_suspicion *suspicion, struct buf *b) {
    const struct learn_tally *t = &f->tally;
    const char *result = !f->end_known ? "unknown" : f->end->closed ? "closed" : "aborted";
    buf_printf(b,
        "{\"round\": %" PRIu64 ", \"result\": \"%s\", \"model\": %" PRIu64
        ", \"vehicles\": %zu, \"took_part\": %" PRIu64 ", \"absent\": %" PRIu64
        ", \"private\": %" PRIu64 ", \"set_apart\": %" PRIu64 ", \"vanished\": %" PRIu64
        ", \"receipts\": %" PRIu64 ", \"changed_unit\": %" PRIu64 ", \"on_ledger\": %" PRIu64
        ", \"without_receipt\": {",
        f->round->open.round, result,
        f->end_known && f->end->closed ? f->end->model_version : f->round->open.model_version,
        f->o->vehicles, t->took_part, t->absent, t->private, t->set_apart, t->vanished, t->receipts,
        t->changes, t->on_ledger);
    put_lost(t, "\"%s\": %u", b);
    buf_printf(b, "}");
    if (f->end_known && f->end->closed) {
        buf_printf(b, ", \"step\": %s, \"vetoed\": %s, \"in_step\": %u, \"groups\": {",
            f->end->outcome.step ? "true" : "false", f->end->outcome.vetoed ? "true" : "false",
            f->end->outcome.vehicles);
        put_groups(&f->end->outcome, "\"%s\": %u", b);
        buf_printf(b, "}");
    } else if (f->end_known) {
        buf_printf(b, ", \"why\": \"%s\"", fl_abort_name(f->end->why));
    }
    for (int bad = 0; bad < 2 && suspicion != NULL; bad++) {
        const struct suspects n = count_suspects(f, suspicion, bad == 1);
        buf_printf(b, ", \"%s\": {\"vehicles\": %u, \"quarantined\": %u, \"excluded\": %u}",
            bad == 1 ? "bad" : "honest", n.all, n.quarantined, n.excluded);
    }
    if (f->accuracy >= 0)
        buf_printf(b, ", \"accuracy\": %.4f", f->accuracy);
    buf_printf(b, "}\n");
}

static void put_recall(const struct fl_confusion *c, struct buf *b) {
    for (size_t k = 0; k < c->classes; k++) {
        const uint32_t rows = fl_confusion_rows(c, k);
        if (rows == 0)
            buf_printf(b, " -"); /* no row of that class is held out */
        else
            buf_printf(b, " %.2f", c->n[k][k] / (double)rows);
    }
}

void learn_report_round(
    const struct learn_fleet *f, const struct fl_suspicion *suspicion, struct buf *b) {
    const struct learn_tally *t = &f->tally;
    if (f->o->json) {
        put_json(f, suspicion, b);
        return;
    }
    buf_printf(b, "round %" PRIu64 " ", f->round->open.round);
    if (!f->end_known)
        buf_printf(b, "is over: ");
    else if (f->end->closed)
        buf_printf(b, "closed with model %" PRIu64 "%s: ", f->end->model_version,
            f->end->outcome.vetoed ? " (vetoed)"
            : f->end->outcome.step ? ""
                                   : " (no step)");
    else
        buf_printf(b, "aborted, %s: ", fl_abort_name(f->end->why));
    buf_printf(b, "%" PRIu64 " of %zu vehicles took part, %" PRIu64 " receipts", t->took_part,
        f->o->vehicles, t->receipts);
    if (t->private > 0)
        buf_printf(b, ", %" PRIu64 " stayed away for privacy", t->private);
    if (t->set_apart > 0)
        buf_printf(b, ", %" PRIu64 " stayed away, quarantined or excluded", t->set_apart);
    if (t->n_lost > 0) {
        buf_printf(b, ", without: ");
        put_lost(t, "%s %u", b);
    }
    if (t->took_part > 0 && t->receipts == 0 && t->on_ledger == 0)
        buf_printf(b, "; the ledger has none of their messages: do the units hear these "
                      "interfaces, and trust these issuers?");
    else if (t->took_part > 0 && t->receipts == 0)
        buf_printf(b, "; no unit gave a receipt: do they trust these issuers, and do uploads reach "
                      "them?");
    if (f->end_known && f->end->closed) {
        buf_printf(b, "; groups: ");
        put_groups(&f->end->outcome, "%s %u", b);
    }
    for (int bad = 1; bad >= 0 && suspicion != NULL; bad--) {
        const struct suspects n = count_suspects(f, suspicion, bad == 1);
        buf_printf(b, "; of %u %s %u quarantined, %u excluded", n.all, bad == 1 ? "bad" : "honest",
            n.quarantined, n.excluded);
    }
    if (f->accuracy >= 0) {
        buf_printf(b, "; accuracy %.4f, recall", f->accuracy);
        put_recall(&f->confusion, b);
    }
    buf_printf(b, "\n");
}

void learn_report_start(const struct learn_fleet *f, struct buf *b) {
    size_t bad = 0;
    for (size_t i = 0; i < f->o->vehicles; i++)
        bad += f->drivers[i].poisons;
    const size_t held = f->slices.set.n - f->slices.n_train;
    if (f->o->json) {
        buf_printf(b,
            "{\"vehicles\": %zu, \"bad\": %zu, \"rows\": %zu, \"held_out\": %zu, \"accuracy\": "
            "%.4f}\n",
            f->o->vehicles, bad, f->slices.n_train, held, f->accuracy);
        return;
    }
    buf_printf(b,
        "%zu vehicles, %zu of them bad (%s), have %zu rows; on %zu held out the model in force has "
        "accuracy %.4f, recall",
        f->o->vehicles, bad, learn_poison_name(f->o->poison), f->slices.n_train, held, f->accuracy);
    put_recall(&f->confusion, b);
    buf_printf(b, "\n");
}

void learn_report_cost(const struct learn_fleet *f, struct buf *b) {
    const struct learn_tally *a = &f->all;
    if (a->took_part == 0)
        return;
    const double each = (double)a->took_part;
    const double params = f->has_model ? (double)fl_shape_params(&f->model.shape) : 1;
    const double make_us = (double)a->make_ns / each / 1e3;
    double rho = 0;
    for (size_t i = 0; i < f->o->vehicles; i++)
        rho = f->drivers[i].rho > rho ? f->drivers[i].rho : rho;
    const bool counted = f->round->open.config.scale.noise != 0;
    if (f->o->json)
        buf_printf(b,
            "{\"rounds\": %" PRIu64 ", \"took_part\": %" PRIu64 ", \"receipts\": %" PRIu64
            ", \"train_us\": %.0f, \"make_us\": %.0f, \"octets\": %.0f, \"epsilon\": ",
            f->rounds, a->took_part, a->receipts, (double)a->train_ns / each / 1e3, make_us,
            (double)a->octets / each);
    else
        buf_printf(b,
            "a vehicle's part in a round: training %.0f us, masking and sharing %.0f us (%.0f ns a "
            "parameter), %.0f octets",
            (double)a->train_ns / each / 1e3, make_us, make_us * 1e3 / params,
            (double)a->octets / each);
    if (f->o->json && !counted)
        buf_printf(b, "null}\n");
    else if (f->o->json)
        buf_printf(b, "%.3f}\n", fl_privacy_epsilon(rho, LEARN_DELTA));
    else if (counted)
        buf_printf(b, "; given away at most: epsilon %.3f at delta 0.00001\n",
            fl_privacy_epsilon(rho, LEARN_DELTA));
    else
        buf_printf(b, "\n");
}
