/* Frames through the whole order of checks, by one engine in bursts and by the reference one by one: both come to the same
 * verdicts. Input: an octet of modes, then for each frame a link octet (see links), two octets of length, the frame; the rest
 * of a frame that is cut short still counts. */
#include "tests/support/air.h"

#include "base/assert.h"
#include "pktio/pipeline.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What comes out is what a receiver relies on: it reads back as the message it says it is. */
static bool sink(void *ctx, struct pkt_message *m) {
    struct spdu s;
    struct cert c;
    size_t at;
    uint8_t hash[32];
    uint8_t id[32];
    WS_ASSERT(ctx == NULL);
    enum coer_fail spdu_fail = spdu_parse(m->spdu, &s, &at);
    WS_ASSERT(spdu_fail == COER_OK);
    enum coer_fail cert_fail = cert_parse(m->cert, &c, &at);
    WS_ASSERT(cert_fail == COER_OK);
    cert_hash256(&c, hash);
    WS_ASSERT(memcmp(hash, m->cert_hash, 32) == 0);
    spdu_identity(&s, hash, id);
    WS_ASSERT(memcmp(id, m->id, 32) == 0);
    WS_ASSERT(s.psid == m->psid);
    WS_ASSERT(s.generation_time == m->generation_time);
    pkt_message_release(m);
    return true;
}

static size_t take_frames(const uint8_t *data, size_t size, struct pkt_frame *frames) {
    static const uint32_t links[] = {LINK_ETHERNET, LINK_RAW_IP, LINK_IPV4, LINK_IPV6, LINK_80211,
        LINK_RADIOTAP, LINK_PPI, LINK_COOKED, LINK_COOKED2, LINK_USER_FIRST, LINK_USER_LAST, 9};
    size_t n = 0;
    while (size >= 3 && n < PIPELINE_BURST_MAX) {
        size_t want = be16(data + 1);
        size_t have = want < size - 3 ? want : size - 3;
        frames[n] = (struct pkt_frame){
            .data = span_of(data + 3, have),
            .link = (enum frame_link)links[(data[0] & 0x7f) % ARRAY_LEN(links)],
            .original_octets = (uint32_t)(data[0] & 0x80 ? want : have),
            .number = n + 1,
        };
        n++;
        data += 3 + have;
        size -= 3 + have;
    }
    return n;
}

static void note(void *ctx, const struct pkt_frame *f, enum pkt_verdict v, const char *detail) {
    enum pkt_verdict *out = ctx;
    WS_ASSERT(strlen(detail) > 0);
    WS_ASSERT(out[f->number - 1] == PKT_VERDICT_COUNT); /* once for each frame */
    out[f->number - 1] = v;
}

static void work(struct pipeline *p) {
    while (pipeline_work(p, PKI_NOW_US))
        ;
}

/* Requests and offers are whole, and come of verified messages alone. */
static void requested(void *ctx, struct span id3s, uint64_t its_us) {
    WS_ASSERT(ctx == NULL && its_us == PKI_NOW_US);
    WS_ASSERT(id3s.n > 0 && id3s.n % 3 == 0);
}

static void offered(void *ctx, struct span cert, uint64_t its_us) {
    struct cert c;
    size_t at;
    WS_ASSERT(ctx == NULL && its_us == PKI_NOW_US);
    WS_ASSERT(cert_parse(cert, &c, &at) == COER_OK);
}

static void missing(void *ctx, const uint8_t id8[static 8], uint64_t its_us) {
    (void)id8;
    WS_ASSERT(ctx == NULL && its_us == PKI_NOW_US);
}

enum { MODE_IFMA = 1, MODE_LISTS = 2, MODE_REGION = 4, MODE_UNCHECKED = 8, MODE_NO_BUDGET = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct air air;
    static struct trust_slot *slot;
    if (slot == NULL) {
        air_init(&air);
        slot = trust_slot_new(trust_view_ref(air.view));
    }
    if (size == 0)
        return 0;
    uint8_t mode = data[0];
    enum verify_backend engine = (mode & MODE_IFMA) != 0 && verify_backend_usable(VERIFY_IFMA)
                                     ? VERIFY_IFMA
                                     : VERIFY_PORTABLE;
    struct pipeline_config cfg = {
        .limits =
            {
                .source_slots = 8,
                .source_rate = (mode & MODE_NO_BUDGET) != 0 ? 0 : 10,
                .source_burst = 40,
                .replay_slots = 16,
                .cert_slots = PIPELINE_BURST_MAX, /* never full, see pipeline.c */
                .message_pool = 4,
                .queue_slots = 2 * PIPELINE_BURST_MAX,
                .wait_slots = 16,
                .wait_share = 6,
                .freshness_us = 2000000,
                .freshness_own_us = 2000000,
                .future_us = 500000,
                .table_octets = 1U << 18,
                .backend = engine,
            },
        .trust = air.pki.trust,
        .views = (mode & MODE_LISTS) != 0 ? slot : NULL,
        .verify = (mode & MODE_UNCHECKED) == 0,
        .has_region = (mode & MODE_REGION) != 0,
        .lat_min = 479000000,
        .lat_max = 481000000,
        .lon_min = 109000000,
        .lon_max = 111000000,
        .hooks = {.missing = missing, .requested = requested, .offered = offered},
    };
    struct pkt_frame frames[PIPELINE_BURST_MAX];
    enum pkt_verdict all[PIPELINE_BURST_MAX];
    enum pkt_verdict one[PIPELINE_BURST_MAX];
    size_t n = take_frames(data + 1, size - 1, frames);
    for (size_t i = 0; i < PIPELINE_BURST_MAX; i++)
        all[i] = one[i] = PKT_VERDICT_COUNT;
    struct pipeline *p = pipeline_new(&cfg, sink, NULL, note, all);
    cfg.limits.backend = VERIFY_OPENSSL;
    struct pipeline *q = pipeline_new(&cfg, sink, NULL, note, one);
    pipeline_take(p, frames, n, PKI_NOW_US);
    work(p);
    for (size_t i = 0; i < n; i++) {
        pipeline_take(q, &frames[i], 1, PKI_NOW_US);
        work(q);
    }
    pipeline_finish(p, PKI_NOW_US);
    pipeline_finish(q, PKI_NOW_US);
    for (size_t i = 0; i < n; i++) {
        WS_ASSERT(all[i] != PKT_VERDICT_COUNT);
        WS_ASSERT(one[i] == all[i]); /* neither bursts nor engines change anything */
    }
    pipeline_free(p);
    pipeline_free(q);
    return 0;
}
