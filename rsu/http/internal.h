/* Shared by the files of the HTTP face and its tests. Internal to rsu/.
 *
 * Threads: libmicrohttpd's own run the handlers; the waker (http_stream.c) runs between them and the ledger's
 * owner. A handler reads final things from the store and asks the owner through the mailbox for the rest. */
#ifndef WAYSIDE_RSU_HTTP_INTERNAL_H
#define WAYSIDE_RSU_HTTP_INTERNAL_H

#include "ledger/node/query.h"
#include "mapsvc/fuse/diff.h"
#include "rsu/cell/admit.h"
#include "rsu/cell/beaconing.h"
#include "rsu/http/http.h"
#include "rsu/http/target.h"
#include "rsu/json/base.h"
#include "rsu/learning/learning.h"
#include "rsu/radio/radio.h"
#include "rsu/sensors/sensors.h"
#include "rsu/trust/revocations.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

/* ---- what a client asked, and what it gets ---- */

struct http_call {
    struct http_target target;
    int target_rc;
    struct ws_err target_err;
    bool begun; /* the headers were looked at */
    bool head;
    struct MHD_Connection *connection;
    struct http_job *job; /* NULL, or who answers it meanwhile (http_lanes.h) */
};

/* Threads for answers that take their time (http_lanes.h). */
enum http_lane {
    LANE_NEAR, /* the current map: it is stepped forward, never made anew */
    LANE_FAR, /* maps of old versions */
    LANE_RECORDS, /* many version records */
    LANE_BLOCKS, /* what was said in blocks */
    LANE_LEARNING, /* rounds and models, and files of them */
    HTTP_LANES
};
struct http;
struct http_reply;
typedef void (*http_fn)(struct http *h, const struct http_call *c, struct http_reply *r);

#define HTTP_HEADERS_MAX 6
struct http_reply {
    unsigned status;
    const char *type;
    const char *cache; /* NULL: no-store */
    struct buf body;
    struct MHD_Response *made; /* instead of the body; a reference of the reply's own */
    http_fn later; /* not NULL: it answers, in that lane; set with http_later */
    enum http_lane lane; /* also: the one that answers */
    size_t counted; /* octets of the body that http_octets.c knows of */
    size_t n_headers;
    struct {
        const char *name;
        char value[80];
    } header[HTTP_HEADERS_MAX];
};

/* http_reply.c */
extern const char HTTP_JSON[], HTTP_TEXT[], HTTP_METRICS[], HTTP_GEOJSONSEQ[], HTTP_OSC[],
    HTTP_OCTETS[], HTTP_EVENTS[];
