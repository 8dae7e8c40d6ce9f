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
    town_build(&w->town, 1);
    for (size_t i = 0; i < LINK_N; i++)
        memset(w->seeds[i], (int)(i + 1), 32);
    town_genesis(&w->town, (const uint8_t(*)[32])w->seeds, LINK_N, &w->genesis);
    struct onebox_config cfg = {.genesis = buf_span(&w->genesis),
        .map = &w->town.map,
        .n = LINK_N,
        .seeds = (const uint8_t(*)[32])w->seeds,
        .delay_us = 3000,
        .limits = node_limits_default(),
        .start = {.mono_us = LINK_SECOND, .its_us = w->town.epoch}};
    if (worlds++ % 2 == 0) {
        cfg.limits.score_max = UINT32_MAX;
        cfg.limits.bad_checks_per_s = 1000000;
    }
    int rc = onebox_new(&cfg, &w->box, NULL);
    WS_ASSERT(rc == WS_OK);
    const struct validator *v = &onebox_node(w->box, LINK_VICTIM)->set->v[LINK_LIAR];
    for (size_t i = 0; i < LINK_N; i++) {
        uint8_t key[KEY_OCTETS];
        struct signer *s = signer_new(w->seeds[i]);
        signer_public(s, key);
        if (memcmp(key, v->key, KEY_OCTETS) == 0)
            w->liar = s;
        else
            signer_free(s);
    }
    struct buf spdu = {0};
    town_report(&w->town, 0, w->town.epoch, 30, &spdu);
    tx_put_message(&w->report, w->town.car_hash[0], buf_span(&spdu));
    buf_free(&spdu);
    rc = onebox_run_until(w->box, 3 * LINK_SECOND, NULL);
    WS_ASSERT(rc == WS_OK);
    world = w;
}

static void close_world(void) {
    struct link_world *w = world;
    struct node_status s;
    uint64_t before = onebox_node(w->box, 1)->height;
    int rc = onebox_run_until(w->box, onebox_now(w->box).mono_us + 20 * LINK_SECOND, NULL);
    WS_ASSERT(rc == WS_OK);
    for (size_t i = 0; i < LINK_N; i++) {
        node_status(onebox_node(w->box, i), &s);
        WS_ASSERT(s.height > before + 3);
    }
    onebox_free(w->box);
    signer_free(w->liar);
    buf_free(&w->report);
    buf_free(&w->genesis);
    town_free(&w->town);
    free(w);
    world = NULL;
}

struct link_world *link_world(void) {
    if (world == NULL)
        open_world();
    return world;
}

struct node *link_victim(void) {
    return onebox_node(link_world()->box, LINK_VICTIM);
}

void link_hear(size_t from, struct span msg, uint64_t us) {
    struct link_world *w = link_world();
    struct ws_err err = {0};
    node_message(link_victim(), from, msg, onebox_now(w->box));
    int rc = onebox_run_until(w->box, onebox_now(w->box).mono_us + us, &err);
    WS_ASSERT(rc == WS_OK);
    if (++w->age == LINK_LIFE)
        close_world();
}
