/* The stages that need nothing but the message itself and the clock, and the work record of a frame that goes
 * through them. Private to pktio. Any thread; allocates nothing. */
#ifndef WAYSIDE_PKTIO_STAGES_H
#define WAYSIDE_PKTIO_STAGES_H

#include "pktio/cert_cache.h"
#include "pktio/pipeline.h"

/* Why, in words; made into text only when somebody asks. */
struct stage_detail {
    const char *text; /* static; NULL: the verdict says it all */
    bool has_at, waited;
    size_t at; /* offset in the 1609.2 structure; waited: milliseconds */
};

struct frame_work {
    enum pkt_verdict verdict;
    struct stage_detail detail;
    struct carrier carrier;
    struct spdu spdu;
    uint8_t cert_hash[32]; /* of a certificate that came along */
    bool hashed;
    uint8_t tbs_hash[32]; /* hashed: SHA-256 of ToBeSignedData */
    /* Certificates the signature is tried with: from the cache, or one fresh key of an unknown chain. */
    struct cert_entry *candidate[CERT_CACHE_SAME_ID];
    uint8_t id[CERT_CACHE_SAME_ID][32]; /* identity of the message under each */
    unsigned n_candidates, at_candidate;
    struct verify_key *fresh_key;
    bool fresh;
    bool
        fresh_chain; /* an implicit certificate under a known issuer: proven once the signature fits */
    uint8_t fresh_issuer[32];
};

/* What a frame is by its carrier. go_on false: nothing more is to be read, for the reason given. */
struct stage_heard {
    struct carrier carrier;
    bool go_on;
    enum pkt_verdict verdict;
    const char *text;
};
void stage_classify(const struct pkt_frame *f, struct stage_heard *ret);

/* Each returns true to go on; else w->verdict and w->detail say why not. */
bool stage_fail(struct frame_work *w, enum pkt_verdict verdict, const char *text);
bool stage_decode(struct frame_work *w);
bool stage_freshness(struct frame_work *w, const struct pipeline_config *cfg, uint64_t its_us);
/* What a certificate says about the message it signed: permission, validity, and region as far as it has one of its own.
 * No cryptography. memo: what the certificate was found to permit before. */
bool stage_cert_permits(struct frame_work *w, const struct cert *c, struct cert_permitted *memo);
/* The region of an issuer above it (6.4.8), for a signer that has none itself. NULL: none restricts it. */
bool stage_region_permits(struct frame_work *w, const struct cert *region);
/* How long a generation time counts as fresh. */
uint64_t stage_window_us(const struct pipeline_limits *l, uint64_t psid);

#endif
