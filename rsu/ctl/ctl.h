/* Shared by the verbs of rsuctl. One process, one thread; usage and results go to standard output, complaints to
 * standard error. Internal to rsu/ctl. */
#ifndef WAYSIDE_RSU_CTL_CTL_H
#define WAYSIDE_RSU_CTL_CTL_H

#include "base/bytes.h"
#include "base/error.h"
#include "ledger/light/types.h"

#include <jansson.h>
#include <stdint.h>

enum ctl_code {
    CTL_DONE = 0,
    CTL_NO = 1, /* the answer is no */
    CTL_USAGE = 2,
    CTL_UNREACHABLE = 3, /* cannot reach or read what was asked for */
};

struct ctl_verb {
    const char *noun, *verb; /* verb NULL: the noun is a command of its own */
    const char *brief; /* one line */
    const char *usage; /* what follows "usage: rsuctl NOUN VERB", and the options */
    int (*run)(const struct ctl_verb *v, int argc, char **argv); /* argv: behind the verb */
};

extern const struct ctl_verb ctl_cell_init, ctl_cell_join, ctl_cell_status, ctl_cell_validators,
    ctl_cell_report, ctl_cell_beacon;
extern const struct ctl_verb ctl_map_import, ctl_map_export, ctl_map_diff, ctl_map_watch,
    ctl_map_verify, ctl_map_order, ctl_map_evidence, ctl_map_feedback, ctl_map_tile, ctl_map_net,
    ctl_map_snapshot;
extern const struct ctl_verb ctl_model_new, ctl_model_roots, ctl_model_show, ctl_model_export,
    ctl_model_test, ctl_model_order, ctl_model_stop, ctl_model_verify, ctl_model_round;
extern const struct ctl_verb ctl_policy_check, ctl_policy_try, ctl_policy_deploy, ctl_policy_show;
extern const struct ctl_verb ctl_port_list, ctl_port_stop, ctl_port_start;
extern const struct ctl_verb ctl_sensor_send;
extern const struct ctl_verb ctl_block_show, ctl_block_verify;
extern const struct ctl_verb ctl_ledger_snapshot, ctl_ledger_diff, ctl_ledger_bundle,
    ctl_ledger_rollback, ctl_ledger_replay;
extern const struct ctl_verb ctl_trust_show, ctl_trust_add, ctl_trust_explain;
extern const struct ctl_verb ctl_replay;

/* What rsuctl ledger --help says behind the list of its verbs. */
extern const char ctl_ledger_help[];

/* ---- options ---- */

#define CTL_LIST_MAX 64
struct ctl_list {
    size_t n;
    const char *v[CTL_LIST_MAX]; /* borrowed from argv */
};

enum ctl_kind {
    CTL_FLAG, /* bool *to; no argument */
    CTL_TEXT, /* const char **to */
    CTL_NUMBER, /* uint64_t *to within lo..hi */
    CTL_LIST, /* struct ctl_list *to; may be given again */
    CTL_PLACE, /* struct ctl_place *to */
    /* struct ctl_face *to. Brings --cacert, --cert and --key (or, where --key is something else, --cert-key) along, in --help
     * too. */
    CTL_FACE,
};
struct ctl_place {
    bool given;
    int32_t lat, lon; /* 1e-7 degree */
};
/* The HTTP face of a unit, and who we are to what stands before it. */
struct ctl_face {
    const char *address; /* NULL: none is asked; as ctl_http_open has it */
    const char *cacert, *cert, *key; /* PEM files, for https alone; NULL: not given */
    long
        patience_s; /* without an octet, and then nothing is asked again; 0: that of who has nothing else to do */
};
#define CTL_FACE_HERE "127.0.0.1:8100"
struct ctl_option {
    const char *name; /* without the dashes */
    enum ctl_kind kind;
    void *to;
    uint64_t lo, hi; /* CTL_NUMBER */
};

/* Reads "--name value", "--name=value", "--" and words; --help is understood everywhere. True: go on. False: leave with
 * *ret_code, everything has been said. words NULL: none allowed; else fewer than least is a mistake too. */
bool ctl_options(const struct ctl_verb *v, int argc, char **argv, const struct ctl_option *options,
    size_t n_options, struct ctl_list *words, size_t least, size_t most, int *ret_code);

/* ---- saying things ---- */

#define CTL_NAME 64
void ctl_name(const struct ctl_verb *v, char dst[static CTL_NAME]); /* "rsuctl map diff" */
/* Says it with the hint to --help; returns CTL_USAGE. */
int ctl_misuse(const struct ctl_verb *v, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Says the error; returns `code`. */
int ctl_fail(const struct ctl_verb *v, enum ctl_code code, const struct ws_err *err);
/* Writes to standard output; CTL_UNREACHABLE when that fails. */
int ctl_print(const struct ctl_verb *v, struct span text);
int ctl_print_json(const struct ctl_verb *v, const json_t *value); /* NULL: null */

/* What a word of refusal means, and what to do about it; "" for a word without one. */
const char *ctl_sentence(const char *word);

/* ---- the genesis ---- */

struct ctl_genesis {
    struct buf octets;
    struct genesis g; /* borrows from octets */
    hash32 cell_id;
};
/* CTL_DONE, or the exit code after saying what is wrong; CTL_NO: another genesis than the fingerprint (NULL: any)
 * says. ctl_genesis_free also after a failure. */
WARN_UNUSED int ctl_genesis_load(
    const struct ctl_verb *v, const char *path, const char *fingerprint, struct ctl_genesis *ret);
void ctl_genesis_free(struct ctl_genesis *g);

#endif
