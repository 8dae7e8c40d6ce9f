/* A client of /v1/map/stream, chunked coding undone. Asserts on failure. */
#ifndef WAYSIDE_TESTS_UNIT_RSU_HTTP_LISTENER_H
#define WAYSIDE_TESTS_UNIT_RSU_HTTP_LISTENER_H

#include "tests/unit/rsu/http_rig.h"

struct listener {
    int fd;
    struct buf raw; /* not decoded yet */
    struct buf text; /* events not taken yet */
    bool in_body, ended;
};

/* last_event_id NULL: without the header. */
void listener_open(
    struct listener *l, const struct rig *r, const char *query, const char *last_event_id);
/* Of another stream. */
void listener_open_at(struct listener *l, const struct rig *r, const char *target);
void listener_close(struct listener *l);
/* Takes up some octets; false: the server closed. */
bool listener_hear(struct listener *l);
/* Next block that ends with an empty line, with a final zero; the caller frees it. NULL: the stream ended. */
char *listener_block(struct listener *l);
/* The version of the next event; greetings and heartbeats are passed over. 0: the stream ended. */
uint64_t listener_version(struct listener *l);

#endif
