/* What the evidence faces share (http_candidates.c, http_changes.c, http_orders.c, http_sightings.c, http_live.c). Internal to rsu/. */
#ifndef WAYSIDE_RSU_HTTP_EVIDENCE_H
#define WAYSIDE_RSU_HTTP_EVIDENCE_H

#include "mapsvc/fuse/sighting.h"
#include "mapsvc/fuse/suspicion.h"
#include "rsu/http/internal.h"

/* New references; NULL: the reply says why. */
json_t *http_status_json(struct http *h, struct http_reply *r);
json_t *http_candidates_json(struct http *h, struct http_reply *r);
json_t *http_orders_json(struct http *h, struct http_reply *r);
json_t *http_jailed_json(struct http *h, struct http_reply *r); /* the last 64, ascending */

/* What receivers of TN-ITS data sets said of a change that this version made (http_feedback.c). A new reference. */
json_t *http_feedback_about(struct http *h, uint64_t version, const struct change_record *c);

/* Which blocks may tell of a thing. */
struct http_window {
    uint64_t since, until; /* Time64: nothing before and after matters */
    uint64_t height; /* last block */
    uint64_t above; /* blocks up to this one were asked for before; 0: none */
};
/* {"from_height", "to_height", "complete", "sightings"} of the messages in blocks of the window that are about it. */
void http_give_sightings(
    struct http *h, const struct map_thing *t, const struct http_window *w, struct http_reply *r);

#endif
