/* Lists in force: which replaces which, and keeping them from one run to the next. */
#include "base/assert.h"
#include "base/fileio.h"
#include "base/log.h"
#include "base/mem.h"
#include "rsu/trust/revocations_internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool rev_same_series(const struct kept *k, const struct signed_list *l, const uint8_t *authority) {
    if (k->list.kind != l->kind || memcmp(k->authority, authority, 32) != 0)
        return false;
    return l->kind != LIST_CRL || (k->list.crl.series == l->crl.series &&
                                      crl_is_linked(&k->list.crl) == crl_is_linked(&l->crl));
}

static bool newer(const struct signed_list *l, uint32_t than) {
    uint32_t sequence = list_sequence(l);
    if (l->kind == LIST_RCA_CTL || l->kind == LIST_ECTL)
        return sequence != than && (uint8_t)(sequence - than) < 128;
    return sequence > than;
}

/* Is l the one after the list with sequence `than`? Linked lists start again in each period. */
static bool follows(const struct signed_list *l, uint32_t than) {
    uint32_t sequence = list_sequence(l);
    if (l->kind == LIST_RCA_CTL || l->kind == LIST_ECTL)
        return sequence == (uint8_t)(than + 1);
    return sequence == than + 1 || (l->kind == LIST_CRL && crl_is_linked(&l->crl) &&
                                       (sequence & 0xff) == 0 && sequence > than);
}

void rev_drop(struct revocations *r, size_t i) {
    buf_free(&r->kept[i]->octets);
    free(r->kept[i]);
    for (r->n_kept--; i < r->n_kept; i++)
        r->kept[i] = r->kept[i + 1];
}

static void keep(struct revocations *r, const struct signed_list *l, const uint8_t *authority,
    const char *name) {
    struct kept *k = ws_alloc(sizeof(*k));
    struct signed_list *again = ws_calloc(LISTS_IN_FILE, sizeof(*again));
    struct ws_err err;
    size_t n = 0;
    buf_put(&k->octets, l->spdu.all.p, l->spdu.all.n);
    int rc = lists_read(buf_span(&k->octets), again, &n, &err);
    WS_ASSERT(rc == WS_OK && n == 1);
    k->list = again[0];
    k->list.at = l->at; /* in the file it came in */
    free(again);
    memcpy(k->authority, authority, 32);
    v2x_sha256(buf_span(&k->octets), (struct span){NULL, 0}, k->hash);
    (void)snprintf(k->name, sizeof(k->name), "%.100s", name);
    r->kept[r->n_kept++] = k;
}

/* Is there room for its entries beside those of the lists that it does not replace? What it replaces stays in force when
 * there is not. */
static bool fits(
    const struct revocations *r, const struct signed_list *l, const uint8_t *authority) {
    size_t n = l->kind == LIST_CRL ? list_facts(l).entries : 0;
    size_t groups = l->kind == LIST_CRL ? l->crl.n_groups : 0;
    size_t lists = 1;
    for (size_t i = 0; i < r->n_kept; i++) {
        const struct signed_list *k = &r->kept[i]->list;
        if (!list_is_delta(l) && rev_same_series(r->kept[i], l, authority))
            continue;
        lists++;
        if (k->kind != LIST_CRL || r->kept[i]->over_limit)
            continue;
        n += list_facts(k).entries;
        groups += k->crl.n_groups;
    }
    return n <= r->cfg.limits.entries && groups <= r->cfg.limits.groups &&
           lists <= REVOCATIONS_LISTS_MAX;
}

enum offer rev_offer(struct revocations *r, const struct signed_list *l, const uint8_t *authority,
    const char *name) {
    const struct kept *last = NULL;
    for (size_t i = 0; i < r->n_kept; i++) {
        const struct kept *k = r->kept[i];
        if (!rev_same_series(k, l, authority))
            continue;
        if (span_equal(buf_span(&k->octets), l->spdu.all))
            return OFFER_KNOWN;
        last = k; /* kept in order */
    }
    uint32_t sequence = last == NULL ? 0 : list_sequence(&last->list);
    if (last != NULL && !newer(l, sequence)) {
        bool full_after_delta =
            list_sequence(l) == sequence && list_is_delta(&last->list) && !list_is_delta(l);
        if (!full_after_delta)
            return list_sequence(l) == sequence && list_is_delta(l) == list_is_delta(&last->list)
                       ? OFFER_OTHER
                       : OFFER_OLD;
    }
    if (list_is_delta(l) && (last == NULL || !follows(l, sequence)))
        return OFFER_NO_BASE;
    if (!fits(r, l, authority))
        return OFFER_FULL;
    for (size_t i = r->n_kept; i-- > 0 && !list_is_delta(l);) {
        if (rev_same_series(r->kept[i], l, authority))
            rev_drop(r, i);
    }
    keep(r, l, authority, name);
    return OFFER_TAKEN;
}

/* ---- from one run to the next ---- */

/* File: "WLS1", SHA-256 of all that follows, the authority, the file's name once (length, octets), the list. What lies here was
 * checked when it came in, and its signer's certificate may be gone since, so only its wholeness is looked at. */
static const char magic[4] = {'W', 'L', 'S', '1'};
enum { STATE_HEAD = 4 + 32, STATE_NAME = 100 };

static void state_path(const struct revocations *r, const char *name, char path[static 4096]) {
    (void)snprintf(path, 4096, "%s/%s", r->state, name);
}

