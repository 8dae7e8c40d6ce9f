/* What a light client asks for: sets and handovers, out of the committee's state as the store holds it. */
#include "ledger/node/query.h"

#include "base/mem.h"
#include "ledger/committee/handovers.h"
#include "ledger/exec/hash.h"
#include "ledger/snapshot/entry.h"

#include <stdlib.h>

/* The committee's state: as the disk has it, or as it is now (the owner's thread). */
struct source {
    struct store *store; /* NULL: state */
    struct state *state;
};

static int get_entry(
    const struct source *s, struct span key, struct buf *ret_value, struct ws_err *err) {
    struct buf stored = {0};
    struct span value;
    if (s->store == NULL) {
        if (!state_get(s->state, EXECUTOR_COMMITTEE, key, &value))
            return WS_ENOTFOUND;
        buf_put(ret_value, value.p, value.n);
        return WS_OK;
    }
    entry_key_put(&stored, EXECUTOR_COMMITTEE, key);
    int rc = store_get(s->store, STORE_STATE, buf_span(&stored), ret_value, err);
    buf_free(&stored);
    return rc;
}

struct numbers {
    uint64_t first, next;
};

static int get_numbers(const struct source *s, struct numbers *ret, struct ws_err *err) {
    struct buf b = {0};
    *ret = (struct numbers){0, 0};
    int rc = get_entry(s, span_of(HANDOVERS_KEY_COUNT, 1), &b, err);
    if (rc == WS_OK && b.n != 16)
        rc = ws_fail(err, WS_EIO, "store: the count of handovers is damaged");
    if (rc == WS_OK)
        *ret = (struct numbers){be64(b.p), be64(b.p + 8)};
    buf_free(&b);
    return rc == WS_ENOTFOUND ? WS_OK : rc;
}

static int get_handover(
    const struct source *s, uint64_t number, struct buf *ret, struct ws_err *err) {
    uint8_t key[9];
    buf_clear(ret);
    int rc = get_entry(s, handovers_key(key, number), ret, err);
    if (rc == WS_ENOTFOUND || (rc == WS_OK && handover_height(buf_span(ret)) == 0))
        rc = ws_fail(
            err, WS_EIO, "store: handover %llu is damaged or gone", (unsigned long long)number);
    return rc;
}

/* The number of the first handover above a height; n->next: none. */
static int find_above(const struct source *s, const struct numbers *n, uint64_t height,
    uint64_t *ret_number, struct ws_err *err) {
    uint64_t lo = n->first;
    uint64_t hi = n->next;
    struct buf b = {0};
    int rc = WS_OK;
    while (rc == WS_OK && lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        rc = get_handover(s, mid, &b, err);
        if (rc == WS_OK && handover_height(buf_span(&b)) > height)
            hi = mid;
        else
            lo = mid + 1;
    }
    buf_free(&b);
    *ret_number = lo;
    return rc;
}

static int list_handovers(const struct source *s, uint64_t after, uint64_t below, size_t max,
    struct query_handovers *ret, struct ws_err *err) {
    struct numbers n;
    uint64_t at = 0;
    struct buf one = {0};
    memset(ret, 0, sizeof(*ret));
    int rc = get_numbers(s, &n, err);
    if (rc == WS_OK)
        rc = find_above(s, &n, after, &at, err);
    ret->forgotten = n.first > 0 && at == n.first;
    for (; rc == WS_OK && at < n.next; at++) {
        rc = get_handover(s, at, &one, err);
        uint64_t height = rc == WS_OK ? handover_height(buf_span(&one)) : 0;
        if (rc != WS_OK || height >= below)
            break;
        if (ret->n == max) {
            ret->more = true;
            break;
        }
        buf_var(&ret->octets, buf_span(&one));
        ret->n++;
        ret->last = height;
    }
    buf_free(&one);
    return rc;
}

int query_handovers(struct store *s, uint64_t after, uint64_t below, size_t max,
    struct query_handovers *ret, struct ws_err *err) {
    const struct source from = {.store = s};
    return list_handovers(&from, after, below, max, ret, err);
}

int query_handovers_now(struct executor *ex, uint64_t after, uint64_t below, size_t max,
    struct query_handovers *ret, struct ws_err *err) {
    const struct source from = {.state = executor_state(ex)};
    return list_handovers(&from, after, below, max, ret, err);
}

void query_handovers_free(struct query_handovers *q) {
    buf_free(&q->octets);
}

int query_set(
    struct store *store, uint64_t height, struct validator_set *ret_set, struct ws_err *err) {
    const struct source from_store = {.store = store};
    const struct source *s = &from_store;
    struct numbers n;
    uint64_t above = 0;
    uint8_t key[9] = {'s'};
    struct buf b = {0};
    uint64_t from = 1;
    int rc = get_numbers(s, &n, err);
    if (rc == WS_OK) /* the last boundary below it */
        rc = find_above(s, &n, height == 0 ? 0 : height - 1, &above, err);
    if (rc == WS_OK && above > n.first) {
        rc = get_handover(s, above - 1, &b, err);
        from = handover_height(buf_span(&b)) + 1;
    } else if (rc == WS_OK && n.first > 0) {
        rc = ws_fail(err, WS_ENOTFOUND, "the set of height %llu is forgotten here",
            (unsigned long long)height);
    }
    buf_clear(&b);
    put_be64(key + 1, from);
    if (rc == WS_OK)
        rc = get_entry(s, span_of(key, sizeof(key)), &b, err);
    struct rd r = rd_of(buf_span(&b));
    if (rc == WS_ENOTFOUND)
        (void)ws_fail(err, rc, "the set of height %llu is not here", (unsigned long long)height);
    else if (rc == WS_OK && (!validator_set_read(&r, ret_set) || !rd_done(&r) ||
                                validator_set_prepare(exec_sha256, ret_set, NULL) != WS_OK))
        rc = ws_fail(
            err, WS_EIO, "store: the set of height %llu is damaged", (unsigned long long)height);
    buf_free(&b);
    return rc;
}

int query_light_block(
    struct store *s, uint64_t height, struct light_block *ret_block, struct ws_err *err) {
    hash32 hash;
    int rc = query_header(s, height, &ret_block->header, err);
    if (rc == WS_OK)
        rc = query_commit(s, height, &ret_block->commit, err);
    if (rc == WS_OK)
        rc = query_set(s, height, &ret_block->set, err);
    if (rc != WS_OK)
        return rc;
    validator_set_hash(exec_sha256, &ret_block->set, hash);
    /* The boundary behind the last block is told in the next one only. */
    if (memcmp(hash, ret_block->header.validators, 32) != 0)
        return ws_fail(
            err, WS_EBUSY, "the set of height %llu is not told yet", (unsigned long long)height);
    return WS_OK;
}
