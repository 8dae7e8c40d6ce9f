/* Writes the corpus of fuzz_plausibility: make_plausibility_corpus FOLDER, which is tests/fuzz/corpus. Run by hand when a
 * structure changes; the same octets every time. */
#include "base/fileio.h"
#include "v2x/facility.h"

#include <stdio.h>
#include <stdlib.h>

static struct buf input;

static void add(uint8_t kind, uint16_t step, const struct buf *content) {
    buf_u8(&input, kind);
    buf_u16(&input, step);
    if ((kind & 0x08) != 0) {
        buf_u32(&input, 480000000 + 900000000);
        buf_u32(&input, 110000000 + 1800000000);
    }
    buf_u8(&input, (uint8_t)content->n);
    buf_put(&input, content->p, content->n);
}

static void store(const char *folder, const char *name) {
    char path[4096];
    struct ws_err err;
    (void)snprintf(path, sizeof(path), "%s/plausibility/%s", folder, name);
    if (file_write(path, buf_span(&input), 0644, &err) != WS_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    buf_clear(&input);
}

int main(int argc, char **argv) {
    if (argc != 2)
        return 2;
    struct buf b = {0};
    struct cam_fields cam = {.station_id = 7,
        .generation_delta_ms = 1000,
        .station_type = 5,
        .lat = 480000000,
        .lon = 110000000,
        .heading = 900,
        .speed = 2000};
    buf_u8(&input, 1);
    for (unsigned i = 0; i < 4; i++) { /* a steady drive, then a jump across the date line */
        buf_clear(&b);
        cam_put(&b, &cam);
        add((uint8_t)(i % 2 == 0 ? 0x04 : 0x00), 10, &b);
        cam.generation_delta_ms = (uint16_t)(cam.generation_delta_ms + 100);
        cam.lon = i == 2 ? -1799999999 : cam.lon + 270;
    }
    store(argv[1], "drive");
    struct denm_fields denm = {.station_id = 7,
        .action_station = 8,
        .detection_time_ms = 700003600000,
        .reference_time_ms = 700003600000,
        .lat = 480000000,
        .lon = 110000000,
        .validity_s = 60,
        .station_type = 5,
        .cause = 2,
        .sub_cause = 1};
    buf_u8(&input, 7);
    buf_clear(&b);
    denm_put(&b, &denm);
    add(0x1d, 0, &b);
    denm.terminate = true;
    buf_clear(&b);
    denm_put(&b, &denm);
    add(0x1d, 0xffff, &b);
    store(argv[1], "events");
    buf_u8(&input, 3);
    buf_clear(&b);
    cam_put(&b, &cam);
    for (unsigned signer = 0; signer < 8; signer++)
        add((uint8_t)(signer << 4 & 0x70), 1, &b);
    store(argv[1], "one-station-of-many");
    buf_free(&b);
    buf_free(&input);
    return 0;
}