static void state_name(const struct kept *k, char name[static 32]) {
    hex_encode(name, k->hash, 8);
    memcpy(name + 16, ".list", 6);
}

static bool state_write(const struct revocations *r, const struct kept *k, struct ws_err *err) {
    char path[4096], name[32];
    struct buf b = {0};
    size_t n = strnlen(k->name, STATE_NAME);
    state_name(k, name);
    state_path(r, name, path);
    if (access(path, F_OK) == 0)
        return true;
    buf_put(&b, magic, sizeof(magic));
    (void)buf_grow(&b, 32);
    buf_put(&b, k->authority, 32);
    buf_u8(&b, (uint8_t)n);
    buf_put(&b, k->name, n);
    buf_put(&b, k->octets.p, k->octets.n);
    v2x_sha256(span_of(b.p + STATE_HEAD, b.n - STATE_HEAD), (struct span){NULL, 0}, b.p + 4);
    int rc = file_write(path, buf_span(&b), 0644, err);
    buf_free(&b);
    return rc == WS_OK;
}

static int is_state(const struct dirent *e) {
    size_t n = strlen(e->d_name);
    return n == 21 && strcmp(e->d_name + 16, ".list") == 0;
}

static bool is_kept(const struct revocations *r, const char *file) {
    for (size_t i = 0; i < r->n_kept; i++) {
        char name[32];
        state_name(r->kept[i], name);
        if (strcmp(name, file) == 0)
            return true;
    }
    return false;
}

void rev_state_save(struct revocations *r) {
    struct ws_err err = {0};
    if (r->state == NULL)
        return;
    /* New ones first: when this stops half-way there is too much, which the next start sorts out. */
    for (size_t i = 0; i < r->n_kept; i++) {
        if (!state_write(r, r->kept[i], &err)) {
            ws_log(WS_LOG_ERROR, "lists", "%s: not kept for the next start: %s", r->kept[i]->name,
                err.text);
            return;
        }
    }
    struct dirent **names = NULL;
    int n = scandir(r->state, &names, is_state, alphasort);
    for (int i = 0; i < n; i++) {
        char path[4096];
        state_path(r, names[i]->d_name, path);
        if (!is_kept(r, names[i]->d_name))
            (void)unlink(path);
        free(names[i]);
    }
    free((void *)names);
}

struct saved {
    struct buf octets;
    struct signed_list list;
    uint8_t authority[32];
    char name[STATE_NAME + 1];
    bool taken;
};

static int state_read(const char *path, struct saved *ret, struct ws_err *err) {
    uint8_t hash[32];
    struct buf *b = &ret->octets;
    int rc = file_read(path, REVOCATIONS_FILE_MAX + STATE_HEAD + 256, b, err);
    if (rc != WS_OK)
        return rc;
    if (b->n < STATE_HEAD + 33 || memcmp(b->p, magic, sizeof(magic)) != 0)
        return ws_fail(err, WS_EINPUT, "%s: not a list that was kept", path);
    v2x_sha256(span_of(b->p + STATE_HEAD, b->n - STATE_HEAD), (struct span){NULL, 0}, hash);
    size_t n = b->p[STATE_HEAD + 32];
    if (memcmp(hash, b->p + 4, 32) != 0 || n > STATE_NAME || b->n < STATE_HEAD + 33 + n)
        return ws_fail(err, WS_EINPUT, "%s: damaged", path);
    memcpy(ret->authority, b->p + STATE_HEAD, 32);
    memcpy(ret->name, b->p + STATE_HEAD + 33, n);
    struct signed_list *lists = ws_calloc(LISTS_IN_FILE, sizeof(*lists));
    size_t at = STATE_HEAD + 33 + n, found = 0;
    rc = lists_read(span_of(b->p + at, b->n - at), lists, &found, err);
    if (rc == WS_OK && found != 1)
        rc = ws_fail(err, WS_EINPUT, "%zu lists", found);
    ret->list = lists[0];
    free(lists);
    return rc == WS_OK ? rc : ws_fail_in(err, "%s", path);
}

int rev_state_load(struct revocations *r, struct ws_err *err) {
    struct dirent **names = NULL;
    if (r->state == NULL)
        return WS_OK;
    int rc = dir_make(r->state, err);
    if (rc != WS_OK)
        return rc;
    int n = scandir(r->state, &names, is_state, alphasort);
    if (n < 0)
        return ws_fail(err, WS_EIO, "%s: %s", r->state, strerror(errno));
    struct saved *s = ws_calloc((size_t)n, sizeof(*s));
    for (int i = 0; i < n; i++) {
        char path[4096];
        struct ws_err own = {0};
        state_path(r, names[i]->d_name, path);
        if (state_read(path, &s[i], &own) != WS_OK) {
            ws_log(WS_LOG_ERROR, "lists", "%s", own.text);
            s[i].taken = true;
        }
        free(names[i]);
    }
    free((void *)names);
    /* A delta comes after the list before it. */
    for (bool progress = true; progress;) {
        progress = false;
        for (int i = 0; i < n; i++) {
            if (!s[i].taken && rev_offer(r, &s[i].list, s[i].authority, s[i].name) == OFFER_TAKEN)
                s[i].taken = progress = true;
        }
    }
    for (int i = 0; i < n; i++)
        buf_free(&s[i].octets);
    free(s);
    return WS_OK;
}
