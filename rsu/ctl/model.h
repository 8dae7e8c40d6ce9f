/* Shared by the verbs of rsuctl model. Internal to rsu/ctl/model*.c. One thread. */
#ifndef WAYSIDE_RSU_CTL_MODEL_H
#define WAYSIDE_RSU_CTL_MODEL_H

#include "fedlearn/round/model_eval.h"
#include "fedlearn/round/roots.h"
#include "fedlearn/vehicle/model.h"
#include "rsu/ctl/ctl.h"

#define CTL_TABLES_OPTIONS 4
#define CTL_TABLES_USAGE                                                                           \
    "  --schema FILE       what the rows of the tables mean: docs/learning.md\n"                   \
    "  --data FILE         a table; again, or further words behind it, for more of them\n"         \
    "  --train PERCENT     of the blocks of rows are to learn from, the rest to test on; 80 "      \
    "unless given\n"                                                                               \
    "  --split N           which blocks those are; 1 unless given\n"

/* Tables read through a schema, and their rows dealt out (fl_split). */
struct ctl_tables {
    const struct ctl_verb *v;
    const char *schema_file;
    struct ctl_list data;
    uint64_t train_percent, split;
    /* when they are read */
    struct fl_schema schema;
    struct fl_dataset set;
    uint32_t *rows; /* set.n: those to learn from, then those to test on */
    size_t train;
    struct fl_blocks blocks; /* that were dealt out */
    json_t *left_out; /* rows that could not be read: an object for each table and kind */
};
/* Zeroes t. */
void ctl_tables_options(struct ctl_tables *t, const struct ctl_verb *v,
    struct ctl_option ret[static CTL_TABLES_OPTIONS]);
/* `more`: further tables. CTL_DONE, or everything has been said. Rows left out are told on standard error, unless `quiet`. */
WARN_UNUSED int ctl_tables_read(
    struct ctl_tables *t, const char *const *more, size_t n_more, bool quiet);
/* Says on standard error when a test on the part to test on would say little: too few blocks on a side, or blocks of one row. */
void ctl_tables_tell_split(const struct ctl_tables *t);
void ctl_tables_free(struct ctl_tables *t);
/* The model's inputs and classes are those of the schema, by name and in order. CTL_DONE, or CTL_NO after saying what is not. */
WARN_UNUSED int ctl_tables_fit(const struct ctl_tables *t, const struct fl_model *m);

/* Octets of a model file; CTL_DONE, or CTL_UNREACHABLE after saying what is wrong. */
WARN_UNUSED int ctl_model_load(
    const struct ctl_verb *v, const char *path, struct buf *ret_octets, struct fl_model *ret_model);
/* Who it is: hash as hex. */
void ctl_model_name(const struct fl_model *m, char ret_hex[static 65]);

/* Classes, counters and recall of each: [true][said]. */
json_t *ctl_confusion_json(const struct fl_confusion *c, const char (*classes)[FL_NAME]);
void ctl_confusion_put(const struct fl_confusion *c, const char (*classes)[FL_NAME], struct buf *b);

#endif
