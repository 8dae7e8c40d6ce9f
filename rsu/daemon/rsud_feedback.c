/* Answers of receivers of TN-ITS data sets, through the admin socket: "feedback " and the answer as it came. Read, written and
 * answered by a thread of their own: the owner only hands them on. */
#include "rsu/daemon/rsud_internal.h"
#include "rsu/feedback/feedback.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static const char word[] = "feedback ";
enum { WORD = sizeof(word) - 1 };

int daemon_open_feedback(struct daemon *d, struct ws_err *err) {
    char dir[4096];
    if (snprintf(dir, sizeof(dir), "%s/feedback", d->config.data) >= (int)sizeof(dir))
        return ws_fail(err, WS_EINPUT, "data: too long a path");
    int rc = feedback_open(dir, d->face.cell_id, &d->face.feedback, err);
    return rc == WS_OK ? feedback_desk_open(d->face.feedback, &d->feedback_desk, err) : rc;
}

void daemon_allow_feedback(struct daemon *d) {
    admin_allow_long(d->admin, word, FEEDBACK_OCTETS_MAX + WORD);
}

bool daemon_feedback_order(struct daemon *d, struct span order) {
    if (order.n < WORD || memcmp(order.p, word, WORD) != 0)
        return false;
    uint64_t its_us = ws_clock_now(&d->face.clock).its_us;
    int caller = admin_take_socket(d->admin);
    if (!feedback_desk_give(
            d->feedback_desk, caller, span_of(order.p + WORD, order.n - WORD), its_us)) {
        static const char busy[] = "no busy: others are being taken in\n";
        (void)send(caller, busy, sizeof(busy) - 1, MSG_NOSIGNAL);
        (void)close(caller);
    }
    return true;
}
