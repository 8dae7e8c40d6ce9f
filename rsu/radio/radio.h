/* The sending side of the daemon: the unit's ticket from its files, the transmitter under it, and what it says
 * (rsu/radio/broadcast.h). Owner thread. */
#ifndef WAYSIDE_RSU_RADIO_RADIO_H
#define WAYSIDE_RSU_RADIO_RADIO_H

#include "ledger/exec/executor.h"
#include "ledger/store/store.h"
#include "mapsvc/model/mapset.h"
#include "rsu/config/config.h"
#include "rsu/radio/broadcast.h"
#include "rsu/radio/requests.h"

struct radio;

/* Reads the files and says what does not fit, as `--check` and the start both want it. */
WARN_UNUSED int radio_check(const struct config_radio *c, struct ws_err *err);
/* send: as transmit_send; borrowed with its ctx. */
WARN_UNUSED int radio_open(const struct config_radio *c, const struct mapset *map,
    const uint8_t cell_id[static 32], transmit_send send, void *ctx, struct radio **ret_radio,
    struct ws_err *err);
void radio_close(struct radio *r); /* NULL is fine */

/* For the pipelines that hear for this radio; to be given to them before they start. */
struct pipeline_hooks radio_hooks(struct radio *r);

/* Takes up what the map contract decided in the last blocks before a start. */
WARN_UNUSED int radio_recall(struct radio *r, struct store *s, uint8_t map_contract,
    uint64_t from_height, uint64_t map_version, uint64_t its_us, struct ws_err *err);
/* The same of the newest handovers. */
WARN_UNUSED int radio_recall_handovers(
    struct radio *r, struct store *s, uint64_t its_us, struct ws_err *err);
/* After each block: takes up a handover that it brought. */
void radio_block(struct radio *r, struct executor *ex, uint64_t its_us);
void radio_event(struct radio *r, const struct event *e, uint64_t map_version, uint64_t its_us);
void radio_run(struct radio *r, uint64_t its_us);
const struct transmit_counters *radio_transmit_counters(const struct radio *r);
const struct broadcast_counters *radio_broadcast_counters(const struct radio *r);
uint64_t radio_requests_dropped(const struct radio *r);
bool radio_offer(struct radio *r, struct buf *ret_cert); /* see requests_offer */
uint32_t radio_station_id(const struct radio *r);

#endif
