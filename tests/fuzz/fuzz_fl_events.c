/* What the learning contract says in events: the first octet chooses the type. What is accepted is within its limits. */
#include "base/assert.h"
#include "base/mem.h"
#include "fedlearn/round/events.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    struct fl_event_body *e = ws_alloc(sizeof(*e));
    if (fl_event_decode(
            (uint16_t)(data[0] % (FL_EVENT_SUSPECT + 1) + 1), span_of(data + 1, size - 1), e)) {
        WS_ASSERT(strcmp(fl_event_name(e->type), "unknown") != 0);
        WS_ASSERT(e->round > 0 || e->type == FL_EVENT_MODEL);
        if (e->type == FL_EVENT_OPENED)
            WS_ASSERT(e->opened.hashes.n == 32 * (size_t)e->opened.n);
        if (e->type == FL_EVENT_GROUPS)
            WS_ASSERT(e->groups.n_free >= 1 && e->groups.n_free <= e->groups.n &&
                      e->groups.n <= FL_MAX_GROUPS);
        if (e->type == FL_EVENT_SUSPECT)
            for (uint32_t i = 0; i < e->suspects.n; i++) {
                struct fl_suspect s;
                fl_event_suspect(e, i, &s);
                WS_ASSERT(strcmp(fl_standing_name(s.standing), "unknown") != 0);
            }
        if (e->type == FL_EVENT_CLOSED)
            WS_ASSERT(e->closed.outcome.n_groups <= FL_MAX_GROUPS);
    }
    free(e);
    return 0;
}
