/* The report of a policy's trial as text: two columns, and a star before each line in which they differ. */
#include "rsu/replay/policy_try.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL = 20, COLUMN = 40, CELL = 96, SHOWN = 3 };

static const json_t *get(const json_t *o, const char *key) {
    return json_object_get(o, key);
}

static const char *word(const json_t *o, const char *key) {
    const char *text = json_string_value(get(o, key));
    return text == NULL ? "" : text;
}

static long long number(const json_t *o, const char *key) {
    return (long long)json_integer_value(get(o, key));
}

/* A number with at most one decimal; nothing where there is none. */
static void put_figure(const json_t *v, char cell[static CELL]) {
    cell[0] = '\0';
    if (json_is_integer(v))
        (void)snprintf(cell, CELL, "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v))
        (void)snprintf(cell, CELL, "%.1f", json_real_value(v));
}

static void line(struct buf *b, const char *label, char cell[2][CELL]) {
    bool differs = strcmp(cell[0], cell[1]) != 0;
    if (cell[0][0] == '\0' && cell[1][0] == '\0')
        return;
    buf_printf(b, "  %c %-*.*s %-*s %s\n", differs ? '*' : ' ', LABEL, LABEL, label, COLUMN,
        cell[0][0] == '\0' ? "-" : cell[0], cell[1][0] == '\0' ? "-" : cell[1]);
}

/* ---- head ---- */

static void put_policies(const json_t *report, struct buf *b) {
    static const char *const side[2] = {"in_force", "tried"};
    for (int i = 0; i < 2; i++) {
        const json_t *p = get(report, side[i]);
        buf_printf(b, "%s %s, %s\n  hash %s\n", i == 0 ? "in force:" : "tried:   ", word(p, "name"),
            word(p, "source"), word(p, "hash"));
    }
}

static void put_fields(const json_t *list, struct buf *b) {
    size_t i;
    json_t *f;
    if (json_array_size(list) == 0) {
        buf_printf(b, "\nBoth policies compute the same table.\n");
        return;
    }
    buf_printf(b, "\n%-36s %14s %14s\n", "what the policies differ in", "in force", "tried");
    json_array_foreach(list, i, f) {
        const char *unit = word(f, "unit");
        buf_printf(b, "  %-34s %14lld %14lld %s\n", word(f, "field"), number(f, "in_force"),
            number(f, "tried"), strcmp(unit, "1") == 0 ? "" : unit);
    }
}

static void put_counts(const json_t *object, const char *title, const char *skip, struct buf *b) {
    const char *key;
    json_t *value;
    bool first = true;
    json_object_foreach((json_t *)object, key, value) {
        if (json_integer_value(value) == 0 || strcmp(key, skip) == 0)
            continue;
        buf_printf(b, "%s%s %lld", first ? title : ", ", key, (long long)json_integer_value(value));
        first = false;
    }
    if (!first)
        buf_printf(b, "\n");
}

static void put_heard(const json_t *report, struct buf *b) {
    size_t i;
    json_t *c;
    buf_printf(b,
        "\nheard: %lld frames in %lld s, %lld verified; %lld transactions in %lld blocks\n",
        number(report, "frames"), number(report, "capture_seconds"), number(report, "verified"),
        number(report, "transactions"), number(report, "blocks"));
    put_counts(get(report, "frames_by_verdict"), "  dropped: ", "verified", b);
    put_counts(get(report, "admission"), "  admission: ", "", b);
    json_array_foreach(get(report, "captures"), i, c) {
        if (json_is_string(get(c, "cut")))
            buf_printf(b, "  capture %zu was read no further than its frame %lld: %s\n", i + 1,
                number(c, "frames"), word(c, "cut"));
    }
}

/* One line for each answer that the map contract gave to an observation under either policy. */
static void put_observations(const json_t *report, struct buf *b) {
    const json_t *side[2] = {
        get(get(report, "observations"), "in_force"), get(get(report, "observations"), "tried")};
    buf_printf(b, "\n%-*s %-*s %s\n", LABEL + 4, "observations", COLUMN, "in force", "tried");
    for (int of = 0; of < 2; of++) {
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)side[of], key, value) {
            if (of == 1 && get(side[0], key) != NULL)
                continue;
            char cell[2][CELL];
            for (int i = 0; i < 2; i++)
                (void)snprintf(cell[i], CELL, "%lld", number(side[i], key));
            line(b, strcmp(key, "ok") == 0 ? "counted" : key, cell);
        }
    }
}

/* ---- changes ---- */

