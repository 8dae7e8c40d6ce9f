/* libwayside-light: checking what a Wayside cell says, without believing whoever says it.
 *
 * One begins with the cell's genesis (its fingerprint from elsewhere than the unit one checks) or with a header whose id
 * one knows; the client's trust then moves with headers and handovers, and bundles prove events and entries of state
 * under it. No I/O, no clock, no threads of its own; hash and signature check are the caller's (wayside_light_crypto.h
 * brings them for libcrypto). Needs nothing but libc.
 *
 * Answers are 0 (WSL_OK) or a verdict, whose sentence wsl_error() holds. Octets that come in are borrowed for the call
 * and may be anything. Times are ITS Time64: microseconds since 2004-01-01 in TAI; 0 as `now`: no clock, so that neither
 * the age of trust nor the future is judged. Any thread, one at a time for each object. Running out of memory stops the
 * process. Formats: docs/formats/ledger.md. */
#ifndef WAYSIDE_LIGHT_H
#define WAYSIDE_LIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define WSL_API __attribute__((visibility("default")))
#else
#define WSL_API
#endif

#ifdef WAYSIDE_BASE_SPAN_H
#define wsl_span span /* inside the library the two are one */
#else
/* A borrowed run of octets. */
struct wsl_span {
    const uint8_t *p;
    size_t n;
};
#endif

/* ---- what the caller brings ---- */

/* SHA-256 of the concatenation of n parts. */
typedef void (*wsl_hash_fn)(const struct wsl_span *parts, size_t n, uint8_t *ret_hash);
struct wsl_crypto {
    wsl_hash_fn hash; /* writes 32 octets */
    /* Is it algorithm's (1: Ed25519) signature (64 octets) of the key (32) over the message? */
    bool (*verify)(
        unsigned algorithm, const uint8_t *key, struct wsl_span message, const uint8_t *signature);
};

/* ---- verdicts; numbers are for ever ---- */

enum wsl_verdict {
    WSL_OK = 0,
    WSL_MALFORMED = 1, /* not the octets they should be */
    WSL_OTHER_CELL = 2,
    WSL_NOT_NEWER = 3, /* at or below the trusted height */
    WSL_TIME_NOT_LATER = 4,
    WSL_FROM_FUTURE = 5,
    WSL_EXPIRED = 6, /* the trusted header is past the trusting period: begin anew */
    WSL_WRONG_SET = 7, /* the set is not what the header names */
    WSL_WRONG_COMMIT = 8, /* of another header */
    WSL_NOT_SUCCESSOR = 9, /* the next height, but signed by another set or with another parent */
    WSL_BAD_SIGNATURE = 10,
    WSL_NO_QUORUM = 11,
    WSL_TRUST_TOO_LOW =
        12, /* too few of those one trusts signed: cross a handover, or ask for a header between */
    WSL_SET_UNKNOWN = 13, /* the next committee is known by its hash only: cross its handover */
    WSL_CONFLICT = 14, /* two headers of one height: keep both, they are evidence */
    WSL_BROKEN_LINK = 15,
    WSL_NOT_INCLUDED = 16, /* the header holds, the proof under it does not */
    WSL_NO_SOURCE = 17,
    WSL_TOO_MANY_STEPS = 18,
    WSL_OTHER_FINGERPRINT = 100, /* of the genesis */
    WSL_NO_TRUST = 101, /* the client has not begun with anything */
};
/* A word for it, like "no_quorum". */
WSL_API const char *wsl_verdict_text(int verdict);

/* ---- a client ---- */

struct wsl_client;
struct wsl_params {
    uint64_t trusting_period_us; /* 0: trust never ends */
    uint64_t clock_drift_us;
    uint32_t level_num,
        level_den; /* part of the trusted power that must sign a header far away; at least 1/3 */
    bool every_signature; /* check all, not only until they suffice */
};

/* Both functions are needed. Two weeks of trust, ten seconds of drift, a third. */
WSL_API struct wsl_client *wsl_client_new(const struct wsl_crypto *crypto);
WSL_API void wsl_client_free(struct wsl_client *c); /* NULL is allowed */
WSL_API void wsl_client_set_params(struct wsl_client *c, const struct wsl_params *p);
/* The sentence of the last answer that was not WSL_OK; valid until the next call. */
WSL_API const char *wsl_error(const struct wsl_client *c);

/* ---- where trust begins ---- */

/* fingerprint: the 32 octets that the genesis must have as its cell id; NULL only if the octets came from a trusted hand. */
WSL_API int wsl_trust_genesis(
    struct wsl_client *c, struct wsl_span genesis, const uint8_t *fingerprint);
WSL_API int wsl_trust_header(struct wsl_client *c, const uint8_t *cell_id, uint64_t height,
    const uint8_t *id, struct wsl_span header);
/* Kept from before. Whoever can write these octets decides what is believed. */
WSL_API int wsl_trust_load(struct wsl_client *c, struct wsl_span kept);
/* Octets needed; written when they fit. 0: there is no trust yet. */
WSL_API size_t wsl_trust_save(const struct wsl_client *c, uint8_t *dst, size_t size);

WSL_API uint64_t wsl_height(const struct wsl_client *c); /* 0: the genesis */
WSL_API uint64_t wsl_time(const struct wsl_client *c); /* of the trusted header */
WSL_API void wsl_id(const struct wsl_client *c, uint8_t *ret_id); /* 32 octets */
WSL_API void wsl_cell_id(const struct wsl_client *c, uint8_t *ret_id);

/* ---- how it moves ---- */

/* set: the full form of the set that signed; n = 0: the committee that is trusted for the next height. */
WSL_API int wsl_advance(struct wsl_client *c, struct wsl_span header, struct wsl_span commit,
    struct wsl_span set, uint64_t now);
/* From committee to committee. */
WSL_API int wsl_cross(struct wsl_client *c, struct wsl_span handover, uint64_t now);

/* ---- what it proves; trust moves to the bundle's header ---- */

struct wsl_event {
    uint8_t contract; /* 0 identity, 1 committee, 2 policy, 3 map, 4 beacon */
    uint16_t type;
    uint32_t sequence; /* within its block */
    uint64_t height; /* of the block that emitted it */
    struct wsl_span body; /* borrowed from the bundle */
};
WSL_API int wsl_prove_event(
    struct wsl_client *c, struct wsl_span bundle, uint64_t now, struct wsl_event *ret_event);

struct wsl_entry {
    uint8_t contract;
    bool present; /* false: it is proven that there is no such key */
    uint64_t height; /* of the block after which the state was so */
    struct wsl_span key,
        value; /* borrowed from the bundle: compare contract and key with what was asked */
};
WSL_API int wsl_prove_state(
    struct wsl_client *c, struct wsl_span bundle, uint64_t now, struct wsl_entry *ret_entry);

/* ---- handovers in pieces, from the radio ---- */

struct wsl_pool;
enum wsl_fragment {
    WSL_FRAGMENT_MALFORMED,
    WSL_FRAGMENT_HELD,
    WSL_FRAGMENT_KNOWN,
    WSL_FRAGMENT_WHOLE, /* *ret_object: for wsl_cross; in the pool until the next call */
    WSL_FRAGMENT_SPOILED, /* complete, and not what it says: begins anew */
};
WSL_API struct wsl_pool *wsl_pool_new(const struct wsl_crypto *crypto);
WSL_API void wsl_pool_free(struct wsl_pool *p);
WSL_API enum wsl_fragment wsl_fragment_take(
    struct wsl_pool *p, struct wsl_span fragment, struct wsl_span *ret_object);

#ifdef __cplusplus
}
#endif

#endif
