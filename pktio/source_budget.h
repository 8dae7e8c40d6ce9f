/* A token bucket for each sender in fixed memory, charged before anything of a message is decoded, so that
 * one loud sender cannot spend the time of all others. Time is the cell clock. One thread per object.
 *
 * Senders share sets of eight slots; when a set is full the sender silent for longest gives way. A sender
 * that lost its slot starts with a full bucket again: forgetting never punishes anybody. */
#ifndef WAYSIDE_PKTIO_SOURCE_BUDGET_H
#define WAYSIDE_PKTIO_SOURCE_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOURCE_BUDGET_WAYS 8

struct source_budget;

/* slots: power of two, at least SOURCE_BUDGET_WAYS (asserted). rate: messages/s, 0: no limit at all.
 * burst: size of the bucket in messages. */
struct source_budget *source_budget_new(size_t slots, uint32_t rate, uint32_t burst);
void source_budget_free(struct source_budget *b);
/* Fetches what charging this sender reads; no effect otherwise. */
void source_budget_prefetch(const struct source_budget *b, uint64_t source);
/* Takes one message off the sender's bucket; false: nothing was left. A clock that goes back refills nothing. */
bool source_budget_charge(struct source_budget *b, uint64_t source, uint64_t now_us);
/* Work that this sender caused beyond its messages, in messages. Taken off from the next instant on, not within the
 * same one: then it does not matter whether the work was done before or after the next frame came. */
void source_budget_owe(
    struct source_budget *b, uint64_t source, uint32_t messages, uint64_t now_us);
size_t source_budget_used(const struct source_budget *b);

#endif