void http_header(struct http_reply *r, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* 200 with a JSON page; takes over `value`. */
void http_json(struct http_reply *r, json_t *value);
/* {"error": "..."}; forgets what the reply held before. */
void http_fail(struct http_reply *r, unsigned status, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* 410 with where to begin again: the oldest and the current version, and the path of a snapshot. */
void http_gone(struct http_reply *r, uint64_t oldest, uint64_t current, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* The same from an error of ours: malformed 400, absent 404, busy 503 with Retry-After, anything else 500. */
void http_fail_err(struct http_reply *r, int rc, const struct ws_err *err);
enum MHD_Result http_send(struct http *h, struct MHD_Connection *connection, struct http_reply *r);
/* The handler's answer is that fn answers in that lane's thread. */
void http_later(struct http_reply *r, enum http_lane lane, http_fn fn);
void http_reply_free(struct http *h, struct http_reply *r); /* of one that is not sent */

/* http_octets.c: what of answers is in memory. Any thread. */
enum http_refusal { REFUSED_OCTETS, REFUSED_QUEUE, REFUSALS };
const char *http_refusal_name(enum http_refusal why);
void http_refused(struct http *h, enum http_refusal why); /* counts */
/* False: no room. */
bool http_take_octets(struct http *h, size_t n);
void http_leave_octets(struct http *h, size_t n);
/* Whether there is any room at all, before the work; the reply says if not. */
bool http_room(struct http *h, struct http_reply *r);
/* Takes room for a large body, or makes the reply a refusal. */
void http_count_octets(struct http *h, struct http_reply *r);
void http_no_room(struct http *h, struct http_reply *r); /* the refusal, counted */

/* ---- versions that are published: final, and provable because the next header is final too ---- */

struct version_ref {
    uint64_t version, height, block_time;
    uint32_t sequence; /* of its event in the block */
    uint32_t octets; /* of its record */
    uint32_t n_changes;
    bool geometry;
    uint8_t root[32];
};
/* http_versions.c. Any thread. */
struct versions;
/* keep: the newest so many published ones are had, older ones no more; 0: all that the store has. */
struct versions *versions_new(struct store *store, uint64_t keep);
void versions_free(struct versions *v);
/* Looks for new ones in the store. ret_current: the highest published version (1: the base map). */
WARN_UNUSED int versions_refresh(struct versions *v, uint64_t *ret_current, struct ws_err *err);
/* Lowest and highest that can be had; lowest is 2, or more where older ones are gone; current < lowest: none. */
void versions_range(struct versions *v, uint64_t *ret_lowest, uint64_t *ret_current);
enum versions_place {
    VERSION_HERE, /* published */
    VERSION_PENDING, /* final, but not provable yet */
    VERSION_ABSENT, /* *ret is not written */
};
/* The published version that has this change, and its place there. */
bool versions_find_change(struct versions *v, const uint8_t id[static 32],
    struct version_ref *ret_version, size_t *ret_change);
enum versions_place versions_find(struct versions *v, uint64_t version, struct version_ref *ret);
/* The record; map_version_free. */
WARN_UNUSED int versions_read(struct versions *v, const struct version_ref *ref,
    struct map_version *ret_version, struct ws_err *err);
/* JSON with changes and proof. */
WARN_UNUSED int versions_json(struct versions *v, const struct version_ref *ref,
    const struct cell_frame *f, json_t **ret, struct ws_err *err);
/* The version a client has, from its words (NULL: not given, which is an error): false, and the reply says so, when
 * it is no version or older than what is kept. It may be ahead of the current one. */
bool versions_from(struct versions *v, const char *text, uint64_t *ret_from, uint64_t *ret_current,
    struct http_reply *r);

/* ---- the face ---- */

struct http_tuning {
    unsigned heartbeat_ms; /* of silent event streams */
    unsigned ask_ms; /* how long a handler waits for the owner */
    unsigned
        patience_s; /* with a client that neither says nor takes anything; streams twice that */
};
extern const struct http_tuning http_tuning_default;

struct learn_index;
struct streams;
struct live;
struct lanes;
struct maps;
struct tile_shelf;

struct http {
    struct rsud *d;
    struct http_tuning tuning;
    struct MHD_Daemon *mhd;
    char *unix_path; /* NULL: TCP */
    unsigned port; /* TCP: as bound */
    unsigned connections;
    struct cell_frame frame;
    size_t n_contracts;
    const struct contract_ops *ops[STATE_CONTRACTS_MAX];
    struct versions *versions;
    struct learn_index *learned;
    struct streams *streams;
    struct maps *maps;
    struct tile_shelf *shelf;
    struct lanes *lanes;
    struct live *live;
    size_t octets_max;
    atomic_size_t octets; /* of large answers, and of the map's pages */
    atomic_uint_fast64_t refused[REFUSALS];
    atomic_uint_fast64_t map_steps; /* versions that maps were taken on or back by */
    unsigned streams_max; /* event streams of both kinds */
    atomic_uint seats; /* taken by event streams, and by calls that wait for a long answer */
};

WARN_UNUSED int http_start_tuned(const struct http_config *cfg, const struct http_tuning *tuning,
    struct rsud *daemon, struct http **ret_http, struct ws_err *err);

/* Runs fn with (struct rsud *, ctx) in the owner thread; on failure the reply says so and false. */
bool http_ask(struct http *h, mailbox_fn fn, void *ctx, struct http_reply *r);
/* One of the streams' seats, whichever kind it is for; false: all are taken, and the reply says so. Any thread. */
bool http_take_seat(struct http *h, struct http_reply *r);
/* One for a call that waits; of the connections an eighth stays for short questions in any case. False: all are taken. */
bool http_take_waiting_seat(struct http *h);
void http_leave_seat(struct http *h); /* of either kind */
const char *http_contract_name(const struct http *h, size_t contract);
const char *http_code_name(const struct http *h, size_t contract, exec_code code);

/* http_listen.c: a listening socket for "ADDRESS:PORT", "[ADDRESS]:PORT" or "unix:PATH". ret_unix_path (to be
 * freed) is NULL for TCP. */
WARN_UNUSED int http_listen(const char *listen_on, int *ret_fd, char **ret_unix_path,
    unsigned *ret_port, struct ws_err *err);

/* http_stream.c */
struct streams *streams_new(struct http *h);
void streams_stop(struct streams *s); /* ends all, joins the waker; before MHD_stop_daemon */
void streams_free(struct streams *s); /* after it */
void streams_wake(struct streams *s);
size_t streams_count(struct streams *s);

/* http_live.c: the same life as streams */
struct live *live_new(struct http *h);
void live_stop(struct live *l);
void live_free(struct live *l);
void live_wake(struct live *l);
size_t live_count(struct live *l);

/* http_maps.c */
struct maps *maps_new(void);
void maps_free(struct maps *m);
void maps_wake(struct http *h); /* something may be published: whoever follows the map steps on */

/* ---- what the owner thread says about itself, copied in one go (http_view.c) ---- */

struct http_view {
    uint64_t mono_us;
    uint32_t its_s; /* cell clock, Time32 */
    bool healthy;
    char why[WS_ERR_TEXT];
    struct node_status node;
    struct node_counters counters;
    struct node_peer_status peer[VALIDATORS_MAX];
    struct validator_set set; /* in force; what follows has its order */
    bool peer_up[VALIDATORS_MAX];
    size_t n_followers; /* peers that validate nothing */
    struct http_follower {
        uint8_t key[KEY_OCTETS];
        struct node_peer_status peer;
        bool up;
    } follower[NODE_PEERS_MAX];
    bool has_net;
    struct net_counters net;
    struct admit_counters admit;
    struct gossip_counters gossip; /* zeros where it is switched off */
    struct replay_window_counters window;
    struct plausibility_counters plausibility;
    struct transmit_counters transmit; /* zeros where the unit only listens */
    struct broadcast_counters broadcast;
    uint64_t requests_dropped;
    size_t n_sensors;
    struct sensor_counters sensor[CONFIG_SENSORS_MAX];
    bool has_lists;
    struct revocations_counters lists;
    size_t n_lists;
    struct http_list {
        char name[128], authority[17], series[8], sequence[16];
        const char *kind; /* static */
        uint32_t issued_s, next_s;
        size_t entries;
        bool applied;
    } list[REVOCATIONS_LISTS_MAX];
    uint64_t results[STATE_CONTRACTS_MAX][RSUD_CODES_MAX];
    size_t entries[STATE_CONTRACTS_MAX]; /* of state */
    uint64_t n_latencies; /* ever */
    size_t n_kept;
    uint64_t latency_us[RSUD_LATENCIES]; /* of the last ones, ascending */
    uint64_t map_version;
    struct map_fill map_fill;
    char policy_name[POLICY_NAME_MAX + 1];
    uint64_t policy_sequence;
    uint8_t policy_hash[32];
    struct beacon_status beacon;
    struct beaconing_counters beaconing; /* zeros where the unit is no validator */
    uint64_t model_version; /* in force; 0: none */
    uint64_t round; /* the last of learning; 0: none */
    enum fl_phase phase;
    uint32_t submissions;
    size_t n_lacks;
    uint32_t scores, scores_max; /* of vehicles, and their bound */
    uint64_t scores_dropped;
    struct learning_counters learning; /* zeros where the unit has none */
};
struct metrics;
/* Families about what was heard before and how believable it was. */
/* http_workers.c */
void http_put_workers(struct metrics *m, const struct http *h);
void http_put_recorder(struct metrics *m, const struct http *h);
void http_metrics_heard(struct metrics *m, const struct http_view *v);
bool http_view(struct http *h, struct http_view *ret, struct http_reply *r);
struct metrics;
void http_put_lists(struct metrics *m, const struct http_view *v);
/* http_beacon.c */
void http_put_beacon(struct metrics *m, const struct http_view *v);
/* http_octets.c */
void http_put_octets(struct metrics *m, const struct http *h);
/* metrics_learning.c */
void http_copy_learning(const struct rsud *d, struct http_view *v); /* owner thread */
void http_put_learning(struct metrics *m, const struct http *h, const struct http_view *v);
/* http_feedback.c */
void http_put_uploads(struct metrics *m, const struct http *h);
void http_put_feedback(struct metrics *m, const struct http *h);
/* http_risk.c */
void http_put_risk(struct metrics *m, const struct http *h);
/* http_sensors.c */
void http_copy_sensors(const struct sensors *s, struct http_view *v); /* owner thread */
json_t *http_sensors_json(const struct http *h, const struct http_view *v);
void http_put_sensors(struct metrics *m, const struct http *h, const struct http_view *v);
/* Nearest rank; 0 without latencies. */
uint64_t http_view_latency(const struct http_view *v, unsigned percent);
bool http_healthy(const struct http *h, const struct http_view *v, char *dst, size_t size);
uint64_t http_view_silence_us(
    const struct http *h, const struct http_view *v); /* since the last block */
enum peer_state { PEER_VOTING, PEER_BEHIND, PEER_SILENT };
enum peer_state http_view_peer(const struct http *h, const struct http_view *v, size_t validator);
const char *http_peer_state_name(enum peer_state s);
/* Counters of the workers, by port. Any thread. */
struct worker_counters *http_ports(const struct http *h); /* n_workers; to be freed */

/* ---- handlers ---- */
const char *http_route(size_t i); /* path, with "*" for what varies; NULL: no more */
void http_get_status(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_health(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_metrics(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_map(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_snapshot(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_tiles(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_tile(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_feedback(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_one_feedback(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_net(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_versions(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_diffs(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_stream(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_block(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_tx(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_event_proof(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_state_proof(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_map_proof(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_header(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_params(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_handovers(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_policies(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_beacon(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_page(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_risk(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_live(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_orders(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_candidates(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_candidate_sightings(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_change(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_change_evidence(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_change_message(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_change_sightings(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_validator(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_learning(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_learn_rounds(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_learn_round(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_learn_record(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_learn_material(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_models(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_model(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_genesis(struct http *h, const struct http_call *c, struct http_reply *r);
void http_get_randomness(struct http *h, const struct http_call *c, struct http_reply *r);

#endif
