/* Disks that come back as something else: empty, as they were some time ago, or filled from a snapshot. */
#include "tests/support/nodes.h"

#include "base/assert.h"
#include "ledger/snapshot/make.h"
#include "ledger/snapshot/restore.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void fresh_logs(struct nodes_member *m) {
    for (int i = 0; i < 2; i++) {
        wal_close(m->wal[i]);
        m->wal[i] = nodes_new_log(m);
    }
}

/* Takes the store. What it had told of before is forgiven. */
static void put_in(struct nodes_member *m, struct store *s) {
    WS_ASSERT(m->node == NULL);
    m->disk_lost = m->world->highest + 1;
    store_close(m->store);
    m->store = s;
    fresh_logs(m);
    m->promised = 0;
    m->told = 0;
    m->joined = 0;
}

void nodes_wipe(struct nodes *w, size_t i) {
    nodes_tell(w, "validator %zu has a new disk: store and logs are empty", i);
    put_in(&w->m[i], store_open_memory());
}

/* ---- a copy ---- */

struct copy {
    struct store_batch *to;
    enum store_space space;
};

static bool copy_pair(void *ctx, struct span key, struct span value) {
    const struct copy *c = ctx;
    store_batch_put(c->to, c->space, key, value);
    return true;
}

void nodes_copy_disk(struct nodes *w, size_t i) {
    struct nodes_member *m = &w->m[i];
    store_close(m->copy);
    m->copy = store_open_memory();
    struct copy c = {.to = store_batch_new(m->copy)};
    const struct span all = span_of("", 0);
    for (unsigned k = 0; k < STORE_SPACE_COUNT; k++) {
        c.space = (enum store_space)k;
        int rc = store_each(m->store, c.space, all, all, copy_pair, &c, NULL);
        WS_ASSERT(rc == WS_OK);
    }
    int rc = store_batch_write(c.to, NULL);
    WS_ASSERT(rc == WS_OK);
    m->copied = m->told;
    m->copied_joined = m->joined;
}

void nodes_put_back(struct nodes *w, size_t i) {
    struct nodes_member *m = &w->m[i];
    if (m->copy == NULL)
        return;
    nodes_tell(
        w, "the disk of validator %zu is put back as it was at height %" PRIu64, i, m->copied);
    put_in(m, m->copy);
    m->joined = m->copied_joined;
    m->copy = NULL;
}

/* ---- a snapshot ---- */

void nodes_folder_make(char dst[static NODES_FOLDER]) {
    (void)snprintf(dst, NODES_FOLDER, "/dev/shm/wayside-nodes-XXXXXX");
    if (mkdtemp(dst) != NULL)
        return;
    (void)snprintf(dst, NODES_FOLDER, "/tmp/wayside-nodes-XXXXXX");
    const char *made = mkdtemp(dst);
    WS_ASSERT(made != NULL);
}

void nodes_folder_remove(const char *folder) {
    DIR *d = opendir(folder);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] != '.')
            (void)unlinkat(dirfd(d), e->d_name, 0);
    }
    if (d != NULL)
        (void)closedir(d);
    (void)rmdir(folder);
}

bool nodes_restore(struct nodes *w, size_t i, size_t from) {
    struct nodes_member *m = &w->m[i];
    char at[NODES_FOLDER];
    nodes_folder_make(at);
    struct ws_err err = {0};
    struct manifest manifest;
    struct snapshot_make make = {.store = w->m[from].store, .folder = at};
    bool made = snapshot_make(&make, &manifest, &err) == WS_OK;
    if (made) {
        char name[SNAPSHOT_NAME];
        char path[NODES_FOLDER + SNAPSHOT_NAME + 1];
        struct snapshot *s = NULL;
        snapshot_name(name, manifest.last.height);
        (void)snprintf(path, sizeof(path), "%s/%s", at, name);
        put_in(m, store_open_memory());
        int rc = snapshot_open(path, &s, &err);
        if (rc == WS_OK)
            rc = snapshot_restore(&(struct snapshot_restore){.from = s, .into = m->store}, &err);
        if (rc != WS_OK)
            nodes_break(w, "a snapshot of validator %zu cannot be restored: %s", from, err.text);
        snapshot_close(s);
        m->joined = manifest.last.height;
        nodes_tell(w, "validator %zu is restored from a snapshot of validator %zu, height %" PRIu64,
            i, from, m->joined);
    }
    nodes_folder_remove(at);
    return made;
}
