/* What a receiver of TN-ITS data sets answers: a FeedbackDataset. Bounded; what is beyond the bounds is counted.
 * Any thread, one at a time per object. */
#ifndef WAYSIDE_MAPSVC_TNITS_TNITS_FEEDBACK_H
#define WAYSIDE_MAPSVC_TNITS_TNITS_FEEDBACK_H

#include "base/bytes.h"
#include "base/error.h"

#define TNITS_FEEDBACK_OCTETS_MAX ((size_t)64 << 20)
#define TNITS_FEEDBACK_EVENTS_MAX 100000U
#define TNITS_FEEDBACK_CODES_MAX 64U
#define TNITS_FEEDBACK_TEXTS_MAX 64U

/* About one feature. Text is clean (mapsvc/model/text.h) and cut to its field. */
struct tnits_event {
    char provider[64], id[128];
    char property[64]; /* what it is about; "" when not said */
    char code[64];
};
struct tnits_code_count {
    char code[64];
    size_t n;
    bool general; /* about the data set, not a feature */
};
struct tnits_feedback {
    char dataset[128]; /* the data set it answers */
    char processed[40]; /* when, as the receiver wrote it */
    bool has_summary;
    int64_t said_success, said_failure; /* its own summary */
    struct tnits_event *events; /* about features, in the document's order */
    size_t n_events, cap;
    size_t n_all; /* also beyond TNITS_FEEDBACK_EVENTS_MAX, and those about no feature */
    size_t failures; /* events with another code than success, free texts not counted */
    struct tnits_code_count codes[TNITS_FEEDBACK_CODES_MAX];
    size_t n_codes, other_codes; /* other: events whose code came after the table was full */
    char texts[TNITS_FEEDBACK_TEXTS_MAX][256];
    size_t n_texts, n_texts_all;
};

/* WS_EINPUT with file, line and reason: no feedback data set, none of the required parts, numbers that are none. */
WARN_UNUSED int tnits_feedback_read(
    const char *file, struct span data, struct tnits_feedback *ret, struct ws_err *err);
void tnits_feedback_free(struct tnits_feedback *f);

#endif
