/* Rows of driving data out of tables of text, by the names of their columns.
 *
 * A schema says what a row of the table means; it is small text, a line for each thing, `#` begins a comment:
 *
 *   label NAME VALUE VALUE ...   the column of classes and its values, in the order of the classes
 *   feature NAME                 an input is that column
 *   feature NAME - NAME          an input is the difference of two columns
 *   window N                     N rows become one: mean, deviation, least, greatest, mean step of each feature
 *   block N                      rows (windows) that belong together when data are split; 1 if not given
 *
 * NAME may be `a|b|c` (the first of these columns that the table has) and, in a feature, be followed by `else VALUE`
 * (the value in tables that have none of them). Names with blanks or `|` stand in double quotes. The table: a line
 * of names, then rows; separator comma, semicolon or tab, whichever the first line has most of; fields may be
 * quoted; ends of lines LF or CR LF. A field is a decimal number or a time of day HH:MM or HH:MM:SS, which counts
 * as hours. Rows that cannot be read are left out, counted and the first of each kind named with its line.
 *
 * A window never spans a change of class or a row left out. Heap is used (this is reading, not learning). Any thread. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_FEATURES_H
#define WAYSIDE_FEDLEARN_VEHICLE_FEATURES_H

#include "base/error.h"
#include "base/span.h"
#include "fedlearn/vehicle/train.h"

enum {
    FL_NAME = 48, /* octets of a name with its final zero */
    FL_SCHEMA_FEATURES = 128,
    FL_SCHEMA_NAMES = 4, /* names of one column */
    FL_MAX_COLUMNS = 512,
    FL_MAX_ROWS = 1 << 22,
    FL_WINDOW_STATISTICS = 5,
    FL_MAX_WINDOW = 1024,
    FL_MAX_LINE = 1 << 16,
};

struct fl_column {
    char names[FL_SCHEMA_NAMES][FL_NAME]; /* empty: no further name */
};

struct fl_feature {
    struct fl_column column, minus;
    bool difference, has_else;
    double else_value;
};

struct fl_schema {
    struct fl_column label;
    char values[FL_MAX_CLASSES][FL_NAME];
    uint16_t classes, features;
    uint32_t window; /* 0: rows as they are */
    uint32_t block;
    struct fl_feature feature[FL_SCHEMA_FEATURES];
};

/* Text to schema; an error names the line. */
WARN_UNUSED int fl_schema_read(struct span text, struct fl_schema *ret, struct ws_err *err);

/* Inputs of a model of this schema: features, times five when there are windows. */
static inline uint16_t fl_schema_inputs(const struct fl_schema *schema) {
    return (
        uint16_t)(schema->window != 0 ? schema->features * FL_WINDOW_STATISTICS : schema->features);
}

#define FL_BAD_ROWS(X)                                                                             \
    X(FL_ROW_FIELDS, "fields") /* more or fewer fields than names, or a quote without end */       \
    X(FL_ROW_NUMBER, "number") /* a field that is needed is no finite number */                    \
    X(FL_ROW_LABEL, "label") /* a class that the schema does not have */                           \
    X(FL_ROW_LONG, "long") /* a line above FL_MAX_LINE octets, or with a zero octet */             \
    X(FL_ROW_WINDOW, "window") /* good, but too few before the next change to fill a window */
enum fl_bad_row {
#define X(id, text) id,
    FL_BAD_ROWS(X)
#undef X
        FL_BAD_ROW_COUNT
};
const char *fl_bad_row_name(enum fl_bad_row kind);

struct fl_dataset {
    uint16_t inputs, classes;
    uint32_t block; /* as in the schema */
    size_t n;
    double *x; /* n x inputs, as in the table */
    uint8_t *y;
    uint32_t *part; /* number of the table a row is from: blocks never span two tables */
    uint32_t parts;
    size_t bad[FL_BAD_ROW_COUNT];
    size_t first_bad
        [FL_BAD_ROW_COUNT]; /* line, 1 is the line of names; of the first table with such a row */
};

/* Appends a table's rows to `set` (zero-initialised before the first). WS_EINPUT: a column is missing (named), there
 * is no line of names, the schema has another shape than the set; WS_ELIMIT: FL_MAX_COLUMNS or FL_MAX_ROWS.
 * On failure the set is as before. */
WARN_UNUSED int fl_dataset_read(
    struct fl_dataset *set, const struct fl_schema *schema, struct span table, struct ws_err *err);
void fl_dataset_free(struct fl_dataset *set);

/* The statistics of a window of n >= 1 rows of `features` values each, as a schema's windows have them: for each feature mean,
 * deviation, least, greatest, mean step. ret: features * FL_WINDOW_STATISTICS. For whoever applies a model to rows of its own. */
void fl_window_statistics(const double *rows, size_t features, size_t n, double *ret);

/* Where an input is in the middle and how wide it is; public, part of the model. */
struct fl_norm {
    int64_t middle; /* in 2^-20 of the input's unit; |middle| <= 2^52 */
    int64_t factor; /* 1 / deviation, in 2^-32; 0..2^52; 0 for an input that never changes */
};

/* Mean and deviation of each input over rows[0..n) of the set. ret: set->inputs of them. */
void fl_norm_of(
    const struct fl_dataset *set, const uint32_t *rows, size_t n, struct fl_norm *ret_norm);

/* One input in fixed point; integer arithmetic after the first rounding. Values beyond FL_INPUT_MAX are cut there;
 * a value that is not a number becomes 0. */
int32_t fl_normalise(const struct fl_norm *norm, double value);

/* rows[0..n) of the set, normalised, into x (n * inputs) and y (n). */
void fl_normalise_rows(const struct fl_dataset *set, const struct fl_norm *norm,
    const uint32_t *rows, size_t n, int32_t *ret_x, uint8_t *ret_y);

/* Cuts the set into contiguous blocks (the last of a table may be shorter), shuffles the blocks by the seed, and
 * puts `percent` of them, rounded down, into train and the rest into test: neighbours in time do not leak from one
 * into the other. ret_rows: set->n row numbers, those of train first; returns how many those are. */
size_t fl_split(const struct fl_dataset *set, unsigned percent, uint64_t seed, uint32_t *ret_rows);

/* How many blocks those are, and how many of them are train's. */
struct fl_blocks {
    size_t all, train;
};
struct fl_blocks fl_split_blocks(const struct fl_dataset *set, unsigned percent);

#endif
