/* Signed traffic for the benchmarks of the packet path: made once, fed to pipelines in bursts. Not for tests. One thread. */
#ifndef WAYSIDE_TESTS_BENCH_TRAFFIC_H
#define WAYSIDE_TESTS_BENCH_TRAFFIC_H

#include "tests/support/pki.h"

#include "pktio/pipeline.h"

struct traffic {
    struct pki pki;
    struct station *car;
    size_t n_cars;
    struct buf octets;
    struct pkt_frame *frame;
    size_t n, room;
};

/* rounds messages of each of the signers, in turn; each comes with its certificate first, then every tenth, as once a
 * second at 10 Hz. CAM in GeoNetworking over Ethernet, 300 octets with a digest. */
void traffic_make(struct traffic *t, size_t signers, size_t rounds);
void traffic_free(struct traffic *t);
/* One more frame; more may be added only before traffic_done. */
void traffic_add(
    struct traffic *t, const struct station *s, uint64_t psid, uint64_t generation_time, bool cert);
void traffic_done(struct traffic *t);
/* Room for every frame and signer, no source limited, everything fresh. */
struct pipeline_config traffic_config(const struct traffic *t, bool verify);
/* frames[from, to) in bursts, a batch worked on after each, as a busy worker does. The last ones may be in check. */
void traffic_run(struct pipeline *p, const struct traffic *t, size_t from, size_t to);
void traffic_settle(struct pipeline *p);

#endif
