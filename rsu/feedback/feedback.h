/* What receivers of the cell's TN-ITS data sets answered (mapsvc/tnits/tnits_feedback.h), kept for the authority: an operator hands
 * each answer in through the admin socket, as the receiver sent it; it is checked, put beside the unit's data and shown over
 * HTTP. It is this unit's and no matter of the cell's. Bounded; the oldest goes. Any thread. */
#ifndef WAYSIDE_RSU_FEEDBACK_FEEDBACK_H
#define WAYSIDE_RSU_FEEDBACK_FEEDBACK_H

#include "mapsvc/model/element.h"
#include "mapsvc/tnits/tnits_feedback.h"

#define FEEDBACK_OCTETS_MAX ((size_t)4 << 20) /* of one answer */
#define FEEDBACK_KEPT_MAX 64U
#define FEEDBACK_EVENTS_MAX 2000U /* of one answer, failures first; more are counted */

struct feedback_kept {
    uint64_t number; /* ascending; never given again while anything later is kept */
    uint64_t received; /* Time64, us */
    uint64_t from,
        to; /* map versions that the data set holds the changes between; 0, 0: it is not one of this cell's */
    uint8_t digest[32]; /* SHA-256 of the answer */
    struct tnits_feedback answer; /* at most FEEDBACK_EVENTS_MAX events */
};

struct feedback;

/* dir is made when something is kept. What is there and cannot be read is left alone, and said in the log. */
WARN_UNUSED int feedback_open(const char *dir, const uint8_t cell_id[static 32],
    struct feedback **ret_feedback, struct ws_err *err);
void feedback_close(struct feedback *f); /* NULL is fine */
/* Checks it, writes it to the disk and keeps it; whoever reads the list does not wait for the disk. WS_EINPUT: no answer; WS_ELIMIT: too large; WS_EBUSY: it is kept already. */
WARN_UNUSED int feedback_add(
    struct feedback *f, struct span xml, uint64_t its_us, uint64_t *ret_number, struct ws_err *err);

/* Calls fn for each, the newest first, until it says false; nothing is added meanwhile. */
typedef bool (*feedback_fn)(void *ctx, const struct feedback_kept *k);
void feedback_each(struct feedback *f, feedback_fn fn, void *ctx);
/* Whether an event is about this element: by its id, or by the name that another data set gave it. */
bool feedback_names(const struct tnits_event *e, const struct element *element);
/* The element that an event names by id; false: it is named otherwise. */
bool feedback_element(const struct tnits_event *e, uint8_t ret_id[static 16]);

#endif
