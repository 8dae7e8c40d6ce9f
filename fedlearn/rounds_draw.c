/* Members into groups: who is in, who is a suspect, and what the drawn order makes of them. */
#include "base/mem.h"
#include "fedlearn/group.h"
#include "fedlearn/rounds_internal.h"

#include <stdlib.h>

static struct fl_group_sizes sizes_of(const struct fl_round_config *k) {
    uint32_t max = k->profile->weight_max;
    max = max < k->profile->square_max ? max : k->profile->square_max;
    max = max < FL_MAX_WEIGHT ? max : FL_MAX_WEIGHT;
    return (struct fl_group_sizes){
        .wanted = (uint16_t)k->group, .min = (uint16_t)k->group_min, .max = (uint16_t)max};
}

bool rounds_sizes_good(const struct fl_round_config *k) {
    struct fl_group_sizes s = sizes_of(k);
    /* Every group of a round has room in the records. */
    return k->group_min >= 2 && k->group >= k->group_min && k->group <= s.max &&
           2 * k->group_min - 1 <= s.max && k->submissions_max / k->group_min <= FL_MAX_GROUPS;
}

static void take_groups(struct fl_rounds *c, const struct fl_groups *drawn, const uint32_t *in) {
    c->n_groups = (uint16_t)drawn->groups;
    c->group = ws_calloc(drawn->groups, sizeof(*c->group));
    for (uint32_t g = 0; g < drawn->groups; g++) {
        c->group[g].size = (uint16_t)(drawn->first[g + 1] - drawn->first[g]);
        c->group[g].quarantined = g >= drawn->free_groups;
        for (uint32_t k = drawn->first[g]; k < drawn->first[g + 1]; k++)
            c->sub[in[drawn->order[k]]].group = (uint16_t)g;
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
    struct fl_drawing d = {.sizes = sizes_of(&c->open.config), .suspects = suspects};
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
