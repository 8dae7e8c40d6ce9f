#include "fedlearn/round/group.h"

#include "base/bytes.h"
#include "fedlearn/vehicle/share_domain.h"

#include <sodium.h>

const char *fl_groups_verdict_name(enum fl_groups_verdict v) {
    switch (v) {
    case FL_GROUPS_DRAWN:
        return "drawn";
    case FL_GROUPS_TOO_FEW:
        return "too few members";
    case FL_GROUPS_TOO_MANY:
        return "too many members";
    case FL_GROUPS_BAD_SIZES:
        return "bad group sizes";
    case FL_GROUPS_BAD_SUSPECTS:
        return "bad list of suspects";
    }
    return "unknown";
}

/* ---- the stream ---- */
enum { BLOCKS = 16, WORDS = 16 * BLOCKS };
struct stream {
    uint8_t key[32];
    uint64_t block;
    size_t at;
    uint8_t octets[4 * WORDS];
};

static void stream_begin(struct stream *s, const struct fl_drawing *d, uint8_t class) {
    const struct span parts[] = {
        span_of(d->cell, 32), span_of(d->round, 32), span_of(d->beacon, 32), span_of(&class, 1)};
    fl_hash(FL_FOR_GROUPS, parts, ARRAY_LEN(parts), s->key);
    s->block = 0;
    s->at = WORDS;
}

static uint32_t stream_word(struct stream *s) {
    static const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
    if (s->at == WORDS) {
        memset(s->octets, 0, sizeof(s->octets));
        (void)crypto_stream_chacha20_xor_ic(
            s->octets, s->octets, sizeof(s->octets), nonce, s->block, s->key);
        s->block += BLOCKS;
        s->at = 0;
    }
    return be32(s->octets + 4 * s->at++);
}

/* Uniform below bound: words at or above the largest multiple of it are left out. */
static uint32_t stream_below(struct stream *s, uint32_t bound) {
    const uint32_t left_out = (0U - bound) % bound; /* 2^32 mod bound */
    for (;;) {
        const uint32_t w = stream_word(s);
        if (w <= UINT32_MAX - left_out)
            return w % bound;
    }
}

static void shuffle(const struct fl_drawing *d, uint8_t class, uint32_t *places, size_t n) {
    struct stream s;
    stream_begin(&s, d, class);
    for (size_t i = n; i-- > 1;) {
        const size_t j = stream_below(&s, (uint32_t)i + 1);
        const uint32_t t = places[i];
        places[i] = places[j];
        places[j] = t;
    }
}

/* How many groups n members make: as many as have the wanted size, more when they would be too large. */
static size_t count_of(const struct fl_group_sizes *g, size_t n) {
    const size_t wanted = n / g->wanted, least = (n + g->max - 1) / g->max;
    return wanted > least ? wanted : least;
}

/* Appends groups of the n members at order[from...); the first n mod k have one more. */
static void cut(const struct fl_drawing *d, size_t from, size_t n, struct fl_groups *groups) {
    const size_t k = count_of(&d->sizes, n);
    for (size_t i = 0; i < k; i++) {
        groups->first[groups->groups++] = (uint32_t)from;
        from += n / k + (i < n % k);
    }
    groups->first[groups->groups] = (uint32_t)from;
}

enum fl_groups_verdict fl_groups_draw(const struct fl_drawing *d, struct fl_groups *groups) {
    const struct fl_group_sizes *g = &d->sizes;
    if (g->min < 2 || g->wanted < g->min || g->max < g->wanted || g->max < 2U * g->min - 1)
        return FL_GROUPS_BAD_SIZES;
    if (d->n > FL_MEMBERS_MAX)
        return FL_GROUPS_TOO_MANY;
    for (size_t i = 0; i < d->n_suspects; i++)
        if (d->suspects[i] >= d->n || (i > 0 && d->suspects[i] <= d->suspects[i - 1]))
            return FL_GROUPS_BAD_SUSPECTS;
    const size_t free_members = d->n - d->n_suspects;
    if (free_members < 2U * g->min)
        return FL_GROUPS_TOO_FEW;
    size_t f = 0, s = 0;
    for (uint32_t place = 0; place < d->n; place++) {
        if (s < d->n_suspects && d->suspects[s] == place)
            groups->order[free_members + s++] = place;
        else
            groups->order[f++] = place;
    }
    shuffle(d, 0, groups->order, free_members);
    shuffle(d, 1, groups->order + free_members, d->n_suspects);
    groups->groups = 0;
    cut(d, 0, free_members, groups);
    groups->free_groups = groups->groups;
    if (d->n_suspects >= g->min)
        cut(d, free_members, d->n_suspects, groups);
    return FL_GROUPS_DRAWN;
}
