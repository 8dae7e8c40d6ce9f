#include "rsu/radio/broadcast.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "ledger/light/fragment.h"
#include "mapsvc/fuse/notice.h"

#include <stdlib.h>

enum {
    CAUSE_OBSTACLE = 10, /* EN 302 637-3, 7.1.4: hazardousLocation-ObstacleOnTheRoad */
    HAZARD_RADIUS_M = 500,
    VALIDITY_MAX_S = 86400,
    QUALITY = 3,
};
/* An end is told for as long as a vehicle may take it that the advisory still counts. */
#define END_FOR_US 10000000

/* In order of urgency. */
enum urgency { URGENT_HAZARD, URGENT_ADVISORY, URGENT_CHANGE };

struct item {
    struct notice notice;
    enum urgency urgency;
    uint64_t until_us, due_us, repeat_us;
    bool denm; /* a hazard: its event as well */
    uint16_t sequence; /* of its DENM */
};

struct broadcast {
    struct broadcast_config cfg;
    struct cell_frame frame;
    uint8_t cell[8];
    struct transmit *transmit;
    struct item *item;
    size_t n;
    uint64_t cam_due_us;
    uint16_t sequence;
    size_t n_handovers;
    struct buf handover[BROADCAST_HANDOVERS_MAX]; /* newest last */
    size_t turn, fragment; /* what goes next */
    uint64_t handover_due_us;
    struct buf payload;
    struct broadcast_counters counters;
};

struct broadcast *broadcast_new(const struct broadcast_config *cfg, const struct cell_frame *frame,
    const uint8_t cell_id[static 32], struct transmit *transmit) {
    WS_ASSERT(cfg->items > 0);
    WS_ASSERT(cfg->handovers <= BROADCAST_HANDOVERS_MAX);
    struct broadcast *b = ws_alloc(sizeof(*b));
    b->cfg = *cfg;
    b->frame = *frame;
    memcpy(b->cell, cell_id, sizeof(b->cell));
    b->transmit = transmit;
    b->item = ws_calloc(cfg->items, sizeof(*b->item));
    return b;
}

void broadcast_free(struct broadcast *b) {
    if (b == NULL)
        return;
    free(b->item);
    for (size_t i = 0; i < b->n_handovers; i++)
        buf_free(&b->handover[i]);
    buf_free(&b->payload);
    free(b);
}

/* ---- what is being said ---- */

static void drop(struct broadcast *b, size_t i) {
    b->item[i] = b->item[--b->n];
}

static struct item *find(struct broadcast *b, const uint8_t change_id[static 32]) {
    for (size_t i = 0; i < b->n; i++) {
        if (memcmp(b->item[i].notice.change_id, change_id, 32) == 0)
            return &b->item[i];
    }
    return NULL;
}

/* A place for something of this urgency: free, or that of the least urgent thing that ends first. */
static struct item *place_for(struct broadcast *b, enum urgency urgency) {
    if (b->n < b->cfg.items)
        return &b->item[b->n++];
    size_t worst = 0;
    for (size_t i = 1; i < b->n; i++) {
        const struct item *x = &b->item[i];
        const struct item *w = &b->item[worst];
        if (x->urgency > w->urgency || (x->urgency == w->urgency && x->until_us < w->until_us))
            worst = i;
    }
    b->counters.crowded_out++;
    return b->item[worst].urgency >= urgency ? &b->item[worst] : NULL;
}

static bool in_reach(const struct broadcast *b, const struct notice *n) {
    int32_t x0;
    int32_t y0;
    int32_t x1;
    int32_t y1;
    if (!frame_from_wgs(&b->frame, b->cfg.lat, b->cfg.lon, &x0, &y0) ||
        !frame_from_wgs(&b->frame, n->lat, n->lon, &x1, &y1))
        return false;
    int64_t dx = ((int64_t)x1 - x0) / 1000;
    int64_t dy = ((int64_t)y1 - y0) / 1000;
    int64_t reach = b->cfg.reach_m;
    return dx * dx + dy * dy <= reach * reach;
}

