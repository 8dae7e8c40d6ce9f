/* Inside of the map contract: shared by contract*.c, versions.c, sighting.c and their tests, by nobody else.
 *
 * Life of a message: contract_message.c checks it against the state at the start of the block and
 * leaves votes; it changes nothing. contract_match.c says what a sighting is of. At the end of the block
 * contract_vehicles.c says which certificates are one vehicle's, contract_places.c finds new places, silence.c what was passed
 * without a word, stance.c puts the votes into one order that does not depend on
 * the order of transactions and says which count, contract_block.c counts them, and versions.c looks at what reached a threshold. moved.c knows
 * what stands elsewhere, decree.c what the authority orders, contract_state.c and contract_load.c keys and octets.
 *
 * State keys (values begin with version octet 01 and are big-endian):
 *   "m"                       frame, namespace and digest of the base map
 *   "v"                       head of the version chain
 *   "s"                       last epoch whose ageing was done
 *   "e" id(16)                element as published
 *   "h" subject key(17)       hypotheses of a subject
 *   "r" subject key(17) class(1) has_value(1) value(4)   messages in favour (evidence.h)
 *   "p" kind(1) id(16)        confirmed change that waits for its version
 *   "o" order id(32)          order of the authority that waits or is in force (decree.h)
 *   "c" id(16)                id of the last change of an element, which the next one supersedes
 *   "x", "y"                  messages that speak for published changes (evidence.h)
 *   "q" issuer(8) class(1)    record of a source (reputation.h)
 *   "u" certificate(32)       one that was heard within map.pseudonym_gap_ms, and whose it is (pseudonyms.h)
 *   "t" window end(8) vehicle(16)  what it was counted for (vehicles.h); gone after the window */
#ifndef WAYSIDE_MAPSVC_FUSE_CONTRACT_INTERNAL_H
#define WAYSIDE_MAPSVC_FUSE_CONTRACT_INTERNAL_H

#include "mapsvc/fuse/associate.h"
#include "mapsvc/fuse/contract.h"
#include "mapsvc/fuse/diff.h"
#include "mapsvc/fuse/hypothesis.h"
#include "mapsvc/fuse/pseudonyms.h"
#include "mapsvc/fuse/tiles.h"
#include "mapsvc/fuse/vehicles.h"

#define MAP_PSID 0x1d
#define SUBJECTS_MAX (1U << 16) /* suspicions; beyond, the weakest go (room.h) */
#define OPENED_PER_BLOCK 4096 /* new ones of elements, and as many places, in one block */
#define PLACE_GATE_MM 4000 /* sightings this near are of one new thing */
/* Silences that count: of one look, of one vehicle in a block, of all in a block. What has the most evidence comes first. */
#define SILENCES_PER_LOOK 64
#define SILENCES_PER_VEHICLE 128
#define SILENCES_PER_BLOCK (1U << 16)

/* One accepted message of this block. */
struct look {
    uint8_t signer[32];
    uint8_t root
        [32]; /* the vehicle's first certificate: orders vehicles within the block; as known when the block began,
                         until its end resolves it */
    bool has_vehicle;
    uint8_t vehicle[VEHICLE_OCTETS]; /* once somebody needs it: most looks say what the map says */
    uint8_t leaf[32];
    uint8_t issuer[8];
    uint64_t time;
    int32_t x, y;
    uint16_t heading;
    uint32_t range_mm;
    uint16_t half_angle;
    bool occluded;
    bool judged; /* the cell's model speaks, through whichever unit */
    struct observer_class observer;
    uint8_t source[SOURCE_KEY];
    uint8_t rank;
    uint32_t idle; /* votes that say what the map says, of things nobody suspects */
};

enum says {
    SAYS_HERE, /* it is there */
    SAYS_VALUE, /* it is there and shows this */
    SAYS_GONE, /* it is not there */
    SAYS_COVERED, /* it is there, but covered or out of force for now */
    SAYS_NOTHING, /* passed the place and did not report it */
};
/* Element `ref` of the map, or place ref - PLACE_BASE of contract.places. */
#define PLACE_BASE (UINT64_C(1) << 32)
#define PLACE_UNKNOWN UINT64_MAX /* a sighting that no place explains yet */
#define PLACE_AMBIGUOUS (UINT64_MAX - 1) /* several explain it; while one message is taken apart */
struct vote {
    uint64_t ref;
    uint32_t look;
    uint8_t report;
    enum says says;
    enum element_kind kind;
    int32_t value; /* SAYS_VALUE */
    bool at; /* the sighting below is there */
    bool off; /* and it is not where the map has the element */
    bool named; /* the vehicle says that it is this element */
    struct fusion_point point;
    uint16_t heading;
};

struct pending {
    struct change_record change;
    uint64_t confirmed_at;
};

