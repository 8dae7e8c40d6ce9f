#include "tests/sim/cover.h"

#include <inttypes.h>

static struct cover *now;

void cover_use(struct cover *c) {
    now = c;
}

void cover_add(enum cover_row row, uint64_t n) {
    if (now != NULL)
        now->count[row] += n;
}

void cover_sum(struct cover *to, const struct cover *from) {
    for (size_t i = 0; i < COVER_COUNT; i++)
        to->count[i] += from->count[i];
}

static const struct {
    const char *text;
    bool must;
} named[COVER_NAMED] = {
#define X(id, text, must) {text, must},
    COVER_RULES(X) COVER_FAULTS(X) COVER_LIES(X) COVER_STATES(X)
#undef X
};

static const char *point_text(unsigned at) {
    static const char *const names[WAL_POINT_COUNT] = {"append", "append, half written", "sync",
        "after a sync", "restart", "restart, written", "restart, synced", "restart, renamed",
        "sync of the folder"};
    return names[at];
}

const char *cover_text(enum cover_row row) {
    if (row < COVER_NAMED)
        return named[row].text;
    if (row < COVER_DROP)
        return cs_refusal_text((enum cs_refusal)(row - COVER_REFUSAL));
    if (row < COVER_VERDICT)
        return node_drop_name((enum node_drop)(row - COVER_DROP));
    if (row < COVER_POINT)
        return tx_verdict_text((enum tx_verdict)(row - COVER_VERDICT));
    return point_text((unsigned)(row - COVER_POINT));
}

static const char *group_of(enum cover_row row) {
    return row < FAULT_LOSS        ? "rule"
           : row < LIE_SPLIT_VOTES ? "fault"
           : row < STATE_DOWN_WAIT ? "lie"
           : row < COVER_REFUSAL   ? "state"
           : row < COVER_DROP      ? "consensus"
           : row < COVER_VERDICT   ? "drop"
           : row < COVER_POINT     ? "verdict"
                                   : "power cut";
}

size_t cover_print(const struct cover *c, FILE *to) {
    size_t missing = 0;
    for (unsigned i = 0; i < COVER_COUNT; i++) {
        bool must = i < COVER_NAMED && named[i].must;
        const char *mark = c->count[i] > 0 ? "" : must ? "  <-- MUST be reached" : "  <-- zero";
        missing += c->count[i] == 0 && must;
        (void)fprintf(to, "%12" PRIu64 "  %-9s  %s%s\n", c->count[i], group_of((enum cover_row)i),
            cover_text((enum cover_row)i), mark);
    }
    return missing;
}
