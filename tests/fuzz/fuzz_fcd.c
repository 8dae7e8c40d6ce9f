/* Octets as SUMO positions, and as the network they refer to: what comes out can be driven. */
#include "base/assert.h"
#include "rsu/obus/obusim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char one[] = "<fcd-export><timestep time=\"0\"><vehicle id=\"a\" x=\"1\" y=\"2\" "
                              "angle=\"3\"/></timestep></fcd-export>";
    struct cell_frame frame = frame_at(487600000, 114200000);
    struct sim_fcd f;
    if (sim_fcd_parse("fuzz", span_of(data, size), NULL, (struct span){0}, &frame, &f, NULL) ==
        WS_OK) {
        WS_ASSERT(f.n > 0 && f.last_us >= f.first_us);
        struct sim_roads none = {0};
        for (size_t i = 0; i < f.n && i < 4; i++) {
            struct sim_vehicle v = {.index = i};
            uint64_t whole = (uint64_t)(f.last_us - f.first_us);
            for (uint64_t k = 0; k <= 16; k++)
                sim_fcd_drive(&v, &f, &none, whole * k / 16, false);
        }
        sim_fcd_free(&f);
    }
    if (sim_fcd_parse("fuzz", span_of(one, sizeof(one) - 1), "fuzz", span_of(data, size), &frame,
            &f, NULL) == WS_OK)
        sim_fcd_free(&f);
    return 0;
}
