/* Answers of receivers of TN-ITS data sets, through the admin socket: "feedback " and the answer as it came. */
#include "rsu/feedback.h"
#include "rsu/rsud_internal.h"

#include <inttypes.h>
#include <stdio.h>

static const char word[] = "feedback ";
enum { WORD = sizeof(word) - 1 };

int daemon_open_feedback(struct daemon *d, struct ws_err *err) {
    char dir[4096];
    if (snprintf(dir, sizeof(dir), "%s/feedback", d->config.data) >= (int)sizeof(dir))
        return ws_fail(err, WS_EINPUT, "data: too long a path");
    return feedback_open(dir, d->face.cell_id, &d->face.feedback, err);
}

size_t daemon_admin_octets(const struct daemon *d) {
    const size_t order = (size_t)d->face.genesis->params.tx_octets_max;
    return order > FEEDBACK_OCTETS_MAX + WORD ? order : FEEDBACK_OCTETS_MAX + WORD;
}

bool daemon_feedback_order(struct daemon *d, struct span order, struct buf *ret_line) {
    struct ws_err err = {0};
    uint64_t number = 0;
    if (order.n < WORD || memcmp(order.p, word, WORD) != 0)
        return false;
    uint64_t its_us = ws_clock_now(&d->face.clock).its_us;
    if (feedback_add(d->face.feedback, span_of(order.p + WORD, order.n - WORD), its_us, &number,
            &err) == WS_OK)
        buf_printf(ret_line, "ok %" PRIu64, number);
    else
        buf_printf(ret_line, "no %s", err.text);
    return true;
}
