/* events.csv, and the map versions among the events. */
#include "rsu/replay/internal.h"

#include "base/assert.h"
#include "base/mem.h"
#include "mapsvc/fuse/order.h"

#include <inttypes.h>

static void note_version(struct replay *r, const struct event *e) {
    r->versions = ws_realloc(r->versions, (r->n_versions + 1) * sizeof(*r->versions));
    struct replay_version *v = &r->versions[r->n_versions];
    struct ws_err err;
    WS_ASSERT(map_version_decode(e->body, &v->version, &err) == WS_OK);
    v->sequence = e->sequence;
    r->n_versions++;
}

/* Events of the map contract that are no versions, as the table names them. */
static void name_map_event(struct buf *b, const struct event *e) {
    static const char *const ends[] = {
        [ADVISORY_WITHDRAWN] = "withdrawn",
        [ADVISORY_EXPIRED] = "expired",
        [ADVISORY_PERMANENT] = "became permanent",
        [ADVISORY_SUPERSEDED] = "another change became permanent",
    };
    struct ws_err err;
    struct map_advisory_end end;
    struct map_order_report order;
    if (e->type == MAP_EVENT_ADVISORY)
        buf_printf(b, "advisory\n");
    else if (e->type == MAP_EVENT_ADVISORY_END &&
             map_advisory_end_decode(e->body, &end, &err) == WS_OK)
        buf_printf(b, "advisory %s\n", ends[end.why]);
    else if (e->type == MAP_EVENT_ORDER && map_order_report_decode(e->body, &order, &err) == WS_OK)
        buf_printf(b, "order %s\n", map_order_news_name(order.news));
    else
        buf_printf(b, "%zu octets\n", e->body.n);
}

void replay_note_event(struct replay *r, const struct event *e, uint64_t time) {
    char when[32];
    its_format(when, time);
    struct executor *ex = node_executor(onebox_node(r->box, 0));
    buf_printf(&r->events_csv, "%" PRIu64 ",%s,%s,%u,%u,", e->height, when,
        executor_contract(ex, e->contract)->ops->name, (unsigned)e->type, e->sequence);
    if (e->contract == CELL_CONTRACT_MAP && e->type == MAP_EVENT_VERSION) {
        note_version(r, e);
        const struct map_version *v = &r->versions[r->n_versions - 1].version;
        buf_printf(&r->events_csv, "map version %" PRIu64 ": %zu change%s\n", v->version,
            v->n_changes, v->n_changes == 1 ? "" : "s");
        return;
    }
    if (e->contract == CELL_CONTRACT_MAP)
        name_map_event(&r->events_csv, e);
    else
        buf_printf(&r->events_csv, "%zu octets\n", e->body.n);
}
