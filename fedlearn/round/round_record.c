#include "fedlearn/round/round_record.h"

#include "base/assert.h"
#include "base/mem.h"
#include "fedlearn/round/group.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

enum {
    MEMBER_OCTETS = 4 + 2 + 32 + 32,
    KEY_OCTETS = 2 * FL_KEY_VALUES,
    KEY_MAX = FL_SHARE_PRIME / 2, /* centred */
};

void fl_round_record_of(const void *contract, struct fl_round_record *ret) {
    struct fl_round_view view;
    fl_contract_round(contract, &view);
    WS_ASSERT(view.phase == FL_JUDGING);
    *ret = (struct fl_round_record){.open = *view.open,
        .draw_height = view.draw_height,
        .n_groups = view.groups,
        .free_groups = view.free_groups};
    memcpy(ret->seed, view.seed, sizeof(ret->seed));
    memcpy(ret->draw, view.draw, sizeof(ret->draw));
    ret->member = ws_calloc(view.included, sizeof(*ret->member));
    for (uint32_t i = 0; i < view.submissions; i++) {
        struct fl_submission_view s;
        if (!fl_contract_submission(contract, i, &s) || !s.included)
            continue;
        struct fl_round_member *m = &ret->member[ret->n++];
        *m = (struct fl_round_member){.number = i, .group = s.group};
        memcpy(m->id, s.id, sizeof(m->id));
        memcpy(m->token, s.token, sizeof(m->token));
    }
    ret->key = ws_calloc(ret->n_groups, sizeof(*ret->key));
    ret->given_up = ws_calloc(ret->n_groups, sizeof(*ret->given_up));
    for (size_t g = 0; g < ret->n_groups; g++) {
        ret->given_up[g] = fl_contract_given_up(contract, g);
        if (!ret->given_up[g])
            memcpy(ret->key[g], fl_contract_key_sum(contract, g), sizeof(ret->key[g]));
    }
}

void fl_round_record_free(struct fl_round_record *r) {
    free(r->member);
    free(r->key);
    free(r->given_up);
    *r = (struct fl_round_record){0};
}

/* ---- octets ---- */

static void put_key(const int16_t key[static FL_KEY_VALUES], uint8_t ret[static KEY_OCTETS]) {
    for (size_t i = 0; i < FL_KEY_VALUES; i++)
        put_be16(ret + 2 * i, (uint16_t)key[i]);
}

void fl_round_record_encode(const struct fl_round_record *r, struct buf *b) {
    struct buf open = {0};
    fl_open_encode(&r->open, &open);
    buf_u8(b, FL_RECORDS_VERSION);
    buf_u32(b, (uint32_t)open.n);
    buf_put(b, open.p, open.n);
    buf_free(&open);
    buf_put(b, r->seed, sizeof(r->seed));
    buf_u64(b, r->draw_height);
    buf_put(b, r->draw, sizeof(r->draw));
    buf_u16(b, r->n_groups);
    buf_u16(b, r->free_groups);
    buf_u32(b, r->n);
    for (uint32_t i = 0; i < r->n; i++) {
        const struct fl_round_member *m = &r->member[i];
        buf_u32(b, m->number);
        buf_u16(b, m->group);
        buf_put(b, m->id, sizeof(m->id));
        buf_put(b, m->token, sizeof(m->token));
    }
    for (size_t g = 0; g < r->n_groups; g++) {
        buf_u8(b, r->given_up[g]);
        put_key(r->key[g], buf_grow(b, KEY_OCTETS));
    }
}

