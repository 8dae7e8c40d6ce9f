/* Who was too often in a group that failed. A score for each token (the handle of a vehicle that lasts one epoch),
 * in integers: a log-likelihood ratio between "this one is bad" and "bad luck with its companions", summed over
 * rounds and kept from falling below a floor, so that good conduct cannot be saved up. Unit: 2^-16 of a natural
 * logarithm (FL_NAT).
 *
 * Groups are drawn anew each round, so an honest vehicle's flags follow the drawing: with a share a of bad vehicles
 * and groups of g it is flagged with probability 1 - (1 - a)^(g - 1). A bad one is flagged with probability p. A
 * flagged group adds L1 = ln(p / P(flag | good)) to each member, a clean one L0 = ln((1 - p) / (1 - P(flag | good))).
 *
 * Standing: FREE; QUARANTINED at the threshold, from then on only grouped with others who are; EXCLUDED after so
 * many quarantined groups in succession that failed. As many in succession that were clean set a member free again,
 * with half the threshold. In quarantine the score stands still: companions there are no random sample. Quarantined
 * vehicles fewer than the least size of a group sit the round out (a group of one would open one vehicle's
 * update): that is the business of whoever draws the groups.
 *
 * A flag tells little in a round in which many groups fail: P(flag | good) is at least what the round's share of failed groups makes it,
 * so more bad vehicles than were assumed do not turn the score against the others.
 *
 * Kept is who differs from a newcomer: not free, or a score other than 0. When there is no room, the free ones of the lowest score are
 * forgotten first, so a stream of strangers drives nobody out who matters, and a conviction always finds room.
 *
 * Everything is forgotten at the end of the epoch. Tokens are kept in order, so the table of all validators has the
 * same octets. Memory: 64 octets a token, allocated at start, and as much again during a round. One thread per table. */
#ifndef WAYSIDE_FEDLEARN_ROUND_SUSPICION_H
#define WAYSIDE_FEDLEARN_ROUND_SUSPICION_H

#include "base/bytes.h"
#include "base/error.h"

enum { FL_TOKEN = 32, FL_NAT = 1 << 16, FL_MAX_TOKENS = 1 << 20, FL_QUARANTINE_MAX = 1000 };

/* Constants of the region's policy. */
struct fl_suspicion_rules {
    uint32_t bad_ppm; /* assumed share of bad vehicles; 1000..400000 */
    uint32_t flag_bad_ppm; /* P(a bad one's group is flagged); 500000..999000 */
    uint32_t
        flag_good_ppm; /* least P(flag | good), for what statistics flag without cause; 1000..400000 */
    int32_t quarantine; /* score from which a token is quarantined; FL_NAT..100 FL_NAT */
    int32_t floor; /* least score; -100 FL_NAT..0 */
    uint32_t quarantine_rounds; /* failed: excluded; clean: free again; 1..1000 */
};

#define FL_SUSPICION_DEFAULT                                                                       \
    ((struct fl_suspicion_rules){.bad_ppm = 50000,                                                 \
        .flag_bad_ppm = 950000,                                                                    \
        .flag_good_ppm = 20000,                                                                    \
        .quarantine = 13 * FL_NAT,                                                                 \
        .floor = 0,                                                                                \
        .quarantine_rounds = 4})

WARN_UNUSED int fl_suspicion_check(const struct fl_suspicion_rules *rules, struct ws_err *err);

enum fl_standing { FL_FREE, FL_QUARANTINED, FL_EXCLUDED, FL_STANDING_COUNT };

struct fl_suspect {
    uint8_t token[FL_TOKEN];
    int32_t score;
    uint16_t flagged, clean; /* rounds, at most UINT16_MAX are counted */
    uint16_t failed, passed; /* quarantined groups in succession */
    enum fl_standing standing;
    uint64_t evidence; /* of the last flagged group; 0: none */
};

struct fl_suspicion {
    struct fl_suspicion_rules rules;
    uint64_t epoch;
    uint32_t n, max;
    uint64_t full; /* tokens that were forgotten for want of room, since start */
    struct fl_suspect *all; /* n, by token; owned */
};

/* The rules have passed fl_suspicion_check; max of 1..FL_MAX_TOKENS. */
struct fl_suspicion fl_suspicion_new(const struct fl_suspicion_rules *rules, uint32_t max);
void fl_suspicion_free(struct fl_suspicion *s);

/* What a group's fate tells about one of its members. */
struct fl_sighting {
    uint8_t token[FL_TOKEN];
    uint16_t group_size; /* vehicles */
    bool flagged; /* fl_verdict_flags */
    uint64_t evidence; /* names round and group; not 0 */
};

/* The weights of a group of this size, 1..1024, in a round of which seen_ppm (0..10^6) of the free groups were flagged.
 * L1 >= 0 >= L0. */
struct fl_flag_weights {
    int32_t flagged, clean;
};
struct fl_flag_weights fl_suspicion_weights(
    const struct fl_suspicion_rules *rules, uint32_t group_size, uint32_t seen_ppm);

/* Takes one round, in any order. A token at most once in a round: the second is left out. Members of a quarantined
 * group are those whose token is quarantined before the round. Excluded ones are left alone. seen_ppm: share of the free groups that were
 * flagged. Returns how many tokens changed their standing; ret_changed (room for n; NULL: not asked) is how they stand now, by
 * token. The sightings are put in order of token. */
size_t fl_suspicion_round(struct fl_suspicion *s, struct fl_sighting *sightings, size_t n,
    uint32_t seen_ppm, struct fl_suspect *ret_changed);

/* Forgets everything unless it is of this epoch. */
void fl_suspicion_epoch(struct fl_suspicion *s, uint64_t epoch);

/* What is proven needs no score: EXCLUDED at once, until the epoch ends. evidence is not 0, and ascends with time. */
void fl_suspicion_convict(struct fl_suspicion *s, const uint8_t *token, uint64_t evidence);

enum fl_standing fl_suspicion_standing(const struct fl_suspicion *s, const uint8_t *token);
/* False: it is not in the table, and so free with a score of 0. */
bool fl_suspicion_find(
    const struct fl_suspicion *s, const uint8_t *token, struct fl_suspect *ret_suspect);

/* The table: version 01, epoch u64, count u32, then for each token by token: token 32, score i32, flagged, clean,
 * failed, passed u16, standing u8, evidence u64. */
void fl_suspicion_encode(const struct fl_suspicion *s, struct buf *ret);
/* Into a table made by fl_suspicion_new, replacing what it holds. WS_EINPUT names the token by its number; the table
 * is empty then. */
WARN_UNUSED int fl_suspicion_decode(struct fl_suspicion *s, struct span octets, struct ws_err *err);

/* RFC 6962 root over the encoded tokens in order: what FL_SUSPECT carries. */
void fl_suspicion_root(const struct fl_suspicion *s, uint8_t ret_root[static 32]);

#endif
