/* Writes a model that a person can check: of two classes, the upper one where a vehicle is more than so many km/h above the limit.
 * usage: risk_model KM/H FILE */
#include "base/fileio.h"
#include "fedlearn/vehicle/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
    static const char text[] = "label kind calm wild\nfeature speed - limit\n";
    /* The input in hundreds of km/h. */
    const struct fl_norm norm = {0, llrint(0x1p32 / 100)};
    struct fl_schema schema;
    struct fl_model model;
    struct buf octets = {0};
    struct ws_err err = {0};
    char *end = NULL;
    double above = argc == 3 ? strtod(argv[1], &end) : 0;
    if (argc != 3 || end == argv[1] || *end != '\0' || above < 0 || above > 100) {
        (void)fprintf(stderr, "usage: risk_model KM/H FILE\n");
        return 2;
    }
    const int32_t params[4] = {0, 1 << 20, 0, (int32_t)lrint(-above / 100 * 0x1p20)};
    int rc = fl_schema_read(span_of(text, strlen(text)), &schema, &err);
    if (rc == WS_OK)
        rc = fl_model_new(&schema, 0, &norm, params, &model, &err);
    if (rc == WS_OK) {
        fl_model_encode(&model, &octets);
        fl_model_free(&model);
        rc = file_write(argv[2], buf_span(&octets), 0644, &err);
    }
    buf_free(&octets);
    if (rc != WS_OK)
        (void)fprintf(stderr, "risk_model: %s\n", err.text);
    return rc == WS_OK ? 0 : 3;
}