static void put_verdict(const json_t *v, const char *what, struct buf *b) {
    const char *verdict = word(v, "verdict");
    if (strcmp(verdict, "neither") == 0) {
        buf_printf(b, "%s: neither", what);
    } else if (strcmp(verdict, "only_in_force") == 0) {
        buf_printf(b, "%s: only under the policy in force", what);
    } else if (strcmp(verdict, "only_tried") == 0) {
        buf_printf(b, "%s: only under the one tried", what);
    } else if (strcmp(verdict, "same") == 0) {
        buf_printf(b, "%s: at the same time", what);
    } else {
        double ms = json_number_value(get(v, "milliseconds"));
        buf_printf(b, "%s: %.0f ms %s", what, ms < 0 ? -ms : ms, verdict);
    }
    long long vehicles = number(v, "vehicles");
    if (vehicles != 0)
        buf_printf(b, ", %lld vehicle%s %s", llabs(vehicles), llabs(vehicles) == 1 ? "" : "s",
            vehicles < 0 ? "fewer" : "more");
}

static void put_times(
    const json_t *const *advisory, const json_t *const *permanent, struct buf *b) {
    char cell[2][CELL];
    for (int i = 0; i < 2; i++)
        (void)snprintf(cell[i], CELL, "%s", word(advisory[i], "at"));
    line(b, "advisory", cell);
    for (int i = 0; i < 2; i++) {
        char bits[CELL];
        char least[CELL];
        put_figure(get(advisory[i], "bits"), bits);
        put_figure(get(advisory[i], "threshold_bits"), least);
        cell[i][0] = '\0';
        if (json_is_object(advisory[i]))
            (void)snprintf(cell[i], CELL, "%s of %s bits, %lld vehicle%s", bits, least,
                number(advisory[i], "vehicles"), number(advisory[i], "vehicles") == 1 ? "" : "s");
    }
    line(b, "  on", cell);
    for (int i = 0; i < 2; i++) {
        char why[32];
        (void)snprintf(why, sizeof(why), "%s", word(advisory[i], "ended"));
        for (char *p = why; *p != '\0'; p++)
            *p = *p == '_' ? ' ' : *p;
        cell[i][0] = '\0';
        if (json_is_string(get(advisory[i], "ended")))
            (void)snprintf(cell[i], CELL, "%s %.12s", why, word(advisory[i], "ended_at") + 11);
        else if (json_is_object(advisory[i]))
            (void)snprintf(cell[i], CELL, "in force to %.12s", word(advisory[i], "until") + 11);
    }
    line(b, "  then", cell);
    for (int i = 0; i < 2; i++)
        (void)snprintf(cell[i], CELL, "%s",
            json_is_object(permanent[i]) ? word(permanent[i], "confirmed_at") : "no");
    line(b, "confirmed", cell);
    for (int i = 0; i < 2; i++) {
        cell[i][0] = '\0';
        if (json_is_string(get(permanent[i], "published_at")))
            (void)snprintf(cell[i], CELL, "%s in version %lld", word(permanent[i], "published_at"),
                number(permanent[i], "version"));
        else if (json_is_object(permanent[i]))
            (void)snprintf(cell[i], CELL, "not yet");
    }
    line(b, "published", cell);
}

/* What was behind it when it was confirmed, or what stands for it at the end: each beside what the policy asks. */
static void put_evidence(const json_t *report, const json_t *const *behind, struct buf *b) {
    static const struct {
        const char *key, *label, *asks;
    } rows[] = {
        {"bits", "bits", "bits"},
        {"vehicles", "vehicles", NULL},
        {"vehicles_in_a_window", "  in one window", "vehicles"},
        {"groups", "groups", "groups"},
        {"issuers", "issuers", "issuers"},
        {"software_families", "families", "software_families"},
        {"views", "lines of sight", "views"},
    };
    const json_t *asks[2] = {
        get(get(report, "in_force"), "asks"), get(get(report, "tried"), "asks")};
    char cell[2][CELL];
    for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
        if (get(behind[0], rows[k].key) == NULL && get(behind[1], rows[k].key) == NULL)
            continue;
        for (int i = 0; i < 2; i++) {
            char n[CELL];
            put_figure(get(behind[i], rows[k].key), n);
            cell[i][0] = '\0';
            if (n[0] == '\0')
                continue;
            if (rows[k].asks == NULL)
                (void)snprintf(cell[i], CELL, "%.40s", n);
            else
                (void)snprintf(cell[i], CELL, "%.40s of %lld", n, number(asks[i], rows[k].asks));
        }
        line(b, rows[k].label, cell);
    }
    for (int last = 0; last < 2; last++) {
        for (int i = 0; i < 2; i++)
            (void)snprintf(
                cell[i], CELL, "%s", word(behind[i], last == 0 ? "first_seen" : "last_seen"));
        line(b, last == 0 ? "first seen" : "last seen", cell);
    }
}

