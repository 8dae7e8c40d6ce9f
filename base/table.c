#include "base/table.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void table_free(struct table *t) {
    free(t->slot);
    *t = (struct table){.seed = t->seed};
}

static size_t bucket(const struct table *t, const uint8_t *key) {
    uint64_t k;
    memcpy(&k, key, sizeof(k));
    k = (k ^ t->seed) * 0x9e3779b97f4a7c15U;
    return (size_t)(k ^ k >> 32) & (t->cap - 1);
}

/* Index of the key, or of the free slot where it would go. */
static size_t place(const struct table *t, const uint8_t *key) {
    size_t i = bucket(t, key);
    while (t->slot[i].value != NULL && memcmp(t->slot[i].key, key, 32) != 0)
        i = (i + 1) & (t->cap - 1);
    return i;
}

void *table_get(const struct table *t, const uint8_t key[static 32]) {
    return t->cap == 0 ? NULL : t->slot[place(t, key)].value;
}

static void grow(struct table *t) {
    struct table old = *t;
    t->cap = old.cap == 0 ? 64 : old.cap * 2;
    t->slot = ws_calloc(t->cap, sizeof(*t->slot));
    for (size_t i = 0; i < old.cap; i++) {
        if (old.slot[i].value != NULL)
            t->slot[place(t, old.slot[i].key)] = old.slot[i];
    }
    free(old.slot);
}

/* The slot of the key; *ret_new: it is free, and takes the key. */
static struct table_slot *slot_for(struct table *t, const uint8_t *key, bool *ret_new) {
    if ((t->n + 1) * 4 > t->cap * 3)
        grow(t);
    struct table_slot *s = &t->slot[place(t, key)];
    *ret_new = s->value == NULL;
    if (*ret_new) {
        memcpy(s->key, key, 32);
        t->n++;
    }
    return s;
}

void *table_put(struct table *t, const uint8_t key[static 32], void *value) {
    WS_ASSERT(value != NULL);
    bool fresh;
    struct table_slot *s = slot_for(t, key, &fresh);
    void *old = s->value;
    s->value = value;
    return old;
}

void *table_add(struct table *t, const uint8_t key[static 32], void *value) {
    WS_ASSERT(value != NULL);
    bool fresh;
    struct table_slot *s = slot_for(t, key, &fresh);
    if (!fresh)
        return s->value;
    s->value = value;
    return NULL;
}

void table_hint(const struct table *t, const uint8_t key[static 32]) {
    if (t->cap > 0)
        __builtin_prefetch(&t->slot[bucket(t, key)]);
}

/* Closes the gap by moving later members of the run back, so that no tombstones pile up. */
void *table_take(struct table *t, const uint8_t key[static 32]) {
    if (t->cap == 0)
        return NULL;
    size_t hole = place(t, key);
    void *old = t->slot[hole].value;
    if (old == NULL)
        return NULL;
    t->n--;
    size_t i = hole;
    for (;;) {
        t->slot[hole].value = NULL;
        size_t home;
        do {
            i = (i + 1) & (t->cap - 1);
            if (t->slot[i].value == NULL)
                return old;
            home = bucket(t, t->slot[i].key);
        } while (((i - home) & (t->cap - 1)) < ((i - hole) & (t->cap - 1)));
        t->slot[hole] = t->slot[i];
        hole = i;
    }
}
