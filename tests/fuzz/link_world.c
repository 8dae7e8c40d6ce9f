#include "tests/fuzz/link_world.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>

static struct link_world *world;
static unsigned worlds;

static void open_world(void) {
    struct link_world *w = ws_alloc(sizeof(*w));
    ws_log_set_level(WS_LOG_ERROR);
    struct node_limits limits = node_limits_default();
    if (worlds++ % 2 == 0) {
        limits.score_max = UINT32_MAX;
        limits.bad_checks_per_s = 1000000;
    }
    const struct townbox_plan plan = {.n = LINK_N, .delay_us = 3000, .limits = &limits};
    townbox_open(&w->box, &plan);
    struct buf spdu = {0};
    town_report(&w->box.town, 0, w->box.town.epoch, 30, &spdu);
    tx_put_message(&w->report, w->box.town.car_hash[0], buf_span(&spdu));
    buf_free(&spdu);
    townbox_run(&w->box, 2 * LINK_SECOND);
    world = w;
}

static void close_world(void) {
    struct link_world *w = world;
    struct node_status s;
    uint64_t before = onebox_node(w->box.box, 1)->height;
    townbox_run(&w->box, 20 * LINK_SECOND);
    for (size_t i = 0; i < LINK_N; i++) {
        node_status(onebox_node(w->box.box, i), &s);
        WS_ASSERT(s.height > before + 3);
    }
    townbox_close(&w->box);
    buf_free(&w->report);
    free(w);
    world = NULL;
}

struct link_world *link_world(void) {
    if (world == NULL)
        open_world();
    return world;
}

struct node *link_victim(void) {
    return onebox_node(link_world()->box.box, LINK_VICTIM);
}

struct signer *link_liar(void) {
    return link_world()->box.signer[LINK_LIAR];
}

void link_hear(size_t from, struct span msg, uint64_t us) {
    struct link_world *w = link_world();
    node_message(link_victim(), from, msg, onebox_now(w->box.box));
    townbox_run(&w->box, us);
    if (++w->age == LINK_LIFE)
        close_world();
}
