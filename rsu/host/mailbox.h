/* Questions to the ledger's owner thread: any thread posts a function, the owner runs it between events, the
 * asker waits for the answer. Bounded; a full box or a slow owner is answered with WS_EBUSY. */
#ifndef WAYSIDE_RSU_HOST_MAILBOX_H
#define WAYSIDE_RSU_HOST_MAILBOX_H

#include "base/compiler.h"

#include <stddef.h>

struct mailbox;

/* Runs in the owner's thread; ctx belongs to the asker, who waits. */
typedef void (*mailbox_fn)(void *owner, void *ctx);

struct mailbox *mailbox_new(size_t capacity);
void mailbox_free(struct mailbox *m);
int mailbox_fd(const struct mailbox *m); /* readable while something waits */

/* Any thread but the owner's. Blocks up to timeout_ms. WS_EBUSY: fn will not run and ctx is free again. */
WARN_UNUSED int mailbox_ask(struct mailbox *m, mailbox_fn fn, void *ctx, unsigned timeout_ms);
/* Owner: runs what waits at this moment. */
void mailbox_serve(struct mailbox *m, void *owner);
/* Owner, at shutdown: later and waiting questions get WS_EBUSY. */
void mailbox_shut(struct mailbox *m);

#endif
