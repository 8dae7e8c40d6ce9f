/* The unit's part in uploads as a state machine: datagrams and time come in, answers and whole materials go out
 * (fedlearn/vehicle/upload.h, docs/formats/learning.md, Upload). No socket, no clock, no disk: those come in as functions.
 *
 * Only what is on the ledger of this unit gets anything but a refusal: a name that the round does not know costs a look-up, one that
 * it knows costs one exchange of keys for each round and a seal for each datagram, whoever sends them. Memory: one struct for each name
 * that was asked about, and the octets of uploads under way, both bounded; what stood still longest makes room. Every datagram has an
 * outcome and a counter. One thread. */
#ifndef WAYSIDE_RSU_LEARNING_UPLOADS_H
#define WAYSIDE_RSU_LEARNING_UPLOADS_H

#include "base/clock.h"
#include "fedlearn/vehicle/upload.h"

/* Where a datagram came from; IPv4 as ::ffff:a.b.c.d. */
struct uploads_source {
    uint8_t address[16];
    uint16_t port;
    uint32_t scope;
    /* Ours that was asked, and the interface (0: where the routes lead); answers go out from there. */
    uint8_t local[16];
    uint32_t interface;
};

/* ---- what the ledger says; all of it copies ---- */
struct uploads_round {
    uint64_t number; /* 0: none is on */
    bool open; /* uploads still count */
    uint64_t deadline_us; /* ITS, block time: end of attesting */
    struct fl_round round;
    struct fl_upload_shape shape;
};
struct uploads_claim {
    uint8_t id[32], token[32], upload_key[32];
    bool excluded;
    bool
        included; /* in the round's set, which stays as it is: one that is excluded later may be in a group that is open */
};
struct uploads_ledger {
    /* False: nothing has changed since the last call that said true. */
    bool (*round)(void *ctx, struct uploads_round *ret);
    /* The k-th submission of the round under that name, 0 ...; false: there are no more. */
    bool (*claim)(void *ctx, const uint8_t name[static 32], size_t k, struct uploads_claim *ret);
    void *ctx;
};

/* A whole submission that has been checked, on its way to the disk. */
struct uploads_whole {
    uint64_t round;
    uint8_t name[32], id[32];
    uint8_t *octets; /* owned; material lies in it */
    struct fl_material material;
    struct uploads_whole *next; /* of whoever has it */
    int rc; /* of keeping it, and why not */
    struct ws_err err;
};
void uploads_whole_free(struct uploads_whole *w); /* NULL is fine */

struct uploads_io {
    void (*send)(void *send_ctx, const struct uploads_source *to, struct span datagram);
    void *send_ctx;
    /* Written down for good when it returns WS_OK or WS_EEXIST; it has been checked. */
    int (*keep)(void *ctx, uint64_t round, const uint8_t id[static 32], const struct fl_material *m,
        struct ws_err *err);
    /* NULL: keep is called and waited for. Else it takes the whole over, and gives it to uploads_written when it has been kept or could not be. False:
     * no room for it now, and it is still the caller's. */
    bool (*write)(void *write_ctx, struct uploads_whole *w);
    void *write_ctx;
    bool (*has)(void *ctx, const uint8_t id[static 32]);
    /* Ed25519 of this validator. */
    void (*sign)(void *ctx, struct span octets, uint8_t ret_signature[static 64]);
    uint8_t signer[32]; /* its public key */
    struct ws_random *random; /* the system's: keys are drawn from it */
    void *ctx;
};

struct uploads_limits {
    size_t uploads; /* under way at a time */
    size_t octets; /* of them together */
    uint32_t per_source; /* datagrams a second from one network address (IPv6: /64) */
    size_t sources; /* places in which they are counted; those in one place share */
    uint64_t idle_us; /* what stands still so long makes room */
};
struct uploads_limits uploads_limits_default(void);

#define UPLOADS_OUTCOMES(X)                                                                        \
    X(UPLOADS_WELCOMED, "welcomed")                                                                \
    X(UPLOADS_PROBED, "probed")                                                                    \
    X(UPLOADS_PART, "part")                                                                        \
    X(UPLOADS_RECEIPT, "receipt") /* again, for something that is there */                         \
    X(UPLOADS_REFUSED, "refused")                                                                  \
    X(UPLOADS_DUPLICATE, "duplicate")                                                              \
    X(UPLOADS_TOO_OFTEN, "too_often") /* from one source */                                        \
    X(UPLOADS_MALFORMED, "malformed")                                                              \
    X(UPLOADS_NOT_OURS, "not_ours") /* what only units send */                                     \
    X(UPLOADS_UNKNOWN, "unknown") /* sealed, and no submission has that name */                    \
    X(UPLOADS_BAD_KEY, "bad_key") /* the submission's upload key is of small order */              \
    X(UPLOADS_BAD_SEAL, "bad_seal")                                                                \
    X(UPLOADS_BUSY, "busy")
enum uploads_outcome {
#define X(id, text) id,
    UPLOADS_OUTCOMES(X)
#undef X
        UPLOADS_OUTCOME_COUNT
};
const char *uploads_outcome_name(enum uploads_outcome o);

struct uploads_counters {
    uint64_t datagrams[UPLOADS_OUTCOME_COUNT];
    uint64_t refusals[FL_UPLOAD_REASON_COUNT]; /* REFUSAL and DENIAL */
    uint64_t finished; /* checked and written down */
    uint64_t spoiled; /* whole, and not what was signed */
    uint64_t evicted; /* half way, for others */
    uint64_t octets; /* of pieces taken */
    size_t known, under_way, octets_now;
};

struct uploads;
struct uploads *uploads_new(const struct uploads_limits *limits,
    const struct uploads_ledger *ledger, const struct uploads_io *io);
void uploads_free(struct uploads *u); /* wipes; NULL is fine */
enum uploads_outcome uploads_hear(
    struct uploads *u, const struct uploads_source *from, struct span datagram, struct ws_now now);
/* What `write` was given comes back, and is owned by this from here on. */
void uploads_written(struct uploads *u, struct uploads_whole *w, struct ws_now now);
/* After each batch of datagrams and some times a second: says what there is to say, and looks at the ledger. */
void uploads_flush(struct uploads *u, struct ws_now now);
const struct uploads_counters *uploads_counters(const struct uploads *u);

#endif
