#include "pktio/source_budget.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>

/* Micro-tokens, so that tokens gained are microseconds times the rate, without a division. */
#define TOKEN 1000000U

/* Fibonacci hashing: neighbouring addresses fall into different sets. */
#define MIX 0x9e3779b97f4a7c15U

struct bucket {
    uint64_t source;
    uint64_t last_us;
    uint64_t tokens;
    uint64_t owed, owed_us; /* not taken off yet; when it was added */
    bool used;
};

struct source_budget {
    struct bucket *slot;
    size_t set_mask;
    size_t used;
    uint32_t rate;
    uint64_t full;
};

struct source_budget *source_budget_new(size_t slots, uint32_t rate, uint32_t burst) {
    WS_ASSERT(slots >= SOURCE_BUDGET_WAYS);
    WS_ASSERT((slots & (slots - 1)) == 0);
    struct source_budget *b = ws_alloc(sizeof(*b));
    b->slot = ws_calloc(slots, sizeof(*b->slot));
    b->set_mask = slots / SOURCE_BUDGET_WAYS - 1;
    b->rate = rate;
    b->full = (uint64_t)burst * TOKEN;
    return b;
}

void source_budget_free(struct source_budget *b) {
    if (b == NULL)
        return;
    free(b->slot);
    free(b);
}

static struct bucket *set_of(struct source_budget *b, uint64_t source) {
    uint64_t mixed = source * MIX;
    return &b->slot[((size_t)(mixed >> 32) & b->set_mask) * SOURCE_BUDGET_WAYS];
}

void source_budget_prefetch(const struct source_budget *b, uint64_t source) {
    uint64_t mixed = source * MIX;
    const struct bucket *set = &b->slot[((size_t)(mixed >> 32) & b->set_mask) * SOURCE_BUDGET_WAYS];
    for (size_t i = 0; i < SOURCE_BUDGET_WAYS; i++)
        __builtin_prefetch(&set[i]);
}

static struct bucket *bucket_of(struct source_budget *b, uint64_t source, uint64_t now_us) {
    struct bucket *set = set_of(b, source);
    struct bucket *oldest = &set[0];
    for (size_t i = 0; i < SOURCE_BUDGET_WAYS; i++) {
        if (!set[i].used) {
            b->used++;
            set[i] = (struct bucket){
                .source = source, .last_us = now_us, .tokens = b->full, .used = true};
            return &set[i];
        }
        if (set[i].source == source)
            return &set[i];
        if (set[i].last_us < oldest->last_us)
            oldest = &set[i];
    }
    *oldest = (struct bucket){.source = source, .last_us = now_us, .tokens = b->full, .used = true};
    return oldest;
}

bool source_budget_charge(struct source_budget *b, uint64_t source, uint64_t now_us) {
    if (b->rate == 0)
        return true;
    struct bucket *k = bucket_of(b, source, now_us);
    if (now_us > k->last_us) {
        uint64_t missing = b->full - k->tokens;
        uint64_t dt = now_us - k->last_us;
        k->tokens += dt > missing / b->rate ? missing : dt * b->rate;
    }
    /* Also when the clock went back: from here on time counts anew. */
    k->last_us = now_us;
    if (k->owed > 0 && k->owed_us != now_us) {
        uint64_t paid = k->owed < k->tokens ? k->owed : k->tokens;
        k->tokens -= paid;
        k->owed -= paid;
    }
    if (k->tokens < TOKEN)
        return false;
    k->tokens -= TOKEN;
    return true;
}

void source_budget_owe(
    struct source_budget *b, uint64_t source, uint32_t messages, uint64_t now_us) {
    if (b->rate == 0)
        return;
    struct bucket *set = set_of(b, source);
    for (size_t i = 0; i < SOURCE_BUDGET_WAYS; i++) {
        if (!set[i].used || set[i].source != source)
            continue;
        uint64_t owed = set[i].owed + (uint64_t)messages * TOKEN;
        set[i].owed = owed < b->full ? owed : b->full;
        set[i].owed_us = now_us;
        return;
    }
}

size_t source_budget_used(const struct source_budget *b) {
    return b->used;
}
