/* Shared by the files of the daemon. Internal to rsu/. */
#ifndef WAYSIDE_RSU_DAEMON_RSUD_INTERNAL_H
#define WAYSIDE_RSU_DAEMON_RSUD_INTERNAL_H

#include "base/random.h"
#include "base/table.h"
#include "ledger/node/share.h"
#include "ledger/store/sign_guard.h"
#include "rsu/cell/admit.h"
#include "rsu/daemon/directory.h"
#include "rsu/daemon/rsud.h"
#include "rsu/daemon/watch.h"
#include "rsu/feedback/feedback_desk.h"
#include "rsu/host/admin.h"
#include "rsu/host/jobs.h"
#include "rsu/http/http.h"
#include "rsu/radio/radio.h"
#include "rsu/trust/revocations.h"

/* What could not be opened, for the words on how to go on. */
enum daemon_part { PART_NONE, PART_STORE, PART_LOGS, PART_STATE };

/* A port as recordings know it. */
struct recorded_port {
    struct recorder *recorder;
    uint16_t number; /* as in the metrics */
    char name[64]; /* "port 0 eth1" */
};

/* Everything the daemon owns; `face` is what HTTP sees of it. */
struct daemon {
    struct rsud face;
    enum daemon_part damaged;
    struct config config;
    const char *config_path; /* borrowed from whoever started us */
    struct share_server *share; /* our snapshots, for those who join */
    struct directory directory;
    hash32 set_hash; /* of the validators that the directory knows, for set_height + 1 */
    uint64_t set_height;
    bool set_changing;
    uint64_t
        linked_round; /* of learning: its members are linked, in the committee or not; 0: none */
    struct signer *signer;
    struct sign_counter sign_counter;
    struct sign_guard sign_guard;
    uint8_t curve_secret[32], curve_public[32];
    struct cell_frame frame; /* of the sensors */
    struct mapset base_map;
    bool has_base_map;
    struct wal *wal[2];
    struct jobs *jobs;
    struct beaconing *beaconing; /* NULL: no validator */
    struct learning *learning;
    struct ws_random learning_random;
    uint64_t uploads_height,
        uploads_due_us; /* uploads know the ledger up to here; are told who is there then */
    uint64_t decide_height, decide_map; /* the decision service knows the ledger up to here */
    struct ring *ring[CONFIG_PORTS_MAX]
                     [WORKER_THREADS_MAX]; /* verified messages of each worker's threads */
    int ring_fd; /* eventfd the workers write */
    struct recorded_port recorded[CONFIG_PORTS_MAX];
    const char *recorded_as[CONFIG_PORTS_MAX]; /* their names */
    struct admin *admin;
    struct feedback_desk *feedback_desk;
    struct http *http;
    struct admit_counters admit;
    struct table admitted; /* transaction identity -> when we admitted it (struct stamp) */
    struct watch watch;
    struct watch_seen watch_seen;
    struct ws_log_limit watch_limit;
    uint64_t watch_due_us;
    uint64_t clock_due_mono_us; /* the clock's quality is looked at */
    int epoll, signal_fd;
    bool stop;
    int exit_code;
};

/* rsud_start.c */
WARN_UNUSED int daemon_start(struct daemon *d, const char *config_path, struct ws_err *err);
void daemon_stop(struct daemon *d);
/* rsud_disk.c */
/* A validator's data folder is not one put back from a copy. */
WARN_UNUSED int daemon_open_guard(struct daemon *d, struct ws_err *err);
/* False: the counter does not move, so nothing may be signed any more; it has been said. */
bool daemon_guard_height(struct daemon *d);
/* Room on the disk (a store that finds none may not even be closed in order), logs, guard and counter: all that a start looks at
 * before it opens anything. Nothing is made or changed. *ret_running: a unit runs on the folder, which was not looked at further. */
WARN_UNUSED int daemon_check_disk(
    const struct config *c, bool *ret_running, enum daemon_part *ret_damaged, struct ws_err *err);
/* Of --check only, as a start opens it anyway: the store can be read and is this cell's. */
WARN_UNUSED int daemon_check_store(
    const struct config *c, enum daemon_part *ret_damaged, struct ws_err *err);
WARN_UNUSED int daemon_open_keeper(struct daemon *d, struct ws_err *err);
/* State that is not what a quorum committed to is written down while everything is still there; else nothing happens. */
void daemon_write_bundle(struct daemon *d);
/* rsud_watch.c: the log's lines about what has changed; cheap, after each turn. */
void daemon_watch(struct daemon *d);
/* Behind the error that ended a start: what can be typed to go on, where something of the data folder is damaged. */
void daemon_say_way_out(const struct config *c, enum daemon_part damaged);
/* rsud_feedback.c: false, it is no feedback; else another thread answers. Inside admin_fn only. */
bool daemon_feedback_order(struct daemon *d, struct span order);
WARN_UNUSED int daemon_open_feedback(struct daemon *d, struct ws_err *err);
void daemon_allow_feedback(struct daemon *d); /* through the admin socket */
/* rsud_learning.c: false, it is no order about learning; else it is answered later. */
WARN_UNUSED int daemon_open_learning(struct daemon *d, struct ws_err *err);
void daemon_close_learning(struct daemon *d);
void daemon_run_learning(struct daemon *d); /* each turn of the loop */
int daemon_uploading_fd(const struct daemon *d); /* -1: none */
/* False: the message is no peer's about what vehicles sent. */
/* Who has the seats of the round of learning that is on (its number in ret_round, 0: none); NULL: none, or too long ago. Borrowed until the next
 * block. */
const struct validator_set *daemon_round_set(const struct daemon *d, uint64_t *ret_round);
bool daemon_take_handed(struct daemon *d, size_t peer, struct span msg);
bool daemon_learning_order(struct daemon *d, struct span order);
/* rsud_sensors.c */
WARN_UNUSED int daemon_open_sensors(struct daemon *d, struct ws_err *err);
/* rsud_decide.c: where none is configured, nothing happens */
WARN_UNUSED int daemon_open_decide(struct daemon *d, struct ws_err *err);
void daemon_close_decide(struct daemon *d);
void daemon_run_decide(struct daemon *d); /* each turn of the loop */
void daemon_tell_decide(struct daemon *d, const struct exec_outcome *o); /* after a block */
/* A message that stays in the local picture, as plausibility has read it. Only with a decision service. */
void daemon_hear_for_decide(
    struct daemon *d, const struct pkt_message *m, const struct plausibility_sample *s);
/* rsud_port.c: false, it is no order to a port; else the answer is in ret_line. */
bool daemon_port_order(struct daemon *d, struct span order, struct buf *ret_line);
/* rsud_join.c: a unit without data looks for a snapshot at its peers, before the node opens. */
WARN_UNUSED int daemon_join(struct daemon *d, struct ws_err *err);
void daemon_open_share(struct daemon *d);
/* rsud_links.c */
WARN_UNUSED int daemon_open_links(struct daemon *d, struct ws_err *err);
void daemon_put_peers(struct daemon *d);
void daemon_follow_committee(struct daemon *d); /* cheap; after each turn */
void daemon_reload_peers(struct daemon *d);
/* rsud_loop.c */
void daemon_loop(struct daemon *d);
void daemon_send(void *ctx, size_t peer, struct span msg);
void daemon_committed(
    void *ctx, const struct block *b, const struct commit *c, const struct exec_outcome *o);
void daemon_taken(void *ctx, const struct tx *t);
void daemon_job(void *ctx, struct node_job *job);
void daemon_order(void *ctx, struct span order, struct buf *ret_line);

#endif
