/* Any octets as a J2735 message frame: the body lies in the octets, and what a BSM says stays within its ranges. */
#include "base/assert.h"
#include "v2x/bsm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct j2735_frame f;
    if (j2735_read(span_of(data, size), &f) == BSM_OK) {
        WS_ASSERT(f.body.p >= data);
        WS_ASSERT(f.body.p + f.body.n <= data + size);
    }
    struct bsm m;
    if (bsm_read(span_of(data, size), &m) != BSM_OK)
        return 0;
    const struct station_state *s = &m.state;
    WS_ASSERT(s->lat >= -900000000 && s->lat <= STATION_LAT_UNAVAILABLE);
    WS_ASSERT(s->lon >= -1799999999 && s->lon <= STATION_LON_UNAVAILABLE);
    WS_ASSERT(s->heading < 3600 || s->heading == STATION_HEADING_UNAVAILABLE);
    WS_ASSERT(s->speed <= STATION_SPEED_UNAVAILABLE);
    WS_ASSERT(s->semi_major_orientation <= STATION_HEADING_UNAVAILABLE);
    WS_ASSERT(s->n_path <= 23);
    WS_ASSERT(m.n_other_parts <= 8);
    return 0;
}
