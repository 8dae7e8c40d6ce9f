/* AES-128 in counter mode as a numbered set of key streams, the one expansion of every seed of the learning part.
 *
 * Stream i of a key is the encryption of counter blocks i (8 octets, big-endian) || 0 (8 octets), counting on in the
 * whole block. Of a vehicle's 16-octet seed: stream 0 is its key s, stream 1 + j the error of chunk j, and streams from
 * 2^32 on belong to whoever deals shares of s. Of a round's public key: stream j is the public element of chunk j.
 *
 * thread: one per object. Memory: open allocates (libcrypto), nothing else does. Source: NIST SP 800-38A, 6.5;
 * docs/formats/learning.md. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_MASK_STREAM_H
#define WAYSIDE_FEDLEARN_VEHICLE_MASK_STREAM_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define FL_SEED_OCTETS 16
#define FL_STREAM_KEY UINT64_C(0) /* of a vehicle's seed: its key s */
#define FL_STREAM_ERROR UINT64_C(1) /* plus chunk */
#define FL_STREAM_SHARES (UINT64_C(1) << 32) /* plus what the sharing says */

/* Zeroed is closed. */
struct fl_stream {
    void *cipher; /* libcrypto's */
};

WARN_UNUSED int fl_stream_open(struct fl_stream *s, struct ws_err *err);
void fl_stream_close(struct fl_stream *s); /* the key is wiped; a closed one may be closed again */
/* A libcrypto that cannot do AES after a successful open is a broken machine: these stop the process. */
void fl_stream_key(struct fl_stream *s, const uint8_t key[static FL_SEED_OCTETS]);
void fl_stream_seek(struct fl_stream *s, uint64_t index);
/* The next n octets of the stream sought. */
void fl_stream_read(struct fl_stream *s, uint8_t *dst, size_t n);

#endif
