/* A pipeline with certified stations around it, and a note of everything that was said about their frames. A cmocka fixture:
 * rig_setup and rig_teardown, which checks that every frame had one verdict. One thread. */
#ifndef WAYSIDE_TESTS_UNIT_PKTIO_PIPE_RIG_H
#define WAYSIDE_TESTS_UNIT_PKTIO_PIPE_RIG_H

#include "tests/support/cm.h"
#include "tests/support/pki.h"

#include "pktio/pipeline.h"

enum { RIG_SINK_MAX = 512 };

struct pipe_rig {
    struct pki pki, foreign; /* foreign: its root is not configured */
    struct station car, truck, stranger;
    struct station silent; /* its certificate is never sent */
    struct pipeline_config cfg;
    struct pipeline *p;
    struct buf frame;
    uint64_t now;
    bool sink_full;
    struct pkt_message *got[RIG_SINK_MAX];
    size_t n_got;
    /* what was said about frames */
    size_t n_said;
    enum pkt_verdict last;
    char detail[160];
    enum pkt_verdict *by_number; /* frame numbers count from 1 */
    uint64_t said[RIG_SINK_MAX]; /* numbers, in order */
};

extern const struct span RIG_HELLO; /* what stations say */

int rig_setup(void **state);
int rig_teardown(void **state);
/* What a pipeline over the rig is made with: keeps messages, and notes verdicts. */
bool rig_sink(void *ctx, struct pkt_message *m);
void rig_note(void *ctx, const struct pkt_frame *fr, enum pkt_verdict v, const char *detail);
/* A new pipeline under what cfg says now; nothing was said yet. */
void rig_start(struct pipe_rig *f);

/* Frames that are worked off. */
void rig_take(struct pipe_rig *f, const struct pkt_frame *fr, size_t n);
/* One frame, as it is in frame, or from a station's message; its verdict, also when it would still wait. */
enum pkt_verdict rig_run_as(struct pipe_rig *f, struct pkt_frame fr);
enum pkt_verdict rig_run_span(struct pipe_rig *f, struct span octets);
enum pkt_verdict rig_run(struct pipe_rig *f);
enum pkt_verdict rig_cam(struct pipe_rig *f, const struct station *s, uint64_t gen, bool cert);
/* A 1609.2 structure of our own making in a frame. */
enum pkt_verdict rig_run_spdu(struct pipe_rig *f, struct span spdu);
/* Compares them by name and tells the detail when they differ. */
void rig_expect(struct pipe_rig *f, enum pkt_verdict got, enum pkt_verdict want);
/* Puts a station's message into the rig's frame. */
void rig_make(struct pipe_rig *f, const struct station *s, uint64_t psid, uint64_t gen, bool cert);
/* A CAM that is worked off, which may leave it waiting. */
void rig_take_one(
    struct pipe_rig *f, const struct station *s, uint64_t gen, bool cert, uint64_t number);
/* A station's message as a frame over b, which the caller frees. */
struct pkt_frame rig_frame_of(struct buf *b, const struct station *s, uint64_t psid, uint64_t gen,
    bool cert, uint64_t number);
/* A station with an implicit certificate. */
void rig_implicit_station(struct pki *k, struct station *s);

#endif
