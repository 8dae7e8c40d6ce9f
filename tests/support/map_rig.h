/* A map contract on a fake ledger, with cars that drive past things and say what they see. Places in
 * millimetres of the cell frame; times in milliseconds since the rig started. */
#ifndef WAYSIDE_TESTS_SUPPORT_MAP_RIG_H
#define WAYSIDE_TESTS_SUPPORT_MAP_RIG_H

#include "base/random.h"
#include "mapsvc/fuse/contract.h"
#include "mapsvc/fuse/diff.h"
#include "mapsvc/fuse/observation.h"
#include "mapsvc/fuse/order.h"
#include "mapsvc/fuse/policy_fields.h"
#include "tests/support/fake_exec.h"

struct map_rig {
    struct mapset base; /* as the genesis knows it */
    struct exec_host host;
    struct contract contract;
    uint64_t now_ms;
    uint32_t index; /* of the next message in the block */
    uint64_t messages;
    /* what was published since rig_new */
    struct map_version *versions;
    size_t n_versions;
    size_t advisories, ends;
    enum advisory_end last_end;
    struct map_order_report *reports;
    size_t n_reports;
};

/* Fills policy values with those of an ordinary town (h = 20). */
void rig_policy(int64_t *policy);
void rig_set(struct map_rig *r, enum map_policy_field f, int64_t v);

/* A sign that is read by traffic driving along `heading`. Ids are derived from n. */
struct element rig_sign(uint32_t n, int32_t value, int32_t x, int32_t y, uint16_t heading);
struct element rig_limit(uint32_t n, int32_t value, int32_t x0, int32_t y0, int32_t x1, int32_t y1);
void rig_id(uint32_t n, uint8_t ret_id[static 16]);

/* Takes the map's elements, and puts them into a frame of the rig's own. */
void rig_start(struct map_rig *r, struct mapset *base);
/* The same in the frame that the map has. */
void rig_start_as_is(struct map_rig *r, struct mapset *base);
void rig_free(struct map_rig *r);
/* Throws the contract away and loads another from the state. */
void rig_restart(struct map_rig *r);

void rig_begin(struct map_rig *r, uint64_t at_ms);
void rig_end(struct map_rig *r);

struct rig_car {
    uint32_t id; /* certificate */
    uint16_t issuer, family;
    enum sensor_class sensor;
    int32_t x, y;
    uint16_t heading;
};
/* An observation of what stands ahead: 60 m, 45 degrees to either side, nothing seen yet. */
struct observation rig_look(const struct map_rig *r, const struct rig_car *car);
void rig_saw(const struct map_rig *r, struct observation *o, enum element_kind kind, int32_t x,
    int32_t y, uint32_t sigma_mm, int32_t value, uint16_t heading);
void rig_missed(struct observation *o, const struct element *e);
void rig_mismatch(struct observation *o, const struct element *e, int32_t value);
/* SHA-256 of the certificate that a car of this id has. */
void rig_signer(uint32_t id, uint8_t ret_signer[static 32]);
exec_code rig_send(struct map_rig *r, const struct rig_car *car, const struct observation *o);
/* An order of the map's authority; its id is the hash of kind and body. */
exec_code rig_order(struct map_rig *r, uint16_t kind, struct span body, uint8_t ret_id[static 32]);
/* Any octets as payload, without a signed place, of a message made now. */
exec_code rig_deliver(struct map_rig *r, const struct rig_car *car, struct span payload);

#endif
