/* A schema, a line `=`, a table: what is read can be split and normalised. */
#include "base/assert.h"
#include "base/mem.h"
#include "fedlearn/vehicle/features.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *cut = size == 0 ? NULL : memmem(data, size, "\n=\n", 3);
    size_t head = cut != NULL ? (size_t)(cut - data) + 1 : size;
    struct span table = {data + head, size - head};
    if (cut != NULL)
        table = (struct span){table.p + 2, table.n - 2};
    struct fl_schema schema;
    if (fl_schema_read((struct span){data, head}, &schema, NULL) != 0)
        return 0;
    struct fl_dataset set = {0};
    int rc = fl_dataset_read(&set, &schema, table, NULL);
    if (rc == 0)
        rc = fl_dataset_read(&set, &schema, table, NULL); /* and what follows a first table */
    if (rc == 0 && set.n != 0) {
        uint32_t *rows = ws_calloc(set.n, sizeof(*rows));
        size_t train = fl_split(&set, 75, 1, rows);
        WS_ASSERT(train <= set.n);
        struct fl_norm *norm = ws_calloc(set.inputs, sizeof(*norm));
        fl_norm_of(&set, rows, set.n, norm);
        int32_t *x = ws_calloc(set.n * set.inputs, sizeof(*x));
        uint8_t *y = ws_calloc(set.n, 1);
        fl_normalise_rows(&set, norm, rows, set.n, x, y);
        for (size_t i = 0; i < set.n * set.inputs; i++)
            WS_ASSERT(abs(x[i]) <= FL_INPUT_MAX);
        free(x);
        free(y);
        free(norm);
        free(rows);
    }
    fl_dataset_free(&set);
    return 0;
}
