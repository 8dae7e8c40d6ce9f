/* SHA-256 of many messages: four at a time through the processor's SHA instructions, whose rounds wait for each other so long
 * that other messages go through in the gaps. Measured, a block: one message 38 ns, two 25, four 19.5, six 18.5. Sixteen in
 * AVX-512 lanes: 18, only while all lanes are busy, for which neighbours had to be equally long. Without the SHA instructions,
 * one by one by OpenSSL. FIPS 180-4. */
#define OPENSSL_API_COMPAT 0x10100000L /* as in sha.c */

#include "base/assert.h"
#include "base/bytes.h"
#include "v2x/verify.h"

#include <openssl/sha.h>

static void one_by_one(const struct v2x_sha256_job *jobs, size_t n) {
    for (size_t i = 0; i < n; i++) {
        SHA256_CTX ctx;
        WS_ASSERT(SHA256_Init(&ctx) == 1);
        for (size_t k = 0; k < jobs[i].n_parts; k++) {
            if (jobs[i].parts[k].n > 0)
                WS_ASSERT(SHA256_Update(&ctx, jobs[i].parts[k].p, jobs[i].parts[k].n) == 1);
        }
        WS_ASSERT(SHA256_Final(jobs[i].ret_hash, &ctx) == 1);
    }
}

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>

enum { STREAMS = 4 };

/* ---- a message as blocks ---- */

struct stream {
    const struct v2x_sha256_job *job;
    size_t part; /* being read */
    const uint8_t *at;
    size_t left; /* of this part */
    uint64_t octets; /* of all parts */
    bool marked; /* the bit after the message was put */
    bool last; /* the block with the length was handed out */
    uint8_t block[64];
    __m128i abef, cdgh; /* state in the order of the instructions */
};

static void next_part(struct stream *s) {
    while (s->left == 0 && s->part + 1 < s->job->n_parts) {
        s->part++;
        s->at = s->job->parts[s->part].p;
        s->left = s->job->parts[s->part].n;
    }
}

static void open_stream(struct stream *s, const struct v2x_sha256_job *job) {
    s->job = job;
    s->part = 0;
    s->at = job->n_parts > 0 ? job->parts[0].p : NULL;
    s->left = job->n_parts > 0 ? job->parts[0].n : 0;
    s->octets = 0;
    s->marked = s->last = false;
    for (size_t i = 0; i < job->n_parts; i++)
        s->octets += job->parts[i].n;
    s->abef = _mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c);
    s->cdgh = _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19);
    next_part(s);
}

/* The next 64 octets: in the message itself where they lie together, else copied and, at the end, padded. */
static const uint8_t *next_block(struct stream *s) {
    if (s->left >= 64) {
        const uint8_t *block = s->at;
        s->at += 64;
        s->left -= 64;
        next_part(s);
        return block;
    }
    size_t n = 0;
    while (s->left > 0 && n < 64) {
        size_t take = s->left < 64 - n ? s->left : 64 - n;
        memcpy(s->block + n, s->at, take);
        n += take;
        s->at += take;
        s->left -= take;
        next_part(s);
    }
    if (n == 64)
        return s->block;
    if (!s->marked)
        s->block[n++] = 0x80;
    s->marked = true;
    memset(s->block + n, 0, 64 - n);
    if (n <= 56) {
        put_be64(s->block + 56, s->octets * 8);
        s->last = true;
    }
    return s->block;
}

/* ---- rounds ---- */

