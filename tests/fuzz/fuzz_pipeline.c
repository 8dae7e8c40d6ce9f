/* Frames through the whole order of checks under a fixed trust store. Input: for each frame a link octet (see
 * links), two octets of length, the frame; the rest of a frame that is cut short still counts. */
#include "tests/support/pki.h"

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
    static const enum frame_link links[] = {LINK_ETHERNET, LINK_RAW_IP, LINK_IPV4, LINK_IPV6};
    size_t n = 0;
    while (size >= 3 && n < PIPELINE_BURST_MAX) {
        size_t want = be16(data + 1);
        size_t have = want < size - 3 ? want : size - 3;
        frames[n] = (struct pkt_frame){
            .data = span_of(data + 3, have),
            .link = links[data[0] % ARRAY_LEN(links)],
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct pki pki;
    if (pki.trust == NULL)
        pki_init(&pki, 1);
    struct pipeline_config cfg = {
        .limits =
            {
                .source_slots = 8,
                .source_rate = 10,
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
            },
        .trust = pki.trust,
        .verify = true,
    };
    struct pkt_frame frames[PIPELINE_BURST_MAX];
    enum pkt_verdict all[PIPELINE_BURST_MAX];
    enum pkt_verdict one[PIPELINE_BURST_MAX];
    size_t n = take_frames(data, size, frames);
    for (size_t i = 0; i < PIPELINE_BURST_MAX; i++)
        all[i] = one[i] = PKT_VERDICT_COUNT;
    struct pipeline *p = pipeline_new(&cfg, sink, NULL, note, all);
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
        WS_ASSERT(one[i] == all[i]); /* bursts change nothing */
    }
    pipeline_free(p);
    pipeline_free(q);
    return 0;
}
