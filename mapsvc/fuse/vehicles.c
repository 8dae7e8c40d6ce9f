#include "mapsvc/fuse/vehicles.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- the table: open addressing; the id is a hash already ---- */

static size_t slot_of(struct vehicle *const *slots, size_t cap, const uint8_t *id) {
    size_t i = (size_t)be64(id) & (cap - 1);
    while (slots[i] != NULL && memcmp(slots[i]->id, id, VEHICLE_OCTETS) != 0)
        i = (i + 1) & (cap - 1);
    return i;
}

struct vehicle *vehicles_find(const struct vehicles *t, const uint8_t id[static VEHICLE_OCTETS]) {
    return t->n == 0 ? NULL : t->slots[slot_of(t->slots, t->cap, id)];
}

/* A table of the new size without those whose window ended by `until`. */
static void rebuild(struct vehicles *t, size_t cap, uint64_t until) {
    struct vehicle **slots = (struct vehicle **)ws_calloc(cap, sizeof(struct vehicle *));
    size_t n = 0;
    for (size_t i = 0; i < t->cap; i++) {
        struct vehicle *v = t->slots[i];
        if (v == NULL)
            continue;
        if (v->window_end <= until) {
            free(v->things);
            free(v);
            continue;
        }
        slots[slot_of(slots, cap, v->id)] = v;
        n++;
    }
    free((void *)t->slots);
    t->slots = slots;
    t->cap = cap;
    t->n = n;
}

struct vehicle *vehicles_add(
    struct vehicles *t, const uint8_t id[static VEHICLE_OCTETS], uint64_t window_end) {
    if (2 * (t->n + 1) > t->cap)
        rebuild(t, t->cap == 0 ? 64 : 2 * t->cap, 0);
    size_t at = slot_of(t->slots, t->cap, id);
    if (t->slots[at] != NULL)
        return t->slots[at];
    struct vehicle *v = ws_alloc(sizeof(*v));
    memcpy(v->id, id, VEHICLE_OCTETS);
    v->window_end = window_end;
    t->slots[at] = v;
    t->until = t->n == 0 || window_end < t->until ? window_end : t->until;
    t->n++;
    return v;
}

void vehicles_touch(struct vehicles *t, struct vehicle *v) {
    if (v->touched)
        return;
    v->touched = true;
    if (t->n_touched == t->cap_touched) {
        t->cap_touched = t->cap_touched == 0 ? 64 : 2 * t->cap_touched;
        t->touched = (struct vehicle **)ws_realloc(
            (void *)t->touched, t->cap_touched * sizeof(struct vehicle *));
    }
    t->touched[t->n_touched++] = v;
}

bool vehicles_forget(struct vehicles *t, uint64_t now) {
    if (t->n == 0 || t->until > now)
        return false;
    size_t left = 0;
    uint64_t until = UINT64_MAX;
    for (size_t i = 0; i < t->cap; i++) {
        const struct vehicle *v = t->slots[i];
        if (v == NULL || v->window_end <= now)
            continue;
        left++;
        until = v->window_end < until ? v->window_end : until;
    }
    size_t cap = 64;
    while (cap < 4 * left)
        cap *= 2;
    rebuild(t, cap, now);
    t->until = until;
    return true;
}

void vehicles_free(struct vehicles *t) {
    rebuild(t, 1, UINT64_MAX);
    free((void *)t->slots);
    free((void *)t->touched);
}

/* ---- one vehicle ---- */

static size_t thing_slot(const struct vehicle *v, const uint8_t *subject) {
    size_t lo = 0;
    size_t hi = v->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (memcmp(v->things[mid].subject, subject, sizeof(v->things[mid].subject)) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool is_thing(const struct vehicle *v, size_t at, const uint8_t *subject) {
    return at < v->n && memcmp(v->things[at].subject, subject, sizeof(v->things[at].subject)) == 0;
}

uint8_t vehicle_counted(const struct vehicle *v, const uint8_t *subject) {
    size_t at = thing_slot(v, subject);
    return is_thing(v, at, subject) ? v->things[at].counted : 0;
}

bool vehicles_remember(const struct vehicles *t, const struct vehicle *v, const uint8_t *subject) {
    if (v == NULL)
        return t->n < VEHICLES_MAX;
    return v->n < VEHICLE_THINGS_MAX ||
           (subject != NULL && is_thing(v, thing_slot(v, subject), subject));
}

void vehicle_join(struct vehicle *into, const struct vehicle *from) {
    struct vehicle_thing *all = ws_calloc(into->n + from->n, sizeof(all[0]));
    size_t room = VEHICLE_THINGS_MAX - into->n; /* what is there stays */
    size_t n = 0;
    size_t a = 0;
    for (size_t b = 0; a < into->n || b < from->n;) {
        int r = a == into->n   ? 1
                : b == from->n ? -1
                               : memcmp(into->things[a].subject, from->things[b].subject,
                                     sizeof(all[0].subject));
        if (r <= 0) {
            all[n] = into->things[a++];
            all[n++].counted |= r == 0 ? from->things[b++].counted : 0;
        } else {
            if (room > 0)
                all[n++] = from->things[b];
            room -= room > 0 ? 1 : 0;
            b++;
        }
    }
    free(into->things);
    into->things = all;
    into->n = n;
    into->opened = 0;
    for (size_t i = 0; i < n; i++)
        into->opened += (all[i].counted & COUNTED_OPENED) != 0 ? 1 : 0;
}

void vehicle_count(struct vehicle *v, const uint8_t *subject, uint8_t counted) {
    size_t at = thing_slot(v, subject);
    bool opened = (counted & COUNTED_OPENED) != 0;
    if (is_thing(v, at, subject)) {
        v->opened += opened && (v->things[at].counted & COUNTED_OPENED) == 0 ? 1 : 0;
        v->things[at].counted |= counted;
        return;
    }
    v->opened += opened ? 1 : 0;
    WS_ASSERT(v->n < VEHICLE_THINGS_MAX);
    v->things = ws_realloc(v->things, (v->n + 1) * sizeof(v->things[0]));
    memmove(&v->things[at + 1], &v->things[at], (v->n - at) * sizeof(v->things[0]));
    memcpy(v->things[at].subject, subject, sizeof(v->things[at].subject));
    v->things[at].counted = counted;
    v->n++;
}
