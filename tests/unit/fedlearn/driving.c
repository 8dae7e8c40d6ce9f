#include "tests/unit/fedlearn/driving.h"

#include "base/assert.h"
#include "base/fileio.h"

#include <stdio.h>
#include <unistd.h>

const char driving_risk_schema[] = "# accident risk at 1 Hz\n"
                                   "label risk_level 1 2 3 4\n"
                                   "feature observation_hour|time\n"
                                   "feature speed\n"
                                   "feature rpm\n"
                                   "feature acceleration\n"
                                   "feature throttle_position\n"
                                   "feature engine_temperature\n"
                                   "feature engine_load_value\n"
                                   "feature heart_rate\n"
                                   "feature current_weather\n"
                                   "feature visibility\n"
                                   "feature precipitation\n"
                                   "feature accidents_onsite\n"
                                   "feature design_speed\n"
                                   "feature accidents_time else 0\n"
                                   "block 300\n";
const char driving_phone_schema[] =
    "label Class 0 1\nfeature AccX\nfeature AccY\nfeature AccZ\n"
    "feature GyroX\nfeature GyroY\nfeature GyroZ\nwindow 20\nblock 5\n";
const char driving_manoeuvre_schema[] =
    "label Class 1 2 3 4\nfeature AccX\nfeature AccY\nfeature AccZ\n"
    "feature GyroX\nfeature GyroY\nfeature GyroZ\nwindow 14\nblock 1\n";

const char *const driving_risk_tables[] = {"polidriving/alonso_23241201_290300_lab.csv",
    "polidriving/furious_20231226_150915_lab.csv", NULL};

bool driving_read(const char *data, const char *schema, const char *const *names,
    struct fl_schema *ret_schema, struct fl_dataset *set) {
    struct ws_err err;
    if (fl_schema_read(span_of(schema, strlen(schema)), ret_schema, &err) != 0) {
        (void)fprintf(stderr, "%s\n", err.text);
        WS_ASSERT(false);
    }
    for (; *names != NULL; names++) {
        char path[512];
        (void)snprintf(path, sizeof(path), "%s/driving/%s", data, *names);
        if (access(path, R_OK) != 0)
            return false;
        struct buf table = {0};
        int rc = file_read(path, 1U << 26, &table, &err);
        if (rc == 0)
            rc = fl_dataset_read(set, ret_schema, buf_span(&table), &err);
        if (rc != 0)
            (void)fprintf(stderr, "%s: %s\n", path, err.text);
        WS_ASSERT(rc == 0);
        buf_free(&table);
    }
    return true;
}
