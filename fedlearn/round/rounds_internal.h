/* What the learning contract is made of, shared by its own files (rounds*.c). */
#ifndef WAYSIDE_FEDLEARN_ROUND_ROUNDS_INTERNAL_H
#define WAYSIDE_FEDLEARN_ROUND_ROUNDS_INTERNAL_H

#include "base/table.h"
#include "fedlearn/round/rounds.h"

enum {
    FL_KEYS_MAX = 256, /* validators whose key is kept */
    FL_TOKENS_MAX = 8192, /* of the table of suspicion: it is one value of the state */
    FL_HISTORY = 512, /* rounds whose end is kept */
    FL_NO_GROUP = FL_MAX_GROUPS,
};

struct round_key {
    uint8_t address[32];
    uint64_t serial;
    struct fl_point key;
};

struct round_sub {
    uint8_t id[32], token[32], upload_key[32];
    bool excluded;
    bool
        late; /* excluded when it had been counted in: it stays in, its group is given up if it is not open yet, and
                it is convicted at the end: the draw hangs on who is a suspect */
    bool included; /* from the cut-off on */
    uint16_t group;
};

struct round_member {
    uint8_t *attested; /* bits of fl_attest, owned; NULL: has not spoken */
    bool two_sums; /* signed two different sums of one group */
    bool complained_falsely;
    bool has_outcome;
    uint8_t outcome[32]; /* SHA-256 of its octets */
};

struct round_group {
    uint16_t size;
    bool quarantined, opened;
    bool
        given_up; /* a member cannot be opened for somebody, or it was not in time; never with `opened` */
    bool dirty; /* a sum has come in this block */
    /* Bit v - 1: sums that opened the group, which stay the measure of later ones; sums that were held against them. */
    uint32_t good, judged;
    struct fl_share_sum *sum[FL_VALIDATORS_MAX]; /* owned */
    struct fl_key_sum *key; /* owned; NULL until it was tried */
};

struct fl_rounds {
    struct fl_committee committee;
    uint8_t cell[32];
    uint64_t height, now_us; /* of the block */
    struct fl_model_view model;
    size_t n_keys;
    struct round_key key[FL_KEYS_MAX]; /* by address */
    struct fl_suspicion suspicion;
    bool suspicion_dirty, control_dirty;

    /* ---- the round ---- */
    uint64_t number; /* of the last that was opened */
    uint64_t opened_us; /* when that was */
    uint64_t
        waited_us; /* since then a round could begin, but for keys that are missing; 0: none are */
    enum fl_phase phase;
    enum fl_abort why;
    uint64_t until_us;
    uint64_t draw_height; /* DRAWING: whose randomness draws; later: drew */
    struct fl_open open;
    struct fl_round round; /* of open */
    uint8_t seed[32]; /* from SUBMITTING on */
    uint8_t draw[32]; /* randomness that drew the groups, from OPENING on */
    uint32_t n_subs;
    struct round_sub *sub; /* config.submissions_max places, owned; NULL when IDLE */
    struct table by_token; /* token -> sub */
    struct round_member member[FL_VALIDATORS_MAX];
    uint32_t empty; /* bit v - 1: the seat of a validator without a key */
    uint16_t n_groups;
    struct round_group *group; /* owned */
};

static inline unsigned round_faults(const struct fl_rounds *c) {
    return fl_faults(c->open.n);
}
/* 1..n, or 0. */
unsigned round_member_of(const struct fl_rounds *c, const uint8_t address[static 32]);
struct round_key *round_find_key(struct fl_rounds *c, const uint8_t address[static 32]);
/* Tells of a member's fault; what: group or submission. */
void round_tell_fault(
    const struct fl_rounds *c, struct exec_host *h, unsigned v, enum fl_fault fault, uint32_t what);
/* Frees what a round has; the phase is IDLE then. */
void round_clear(struct fl_rounds *c);
/* Room for submissions and members of c->open. */
void round_begin(struct fl_rounds *c);
bool round_attests(const struct fl_rounds *c, unsigned v, size_t i); /* member v, of submission i */
bool round_is_in(const struct fl_rounds *c, size_t i); /* n - f attest, and it is not excluded */
/* rounds_draw.c: members into groups by c->draw; sets n_groups. Same answer each time. False: too few. */
bool round_draw(struct fl_rounds *c);
/* Groups of suspects come behind these. */
uint16_t round_free_groups(const struct fl_rounds *c);
/* The included set by ascending id, as numbers of submissions; ret has room for n_subs. */
size_t round_included(const struct fl_rounds *c, uint32_t *ret);
/* A group that was opened by these sums, from the state. False: they do not. */
bool round_open_again(struct fl_rounds *c, size_t g, uint32_t good);

/* rounds_take.c: what arrives. */
void round_convict(struct fl_rounds *c, const struct round_sub *s);
exec_code rounds_take_message(
    struct fl_rounds *c, struct exec_host *h, const struct exec_message *m);
exec_code rounds_take_record(struct fl_rounds *c, struct exec_host *h, const struct exec_record *r);
exec_code rounds_check_record(
    const struct fl_rounds *c, const struct exec_record *r, bool *ret_later);
exec_code rounds_take_order(struct fl_rounds *c, struct exec_host *h, const struct exec_order *o);
exec_code rounds_check_order(const struct exec_order *o);

/* rounds_phases.c: what blocks do. */
void rounds_end_block(struct fl_rounds *c, struct exec_host *h);
void rounds_abort(struct fl_rounds *c, struct exec_host *h, enum fl_abort why);

/* rounds_policy.c: false when the region's numbers do not fit together. */
bool rounds_config(const struct exec_host *h, struct fl_round_config *ret, uint64_t *ret_every_us);

/* rounds_saved.c: state's octets. */
void rounds_save_control(struct fl_rounds *c, struct exec_host *h);
void rounds_save_model(const struct fl_rounds *c, struct exec_host *h);
void rounds_save_key(const struct round_key *k, struct exec_host *h);
void rounds_drop_key(const struct round_key *k, struct exec_host *h);
void rounds_save_sub(const struct fl_rounds *c, struct exec_host *h, uint32_t i);
void rounds_save_attest(const struct fl_rounds *c, struct exec_host *h, unsigned v);
void rounds_save_sum(struct exec_host *h, size_t g, unsigned v, const struct fl_share_sum *sum);
void rounds_save_good(struct exec_host *h, size_t g, uint32_t good);
void rounds_save_outcome(struct exec_host *h, unsigned v, struct span octets);
void rounds_save_suspicion(const struct fl_rounds *c, struct exec_host *h);
void rounds_save_history(const struct fl_rounds *c, struct exec_host *h, struct span closed);
/* Submissions, attestations, sums and outcomes of the round. */
void rounds_forget(const struct fl_rounds *c, struct exec_host *h);
WARN_UNUSED int rounds_load(struct fl_rounds *c, struct exec_host *h, struct ws_err *err);

#endif
