#include "ledger/snapshot/make.h"

#include "base/fileio.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void snapshot_name(char dst[static SNAPSHOT_NAME], uint64_t height) {
    (void)snprintf(dst, SNAPSHOT_NAME, "%020" PRIu64 SNAPSHOT_SUFFIX, height);
}

/* ---- what stands around the state ---- */

int snapshot_tip(struct store *s, uint64_t *ret_height, struct ws_err *err) {
    struct buf key = {0};
    struct buf value = {0};
    int rc = store_last(s, STORE_HEADER, span_of("", 0), &key, &value, err);
    if (rc == WS_OK && key.n != 8)
        rc = ws_fail(err, WS_EINPUT, "store: the key of a header is damaged");
    if (rc == WS_OK)
        *ret_height = be64(key.p);
    if (rc == WS_ENOTFOUND)
        (void)ws_fail(err, rc, "the store holds no block");
    buf_free(&key);
    buf_free(&value);
    return rc;
}

static int read_at(struct store *s, enum store_space space, uint64_t height, struct buf *ret_octets,
    struct ws_err *err) {
    uint8_t key[8];
    put_be64(key, height);
    buf_clear(ret_octets);
    int rc = store_get(s, space, span_of(key, 8), ret_octets, err);
    return rc == WS_ENOTFOUND ? ws_fail(err, rc, "the store has no %s of height %llu",
                                    store_space_name(space), (unsigned long long)height)
                              : rc;
}

static int bad(struct ws_err *err, const char *what, uint64_t height) {
    return ws_fail(
        err, WS_EINPUT, "store: %s of height %llu is damaged", what, (unsigned long long)height);
}

static int read_header(
    struct store *s, uint64_t height, struct buf *b, struct header *ret, struct ws_err *err) {
    int rc = read_at(s, STORE_HEADER, height, b, err);
    struct rd r = rd_of(buf_span(b));
    return rc != WS_OK || (header_read(&r, ret) && rd_done(&r)) ? rc : bad(err, "header", height);
}

/* Everybody carries the same commit of height h: the one in block h + 1. Ours may hold other signatures. */
static int read_carried(struct store *s, struct manifest *m, struct buf *b, struct ws_err *err) {
    hash32 hash;
    int rc = read_at(s, STORE_COMMIT, m->last.height, b, err);
    struct rd r = rd_of(buf_span(b));
    if (rc == WS_OK && commit_read(&r, &m->last_commit) && rd_done(&r)) {
        commit_hash(exec_sha256, &m->last_commit, hash);
        if (memcmp(hash, m->next.last_commit, 32) == 0)
            return WS_OK;
    }
    struct header again;
    rc = read_at(s, STORE_BLOCK, m->next.height, b, err);
    if (rc != WS_OK)
        return rc;
    r = rd_of(buf_span(b));
    (void)rd_u8(&r);
    return header_read(&r, &again) && commit_read(&r, &m->last_commit)
               ? WS_OK
               : bad(err, "block", m->next.height);
}

int snapshot_headers(
    struct store *s, uint64_t tip, struct manifest *ret_manifest, struct ws_err *err) {
    if (tip < 2)
        return ws_fail(err, WS_ENOTFOUND, "a snapshot needs two blocks; the store holds %llu",
            (unsigned long long)tip);
    struct buf b = {0};
    struct manifest *m = ret_manifest;
    int rc = read_header(s, tip, &b, &m->next, err);
    if (rc == WS_OK)
        rc = read_header(s, tip - 1, &b, &m->last, err);
    if (rc == WS_OK)
        rc = read_at(s, STORE_COMMIT, tip, &b, err);
    if (rc == WS_OK) {
        struct rd r = rd_of(buf_span(&b));
        if (!commit_read(&r, &m->next_commit) || !rd_done(&r))
            rc = bad(err, "commit", tip);
    }
    if (rc == WS_OK)
        rc = read_carried(s, m, &b, err);
    buf_free(&b);
    return rc;
}