static const uint32_t constants[64] __attribute__((aligned(16))) = {0x428a2f98, 0x71374491,
    0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d,
    0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138,
    0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f,
    0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

#define SHA_TARGET __attribute__((target("sha,sse4.1,ssse3")))

/* Four rounds of one message; m[i mod 4] holds the words of these rounds and is replaced by those of four times four rounds
 * later. */
#define ROUNDS(state0, state1, m, i)                                                               \
    do {                                                                                           \
        __m128i k_ = _mm_add_epi32(                                                                \
            (m)[(i) % 4], _mm_load_si128((const __m128i *)(const void *)(constants + 4 * (i))));   \
        (state1) = _mm_sha256rnds2_epu32(state1, state0, k_);                                      \
        (state0) = _mm_sha256rnds2_epu32(state0, state1, _mm_shuffle_epi32(k_, 0x0e));             \
        if ((i) < 12)                                                                              \
            (m)[(i) % 4] = _mm_sha256msg2_epu32(                                                   \
                _mm_add_epi32(_mm_sha256msg1_epu32((m)[(i) % 4], (m)[((i) + 1) % 4]),              \
                    _mm_alignr_epi8((m)[((i) + 3) % 4], (m)[((i) + 2) % 4], 4)),                   \
                (m)[((i) + 3) % 4]);                                                               \
    } while (0)

SHA_TARGET static inline void load(__m128i m[static 4], const uint8_t *block) {
    const __m128i big_endian = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    for (size_t i = 0; i < 4; i++)
        m[i] = _mm_shuffle_epi8(
            _mm_loadu_si128((const __m128i *)(const void *)(block + 16 * i)), big_endian);
}

/* One block of each of `count` messages; count is known to the compiler, and the loops are none. */
SHA_TARGET static inline __attribute__((always_inline)) void blocks(
    struct stream *const *s, const uint8_t *const *block, const size_t count) {
    __m128i m[STREAMS][4], s0[STREAMS], s1[STREAMS];
#define EACH _Pragma("GCC unroll 4") for (size_t k = 0; k < count; k++)
    EACH {
        load(m[k], block[k]);
        s0[k] = s[k]->abef;
        s1[k] = s[k]->cdgh;
    }
#define STEP(i) EACH ROUNDS(s0[k], s1[k], m[k], i)
    STEP(0);
    STEP(1);
    STEP(2);
    STEP(3);
    STEP(4);
    STEP(5);
    STEP(6);
    STEP(7);
    STEP(8);
    STEP(9);
    STEP(10);
    STEP(11);
    STEP(12);
    STEP(13);
    STEP(14);
    STEP(15);
    EACH {
        s[k]->abef = _mm_add_epi32(s[k]->abef, s0[k]);
        s[k]->cdgh = _mm_add_epi32(s[k]->cdgh, s1[k]);
    }
#undef STEP
#undef EACH
}

SHA_TARGET static void one_block(struct stream *const *s, const uint8_t *const *block) {
    blocks(s, block, 1);
}

SHA_TARGET static void two_blocks(struct stream *const *s, const uint8_t *const *block) {
    blocks(s, block, 2);
}

SHA_TARGET static void four_blocks(struct stream *const *s, const uint8_t *const *block) {
    blocks(s, block, STREAMS);
}

static void put_hash(const struct stream *s) {
    uint32_t abef[4], cdgh[4]; /* lowest word first: f e b a, h g d c */
    memcpy(abef, &s->abef, sizeof(abef));
    memcpy(cdgh, &s->cdgh, sizeof(cdgh));
    const uint32_t h[8] = {abef[3], abef[2], cdgh[3], cdgh[2], abef[1], abef[0], cdgh[1], cdgh[0]};
    for (size_t i = 0; i < 8; i++)
        put_be32(s->job->ret_hash + 4 * i, h[i]);
}

/* A stream takes the next message as soon as its own is done, so that lengths need not match. */
static void four_by_four(const struct v2x_sha256_job *jobs, size_t n) {
    struct stream streams[STREAMS], idle;
    struct stream *busy[STREAMS]; /* first n_busy of them */
    const uint8_t *block[STREAMS];
    size_t next = 0, n_busy = 0;
    for (; n_busy < STREAMS && next < n; n_busy++) {
        busy[n_busy] = &streams[n_busy];
        open_stream(busy[n_busy], &jobs[next++]);
    }
    while (n_busy > 0) {
        for (size_t i = 0; i < n_busy; i++)
            block[i] = next_block(busy[i]);
        if (n_busy == 3) { /* costs less than two and one */
            idle.abef = idle.cdgh = _mm_setzero_si128();
            busy[3] = &idle;
            block[3] = block[2];
        }
        if (n_busy > 2)
            four_blocks(busy, block);
        else if (n_busy == 2)
            two_blocks(busy, block);
        else
            one_block(busy, block);
        for (size_t i = n_busy; i-- > 0;) {
            if (!busy[i]->last)
                continue;
            put_hash(busy[i]);
            if (next < n)
                open_stream(busy[i], &jobs[next++]);
            else
                busy[i] = busy[--n_busy];
        }
    }
}

/* The compilers' own question does not know of these instructions yet. Asked once: CPUID is slow in a virtual machine. */
static bool usable(void) {
    static atomic_int known; /* 0: not asked; 1: no; 2: yes */
    int k = atomic_load_explicit(&known, memory_order_relaxed);
    if (k == 0) {
        unsigned a = 0, b = 0, c = 0, d = 0;
        bool sha = __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & (1U << 29)) != 0;
        k = sha && __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1") ? 2 : 1;
        atomic_store_explicit(&known, k, memory_order_relaxed);
    }
    return k == 2;
}

void v2x_sha256_batch(const struct v2x_sha256_job *jobs, size_t n) {
    if (usable())
        four_by_four(jobs, n);
    else
        one_by_one(jobs, n);
}

#else

void v2x_sha256_batch(const struct v2x_sha256_job *jobs, size_t n) {
    one_by_one(jobs, n);
}

#endif
