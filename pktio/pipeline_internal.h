/* What the parts of the pipeline share: pipeline.c takes frames and chooses what is worked on, pipeline_signer.c finds the
 * certificate, pipeline_chains.c checks new ones, pipeline_check.c has signatures checked and hands messages on. Private to pktio/pipeline*.c. */
#ifndef WAYSIDE_PKTIO_PIPELINE_INTERNAL_H
#define WAYSIDE_PKTIO_PIPELINE_INTERNAL_H

#include "pktio/replay_window.h"
#include "pktio/signer_notes.h"
#include "pktio/slots.h"
#include "pktio/source_budget.h"
#include "pktio/waiting.h"

/* Queues, best first: the last one is shed first. Fresh ones brought a certificate that is not known yet. */
enum lane { LANE_SAFETY, LANE_FRESH_SAFETY, LANE_ROUTINE, LANE_OTHER, LANE_FRESH, LANES };

/* Enough for the kernel to fill a batch while another is computed, and the tables of a third are fetched. */
#define CHECK_LINE_MAX 256
#define CHECK_LINE_MARKS 4096

/* A ring in the order of arrival, which is the order in which verdicts and messages come out: first those whose answer
 * is awaited, or there, then those that were not submitted yet. */
struct check_line {
    struct slot *slot[CHECK_LINE_MAX];
    unsigned first, n, submitted, most;
    unsigned n_fresh; /* with a certificate that is not in the cache */
    uint16_t mark[CHECK_LINE_MARKS]; /* how many, by hash of what is signed */
};

struct chains;

struct pipeline {
    struct pipeline_config cfg;
    pipeline_sink sink;
    void *sink_ctx;
    pipeline_verdict_fn verdict_fn;
    void *verdict_ctx;
    struct source_budget *budget;
    struct replay_window *replay; /* cfg.window, or own_replay */
    struct replay_window *own_replay;
    struct cert_cache *certs;
    struct trust_view *view; /* NULL without cfg.views */
    struct signer_notes *notes; /* enum note */
    struct verify_kernel *kernel;
    struct chains *chains;
    struct pkt_message_pool *pool;
    struct pkt_message *spare; /* taken from the pool, refused by the sink */
    struct pipeline_counters n;

    struct slots *slots;
    struct slot *reading; /* the one that a frame is read in before its class is known */
    struct slot_queue lane[LANES];
    struct slot_queue ready; /* before all others: their certificate came */
    struct waiting *waiting;
    uint64_t order;
    uint64_t fresh_credit; /* in hundredths of a message */

    uint64_t its_us; /* of the call that is running */
    struct check_line line; /* whose signers are found */
};

/* Notes on certificates outside the cache: implicit, or 1 + the trust verdict they failed with. */
enum { NOTE_IMPLICIT = 1 + TRUST_VERDICT_COUNT };

/* ---- pipeline.c ---- */
/* Says the verdict in w; of a slot: also gives it back, its last use. */
void pipeline_say(struct pipeline *p, const struct frame_work *w, const struct pkt_frame *f);
void pipeline_end(struct pipeline *p, struct slot *s);
bool pipeline_too_old(const struct pipeline *p, struct slot *s); /* then s->w says so */

/* ---- pipeline_chains.c ---- */
struct chains *chains_new(void);
void chains_free(struct chains *c);
void chains_drop(struct chains *c); /* what was found out for the last burst */
/* False: the answer is not for a certificate. */
bool chains_answer(struct chains *c, const struct verify_answer *a);
/* Checks the chains of certificates that a burst shows for the first time. */
void pipeline_check_chains(struct pipeline *p, struct slot *const *slots, unsigned n);
/* trust_check, of which the work may be done already. */
struct trust_result pipeline_trust(
    struct pipeline *p, const struct cert *cert, const uint8_t hash[static 32], uint32_t now_s);

/* ---- pipeline_signer.c ---- */
/* GONE: it has its verdict, waits, or stands in a queue again. FAILED: s->w says why. */
enum step { STEP_ON, STEP_FAILED, STEP_GONE };
enum step pipeline_find_signer(struct pipeline *p, struct slot *s);
/* It would be found in the cache, whatever comes of the line. */
bool pipeline_knows_signer(const struct pipeline *p, const struct frame_work *w);
/* The messages that waited for this certificate, by either of its names, go on before everything else, oldest first.
 * False: none did. */
bool pipeline_release(struct pipeline *p, const struct cert *c, const uint8_t hash[static 32]);
/* Into the cache, with where its holder may be. Takes key. */
struct cert_entry *pipeline_add_proven(struct pipeline *p, const struct cert *c,
    const uint8_t hash[static 32], struct verify_key *key, const uint8_t *issuer_hash);
void pipeline_tell_proven(const struct pipeline *p, const struct cert_entry *e);

/* Of the candidates that were found, keeps those whose certificate permits the message; identities are made. False: w
 * says why none does; also for a duplicate. */
bool pipeline_choose(struct pipeline *p, struct frame_work *w);

/* ---- pipeline_check.c ---- */
/* Its signer was found; there is room in the line. twin: the same signed octets stand before it, so it is not looked at
 * before it is the first. */
void pipeline_line_up(struct pipeline *p, struct slot *s, bool twin);
/* Submits what is in the line, has checks done until at most `rest` are left there, and settles those that are answered. */
void pipeline_check(struct pipeline *p, unsigned rest);
/* One batch of the kernel; answers are noted where they belong. */
void pipeline_poll(struct pipeline *p);
/* The same signed octets stand in the line: only their outcome says whether this is a duplicate. */
bool pipeline_in_line(const struct pipeline *p, const struct frame_work *w);
/* A message in the line shows a certificate of this HashedId8 that is not in the cache yet. */
bool pipeline_line_shows(const struct pipeline *p, const uint8_t id8[static 8]);
/* A neighbour's word alone makes it a duplicate. */
bool pipeline_believes(const struct frame_work *w);
/* It is a duplicate; w says of what. */
bool pipeline_duplicate(struct frame_work *w, enum replay_state state);

#endif
