/* The file as YAML has it, before values are judged. Internal to rsu/config.
 *
 * libcyaml reads "1k" and "1.5" as 1, "-1" as a large number and any word as true, so every scalar but the
 * names of a choice comes through as text and is judged by config.c. */
#ifndef WAYSIDE_RSU_CONFIG_INTERNAL_H
#define WAYSIDE_RSU_CONFIG_INTERNAL_H

#include "rsu/config/config.h"

#define CONFIG_FILES_MAX 64 /* captures of one port */
#define CONFIG_FILE_MAX (256U << 10) /* octets of the YAML file */
#define CONFIG_TEXT_MAX 4095 /* octets of one value */

/* Numbers of the file: key, smallest, largest, default, multiple (what one of the file is here), field. */
#define CONFIG_PIPELINE(X)                                                                         \
    X(source_slots, 8, 1U << 24, 16384, 1, source_slots)                                           \
    X(source_rate, 0, 1000000, 100, 1, source_rate)                                                \
    X(source_burst, 1, 1000000, 200, 1, source_burst)                                              \
    X(replay_slots, 16, 1U << 26, 524288, 1, replay_slots)                                         \
    X(cert_slots, 16, 1U << 22, 16384, 1, cert_slots)                                              \
    X(message_pool, 64, 1U << 18, 4096, 1, message_pool)                                           \
    X(freshness_ms, 1, 86400000, 2000, 1000, freshness_us)                                         \
    X(freshness_own_ms, 1, 86400000, 60000, 1000, freshness_own_us)                                \
    X(future_ms, 0, 86400000, 500, 1000, future_us)                                                \
    X(queue_slots, 64, 1U << 20, 2048, 1, queue_slots)                                             \
    X(max_age_ms, 1, 86400000, 50, 1000, max_age_us)                                               \
    X(max_age_safety_ms, 1, 86400000, 200, 1000, max_age_safety_us)                                \
    X(wait_slots, 1, 1U << 19, 512, 1, wait_slots)                                                 \
    X(wait_share, 1, 1U << 19, 32, 1, wait_share)                                                  \
    X(wait_ms, 1, 86400000, 1200, 1000, wait_us)                                                   \
    X(fresh_percent, 1, 90, 10, 1, fresh_percent)                                                  \
    X(table_memory_mb, 1, 1048576, 1024, 1U << 20, table_octets)
#define CONFIG_NODE(X)                                                                             \
    X(mempool_txs, 16, 10000000, 65536, 1, mempool_txs)                                            \
    X(mempool_octets, 65536, 1U << 31, 64U << 20, 1, mempool_octets)                               \
    X(status_ms, 10, 60000, 500, 1000, status_us)                                                  \
    X(sync_blocks, 1, 64, 16, 1, sync_blocks)                                                      \
    X(sync_mb, 1, 65536, 64, 1U << 20, sync_octets)                                                \
    X(misdeeds_max, 1, 1000000, 200, 1, score_max)                                                 \
    X(mute_s, 1, 86400, 60, 1000000, mute_us)                                                      \
    X(bad_signatures, 1, 1000000, 20, 1, bad_checks_per_s)                                         \
    X(listen_ms, 0, 60000, 1000, 1000, listen_us)                                                  \
    X(undo_blocks, 1, 4096, 16, 1, undo_blocks)                                                    \
    X(verify_table_mb, 1, 65536, 128, 1U << 20, verify_table_octets)                               \
    X(prune_blocks, 0, 1024, 4, 1, prune_blocks)                                                   \
    X(header_days, 1, 36500, 30, UINT64_C(86400000000), header_us)
#define CONFIG_DISK(X)                                                                             \
    X(snapshot_blocks, 0, 1U << 30, 20000, 1, snapshot_blocks)                                     \
    X(snapshots, 1, 1000, 2, 1, snapshots)                                                         \
    X(join_s, 0, 86400, 20, 1000000, join_us)                                                      \
    X(snapshot_mb_s, 1, 65536, 32, 1U << 20, snapshot_octets_s)                                    \
    X(budget_mb, 0, 1U << 30, 65536, 1U << 20, budget_octets)                                      \
    X(reserve_mb, 0, 1U << 30, 256, 1U << 20, reserve_octets)                                      \
    X(wear_mb_day, 0, 1U << 30, 20480, 1U << 20, wear_octets_day)
#define CONFIG_LINKS(X)                                                                            \
    X(queue_messages, 1, 65536, 256, 1, queue_messages)                                            \
    X(held_mb, 1, 65536, 16, 1U << 20, held_octets)                                                \
    X(urgent_messages, 100, 10000000, 5000, 1, messages_per_s[NET_URGENT])                         \
    X(urgent_mb, 1, 65536, 16, 1U << 20, octets_per_s[NET_URGENT])                                 \
    X(bulk_messages, 100, 10000000, 50000, 1, messages_per_s[NET_BULK])                            \
    X(bulk_mb, 1, 65536, 64, 1U << 20, octets_per_s[NET_BULK])                                     \
    X(strangers, 1, 65536, 64, 1, strangers)
