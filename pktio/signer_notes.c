#include "pktio/signer_notes.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/mem.h"

#include <stdlib.h>

enum { WAYS = 4, SLOTS_MIN = 64 };

struct note {
    uint8_t hash[32];
    uint8_t note;
};

struct set {
    struct note way[WAYS];
    uint8_t victim; /* next to be overwritten */
};

struct signer_notes {
    struct set *set;
    size_t mask;
};

struct signer_notes *signer_notes_new(size_t slots) {
    size_t n = SLOTS_MIN;
    while (n < slots)
        n *= 2;
    struct signer_notes *s = ws_alloc(sizeof(*s));
    s->set = ws_calloc(n / WAYS, sizeof(*s->set));
    s->mask = n / WAYS - 1;
    return s;
}

void signer_notes_free(struct signer_notes *n) {
    if (n == NULL)
        return;
    free(n->set);
    free(n);
}

/* HashedId8 is the end of the hash, so both kinds of look-up find the same set. */
static struct set *set_of(const struct signer_notes *n, const uint8_t *id8) {
    return &n->set[be64(id8) & n->mask];
}

void signer_notes_put(struct signer_notes *n, const uint8_t hash[static 32], uint8_t note) {
    WS_ASSERT(note > 0);
    struct set *s = set_of(n, hash + 24);
    for (unsigned i = 0; i < WAYS; i++) {
        if (s->way[i].note != 0 && memcmp(s->way[i].hash, hash, 32) == 0) {
            s->way[i].note = note;
            return;
        }
    }
    struct note *w = &s->way[s->victim];
    s->victim = (uint8_t)((s->victim + 1) % WAYS);
    memcpy(w->hash, hash, 32);
    w->note = note;
}

uint8_t signer_notes_of(const struct signer_notes *n, const uint8_t hash[static 32]) {
    const struct set *s = set_of(n, hash + 24);
    for (unsigned i = 0; i < WAYS; i++) {
        if (s->way[i].note != 0 && memcmp(s->way[i].hash, hash, 32) == 0)
            return s->way[i].note;
    }
    return 0;
}

uint8_t signer_notes_of_id8(const struct signer_notes *n, const uint8_t id8[static 8]) {
    const struct set *s = set_of(n, id8);
    for (unsigned i = 0; i < WAYS; i++) {
        if (s->way[i].note != 0 && memcmp(s->way[i].hash + 24, id8, 8) == 0)
            return s->way[i].note;
    }
    return 0;
}
