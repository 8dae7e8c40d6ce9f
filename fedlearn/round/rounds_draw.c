/* Members into groups: who is in, who is a suspect, and what the drawn order makes of them. */
#include "base/mem.h"
#include "fedlearn/round/group.h"
#include "fedlearn/round/rounds_internal.h"

#include <stdlib.h>

static void take_groups(struct fl_rounds *c, const struct fl_groups *drawn, const uint32_t *in) {
    c->n_groups = (uint16_t)drawn->groups;
    c->group = ws_calloc(drawn->groups, sizeof(*c->group));
    for (uint32_t g = 0; g < drawn->groups; g++) {
        c->group[g].size = (uint16_t)(drawn->first[g + 1] - drawn->first[g]);
        c->group[g].quarantined = g >= drawn->free_groups;
        for (uint32_t k = drawn->first[g]; k < drawn->first[g + 1]; k++) {
            struct round_sub *s = &c->sub[in[drawn->order[k]]];
            s->group = (uint16_t)g;
            c->group[g].given_up = c->group[g].given_up || s->late;
        }
    }
}

static int by_id(const void *a, const void *b, void *subs) {
    const struct round_sub *sub = subs;
    return memcmp(sub[*(const uint32_t *)a].id, sub[*(const uint32_t *)b].id, 32);
}

size_t round_included(const struct fl_rounds *c, uint32_t *ret) {
    size_t n = 0;
    for (uint32_t i = 0; i < c->n_subs; i++)
        if (c->sub[i].included)
            ret[n++] = i;
    qsort_r(ret, n, sizeof(*ret), by_id, c->sub);
    return n;
}

bool round_draw(struct fl_rounds *c) {
    uint32_t *in = ws_calloc(3 * (size_t)c->n_subs + 1, sizeof(*in));
    uint32_t *suspects = in + c->n_subs;
    struct fl_drawing d = {.sizes = fl_round_sizes(&c->open.config), .suspects = suspects};
    struct fl_groups drawn = {.order = suspects + c->n_subs,
        .first = ws_calloc(c->n_subs / c->open.config.group_min + 2, sizeof(uint32_t))};
    d.n = round_included(c, in);
    for (uint32_t k = 0; k < d.n; k++)
        if (fl_suspicion_standing(&c->suspicion, c->sub[in[k]].token) != FL_FREE)
            suspects[d.n_suspects++] = k;
    memcpy(d.cell, c->cell, sizeof(d.cell));
    memcpy(d.round, c->round.id, sizeof(d.round));
    memcpy(d.beacon, c->draw, sizeof(d.beacon));
    bool good = fl_groups_draw(&d, &drawn) == FL_GROUPS_DRAWN && drawn.groups <= FL_MAX_GROUPS;
    if (good)
        take_groups(c, &drawn, in);
    free(drawn.first);
    free(in);
    return good;
}