#define CONFIG_RADIO(X)                                                                            \
    X(port, 1, CONFIG_PORTS_MAX, 1, 1, port)                                                       \
    X(budget_octets, 100, 1U << 30, 20000, 1, octets_per_s)                                        \
    X(burst_octets, TRANSMIT_FRAME_MAX, 1U << 30, 6000, 1, burst_octets)                           \
    X(reach_m, 1, 100000, 2000, 1, reach_m)                                                        \
    X(cam_ms, 100, 60000, 1000, 1000, cam_us)                                                      \
    X(repeat_ms, 100, 60000, 1000, 1000, repeat_us)                                                \
    X(change_repeat_ms, 100, 3600000, 5000, 1000, change_repeat_us)                                \
    X(change_for_s, 1, 86400, 600, 1000000, change_for_us)                                         \
    X(items, 1, 4096, 64, 1, items)                                                                \
    X(handover_ms, 0, 3600000, 1000, 1000, handover_us)                                            \
    X(handovers, 1, 16, 4, 1, handovers)
/* The field is a place in config_take_sensor's function. */
#define CONFIG_SENSOR(X)                                                                           \
    X(view_deg, 1, 360, 90, 1, view_deg)                                                           \
    X(range_m, 1, 1000, 60, 1000, s->range_mm)                                                     \
    X(rate, 1, 100, 2, 1, s->rate)                                                                 \
    X(burst, 1, 1000, 10, 1, s->burst)                                                             \
    X(line_octets, 256, 1U << 20, 65536, 1, s->line_octets)                                        \
    X(clients, 1, 64, 4, 1, s->clients)
#define CONFIG_GOSSIP(X)                                                                           \
    X(rate, 0, 1000000, 20000, 1, rate)                                                            \
    X(batch_ms, 1, 1000, 20, 1000, batch_us)
#define CONFIG_LEARNING(X)                                                                         \
    X(uploads, 1, 65536, 256, 1, uploads)                                                          \
    X(uploads_mb, 1, 65536, 64, 1U << 20, upload_octets)                                           \
    X(source_rate, 10, 10000000, 4000, 1, source_rate)                                             \
    X(idle_s, 1, 3600, 15, 1000000, idle_us)                                                       \
    X(audit_days, 0, 3650, 30, UINT64_C(86400000000), audit_us)                                    \
    X(store_mb, 16, 1U << 30, 8192, 1U << 20, store_octets)                                        \
    X(models_mb, 16, 1U << 30, 2048, 1U << 20, model_octets)
#define CONFIG_DECIDE(X)                                                                           \
    X(vehicles, 3, 64, 3, 1, vehicles)                                                             \
    X(share_percent, 0, 100, 20, 1, share_percent)                                                 \
    X(within_s, 5, 3600, 60, 1000000, within_us)                                                   \
    X(quiet_s, 1, 86400, 120, 1000000, quiet_us)                                                   \
    X(place_m, 20, 300, 100, 1000, place_mm)                                                       \
    X(places, 1, 4096, 512, 1, places)                                                             \
    X(watched, 8, 65536, 4096, 1, watched)                                                         \
    X(look_ms, 100, 10000, 1000, 1000, look_us)                                                    \
    X(window, 0, 64, 0, 1, window)                                                                 \
    X(reach_m, 50, 2000, 500, 1000, reach_mm)                                                      \
    X(repeat_s, 10, 86400, 600, 1000000, repeat_us)                                                \
    X(site_s, 1, 86400, 900, 1000000, site_us)                                                     \
    X(log_mb, 1, 1024, 16, 1U << 20, log_octets)                                                   \
    X(log_days, 1, 365, 7, UINT64_C(86400000000), keep_us)
#define CONFIG_LISTS(X)                                                                            \
    X(scan_s, 1, 86400, 5, 1000000, scan_us)                                                       \
    X(ahead_s, 0, 86400, 60, 1, ahead_s)                                                           \
    X(period_start, 0, UINT32_MAX, 347619603, 1, period_start_s)                                   \
    X(period_s, 1, UINT32_MAX, 604800, 1, period_s)                                                \
    X(entries, 1, 10000000, 200000, 1, entries)                                                    \
    X(linkage_values, 1, 1000000000, 8000000, 1, values)                                           \
    X(groups, 0, 100000, 256, 1, groups)                                                           \
    X(learned_issuers, 0, 64, 16, 1, learned_max)
#define CONFIG_PLAUSIBILITY(X)                                                                     \
    X(tracks, 8, 1U << 22, 16384, 1, tracks)                                                       \
    X(reach_m, 1, 100000, 2000, 1, reach_m)