/* ---- the file ---- */

struct making {
    struct scan scan;
    struct manifest *m;
    struct tree_top top[STATE_CONTRACTS_MAX];
    struct snapshot_part *part;
    uint8_t contract; /* being written */
    uint32_t next; /* prefix */
    struct buf octets;
};

/* How many contracts there are: those without entries count in the root, too. */
static int count_contracts(struct making *k, size_t seen, struct ws_err *err) {
    for (size_t n = seen == 0 ? 1 : seen; n <= STATE_CONTRACTS_MAX; n++) {
        hash32 leaves[STATE_CONTRACTS_MAX];
        hash32 root;
        for (size_t i = 0; i < n; i++)
            contract_leaf(exec_sha256, (uint8_t)i, k->m->contract[i].root, leaves[i]);
        list_root(exec_sha256, leaves, n, leaves, root);
        if (memcmp(root, k->m->next.state_root, 32) == 0) {
            k->m->n = n;
            return WS_OK;
        }
    }
    return ws_fail(err, WS_EINPUT,
        "the state after height %llu is not what header %llu commits to; see rsuctl ledger diff",
        (unsigned long long)k->m->last.height, (unsigned long long)k->m->next.height);
}

static int measure(struct making *k, struct ws_err *err) {
    size_t seen = 0;
    for (size_t i = 0; i < STATE_CONTRACTS_MAX; i++) {
        struct scan_size size;
        int rc = scan_size(&k->scan, (uint8_t)i, &size, err);
        if (rc == WS_OK)
            rc = scan_top(&k->scan, (uint8_t)i, size.bits, &k->top[i], err);
        if (rc != WS_OK)
            return rc;
        struct manifest_contract *c = &k->m->contract[i];
        *c = (struct manifest_contract){
            .bits = size.bits, .entries = size.entries, .octets = size.octets};
        memcpy(c->root, tree_top_root(&k->top[i]), 32);
        seen = size.entries > 0 ? i + 1 : seen;
    }
    return count_contracts(k, seen, err);
}

static int put_chunk(
    struct making *k, uint32_t prefix, const struct chunk_entries *e, struct ws_err *err) {
    struct tree_way way;
    tree_top_way(&k->top[k->contract], prefix, &way);
    buf_clear(&k->octets);
    chunk_encode(k->contract, k->m->contract[k->contract].bits, prefix, &way, e, &k->octets);
    return snapshot_part_put(
        k->part, manifest_chunk_of(k->m, k->contract, prefix), buf_span(&k->octets), err);
}

/* Prefixes without entries have a chunk, too: it proves that there are none. */
static int put_empty(struct making *k, uint32_t to, struct ws_err *err) {
    const struct chunk_entries none = {0};
    int rc = WS_OK;
    for (; k->next < to && rc == WS_OK; k->next++)
        rc = put_chunk(k, k->next, &none, err);
    return rc;
}

static int put_next(
    void *ctx, uint32_t prefix, const struct chunk_entries *entries, struct ws_err *err) {
    struct making *k = ctx;
    int rc = put_empty(k, prefix, err);
    if (rc == WS_OK)
        rc = put_chunk(k, prefix, entries, err);
    k->next = prefix + 1;
    return rc;
}

static int write_chunks(struct making *k, struct ws_err *err) {
    int rc = WS_OK;
    for (size_t i = 0; i < k->m->n && rc == WS_OK; i++) {
        k->contract = (uint8_t)i;
        k->next = 0;
        rc = scan_chunks(&k->scan, (uint8_t)i, k->m->contract[i].bits, put_next, k, err);
        if (rc == WS_OK)
            rc = put_empty(k, 1U << k->m->contract[i].bits, err);
    }
    return rc;
}