static void list_lacks(const json_t *standing, char cell[static CELL]) {
    size_t i;
    json_t *v;
    size_t at = 0;
    const json_t *list = get(standing, "lacks");
    cell[0] = '\0';
    if (!json_is_array(list))
        return;
    if (json_array_size(list) == 0)
        (void)snprintf(cell, CELL, "may be what was moved here");
    json_array_foreach(list, i, v) {
        int n = snprintf(cell + at, CELL - at, "%s%s", i == 0 ? "" : ", ", json_string_value(v));
        at += n > 0 && (size_t)n < CELL - at ? (size_t)n : 0;
    }
}

static void put_change(const json_t *report, const json_t *c, size_t number_of, struct buf *b) {
    const json_t *side[2] = {get(c, "in_force"), get(c, "tried")};
    const json_t *advisory[2];
    const json_t *permanent[2];
    const json_t *behind[2];
    char cell[2][CELL];
    for (int i = 0; i < 2; i++) {
        advisory[i] = get(side[i], "advisory");
        permanent[i] = get(side[i], "permanent");
        behind[i] = json_is_object(permanent[i]) ? permanent[i] : get(side[i], "standing");
        list_lacks(get(side[i], "standing"), cell[i]);
    }
    buf_printf(b, "\n%zu. %s\n   ", number_of, word(c, "what"));
    put_verdict(get(c, "permanent"), "permanent", b);
    buf_printf(b, "; ");
    put_verdict(get(c, "advisory"), "advisory", b);
    buf_printf(b, "\n");
    put_times(advisory, permanent, b);
    if (json_is_object(behind[0]) || json_is_object(behind[1]))
        put_evidence(report, behind, b);
    if (cell[0][0] != '\0' || cell[1][0] != '\0')
        line(b, "lacks at the end", cell);
}

static void put_changes(const json_t *report, struct buf *b) {
    size_t i;
    json_t *c;
    const json_t *list = get(report, "changes");
    if (json_array_size(list) == 0) {
        buf_printf(b, "\nNothing was announced or confirmed under either.\n");
        return;
    }
    buf_printf(
        b, "\n%-*s %-*s %s\n", LABEL + 4, "changes (* differs)", COLUMN, "in force", "tried");
    json_array_foreach(list, i, c) put_change(report, c, i + 1, b);
}

static void put_unconfirmed(const json_t *report, struct buf *b) {
    static const char *const side[2] = {"in_force", "tried"};
    for (int s = 0; s < 2; s++) {
        size_t i;
        json_t *m;
        const json_t *o = get(get(report, "unconfirmed"), side[s]);
        if (number(o, "total") == 0)
            continue;
        buf_printf(b, "\nsuspected and not confirmed at the end, %s: %lld",
            s == 0 ? "in force" : "tried", number(o, "total"));
        buf_printf(b, number(o, "total") > SHOWN ? "; the strongest\n" : "\n");
        json_array_foreach(get(o, "strongest"), i, m) {
            char bits[CELL];
            char least[CELL];
            char lacks[CELL];
            if (i == SHOWN)
                break;
            put_figure(get(m, "bits"), bits);
            put_figure(get(m, "threshold_bits"), least);
            list_lacks(m, lacks);
            buf_printf(b, "    %s: %s of %s bits, %lld vehicle%s; lacks %s\n", word(m, "what"),
                bits, least, number(m, "vehicles"), number(m, "vehicles") == 1 ? "" : "s", lacks);
        }
    }
}

static void put_totals(const json_t *report, struct buf *b) {
    static const char *const tier[2] = {"permanent", "advisory"};
    buf_printf(b, "\n");
    for (int i = 0; i < 2; i++) {
        const json_t *o = get(report, tier[i]);
        buf_printf(b,
            "%s changes: %lld at the same time, %lld earlier and %lld later under the one tried, "
            "%lld only in force, %lld only tried\n",
            tier[i], number(o, "same"), number(o, "earlier"), number(o, "later"),
            number(o, "only_in_force"), number(o, "only_tried"));
    }
}

void policy_try_text(const json_t *report, struct buf *b) {
    put_policies(report, b);
    put_fields(get(report, "fields"), b);
    put_heard(report, b);
    put_observations(report, b);
    put_changes(report, b);
    put_unconfirmed(report, b);
    put_totals(report, b);
}
