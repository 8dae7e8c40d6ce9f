/* A ledger of one contract for unit tests: the functions of ledger/exec/contract.h over an ordered map
 * in memory. Policy values are set by index; events and writes are kept to be looked at. */
#ifndef WAYSIDE_TESTS_SUPPORT_FAKE_EXEC_H
#define WAYSIDE_TESTS_SUPPORT_FAKE_EXEC_H

#include "base/bytes.h"
#include "ledger/exec/contract.h"

struct fake_entry {
    struct buf key, value;
};
struct fake_event {
    uint16_t type;
    struct buf body;
};
struct exec_host {
    uint64_t height, time;
    uint8_t cell_id[32], policy_hash[32];
    int64_t policy[256];
    uint8_t randomness[32]; /* of each height below this one */
    struct fake_entry **entries; /* ascending key */
    size_t n, cap;
    struct fake_event *events;
    size_t n_events;
    uint64_t writes; /* puts and dels */
};

void fake_exec_free(struct exec_host *h);
void fake_exec_clear_events(struct exec_host *h);
/* SHA-256 over all keys and values. */
void fake_exec_digest(const struct exec_host *h, uint8_t ret_digest[static 32]);
/* Same over the events since they were last cleared. */
void fake_exec_events_digest(const struct exec_host *h, uint8_t ret_digest[static 32]);
size_t fake_exec_count(const struct exec_host *h, char prefix);
/* A copy of the state without the events. */
struct exec_host fake_exec_copy(const struct exec_host *h);

#endif