static int write_file(
    struct making *k, const struct snapshot_make *how, const char *path, struct ws_err *err) {
    int rc = snapshot_part_open(path, k->m, &k->part, err);
    if (rc != WS_OK)
        return rc;
    snapshot_part_on_point(k->part, how->point, how->point_ctx);
    rc = write_chunks(k, err);
    if (rc == WS_OK)
        rc = snapshot_part_finish(k->part, err);
    if (rc != WS_OK)
        snapshot_part_close(k->part, true);
    return rc;
}

static int make(struct making *k, const struct snapshot_make *how, struct ws_err *err) {
    uint64_t tip = 0;
    int rc = snapshot_tip(how->store, &tip, err);
    if (rc == WS_OK)
        rc = snapshot_headers(how->store, tip, k->m, err);
    if (rc != WS_OK)
        return rc;
    char name[SNAPSHOT_NAME];
    snapshot_name(name, tip - 1);
    size_t octets = strlen(how->folder) + sizeof(name) + 2;
    char *path = ws_alloc(octets);
    (void)snprintf(path, octets, "%s/%s", how->folder, name);
    struct entries_past past = {0};
    if (access(path, F_OK) == 0)
        rc = ws_fail(err, WS_EEXIST, "%s: is there already", path);
    if (rc == WS_OK)
        rc = entries_past_read(how->store, tip, tip, &past, err);
    k->scan = (struct scan){how->store, &past, how->go_on, how->ctx};
    if (rc == WS_OK)
        rc = measure(k, err);
    if (rc == WS_OK)
        rc = write_file(k, how, path, err);
    entries_past_free(&past);
    free(path);
    return rc;
}

int snapshot_make(
    const struct snapshot_make *how, struct manifest *ret_manifest, struct ws_err *err) {
    int rc = dir_make(how->folder, err);
    if (rc != WS_OK)
        return rc;
    struct making *k = ws_alloc(sizeof(*k));
    k->m = ws_alloc(sizeof(*k->m));
    rc = make(k, how, err);
    if (rc == WS_OK)
        *ret_manifest = *k->m;
    for (size_t i = 0; i < STATE_CONTRACTS_MAX; i++)
        tree_top_free(&k->top[i]);
    buf_free(&k->octets);
    free(k->m);
    free(k);
    return rc;
}

/* ---- how many ---- */

static bool height_of(const char *name, uint64_t *ret_height, bool *ret_part) {
    size_t digits = strspn(name, "0123456789");
    if (digits != 20)
        return false;
    *ret_part = strcmp(name + digits, SNAPSHOT_SUFFIX ".part") == 0;
    if (!*ret_part && strcmp(name + digits, SNAPSHOT_SUFFIX) != 0)
        return false;
    *ret_height = strtoull(name, NULL, 10);
    return true;
}

static int newest_first(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x < y) - (x > y);
}

int snapshot_keep(const char *folder, unsigned keep, uint64_t *ret_newest, struct ws_err *err) {
    DIR *d = opendir(folder);
    if (ret_newest != NULL)
        *ret_newest = 0;
    if (d == NULL)
        return errno == ENOENT ? WS_OK : ws_fail(err, WS_EIO, "%s: %s", folder, strerror(errno));
    uint64_t *heights = NULL;
    size_t n = 0;
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        uint64_t height;
        bool part;
        if (height_of(e->d_name, &height, &part) && !part) {
            heights = ws_realloc(heights, (n + 1) * sizeof(*heights));
            heights[n++] = height;
        }
    }
    if (n > 1)
        qsort(heights, n, sizeof(*heights), newest_first);
    /* A part below the newest whole one will not be finished any more. */
    rewinddir(d);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        uint64_t height;
        bool part;
        if (height_of(e->d_name, &height, &part) &&
            ((part && n > 0 && height <= heights[0]) ||
                (!part && n > keep && keep > 0 && height < heights[keep - 1])))
            (void)unlinkat(dirfd(d), e->d_name, 0);
    }
    if (n > 0 && ret_newest != NULL)
        *ret_newest = heights[0];
    free(heights);
    (void)closedir(d);
    return WS_OK;
}