static int read_members(struct rd *r, struct fl_round_record *ret, struct ws_err *err) {
    uint32_t size[FL_MAX_GROUPS] = {0};
    for (uint32_t i = 0; i < ret->n; i++) {
        struct fl_round_member *m = &ret->member[i];
        m->number = rd_u32(r);
        m->group = rd_u16(r);
        rd_copy(r, m->id, sizeof(m->id));
        rd_copy(r, m->token, sizeof(m->token));
        if (m->number >= ret->open.config.submissions_max || (i > 0 && m->number <= m[-1].number))
            return ws_fail(
                err, WS_EINPUT, "member %u: submission %u is out of order", i, m->number);
        if (m->group >= ret->n_groups && m->group != FL_MAX_GROUPS)
            return ws_fail(err, WS_EINPUT, "member %u: there is no group %u", i, m->group);
        if (m->group != FL_MAX_GROUPS)
            size[m->group]++;
    }
    const struct fl_group_sizes sizes = fl_round_sizes(&ret->open.config);
    for (size_t g = 0; g < ret->n_groups; g++) {
        if (size[g] < sizes.min)
            return ws_fail(err, WS_EINPUT, "group %zu: %u members, the round opens none below %u",
                g, size[g], sizes.min);
        if (size[g] > sizes.max)
            return ws_fail(err, WS_EINPUT, "group %zu: %u members, the profile adds up %u", g,
                size[g], sizes.max);
    }
    return WS_OK;
}

static int read_keys(struct rd *r, struct fl_round_record *ret, struct ws_err *err) {
    for (size_t g = 0; g < ret->n_groups; g++) {
        const uint8_t given_up = rd_u8(r);
        const int max = given_up == 0 ? KEY_MAX : 0;
        if (given_up > 1)
            return ws_fail(err, WS_EINPUT, "group %zu: neither opened nor given up", g);
        ret->given_up[g] = given_up == 1;
        for (size_t i = 0; i < FL_KEY_VALUES; i++) {
            int value = (int16_t)rd_u16(r);
            if (value < -max || value > max)
                return ws_fail(err, WS_EINPUT, "group %zu: no sum of keys", g);
            ret->key[g][i] = (int16_t)value;
        }
    }
    return WS_OK;
}

static int read_record(struct rd *r, struct fl_round_record *ret, struct ws_err *err) {
    if (rd_u8(r) != FL_RECORDS_VERSION)
        return ws_fail(err, WS_ENOTSUP, "record of a round: a version that is not known");
    if (!fl_open_decode(rd_take(r, rd_u32(r)), &ret->open))
        return ws_fail(err, WS_EINPUT, "record of a round: no OPEN record");
    rd_copy(r, ret->seed, sizeof(ret->seed));
    ret->draw_height = rd_u64(r);
    rd_copy(r, ret->draw, sizeof(ret->draw));
    const uint16_t groups = rd_u16(r);
    ret->free_groups = rd_u16(r);
    const uint32_t n = rd_u32(r);
    if (r->bad || groups < 1 || groups > FL_MAX_GROUPS || n < 1 || n > FL_SUBMISSIONS_MAX ||
        rd_left(r) != (size_t)n * MEMBER_OCTETS + (size_t)groups * (1 + KEY_OCTETS))
        return ws_fail(
            err, WS_EINPUT, "record of a round: %u members in %u groups do not fit it", n, groups);
    if (ret->free_groups < 1 || ret->free_groups > groups)
        return ws_fail(err, WS_EINPUT, "record of a round: %u of %u groups are free ones",
            ret->free_groups, groups);
    ret->n_groups = groups;
    ret->n = n;
    ret->member = ws_calloc(n, sizeof(*ret->member));
    ret->key = ws_calloc(groups, sizeof(*ret->key));
    ret->given_up = ws_calloc(groups, sizeof(*ret->given_up));
    int rc = read_members(r, ret, err);
    return rc != WS_OK ? rc : read_keys(r, ret, err);
}

int fl_round_record_decode(struct span octets, struct fl_round_record *ret, struct ws_err *err) {
    struct rd r = rd_of(octets);
    memset(ret, 0, sizeof(*ret));
    int rc = read_record(&r, ret, err);
    if (rc != WS_OK)
        fl_round_record_free(ret);
    return rc;
}

/* ---- what follows ---- */

size_t fl_round_record_group(const struct fl_round_record *r, size_t group, uint32_t *ret) {
    size_t n = 0;
    for (uint32_t i = 0; i < r->n; i++)
        if (r->member[i].group == group)
            ret[n++] = i;
    return n;
}