static void say(struct broadcast *b, struct notice *n, uint64_t until_us, uint64_t its_us) {
    if (until_us <= its_us)
        return;
    if (!in_reach(b, n)) {
        b->counters.out_of_reach++;
        return;
    }
    bool hazard = n->kind == EL_HAZARD && n->op != MAP_DELETE;
    enum urgency urgency = hazard                     ? URGENT_HAZARD
                           : n->tier == TIER_ADVISORY ? URGENT_ADVISORY
                                                      : URGENT_CHANGE;
    struct item *i = find(b, n->change_id);
    if (i == NULL)
        i = place_for(b, urgency);
    if (i == NULL)
        return;
    memcpy(n->cell, b->cell, sizeof(n->cell));
    *i = (struct item){
        .notice = *n,
        .urgency = urgency,
        .until_us = until_us,
        .due_us = its_us,
        .repeat_us = urgency == URGENT_CHANGE ? b->cfg.change_repeat_us : b->cfg.repeat_us,
        .denm = hazard,
        .sequence = hazard ? b->sequence++ : 0,
    };
}

static void take_advisory(
    struct broadcast *b, const struct event *e, uint64_t map_version, uint64_t its_us) {
    struct map_advisory a;
    struct notice n;
    struct ws_err err;
    if (map_advisory_decode(e->body, &a, &err) != WS_OK) {
        b->counters.unreadable++;
        return;
    }
    notice_from_change(&a.change, &b->frame, &n);
    n.map_version = map_version;
    n.time = a.block_time;
    n.has_valid_to = true;
    n.valid_to = a.valid_to;
    say(b, &n, a.valid_to, its_us);
    change_free(&a.change);
}

static void take_end(struct broadcast *b, const struct event *e, uint64_t its_us) {
    struct map_advisory_end end;
    struct ws_err err;
    if (map_advisory_end_decode(e->body, &end, &err) != WS_OK) {
        b->counters.unreadable++;
        return;
    }
    struct item *i = find(b, end.change_id);
    if (i == NULL)
        return;
    i->notice.has_ended = true;
    i->notice.ended = end.why;
    i->notice.time = end.block_time;
    i->until_us = end.block_time + END_FOR_US;
    i->due_us = its_us;
}

static void take_version(struct broadcast *b, const struct event *e, uint64_t its_us) {
    struct map_version v;
    struct ws_err err;
    if (map_version_decode(e->body, &v, &err) != WS_OK) {
        b->counters.unreadable++;
        return;
    }
    for (size_t k = 0; k < v.n_changes; k++) {
        struct notice n;
        notice_from_change(&v.changes[k], &b->frame, &n);
        n.map_version = v.version;
        n.time = v.block_time;
        say(b, &n, v.block_time + b->cfg.change_for_us, its_us);
    }
    map_version_free(&v);
}

void broadcast_event(
    struct broadcast *b, const struct event *e, uint64_t map_version, uint64_t its_us) {
    if (e->type == MAP_EVENT_ADVISORY)
        take_advisory(b, e, map_version, its_us);
    else if (e->type == MAP_EVENT_ADVISORY_END)
        take_end(b, e, its_us);
    else if (e->type == MAP_EVENT_VERSION)
        take_version(b, e, its_us);
    b->counters.items = b->n;
}

void broadcast_handover(struct broadcast *b, struct span octets, uint64_t its_us) {
    WS_ASSERT(fragment_count(octets.n) > 0);
    if (b->cfg.handover_us == 0 || b->cfg.handovers == 0)
        return;
    if (b->n_handovers == b->cfg.handovers) {
        buf_free(&b->handover[0]);
        b->n_handovers--;
        memmove(b->handover, b->handover + 1, b->n_handovers * sizeof(b->handover[0]));
    }
    struct buf *last = &b->handover[b->n_handovers++];
    *last = (struct buf){0};
    buf_put(last, octets.p, octets.n);
    b->turn = b->n_handovers - 1;
    b->fragment = 0;
    b->handover_due_us = its_us;
    b->counters.handovers = b->n_handovers;
}

