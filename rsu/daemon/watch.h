/* What an operator must find in a unit's log afterwards: links and quorum lost and back, catching up and caught up, listening, in
 * the committee or not, what was ordered. Looks at what is, now and then, and says one line for each change that stands; never
 * one for each event. Pure: rsud fills in what it sees. One thread. */
#ifndef WAYSIDE_RSU_DAEMON_WATCH_H
#define WAYSIDE_RSU_DAEMON_WATCH_H

#include "base/log.h"
#include "ledger/node/node.h"
#include "ledger/policy/body.h"

struct watch_peer {
    uint8_t key[KEY_OCTETS]; /* zeros: the slot is free, or ours */
    char name[NODE_NAME_OCTETS];
    uint64_t power; /* 0: it validates nothing */
    bool up; /* the link to it */
    bool heard; /* lately */
    uint64_t height;
};
struct watch_seen {
    uint64_t mono_us;
    uint64_t height;
    bool syncing, listening;
    int me; /* index in the committee; -1: not in it */
    uint64_t own_power, total; /* own: 0 when not in it */
    size_t n_validators;
    size_t n; /* slots */
    struct watch_peer peer[NODE_PEERS_MAX];
    struct cell_params params; /* in force */
    uint64_t policy_sequence;
    char policy_name[POLICY_NAME_MAX + 1];
};

struct watch {
    bool begun;
    uint64_t begun_us;
    struct watch_link {
        uint8_t key[KEY_OCTETS];
        bool up, told_up, told_missing;
        uint64_t since_us;
    } link[NODE_PEERS_MAX];
    bool quorum, told_lost;
    uint64_t quorum_since_us, lost_us;
    bool behind, told_behind, told_listening;
    uint64_t behind_us;
    int me;
    struct cell_params params;
    uint64_t policy_sequence;
};

/* line: without a final newline. */
typedef void (*watch_say_fn)(
    void *ctx, enum ws_log_level level, const char *area, const char *line);
/* About once a second; w is zeroed at first. */
void watch_look(struct watch *w, const struct watch_seen *s, watch_say_fn say, void *ctx);

#endif