static int by_id(const void *a, const void *b) {
    const struct fl_round_member *const *x = a;
    const struct fl_round_member *const *y = b;
    return memcmp((*x)->id, (*y)->id, 32);
}

/* Members by ascending id: the order that is drawn from. To be freed. */
static const struct fl_round_member **ordered(const struct fl_round_record *r) {
    const struct fl_round_member **order =
        (const struct fl_round_member **)ws_calloc(r->n, sizeof(struct fl_round_member *));
    for (uint32_t i = 0; i < r->n; i++)
        order[i] = &r->member[i];
    qsort((void *)order, r->n, sizeof(struct fl_round_member *), by_id);
    return order;
}

void fl_round_record_ids(const struct fl_round_record *r, uint8_t ret_root[static 32]) {
    const struct fl_round_member **order = ordered(r);
    uint8_t(*leaf)[32] = ws_calloc(r->n, sizeof(*leaf));
    for (uint32_t i = 0; i < r->n; i++)
        exec_list_leaf(span_of(order[i]->id, 32), leaf[i]);
    exec_list_root((const uint8_t(*)[32])leaf, r->n, ret_root);
    free(leaf);
    free((void *)order);
}

void fl_round_record_groups(const struct fl_round_record *r, uint8_t ret_root[static 32]) {
    uint8_t(*leaf)[32] = ws_calloc(r->n, sizeof(*leaf));
    size_t n = 0;
    for (size_t g = 0; g < r->n_groups; g++)
        for (uint32_t i = 0; i < r->n; i++)
            if (r->member[i].group == g)
                fl_group_leaf((uint16_t)g, r->member[i].number, r->member[i].id, leaf[n++]);
    exec_list_root((const uint8_t(*)[32])leaf, n, ret_root);
    free(leaf);
}

static bool is_as_drawn(const struct fl_round_record *r, const struct fl_round_member **order,
    const struct fl_groups *drawn) {
    if (drawn->groups != r->n_groups || drawn->free_groups != r->free_groups)
        return false;
    for (uint32_t g = 0; g < drawn->groups; g++)
        for (uint32_t k = drawn->first[g]; k < drawn->first[g + 1]; k++)
            if (order[drawn->order[k]]->group != g)
                return false;
    return true; /* suspects that no group was left for: nobody else has the place of none */
}

bool fl_round_record_drawn(const struct fl_round_record *r, const uint8_t cell[static 32]) {
    struct fl_round round;
    const struct fl_round_member **order = ordered(r);
    uint32_t *suspects = ws_calloc(r->n, sizeof(*suspects));
    struct fl_drawing d = {
        .sizes = fl_round_sizes(&r->open.config), .n = r->n, .suspects = suspects};
    struct fl_groups drawn = {.order = ws_calloc(r->n, sizeof(*drawn.order)),
        .first = ws_calloc(r->n / d.sizes.min + 2, sizeof(*drawn.first))};
    fl_open_round(&r->open, cell, &round);
    memcpy(d.cell, cell, sizeof(d.cell));
    memcpy(d.round, round.id, sizeof(d.round));
    memcpy(d.beacon, r->draw, sizeof(d.beacon));
    for (uint32_t k = 0; k < r->n; k++)
        if (order[k]->group >= r->free_groups)
            suspects[d.n_suspects++] = k;
    const bool same =
        fl_groups_draw(&d, &drawn) == FL_GROUPS_DRAWN && is_as_drawn(r, order, &drawn);
    free(drawn.first);
    free(drawn.order);
    free(suspects);
    free((void *)order);
    return same;
}

void fl_round_record_key(
    const struct fl_round_record *r, size_t group, uint8_t ret_hash[static 32]) {
    uint8_t octets[KEY_OCTETS];
    memset(ret_hash, 0, 32);
    if (r->given_up[group])
        return;
    put_key(r->key[group], octets);
    exec_sha256_one(span_of(octets, sizeof(octets)), ret_hash);
}
