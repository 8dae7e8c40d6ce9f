/* A round as the ledger had it when its groups were opened: all that it takes, beside what vehicles sent, to find its outcome again
 * (docs/formats/learning.md, Record of a round). A validator makes one to find the outcome, units keep it for auditors, who check it against
 * events that the ledger proves. Owns its memory; one thread. */
#ifndef WAYSIDE_FEDLEARN_ROUND_ROUND_RECORD_H
#define WAYSIDE_FEDLEARN_ROUND_ROUND_RECORD_H

#include "fedlearn/round/rounds.h"

struct fl_round_member {
    uint32_t number; /* of the submission in the round; ascending */
    uint16_t
        group; /* below n_groups, or FL_MAX_GROUPS: a suspect that sat out. A suspect: not below free_groups */
    uint8_t id[32], token[32];
};

struct fl_round_record {
    struct fl_open open;
    uint8_t seed[32];
    uint64_t draw_height; /* whose randomness drew the groups */
    uint8_t draw[32]; /* that randomness */
    uint16_t n_groups; /* 1..FL_MAX_GROUPS */
    uint16_t free_groups; /* 1..n_groups; the others are of suspects */
    uint32_t n; /* included submissions, 1..FL_SUBMISSIONS_MAX */
    struct fl_round_member *member;
    int16_t (*key)[FL_KEY_VALUES]; /* the opened sum of each group's keys */
    bool *given_up; /* of each group: it was not opened, its key is zero here */
};

/* The round that is on, in phase FL_JUDGING (asserted). */
void fl_round_record_of(const void *contract, struct fl_round_record *ret);
void fl_round_record_free(struct fl_round_record *r);

void fl_round_record_encode(const struct fl_round_record *r, struct buf *b);
/* Everything but the one encoding is refused, with the place: every group has as many members as the round's constants allow, too. */
WARN_UNUSED int fl_round_record_decode(
    struct span octets, struct fl_round_record *ret, struct ws_err *err);

/* Members of a group as places in r->member; ret has room for r->n. */
size_t fl_round_record_group(const struct fl_round_record *r, size_t group, uint32_t *ret);

/* What the events of the round say, computed from the record: of CUT_OFF, of GROUPS, and of one group in OPENED. */
void fl_round_record_ids(const struct fl_round_record *r, uint8_t ret_root[static 32]);
void fl_round_record_groups(const struct fl_round_record *r, uint8_t ret_root[static 32]);
/* Makes the groups again. Are they those that the record's randomness draws in this cell, with its suspects? */
WARN_UNUSED bool fl_round_record_drawn(
    const struct fl_round_record *r, const uint8_t cell[static 32]);
void fl_round_record_key(
    const struct fl_round_record *r, size_t group, uint8_t ret_hash[static 32]);

#endif