/* ---- saying it ---- */

static enum transmit_outcome send_denm(struct broadcast *b, const struct item *i, uint64_t its_us) {
    const struct notice *n = &i->notice;
    uint64_t left_s = (i->until_us - its_us + 999999) / 1000000;
    bool named = n->has_after && n->after >= 1 && n->after <= 255;
    const struct denm_fields denm = {
        .action_sequence = i->sequence,
        .detection_time_ms = n->time / 1000,
        .reference_time_ms = n->time / 1000,
        .terminate = n->has_ended,
        .lat = n->lat,
        .lon = n->lon,
        .validity_s = left_s > VALIDITY_MAX_S ? VALIDITY_MAX_S : (uint32_t)left_s,
        .quality = QUALITY,
        .cause = named ? (uint8_t)n->after : CAUSE_OBSTACLE,
    };
    return transmit_denm(b->transmit, &denm, HAZARD_RADIUS_M, its_us);
}

static enum transmit_outcome send_item(struct broadcast *b, const struct item *i, uint64_t its_us) {
    if (i->denm) {
        enum transmit_outcome o = send_denm(b, i, its_us);
        if (o == TRANSMIT_BUDGET || o == TRANSMIT_PORT)
            return o;
    }
    buf_clear(&b->payload);
    notice_put(&b->payload, &i->notice);
    return transmit_notice(b->transmit, buf_span(&b->payload), its_us);
}

/* The most urgent thing that is due; of equals the one that waits longest. */
static struct item *next_due(struct broadcast *b, uint64_t its_us) {
    struct item *best = NULL;
    for (size_t i = 0; i < b->n; i++) {
        struct item *x = &b->item[i];
        if (x->due_us > its_us)
            continue;
        if (best == NULL || x->urgency < best->urgency ||
            (x->urgency == best->urgency && x->due_us < best->due_us))
            best = x;
    }
    return best;
}

static void run_handovers(struct broadcast *b, uint64_t its_us) {
    if (b->n_handovers == 0 || b->handover_due_us > its_us)
        return;
    struct span whole = buf_span(&b->handover[b->turn]);
    buf_clear(&b->payload);
    buf_u8(&b->payload, FRAGMENT_ON_AIR);
    fragment_put(exec_sha256, whole, b->fragment, &b->payload);
    enum transmit_outcome o = transmit_notice(b->transmit, buf_span(&b->payload), its_us);
    if (o == TRANSMIT_BUDGET || o == TRANSMIT_PORT)
        return;
    b->counters.fragments += o == TRANSMIT_SENT;
    b->handover_due_us = its_us + b->cfg.handover_us;
    if (++b->fragment == fragment_count(whole.n)) {
        b->fragment = 0;
        b->turn = (b->turn + 1) % b->n_handovers;
    }
}

void broadcast_run(struct broadcast *b, uint64_t its_us) {
    for (size_t i = 0; i < b->n;) {
        if (b->item[i].until_us <= its_us)
            drop(b, i);
        else
            i++;
    }
    b->counters.items = b->n;
    if (b->cfg.cam_us > 0 && b->cam_due_us <= its_us) {
        (void)transmit_cam(b->transmit, its_us);
        b->cam_due_us = its_us + b->cfg.cam_us;
    }
    for (struct item *i; (i = next_due(b, its_us)) != NULL;) {
        enum transmit_outcome o = send_item(b, i, its_us);
        if (o == TRANSMIT_BUDGET || o == TRANSMIT_PORT)
            return; /* stays due */
        i->due_us = its_us + i->repeat_us;
    }
    run_handovers(b, its_us);
}

const struct broadcast_counters *broadcast_counters(const struct broadcast *b) {
    return &b->counters;
}
