/* Whose messages these are: certificates to vehicles, at the borders of a block. */
#include "mapsvc/fuse/contract_internal.h"

#include "base/assert.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

static struct pseudonym_rule rule_of(const struct map_contract *c, const struct exec_host *h) {
    return (struct pseudonym_rule){
        .gap_us = (uint64_t)c->params.v[MAP_POLICY_PSEUDONYM_GAP_MS] * 1000,
        .overlap_mm = (uint32_t)c->params.v[MAP_POLICY_PSEUDONYM_OVERLAP_MM],
        .speed_mm_s = (uint32_t)c->params.v[MAP_POLICY_VEHICLE_SPEED_MM_S],
        .now = exec_block_time(h)};
}

static void id_of(const struct map_contract *c, const struct exec_host *h,
    const uint8_t root[static 32], uint8_t ret_id[static VEHICLE_OCTETS]) {
    static const char domain[] = "wayside/map/vehicle/1";
    uint8_t end[8];
    put_be64(end, c->window_end);
    const struct span parts[] = {span_of(domain, sizeof(domain) - 1), span_of(exec_cell_id(h), 32),
        span_of(end, sizeof(end)), span_of(root, 32)};
    uint8_t hash[32];
    exec_sha256(parts, ARRAY_LEN(parts), hash);
    memcpy(ret_id, hash, VEHICLE_OCTETS);
}

const uint8_t *look_vehicle(
    const struct map_contract *c, const struct exec_host *h, struct look *l) {
    if (!l->has_vehicle)
        id_of(c, h, l->root, l->vehicle);
    l->has_vehicle = true;
    return l->vehicle;
}

/* ---- one message ---- */

bool vehicles_know(const struct map_contract *c, const uint8_t signer[static 32], struct look *l) {
    const struct pseudonym *known = pseudonyms_find(&c->pseudonyms, signer);
    memcpy(l->signer, signer, sizeof(l->signer));
    memcpy(l->root, known == NULL ? signer : known->root, sizeof(l->root));
    return known != NULL || c->pseudonyms.n < PSEUDONYMS_MAX;
}

void vehicles_hear(struct map_contract *c, const struct look *l) {
    if (c->params.v[MAP_POLICY_PSEUDONYM_GAP_MS] == 0)
        return;
    struct pseudonym_look p = {.observer = l->observer, .at = {l->time, l->x, l->y, l->heading}};
    memcpy(p.signer, l->signer, sizeof(p.signer));
    memcpy(p.leaf, l->leaf, sizeof(p.leaf));
    memcpy(p.issuer, l->issuer, sizeof(p.issuer));
    pseudonyms_note(&c->pseudonyms, &p);
}

/* ---- the block ---- */

static void gone(void *self, const struct pseudonym *p) {
    state_del_pseudonym(self, p);
}

void vehicles_begin_block(struct map_contract *c, struct exec_host *h) {
    if (vehicles_forget(&c->vehicles, exec_block_time(h)))
        state_del_vehicles(h, exec_block_time(h));
    struct pseudonym_rule r = rule_of(c, h);
    pseudonyms_forget(&c->pseudonyms, &r, gone, h);
    c->pseudonyms.n_looks = 0;
}

/* What either was counted for is what the one that they are was counted for. */
static void join(
    struct map_contract *c, const struct exec_host *h, const struct pseudonym_join *j) {
    uint8_t id[VEHICLE_OCTETS];
    id_of(c, h, j->from, id);
    const struct vehicle *from = vehicles_find(&c->vehicles, id);
    if (from == NULL)
        return;
    id_of(c, h, j->into, id);
    struct vehicle *into = vehicles_find(&c->vehicles, id);
    if (into == NULL && !vehicles_remember(&c->vehicles, NULL, NULL))
        return; /* and so it counts for nothing in this window */
    if (into == NULL)
        into = vehicles_add(&c->vehicles, id, c->window_end);
    vehicle_join(into, from);
    vehicles_touch(&c->vehicles, into);
}

void vehicles_resolve(struct map_contract *c, struct exec_host *h) {
    struct pseudonym_rule r = rule_of(c, h);
    struct pseudonym_joins joins = {0};
    pseudonyms_resolve(&c->pseudonyms, &r, &joins);
    for (size_t i = 0; i < joins.n; i++)
        join(c, h, &joins.list[i]);
    free(joins.list);
    for (size_t i = 0; i < c->n_looks && r.gap_us > 0; i++) {
        struct look *l = &c->looks[i];
        if (l->judged)
            continue; /* the model's, whoever signed it */
        const struct pseudonym *p = pseudonyms_find(&c->pseudonyms, l->signer);
        WS_ASSERT(p != NULL);
        if (memcmp(l->root, p->root, sizeof(l->root)) == 0)
            continue;
        memcpy(l->root, p->root, sizeof(l->root));
        l->has_vehicle = false;
    }
    for (size_t i = 0; i < c->pseudonyms.n; i++) {
        if (c->pseudonyms.list[i]->touched)
            state_put_pseudonym(h, c->pseudonyms.list[i]);
        c->pseudonyms.list[i]->touched = false;
    }
}
