/* TN-ITS data sets out of maps and what differs between two of them. */
#include "rsu/ctl/map.h"

#include "base/clock.h"
#include "base/mem.h"
#include "mapsvc/tnits/tnits.h"
#include "rsu/config/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool ctl_tnits_read(struct ctl_tnits *t) {
    uint64_t its = 0;
    if (t->time == NULL)
        return true;
    if (!value_time(t->time, &its))
        return false;
    t->time_ms = its_to_unix_us(its) / 1000;
    return true;
}

/* What was left out, by reason; silent when nothing was. */
static void tell_left_out(const struct tnits_tally *t) {
    for (size_t i = 0; i < TNITS_LEFT_KINDS; i++)
        if (t->left[i] > 0)
            (void)fprintf(
                stderr, "left out: %zu, %s\n", t->left[i], tnits_left_name((enum tnits_left)i));
}

/* A map says nothing of its own age; the youngest of what it says is in force from a time of its own is. So the same
 * maps give the same octets. */
static int64_t time_of(const struct mapset *m) {
    int64_t latest = 0;
    for (size_t i = 0; i < m->n; i++)
        if (m->elements[i].valid_from_ms > latest)
            latest = m->elements[i].valid_from_ms;
    return latest;
}

/* The digest of the map a data set is about, as its id. */
static void dataset_of(const struct mapset *m, char ret_name[static 65]) {
    uint8_t digest[32];
    mapset_digest(m, digest);
    hex_encode(ret_name, digest, 32);
}

void ctl_tnits_snapshot(const struct mapset *m, const struct ctl_tnits *how, struct buf *b) {
    struct tnits_change *all = ws_calloc(m->n, sizeof(*all));
    for (size_t i = 0; i < m->n; i++)
        all[i] = (struct tnits_change){.after = &m->elements[i], .last = &m->elements[i]};
    char dataset[65];
    dataset_of(m, dataset);
    const struct tnits_head head = {.dataset = dataset,
        .provider = how->provider,
        .created_ms = how->time_ms != 0 ? how->time_ms : time_of(m),
        .snapshot = true,
        .frame = &m->frame};
    struct tnits_tally tally;
    tnits_export(&head, all, m->n, b, &tally);
    tell_left_out(&tally);
    free(all);
}

/* after.id of a changed element may be another file's; the feature keeps the name it had. */
void ctl_tnits_update(const struct mapset *a, const struct mapset *b, const struct map_delta *d,
    const struct ctl_tnits *how, struct buf *out) {
    struct tnits_change *all = ws_calloc(d->n, sizeof(*all));
    struct element *named = ws_calloc(d->n, sizeof(*named));
    int64_t at = how->time_ms != 0 ? how->time_ms : time_of(b);
    for (size_t i = 0; i < d->n; i++) {
        const struct map_change *c = &d->changes[i];
        all[i] = (struct tnits_change){.before = c->before, .at_ms = at};
        if (c->after != NULL) {
            named[i] = *c->after; /* borrowed but for the id */
            if (c->before != NULL)
                memcpy(named[i].id, c->before->id, sizeof(named[i].id));
            all[i].after = &named[i];
            all[i].frame = &b->frame;
        }
        all[i].last = c->after != NULL ? all[i].after : c->before;
    }
    char dataset[65];
    dataset_of(b, dataset);
    const struct tnits_head head = {
        .dataset = dataset, .provider = how->provider, .created_ms = at, .frame = &a->frame};
    struct tnits_tally tally;
    tnits_export(&head, all, d->n, out, &tally);
    tell_left_out(&tally);
    free(named);
    free(all);
}
