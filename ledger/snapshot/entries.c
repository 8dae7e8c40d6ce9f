#include "ledger/snapshot/entries.h"

#include "base/mem.h"

#include <stdlib.h>

/* Blocks come newest first: a later call has the older values. */
static void merge(struct entries_past *p, const struct undo *u) {
    size_t cap = p->n_old + u->n;
    const struct undo_entry **all = ws_calloc(cap, sizeof(struct undo_entry *));
    size_t n = 0;
    size_t i = 0;
    for (size_t k = 0; k < u->n; k++) {
        while (i < p->n_old && span_compare(p->old[i]->key, u->entry[k].key) < 0)
            all[n++] = p->old[i++];
        if (i < p->n_old && span_equal(p->old[i]->key, u->entry[k].key))
            i++; /* the older value wins */
        all[n++] = &u->entry[k];
    }
    while (i < p->n_old)
        all[n++] = p->old[i++];
    free((void *)p->old);
    p->old = all;
    p->n_old = n;
}

int entries_past_read(struct store *s, uint64_t newest, uint64_t oldest,
    struct entries_past *ret_past, struct ws_err *err) {
    struct entries_past p = {0};
    int rc = WS_OK;
    for (uint64_t h = newest; rc == WS_OK && h >= oldest && h > 0; h--) {
        struct undo u;
        rc = undo_read(s, h, &u, err);
        if (rc != WS_OK)
            break;
        if (p.n == p.cap) {
            p.cap = p.cap == 0 ? 4 : p.cap * 2;
            p.undo = ws_realloc(p.undo, p.cap * sizeof(*p.undo));
        }
        p.undo[p.n++] = u;
        merge(&p, &u); /* entries are on the heap: copying the struct keeps them where they are */
    }
    if (rc != WS_OK) {
        entries_past_free(&p);
        return rc;
    }
    *ret_past = p;
    return WS_OK;
}

void entries_past_free(struct entries_past *p) {
    for (size_t i = 0; i < p->n; i++)
        undo_free(&p->undo[i]);
    free(p->undo);
    free((void *)p->old);
    *p = (struct entries_past){0};
}

struct merged {
    const struct entries_past *past;
    size_t at; /* next old entry */
    struct span prefix;
    entries_fn fn;
    void *ctx;
    bool stopped;
};

static bool has_prefix(struct span key, struct span prefix) {
    return key.n >= prefix.n && span_equal(span_of(key.p, prefix.n), prefix);
}

/* Old entries before `key` (NULL: all that are left). */
static bool give_old(struct merged *m, const struct span *key) {
    while (m->past != NULL && m->at < m->past->n_old) {
        const struct undo_entry *e = m->past->old[m->at];
        if (!has_prefix(e->key, m->prefix) || (key != NULL && span_compare(e->key, *key) >= 0))
            return true;
        m->at++;
        if (e->had && !m->fn(m->ctx, e->key, e->value))
            return false;
    }
    return true;
}

static bool visit(void *ctx, struct span key, struct span value) {
    struct merged *m = ctx;
    bool more = give_old(m, &key);
    if (more && m->past != NULL && m->at < m->past->n_old &&
        span_equal(m->past->old[m->at]->key, key)) {
        const struct undo_entry *e = m->past->old[m->at++];
        more = !e->had || m->fn(m->ctx, e->key, e->value);
    } else if (more) {
        more = m->fn(m->ctx, key, value);
    }
    m->stopped = !more;
    return more;
}

static size_t first_at_least(const struct entries_past *p, struct span key) {
    size_t low = 0;
    size_t high = p->n_old;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (span_compare(p->old[mid]->key, key) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

int entries_each(struct store *s, const struct entries_past *past, struct span prefix,
    entries_fn fn, void *ctx, struct ws_err *err) {
    struct merged m = {.past = past, .prefix = prefix, .fn = fn, .ctx = ctx};
    if (past != NULL)
        m.at = first_at_least(past, prefix);
    int rc = store_each(s, STORE_STATE, prefix, span_of("", 0), visit, &m, err);
    if (rc == WS_OK && !m.stopped)
        (void)give_old(&m, NULL);
    return rc;
}

int entries_get(struct store *s, const struct entries_past *past, struct span stored,
    struct buf *ret_value, struct ws_err *err) {
    if (past != NULL) {
        size_t i = first_at_least(past, stored);
        if (i < past->n_old && span_equal(past->old[i]->key, stored)) {
            const struct undo_entry *e = past->old[i];
            if (!e->had)
                return WS_ENOTFOUND;
            buf_put(ret_value, e->value.p, e->value.n);
            return WS_OK;
        }
    }
    return store_get(s, STORE_STATE, stored, ret_value, err);
}
