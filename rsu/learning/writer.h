/* A thread that writes whole submissions to the disk, several in one go, so that who receives them never waits for it. Given and taken back in
 * one thread; bounded. */
#ifndef WAYSIDE_RSU_LEARNING_WRITER_H
#define WAYSIDE_RSU_LEARNING_WRITER_H

#include "rsu/learning/uploads.h"

#define WRITER_BATCH 32

struct writer_config {
    size_t places; /* given and not taken back; >= 1 */
    /* In its thread: sets rc of each, and err. At most WRITER_BATCH. */
    void (*keep)(void *ctx, struct uploads_whole *const *w, size_t n);
    void *ctx;
};

struct writer;
WARN_UNUSED int writer_new(
    const struct writer_config *cfg, struct writer **ret, struct ws_err *err);
void writer_free(struct writer *w); /* ends what is under way, drops the rest; NULL is fine */
/* False: no place. */
bool writer_give(struct writer *w, struct uploads_whole *what);
/* One that is done; NULL: none. */
struct uploads_whole *writer_take(struct writer *w);
/* Readable while there may be something to take; writer_take resets it when there is nothing. */
int writer_fd(const struct writer *w);

#endif
