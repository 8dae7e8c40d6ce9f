#include "fedlearn/vehicle/features.h"

#include "base/mem.h"
#include "base/random.h"

#include <math.h>
#include <stdlib.h>

const char *fl_bad_row_name(enum fl_bad_row kind) {
    switch (kind) {
#define X(id, text)                                                                                \
    case id:                                                                                       \
        return text;
        FL_BAD_ROWS(X)
#undef X
    case FL_BAD_ROW_COUNT:
        break;
    }
    return "?";
}

void fl_dataset_free(struct fl_dataset *set) {
    free(set->x);
    free(set->y);
    free(set->part);
    *set = (struct fl_dataset){0};
}

void fl_norm_of(
    const struct fl_dataset *set, const uint32_t *rows, size_t n, struct fl_norm *ret_norm) {
    for (size_t c = 0; c < set->inputs; c++) {
        double sum = 0;
        for (size_t k = 0; k < n; k++)
            sum += set->x[rows[k] * (size_t)set->inputs + c];
        double mean = n != 0 ? sum / (double)n : 0;
        double squares = 0;
        for (size_t k = 0; k < n; k++) {
            double v = set->x[rows[k] * (size_t)set->inputs + c] - mean;
            squares += v * v;
        }
        double deviation = n != 0 ? sqrt(squares / (double)n) : 0;
        double middle = fmax(fmin(ldexp(mean, 20), 0x1p52), -0x1p52);
        /* A deviation lost in the rounding of the values is none. */
        double factor = deviation > 0x1p-20 ? fmin(ldexp(1 / deviation, 32), 0x1p52) : 0;
        ret_norm[c] = (struct fl_norm){isfinite(middle) ? llrint(middle) : 0, llrint(factor)};
    }
}

int32_t fl_normalise(const struct fl_norm *norm, double value) {
    if (isnan(value))
        return 0;
    double raw = ldexp(value, 20);
    int64_t v = raw >= 0x1p52    ? (int64_t)1 << 52
                : raw <= -0x1p52 ? -((int64_t)1 << 52)
                                 : llrint(raw);
    /* 2^-20 * 2^-32 to 2^-16 */
    __int128 x = (__int128)(v - norm->middle) * norm->factor >> 36;
    if (x > FL_INPUT_MAX)
        return FL_INPUT_MAX;
    return x < -FL_INPUT_MAX ? -FL_INPUT_MAX : (int32_t)x;
}

void fl_normalise_rows(const struct fl_dataset *set, const struct fl_norm *norm,
    const uint32_t *rows, size_t n, int32_t *ret_x, uint8_t *ret_y) {
    for (size_t k = 0; k < n; k++) {
        const double *row = set->x + rows[k] * (size_t)set->inputs;
        for (size_t c = 0; c < set->inputs; c++)
            ret_x[k * set->inputs + c] = fl_normalise(&norm[c], row[c]);
        ret_y[k] = set->y[rows[k]];
    }
}

struct block {
    uint32_t from, n;
};

/* The block that begins with this row. */
static struct block block_at(const struct fl_dataset *set, uint32_t from) {
    struct block b = {from, 1};
    while (b.n < set->block && from + b.n < set->n && set->part[from + b.n] == set->part[from])
        b.n++;
    return b;
}

static size_t share_of(size_t blocks, unsigned percent) {
    return blocks * (percent < 100 ? percent : 100) / 100;
}

struct fl_blocks fl_split_blocks(const struct fl_dataset *set, unsigned percent) {
    size_t all = 0;
    for (uint32_t i = 0; i < set->n; i += block_at(set, i).n)
        all++;
    return (struct fl_blocks){all, share_of(all, percent)};
}

size_t fl_split(const struct fl_dataset *set, unsigned percent, uint64_t seed, uint32_t *ret_rows) {
    struct block *all = ws_calloc(set->n, sizeof(*all));
    size_t blocks = 0;
    for (uint32_t i = 0; i < set->n; i += all[blocks++].n)
        all[blocks] = block_at(set, i);
    struct ws_random rnd = ws_random_seeded(seed);
    for (size_t i = blocks; i > 1; i--) {
        size_t k = ws_random_below(&rnd, i);
        struct block swap = all[i - 1];
        all[i - 1] = all[k];
        all[k] = swap;
    }
    const size_t train_blocks = share_of(blocks, percent);
    size_t at = 0;
    size_t train = 0;
    for (size_t b = 0; b < blocks; b++) {
        for (uint32_t i = 0; i < all[b].n; i++)
            ret_rows[at++] = all[b].from + i;
        if (b + 1 == train_blocks)
            train = at;
    }
    free(all);
    return train;
}
