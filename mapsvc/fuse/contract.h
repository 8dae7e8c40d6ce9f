/* The map contract: observations in, map versions out (hd-map facts, 5 and 6). Deterministic and
 * integer; see ledger/exec/contract.h for the rules every contract keeps. */
#ifndef WAYSIDE_MAPSVC_FUSE_CONTRACT_H
#define WAYSIDE_MAPSVC_FUSE_CONTRACT_H

#include "ledger/exec/contract.h"
#include "mapsvc/model/mapset.h"

/* The contract's genesis section is the 32-octet digest of the base map. `map` is the base map, whose
 * digest genesis() compares; it is copied into state. After a restart (load) it may be NULL. */
struct contract map_contract_new(const struct mapset *map);
/* For running what vehicles said in another cell, before the first block: what they name as the version of their map is then of
 * that cell's chain, and no reason to refuse them. A validator never does this: it would disagree with the others. */
void map_contract_take_any_version(void *self);

/* Names of results, also counted in metrics. */
#define MAP_CODES(X)                                                                                    \
    X(MAP_OK, "ok")                                                                                     \
    X(MAP_BAD_PAYLOAD, "bad_observation")                                                               \
    X(MAP_UNKNOWN_ELEMENT, "unknown_element") /* every named element is unknown */                      \
    X(MAP_IMPOSSIBLE_PLACE,                                                                             \
        "impossible_place") /* observer or report outside the frame, or out of range of the observer */ \
    X(MAP_STALE_VERSION, "stale_map_version") /* names a version that does not exist yet */             \
    X(MAP_NOTHING_NEW, "nothing_new") /* this vehicle was already counted for all of it */              \
    X(MAP_VEHICLE_SPENT,                                                                                \
        "vehicle_spent") /* it was counted for as many things as one may be in a window */              \
    X(MAP_TOO_MANY_VEHICLES,                                                                            \
        "too_many_vehicles") /* and this one is not among those of this window */                       \
    X(MAP_NO_PERMISSION, "no_permission")                                                               \
    X(MAP_BAD_ORDER, "bad_map_order")                                                                   \
    X(MAP_UNKNOWN_ORDER, "unknown_map_order") /* withdraws or supersedes none that there is */          \
    X(MAP_ORDER_IN_FORCE,                                                                               \
        "map_order_in_force") /* another one on this element, and not superseded */                     \
    X(MAP_ORDER_OVER, "map_order_over") /* its validity has ended */                                    \
    X(MAP_ORDER_TOO_EARLY, "map_order_too_early") /* supersedes, and is not valid yet */                \
    X(MAP_TOO_MANY_ORDERS, "too_many_map_orders")                                                       \
    X(MAP_ORDER_NO_ROOM, "map_order_no_room") /* for its attributes: an element has 64 at most */       \
    X(MAP_NO_ROOM, "no_room") /* new suspicions only, and no room for any, or not of this vehicle */
enum map_code {
#define X(id, text) id,
    MAP_CODES(X)
#undef X
        MAP_CODE_COUNT
};

/* ---- read-only views, for HTTP, export and reports; between blocks, owner thread ---- */
struct map_contract;
const struct mapset *map_contract_current(const void *self); /* borrowed until the next block */
uint64_t map_contract_version(const void *self);
/* What found no room since the start of the process (docs/formats/map.md, "Bounds"). */
#define MAP_DROPS(X)                                                                               \
    X(MAP_DROP_SILENCE_LOOK, "silence_of_look") /* of one look about one thing more */             \
    X(MAP_DROP_SILENCE_VEHICLE, "silence_of_vehicle") /* of one vehicle in a block */              \
    X(MAP_DROP_SILENCE_BLOCK, "silence_of_block") /* of all in a block */                          \
    X(MAP_DROP_OPENED_BY_VEHICLE,                                                                  \
        "new_of_vehicle") /* a suspicion that its vehicle may not open */                          \
    X(MAP_DROP_OPENED_IN_BLOCK, "new_in_block") /* one more than a block may open */               \
    X(MAP_DROP_CELL_FULL, "new_in_full_square") /* a place where many stand that stay */           \
    X(MAP_DROP_TABLE_FULL, "new_in_full_table") /* nothing in the table may go */                  \
    X(MAP_DROP_CELL_WEAKEST, "weakest_of_square") /* a place that went for another */              \
    X(MAP_DROP_TABLE_WEAKEST, "weakest_of_table") /* a suspicion that went for another */          \
    X(MAP_DROP_ALONE, "alone_too_long") /* what one voice alone said for map.alone_ms */
enum map_drop {
#define X(id, text) id,
    MAP_DROPS(X)
#undef X
        MAP_DROP_COUNT
};
/* Tables of bounded size (decision 9): what they hold and may hold. */
#define MAP_TABLES(X)                                                                              \
    X(MAP_TABLE_SUSPICIONS, "suspicions") /* elements and places that are suspected of a change */ \
    X(MAP_TABLE_VEHICLES, "vehicles") /* of the window that runs */                                \
    X(MAP_TABLE_CERTIFICATES, "certificates") /* heard lately, for whose they are */               \
    X(MAP_TABLE_SOURCES, "sources") /* records of issuers' sensors */                              \
    X(MAP_TABLE_EVIDENCE, "evidence_lists") /* messages behind changes, for who asks */
enum map_table {
#define X(id, text) id,
    MAP_TABLES(X)
#undef X
        MAP_TABLE_COUNT
};
struct map_fill {
    uint64_t n[MAP_TABLE_COUNT], max[MAP_TABLE_COUNT];
    uint64_t dropped[MAP_DROP_COUNT];
};
void map_contract_fill(const void *self, struct map_fill *ret);
const char *map_table_name(enum map_table t);
const char *map_drop_name(enum map_drop d);
/* A hypothesis that gathers evidence: for the page and for replay's report. */
struct map_candidate {
    uint8_t element_id[16]; /* zero for a new element */
    enum element_kind kind;
    enum map_change_op op;
    bool moved; /* it stands elsewhere, at x, y */
    bool has_value;
    int32_t value;
    int32_t x, y;
    int64_t bits_q16, threshold_q16;
    uint32_t vehicles, groups, issuers;
};
size_t map_contract_candidates(const void *self, struct map_candidate *ret, size_t max);
/* An order of the authority that waits for its time or is in force, by ascending id. */
struct map_order_state {
    uint8_t id[32], element_id[16];
    enum map_change_op op;
    enum element_kind kind;
    bool in_force;
    int64_t valid_from_ms, valid_to_ms; /* Unix ms */
    unsigned reported; /* enum map_order_news: ORDER_OBEYED, ORDER_DISOBEYED, or 0 */
    unsigned seen; /* enum map_order_seen */
};
size_t map_contract_orders(const void *self, struct map_order_state *ret, size_t max);

#endif
