/* A line from a sensor: what is taken is an observation within all its ranges, near the sensor, and not from the future. */
#include "base/assert.h"
#include "base/error.h"
#include "rsu/sensors/sensor_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct sensor_mount mount = {487600000, 114150000, 0, 8192, 60000};
    const struct cell_frame frame = frame_at(487600000, 114150000);
    const uint64_t its_us = UINT64_C(700003600) * 1000000;
    struct observation o;
    struct observation again;
    struct ws_err err = {0};
    enum sensor_outcome out =
        sensor_line_read(span_of(data, size), &mount, &frame, its_us, 3, &o, &err);
    if (out != SENSOR_TAKEN) {
        WS_ASSERT(err.text[0] != '\0');
        return 0;
    }
    struct buf b = {0};
    observation_put(&b, &o);
    WS_ASSERT(observation_read(buf_span(&b), &again, NULL) == WS_OK);
    WS_ASSERT(o.time <= its_us && o.map_version <= 3);
    buf_free(&b);
    return 0;
}
