/* Payload of PSID 1D: what one vehicle saw on one short stretch. Octet 01 (version), then the protobuf
 * message of observation.proto. The reader copies into fixed-size memory and checks every range, so a
 * contract never sees an impossible value. Software family and sensor class are NOT in here: they come
 * from the signer's certificate (SSP: version 01, sensor class 1 octet, software family 2 octets). */
#ifndef WAYSIDE_MAPSVC_FUSE_OBSERVATION_H
#define WAYSIDE_MAPSVC_FUSE_OBSERVATION_H

#include "base/bytes.h"
#include "base/error.h"
#include "mapsvc/model/element.h"

#define OBS_MAX_REPORTS 64

enum report_kind {
    REPORT_DETECTED = 1, /* something of this kind stands here */
    REPORT_NOT_DETECTED =
        2, /* the named element was inside the inspected region and is not there */
    REPORT_COVERED = 3, /* the named element is temporarily covered or invalid */
    REPORT_MISMATCH = 4, /* the named element is there, but with another value */
};

struct obs_report {
    enum report_kind kind;
    enum element_kind element_kind;
    bool has_element; /* the vehicle's map names it (always for 2, 3, 4) */
    uint8_t element_id[16];
    bool has_position; /* always for 1 */
    int32_t lat, lon; /* 1e-7 degree */
    uint32_t sigma_mm; /* 1..20000, per axis */
    bool has_value;
    int32_t value;
    bool has_heading;
    uint16_t heading; /* as element.h */
};

struct observation {
    uint64_t map_version; /* the version the vehicle's map has */
    uint64_t time; /* Time64, us: when it was seen; at most the message's generation time */
    int32_t lat, lon; /* observer, 1e-7 degree */
    uint16_t heading; /* direction of travel, 1/65536 turn counter-clockwise from east */
    uint32_t range_mm; /* inspected: circle sector around the observer */
    uint16_t half_angle; /* half opening of the sector, 1/65536 turn */
    bool occluded; /* something stood in view: silence proves nothing */
    bool
        judged; /* by the cell's model, not seen by a sensor: all of these have one voice (decision 52) */
    struct obs_report reports[OBS_MAX_REPORTS];
    size_t n_reports;
};

void observation_put(struct buf *b, const struct observation *o);
/* WS_EINPUT with the field's name. */
WARN_UNUSED int observation_read(
    struct span payload, struct observation *ret_obs, struct ws_err *err);

#define OBS_SSP_OCTETS 4
enum sensor_class {
    SENSOR_UNKNOWN = 0,
    SENSOR_CAMERA_GOOD = 1,
    SENSOR_CAMERA_BASIC = 2,
    SENSOR_LIDAR = 3,
    SENSOR_ROADSIDE = 4,
    SENSOR_CLASS_COUNT
};
struct observer_class {
    enum sensor_class sensor; /* unknown SSP or class: SENSOR_UNKNOWN */
    uint16_t
        family; /* 0: unknown, which counts as one family; no certificate's is OBS_FAMILY_MODEL */
};
#define OBS_FAMILY_MODEL UINT16_MAX /* of all that the cell's model says */
struct observer_class observer_from_ssp(struct span ssp);
void observer_put_ssp(uint8_t ret_ssp[static OBS_SSP_OCTETS], const struct observer_class *c);

#endif
