/* An outcome beside the one that was signed. */
#include "rsu/learning/audit_internal.h"

#include <stdio.h>
#include <string.h>

enum { LINES_MAX = 64 }; /* of differences; the rest is counted */

struct differences {
    struct audit *a;
    size_t lines, more;
};

static void number(
    struct differences *d, const char *place, const char *field, uint64_t found, uint64_t said) {
    if (found == said)
        return;
    if (d->lines++ < LINES_MAX)
        audit_say(d->a, AUDIT_FAILS, place, "%s is %llu, CLOSED says %llu", field,
            (unsigned long long)found, (unsigned long long)said);
    else
        d->more++;
}

static void text(struct differences *d, const char *place, const char *field, const char *found,
    const char *said) {
    if (strcmp(found, said) == 0)
        return;
    if (d->lines++ < LINES_MAX)
        audit_say(d->a, AUDIT_FAILS, place, "%s is %s, CLOSED says %s", field, found, said);
    else
        d->more++;
}

static void flag(
    struct differences *d, const char *place, const char *field, bool found, bool said) {
    text(d, place, field, found ? "yes" : "no", said ? "yes" : "no");
}

static void hash(struct differences *d, const char *place, const char *field,
    const uint8_t found[static 32], const uint8_t said[static 32]) {
    char x[65];
    char y[65];
    hex_encode(x, found, 32);
    hex_encode(y, said, 32);
    text(d, place, field, x, y);
}

static void group(struct differences *d, size_t g, const struct fl_group_outcome *found,
    const struct fl_group_outcome *said) {
    char place[32];
    (void)snprintf(place, sizeof(place), "outcome, group %zu", g);
    text(d, place, "verdict", fl_verdict_name(found->verdict), fl_verdict_name(said->verdict));
    flag(d, place, "clipped", found->clipped, said->clipped);
    number(d, place, "residual", found->residual, said->residual);
    number(d, place, "norm", found->norm, said->norm);
    number(d, place, "distance", found->distance, said->distance);
    hash(d, place, "hash of the sums", found->sum_hash, said->sum_hash);
}

static void counters(struct differences *d, const char *when, const struct fl_outcome *o,
    const uint32_t *found, const uint32_t *said) {
    char place[64];
    for (size_t i = 0; i < (size_t)o->classes * o->classes; i++) {
        (void)snprintf(place, sizeof(place), "outcome, %s, class %zu taken for %zu", when,
            i / o->classes, i % o->classes);
        number(d, place, "count", found[i], said[i]);
    }
}

static void changes(
    struct differences *d, const struct fl_outcome *found, const struct fl_outcome *said) {
    char place[32];
    for (size_t i = 0; i < found->n_changes; i++) {
        const struct fl_change *x = &found->change[i];
        const struct fl_change *y = &said->change[i];
        char a[64];
        char b[64];
        (void)snprintf(place, sizeof(place), "outcome, change %zu", i);
        (void)snprintf(a, sizeof(a), "parameter %u from %d to %d", x->index, x->before, x->after);
        (void)snprintf(b, sizeof(b), "parameter %u from %d to %d", y->index, y->before, y->after);
        text(d, place, "it", a, b);
    }
}

void audit_compare(
    struct audit *a, const struct fl_outcome *found, const struct fl_outcome *signed_one) {
    const struct fl_outcome *said = signed_one;
    struct differences d = {.a = a};
    number(&d, "outcome", "number of groups", found->n_groups, said->n_groups);
    for (size_t g = 0; found->n_groups == said->n_groups && g < found->n_groups; g++)
        group(&d, g, &found->group[g], &said->group[g]);
    flag(&d, "outcome", "step", found->step, said->step);
    flag(&d, "outcome", "veto", found->vetoed, said->vetoed);
    number(&d, "outcome", "groups in the step", found->accepted, said->accepted);
    number(&d, "outcome", "vehicles in the step", found->vehicles, said->vehicles);
    number(&d, "outcome", "norm of the step", found->step_norm, said->step_norm);
    hash(&d, "outcome", "model", found->model_hash, said->model_hash);
    number(&d, "outcome", "classes of the root set", found->classes, said->classes);
    if (found->classes == said->classes) {
        counters(&d, "before", found, found->before, said->before);
        counters(&d, "after", found, found->after, said->after);
    }
    number(&d, "outcome", "number of changes", found->n_changes, said->n_changes);
    if (found->n_changes == said->n_changes)
        changes(&d, found, said);
    if (d.more > 0)
        audit_say(a, AUDIT_FAILS, "outcome", "and %zu differences more", d.more);
}