#define CONFIG_RECORD(X)                                                                           \
    X(file_mb, 1, 65536, 64, 1U << 20, file_octets)                                                \
    X(files, 1, 100000, 64, 1, files)                                                              \
    X(total_mb, 1, 1048576, 4096, 1U << 20, total_octets)                                          \
    X(reserve_mb, 0, 1048576, 1024, 1U << 20, reserve_octets)                                      \
    X(queue_mb, 1, 4096, 16, 1U << 20, queue_octets)
#define CONFIG_TOP(X)                                                                              \
    X(http_connections, 1, 4096, 64, 1, http_connections)                                          \
    X(http_octets_mb, 1, 1048576, 256, 1U << 20, http_octets)                                      \
    X(http_waiting, 1, 4096, 16, 1, http_waiting)                                                  \
    X(memory_mb, 16, 1048576, 64, 1, memory_mb)                                                    \
    X(store_cache_mb, 1, 1048576, 32, 1, store_cache_mb)                                           \
    X(map_versions, 0, 1U << 30, 0, 1, map_versions)                                               \
    X(sign_counter_blocks, 1, 1U << 30, 1000, 1, sign_counter_blocks)                              \
    X(clock_error_ms, 0, 3600000, 0, 1000, clock_error_us)

struct yaml_file {
    char *genesis, *map, *key, *curve_key, *data, *bind, *http, *admin, *revocations, *list_manager,
        *sign_counter;
    struct yaml_peer {
        char *address, *endpoint, *key;
    } * peers;
    unsigned peers_count;
    struct yaml_follower {
        char *key, *endpoint;
    } * followers;
    unsigned followers_count;
    struct yaml_clock {
        enum ws_clock_kind kind;
        char *epoch, *start_mono_us, *rate;
    } * clock;
    struct yaml_port {
        enum port_kind kind;
        char **files;
        unsigned files_count;
        bool *paced;
        char *interface, *device, *ring_frames, *buffers, *workers;
    } * ports;
    unsigned ports_count;
#define X(key, ...) char *key;
    struct yaml_pipeline {
        CONFIG_PIPELINE(X)
        enum verify_backend *verify;
    } * pipeline;
    struct yaml_node {
        CONFIG_NODE(X)
    } * node;
    struct yaml_links {
        CONFIG_LINKS(X)
    } * links;
    struct yaml_radio {
        char *ticket, *issuer, *ticket_key, *place;
        CONFIG_RADIO(X)
    } * radio;
    struct yaml_sensor {
        char *name, *socket, *mode, *ticket, *ticket_key, *place, *heading_deg;
        CONFIG_SENSOR(X)
    } * sensors;
    unsigned sensors_count;
    struct yaml_plausibility {
        char *place;
        CONFIG_PLAUSIBILITY(X)
    } * plausibility;
    struct yaml_gossip {
        CONFIG_GOSSIP(X)
    } * gossip;
    struct yaml_learning {
        char *upload;
        CONFIG_LEARNING(X)
    } * learning;
    struct yaml_decide {
        char *sensor, *class, *utc_offset, *site;
        CONFIG_DECIDE(X)
    } * decide;
    struct yaml_lists {
        CONFIG_LISTS(X)
    } * lists;
    struct yaml_disk {
        CONFIG_DISK(X)
    } * disk;
    struct yaml_record {
        char *folder;
        CONFIG_RECORD(X)
    } * record;
    CONFIG_TOP(X)
#undef X
    enum ws_log_level *log_level;
};

/* Parses and fits the schema; free with config_yaml_free. path is for messages. */
WARN_UNUSED int config_yaml_load(
    const char *path, struct span text, struct yaml_file **ret_file, struct ws_err *err);
void config_yaml_free(struct yaml_file *f);

/* What is being made of which file. */
struct config_job {
    const char *path;
    struct config *c;
    struct ws_err *err;
};

/* A path relative to the file's folder; to be freed. */
char *config_resolve(const struct config_job *j, const char *name);
/* *ret stays as it is when the text is NULL. group is put before the key in messages. */
WARN_UNUSED int config_number(const struct config_job *j, const char *group, const char *key,
    const char *text, uint64_t lo, uint64_t hi, uint64_t *ret);
/* Into the configuration's ports[i], whose number it does not change. */
WARN_UNUSED int config_take_port(const struct config_job *j, size_t i, const struct yaml_port *y);

/* After the sensors; NULL: no decision service. */
WARN_UNUSED int config_take_decide(const struct config_job *j, const struct yaml_decide *y);
/* Into the configuration's sensors[i], whose number it does not change. */
WARN_UNUSED int config_take_sensor(
    const struct config_job *j, size_t i, const struct yaml_sensor *y);

/* The file's judged values, without reading the file (for tests and the fuzz target). */
WARN_UNUSED int config_parse(
    const char *path, struct span text, struct config *ret_config, struct ws_err *err);

#endif
