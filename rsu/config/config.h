/* rsud's configuration: YAML through libcyaml, unknown keys are errors, one loader for start and --check.
 * Relative paths in the file are relative to the file. Owns its strings; config_free releases them. */
#ifndef WAYSIDE_RSU_CONFIG_CONFIG_H
#define WAYSIDE_RSU_CONFIG_CONFIG_H

#include "base/clock.h"
#include "base/error.h"
#include "ledger/net/net.h"
#include "ledger/node/node.h"
#include "pktio/transmit.h"
#include "pktio/worker.h"
#include "rsu/host/keeper.h"

#define CONFIG_PORTS_MAX 8
#define CONFIG_SENSORS_MAX 16
#define CONFIG_SENSOR_NAME_MAX 32

struct config_port {
    enum port_kind kind;
    char **captures;
    size_t n_captures;
    bool paced;
    char *interface, *device;
    unsigned ring_frames, mbufs; /* 0: default of the kind */
    unsigned workers; /* threads */
};

/* What the unit sends; ticket NULL: it only listens. */
struct config_radio {
    char *ticket, *issuer; /* files, COER; issuer may be NULL */
    char *ticket_key; /* file with 64 hex digits, mode 0600 */
    int32_t lat, lon; /* of the antenna, 1e-7 degree */
    size_t port; /* which of the ports, from 1 */
    uint32_t octets_per_s, burst_octets, reach_m;
    uint64_t cam_us, repeat_us, change_repeat_us, change_for_us;
    size_t items;
    uint64_t handover_us;
    size_t handovers;
};

/* A camera or lidar of the unit's own. */
struct config_sensor {
    char *name;
    char *socket; /* Unix socket that its software writes into */
    unsigned mode; /* of the socket's file */
    char *ticket; /* file, COER: says class and software family */
    char *ticket_key; /* file with 64 hex digits, mode 0600 */
    int32_t lat, lon; /* 1e-7 degree */
    uint16_t heading; /* 1/65536 turn counter-clockwise from east: the middle of its view */
    uint16_t half_angle; /* half its opening, the same unit */
    uint32_t range_mm;
    uint32_t rate, burst; /* lines a second, and at once */
    size_t line_octets;
    size_t clients; /* connections at a time */
};

/* Frames and verdicts into files; folder NULL: not recorded. */
struct config_record {
    char *folder;
    uint64_t file_octets, total_octets, reserve_octets;
    size_t files, queue_octets;
};

struct config {
    char *genesis, *map; /* files; map may be NULL once the node has started before */
    char *key, *curve_key; /* files with 64 hex digits, mode 0600; key NULL: observer */
    char *data; /* directory of store and log */
    char *bind; /* "tcp://127.0.0.1:7001" */
    size_t n_peers;
    struct config_peer {
        char *address; /* validator address, 64 hex digits */
        char *endpoint;
        bool has_key;
        uint8_t key[32]; /* its CURVE key, when the genesis does not know it */
    } peers[NET_PEERS_MAX];
    size_t n_followers; /* nodes that may follow and not vote */
    struct config_follower {
        uint8_t key[32]; /* CURVE key */
        char *endpoint;
    } followers[NET_PEERS_MAX];
    struct ws_clock clock; /* SYSTEM or SCALED */
    uint64_t clock_error_us; /* a worse clock votes and does not propose; 0: nobody looks */
    size_t n_ports;
    struct config_port ports[CONFIG_PORTS_MAX];
    struct pipeline_limits pipeline;
    struct node_limits node;
    struct net_limits
        links; /* message_octets_max follows from the genesis, and some of the others' least values */
    struct config_radio radio;
    size_t n_sensors;
    struct config_sensor sensors[CONFIG_SENSORS_MAX];
    struct plausibility_config plausibility; /* its salt is 0 */
    struct config_record record;
    struct keeper_config disk; /* data, check_us and compact_heights are not from the file */
    struct config_gossip {
        uint32_t rate; /* identities a second; 0: none told, none taken */
        uint64_t batch_us;
    } gossip;
    struct config_learning {
        char *upload; /* "[::]:4750": where vehicles upload to; NULL: nowhere */
        size_t uploads; /* under way at a time */
        uint64_t upload_octets; /* of them together */
        uint32_t source_rate; /* datagrams a second of one network address */
        uint64_t idle_us; /* what stands still so long makes room */
        uint64_t audit_us; /* how long what was sent stays after its round */
        uint64_t store_octets, model_octets; /* on disk */
    } learning;
    struct config_decide {
        char *sensor; /* name of one of the sensors; NULL: no decision service */
        size_t at; /* which of them */
        char *site; /* file about the road here, that another program writes; NULL: none */
        uint64_t site_us; /* older, it says nothing */
        char *class_name; /* of the model, or its number; NULL: the upper half */
        int16_t utc_offset_min;
        uint32_t vehicles, share_percent;
        uint64_t within_us, quiet_us, look_us, repeat_us;
        int32_t place_mm, reach_mm;
        unsigned window; /* looks; 0: not said */
        size_t places, watched;
        uint64_t log_octets;
        uint64_t keep_us; /* decisions; the cell's horizon of bodies may be shorter */
    } decide;
    struct config_lists {
        uint64_t scan_us; /* the folder is looked at this often */
        uint32_t ahead_s; /* a list may be issued so far in the future */
        uint32_t period_start_s, period_s; /* linkage periods, Time32 */
        size_t entries, values, groups; /* struct revocation_limits */
        size_t learned_max; /* issuing certificates from neighbours; 0: none */
    } lists;
    char *http; /* "127.0.0.1:8080", "[::1]:8080" or "unix:/path"; NULL: no HTTP */
    unsigned http_connections;
    size_t http_octets; /* of large answers in memory at once */
    unsigned http_waiting; /* calls that may wait for a long answer, of each kind */
    uint64_t
        map_versions; /* newest ones whose changes are given out; 0: as long as their headers are kept */
    char *revocations; /* folder of signed lists; NULL: none */
    char *sign_counter; /* "file:/path" or "command:/path"; NULL: the machine has none */
    uint64_t sign_counter_blocks; /* how often it moves */
    char *list_manager; /* file: certificate whose trust lists may add roots; NULL: none */
    char *admin; /* Unix socket for orders and control, mode 0660; NULL: none */
    unsigned memory_mb; /* DPDK pools */
    unsigned store_cache_mb;
    char *log_level;
};

/* The text names file, line or key, and what is allowed there. */
WARN_UNUSED int config_load(const char *path, struct config *ret_config, struct ws_err *err);
/* What --check does beyond loading: files exist and are readable, keys have safe modes and belong to the genesis,
 * genesis and map fit, peers are validators of it, interfaces exist. Changes nothing. */
WARN_UNUSED int config_check(const struct config *c, struct ws_err *err);
/* The folder that a file will be made in is there, may be written to, and holds files at all. */
WARN_UNUSED int config_check_folder_of(const char *path, const char *key, struct ws_err *err);
void config_free(struct config *c);

#endif