struct map_head {
    uint64_t version;
    uint8_t root[32];
    uint8_t record[32]; /* SHA-256 of the last version record, or zero */
    uint8_t base[32]; /* digest of the base map, as the genesis names it */
};

/* What room.c knows of the block. */
struct room {
    uint64_t *loose; /* bit per place: may go for another, as things stood when the block began */
    size_t n_words, n_loose; /* n_loose: of all suspicions */
    size_t opened_places, opened_elements;
    struct map_point
        cells[OPENED_PER_BLOCK]; /* a point of each square where the block opened a place */
    size_t n_cells;
};

struct map_contract {
    const struct mapset *base; /* borrowed, for genesis */
    bool any_version; /* observations may name versions of another chain */
    /* caches of state */
    struct mapset map;
    struct tiles tiles; /* of map, for its root */
    struct grid grid; /* of map.elements */
    struct map_head head;
    uint64_t epoch;
    struct subject **subjects; /* ascending key: elements, then places */
    size_t n_subjects, cap_subjects;
    struct grid places_grid; /* refs into `places` */
    struct grid places_wide; /* the same in wide buckets */
    /* as things stood when the block began; refs are elements */
    struct grid missing; /* suspected to be gone from their place */
    struct grid moved; /* where they may stand now; wide buckets */
    uint64_t *suspected; /* bit per element of the map that is a subject */
    size_t n_suspected; /* words */
    struct pending *pending; /* ascending kind, id */
    size_t n_pending;
    struct decree *decrees; /* ascending id */
    size_t n_decrees;
    struct decree_ref *decree_refs; /* n_decrees, ascending element */
    struct vehicles vehicles;
    struct pseudonyms pseudonyms;
    struct source *sources; /* ascending key */
    size_t n_sources;
    size_t n_evidence; /* lists that are kept (evidence.h) */
    /* the block */
    struct map_params params;
    struct subject **places; /* places at the start of the block, ascending, then those it opened */
    size_t n_places, n_places_before, cap_places;
    struct look *looks;
    size_t n_looks, cap_looks;
    struct vote *votes;
    size_t n_votes, cap_votes;
    struct noted_order *noted; /* orders, in the order of the block */
    size_t n_noted;
    uint64_t window_end; /* of the window this block is in */
    struct room room;
    uint64_t dropped[MAP_DROP_COUNT]; /* since the start; no part of what is agreed on */
    uint32_t n_created;
};

static inline bool is_suspected(const struct map_contract *c, uint64_t ref) {
    return (c->suspected[ref / 64] >> ref % 64 & 1) != 0;
}

static inline const uint8_t *subject_id(const struct subject *s) {
    return s->key + 1;
}

/* All that speaks for any change of it. */
static inline int64_t subject_evidence(const struct subject *s) {
    int64_t sum = 0;
    for (size_t i = 0; i < s->n_hyps; i++)
        sum += s->hyps[i].s > 0 ? s->hyps[i].s : 0;
    return sum;
}

enum { STATE_VERSION = 1 }; /* first octet of every value */

/* contract_load.c */
WARN_UNUSED int state_load(struct map_contract *c, struct exec_host *h, struct ws_err *err);

/* contract_state.c */
void state_put_map(struct exec_host *h, const struct mapset *m);
void state_put_element(struct exec_host *h, const struct element *e);
void state_del_element(struct exec_host *h, const uint8_t id[static 16]);
void state_put_head(struct exec_host *h, const struct map_head *head);
void state_put_epoch(struct exec_host *h, uint64_t epoch);
void state_put_subject(struct exec_host *h, const struct subject *s);
void state_del_subject(struct exec_host *h, const struct subject *s);
void state_put_evidence(struct exec_host *h, const struct subject *s, const struct hypothesis *y);
void state_del_evidence(struct exec_host *h, const struct subject *s, const struct hypothesis *y);
void state_put_pending(struct exec_host *h, const struct pending *p);
void state_del_pending(struct exec_host *h, const struct pending *p);
void state_put_vehicle(struct exec_host *h, const struct vehicle *v);
void state_del_vehicles(struct exec_host *h, uint64_t until); /* windows that ended by then */
void state_put_pseudonym(struct exec_host *h, const struct pseudonym *p);
void state_del_pseudonym(struct exec_host *h, const struct pseudonym *p);
void state_put_decree(struct exec_host *h, const uint8_t id[static 32], struct span value);
void state_del_decree(struct exec_host *h, const uint8_t id[static 32]);
/* change NULL: the element is gone, and with it its history. */
void state_put_last_change(
    struct exec_host *h, const uint8_t element_id[static 16], const uint8_t *change);
bool state_last_change(
    struct exec_host *h, const uint8_t element_id[static 16], uint8_t ret_change[static 32]);
void state_put_source(struct exec_host *h, const struct source *s);
/* Where the messages in favour of a hypothesis are; the caller frees it. */
struct buf state_evidence_key(const struct subject *s, const struct hypothesis *y);

