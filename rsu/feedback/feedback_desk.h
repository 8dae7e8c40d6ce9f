/* A thread that takes in receivers' answers (rsu/feedback/feedback.h): reading one and writing it to the disk is no work for a thread
 * that others wait for. One at a time, in the order they came; so many may wait. */
#ifndef WAYSIDE_RSU_FEEDBACK_FEEDBACK_DESK_H
#define WAYSIDE_RSU_FEEDBACK_FEEDBACK_DESK_H

#include "rsu/feedback/feedback.h"

#define FEEDBACK_WAITING_MAX 8U /* answers, each of at most FEEDBACK_OCTETS_MAX */

struct feedback_desk;

/* f outlives it. */
WARN_UNUSED int feedback_desk_open(
    struct feedback *f, struct feedback_desk **ret_desk, struct ws_err *err);
/* Finishes the one in hand; the others are told "no busy". NULL is fine. */
void feedback_desk_close(struct feedback_desk *d);
/* Puts a copy of the answer in the queue and takes over the socket: its caller is told "ok NUMBER" or "no REASON" with a
 * newline, and hung up on. False, and nothing is taken over: too many wait. Any thread. */
WARN_UNUSED bool feedback_desk_give(
    struct feedback_desk *d, int socket, struct span xml, uint64_t its_us);

#endif