/* contract_places.c */
void places_open(struct map_contract *c, const struct exec_host *h);

/* silence.c */
void silence_hear(struct map_contract *c, const struct exec_host *h);

/* contract_block.c */
void block_count(struct map_contract *c, struct exec_host *h);

/* contract.c */
struct subject *contract_subject(
    const struct map_contract *c, const uint8_t key[static SUBJECT_KEY]); /* or NULL */
void contract_add_subject(struct map_contract *c, struct subject *s); /* takes it */
/* The same for many, in any order. */
void contract_add_subjects(struct map_contract *c, struct subject *const *list, size_t n);
void contract_index(struct map_contract *c); /* of the whole map, at the start */
/* Changes that are true of the map go into it and into its index. */
void contract_follow(struct map_contract *c, const struct change_record *changes, size_t n);
void contract_index_places(struct map_contract *c);
void contract_list_places(struct map_contract *c); /* after subjects came or went */
/* The confirmed change of an element that waits for its version, or NULL. */
const struct pending *contract_pending(const struct map_contract *c, const uint8_t id[static 16]);
uint64_t contract_bucket(const struct map_contract *c, const struct exec_host *h);

/* contract_match.c: what a sighting is of */
struct matched {
    const struct element *e; /* NULL: nothing of the map, or ambiguous */
    bool ambiguous; /* several would explain it */
    int32_t x, y; /* where e is; not for limits */
};
/* `named` (or NULL) is what the vehicle says it is. */
struct matched match_element(const struct map_contract *c, const struct obs_report *r,
    const struct sighting *s, const struct element *named, const struct look *l);
/* Among the elements that are not in taken[n] (refs of the map), whatever the vehicle says. */
struct matched match_rest(
    const struct map_contract *c, const struct sighting *s, const uint64_t *taken, size_t n);
/* The oldest place of this kind near the sighting as a vote's ref, or PLACE_UNKNOWN. */
uint64_t match_place(const struct map_contract *c, const struct sighting *s);
bool match_pending(const struct map_contract *c, const struct sighting *s);
/* The vehicle drives on the lane of the limit, in its direction. */
bool match_lane(const struct element *e, const struct look *l);

/* newcomer.c */
bool newcomer_possible(enum element_kind k); /* of what sightings open a place */
struct element newcomer_element(
    const struct subject *s, const struct hypothesis *y, const uint8_t id[static 16]);

/* contract_vehicles.c */
void vehicles_begin_block(struct map_contract *c, struct exec_host *h);
/* Notes in l whose certificate it is, as far as it is known. False: there is no room for another one. */
bool vehicles_know(const struct map_contract *c, const uint8_t signer[static 32], struct look *l);
/* An accepted message: its sender is where it says. */
void vehicles_hear(struct map_contract *c, const struct look *l);
/* Certificates that the block's messages show to be one vehicle's become so; then the looks' votes may be counted. */
void vehicles_resolve(struct map_contract *c, struct exec_host *h);
/* The id of the vehicle in the window of this block. */
const uint8_t *look_vehicle(
    const struct map_contract *c, const struct exec_host *h, struct look *l);

/* contract_message.c */
exec_code contract_message(void *self, struct exec_host *h, const struct exec_message *m);
/* Reads one message as a block would, into c->looks and c->votes, its silences with them; nothing is counted. For a contract of
 * sighting.c, in which no vehicle was counted for anything. False: it says nothing, for it tells of an impossible place. */
bool contract_read_look(
    struct map_contract *c, const struct observation *o, const struct observer_class *who);
/* True when the sector of the look covers the place: percent of range and of half angle. */
bool look_covers(const struct look *l, int32_t x, int32_t y, unsigned percent);

/* versions.c */
/* Threshold checks of one subject: advisories begin and end, a change is confirmed. */
void versions_review(struct map_contract *c, struct exec_host *h, struct subject *s);
/* MAP_LACKS_* (suspicion.h): what it still lacks to be confirmed. What is covered never is, and something new only if nothing
 * that is missing elsewhere explains it, which is judged while the block runs. */
unsigned versions_lacking(
    const struct map_contract *c, const struct subject *s, const struct hypothesis *y);
void versions_end_advisory(
    struct exec_host *h, const struct subject *s, struct hypothesis *y, enum advisory_end why);
void versions_add_pending(struct map_contract *c, struct pending *p); /* takes its change */
void versions_drop_pending(
    struct map_contract *c, struct exec_host *h, const uint8_t element_id[static 16]);
/* Forgets what is suspected about an element: the authority has spoken. */
void versions_forget_subject(
    struct map_contract *c, struct exec_host *h, const uint8_t element_id[static 16]);
/* Last field of a record that goes into a version: what it supersedes; then the id. */
void versions_seal(struct exec_host *h, struct change_record *r);
/* Publishes what is due. */
void versions_publish(struct map_contract *c, struct exec_host *h);

#endif
