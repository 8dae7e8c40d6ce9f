#include "rsu/learning/materials_disk.h"

#include "base/fileio.h"
#include "base/log.h"
#include "base/mem.h"
#include "rsu/learning/erase.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME = 96, HEX = 64, HEAD = 4 };
#define FILE_MAX ((size_t)FL_CIPHERTEXT_MAX + FL_COVER_OCTETS_MAX + FL_BUNDLES_OCTETS_MAX + HEAD)
static const char bundles_end[] = ".bundles";

/* ---- names ---- */

static void round_path(
    const struct materials_disk *d, uint64_t round, const char *name, char ret[static PATH_MAX]) {
    (void)snprintf(ret, PATH_MAX, "%s/rounds/%" PRIu64 "%s%s", d->folder, round,
        name[0] == 0 ? "" : "/", name);
}

static void id_path(const struct materials_disk *d, uint64_t round, const uint8_t id[static 32],
    const char *end, char ret[static PATH_MAX]) {
    char name[NAME];
    hex_encode(name, id, 32);
    (void)snprintf(name + HEX, sizeof(name) - HEX, "%s", end);
    round_path(d, round, name, ret);
}

static void blob_path(
    const struct materials_disk *d, const uint8_t hash[static 32], char ret[static PATH_MAX]) {
    char hex[HEX + 1];
    hex_encode(hex, hash, 32);
    (void)snprintf(ret, PATH_MAX, "%s/blobs/%s", d->folder, hex);
}

/* ---- open ---- */

static int make(const char *path, struct ws_err *err) {
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return ws_fail(err, WS_EIO, "%s: %s", path, strerror(errno));
    return WS_OK;
}

static void drop(const char *path) {
    if (unlink(path) != 0 && errno != ENOENT)
        ws_log(WS_LOG_WARN, "learn", "%s cannot be removed: %s", path, strerror(errno));
}

static bool complain(int rc, const struct ws_err *err) {
    if (rc != WS_OK)
        ws_log(WS_LOG_ERROR, "learn", "%s", err->text);
    return rc == WS_OK;
}

static bool is_number(const char *name, uint64_t *ret) {
    char *end;
    errno = 0;
    *ret = strtoull(name, &end, 10);
    return name[0] >= '1' && name[0] <= '9' && *end == 0 && errno == 0;
}

static uint64_t size_of(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static uint64_t age_of(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && st.st_mtime > 0 ? (uint64_t)st.st_mtime : 0;
}

/* One file of a round's folder. Bundles alone are half of a submission; so is what has another name. */
static void found_file(const struct materials_disk *d, uint64_t round, const char *name,
    const struct materials_found *found) {
    char path[PATH_MAX];
    char whole[PATH_MAX];
    uint8_t id[32];
    round_path(d, round, name, path);
    const size_t n = strlen(name);
    if (n == HEX && hex_decode(id, 32, name)) {
        id_path(d, round, id, bundles_end, whole);
        found->submission(found->ctx, round, id, size_of(path), size_of(whole));
        return;
    }
    if (n == HEX + sizeof(bundles_end) - 1 && strcmp(name + HEX, bundles_end) == 0) {
        (void)snprintf(
            whole, sizeof(whole), "%.*s", (int)(strlen(path) - sizeof(bundles_end) + 1), path);
        if (access(whole, F_OK) == 0)
            return;
    } else if (strcmp(name, "record") == 0) {
        return;
    } else if (strcmp(name, "ended") == 0) {
        struct buf b = {0};
        struct ws_err err;
        const bool is = file_read(path, 8, &b, &err) == WS_OK && b.n == 8;
        if (is)
            found->end(found->ctx, round, be64(b.p));
        buf_free(&b);
        if (is)
            return;
    }
    struct ws_err err; /* it may hold shares */
    (void)complain(file_erase(path, &err), &err);
}

static void for_each(const char *path, void (*take)(void *ctx, const char *name), void *ctx) {
    DIR *dir = opendir(path);
    if (dir == NULL)
        return;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        if (e->d_name[0] != '.')
            take(ctx, e->d_name);
    (void)closedir(dir);
}

struct looking {
    const struct materials_disk *d;
    const struct materials_found *found;
    uint64_t round;
};

static void look_at_file(void *ctx, const char *name) {
    const struct looking *l = ctx;
    found_file(l->d, l->round, name, l->found);
}

static void look_at_round(void *ctx, const char *name) {
    struct looking *l = ctx;
    char path[PATH_MAX];
    if (!is_number(name, &l->round))
        return;
    l->found->round(l->found->ctx, l->round);
    round_path(l->d, l->round, "", path);
    for_each(path, look_at_file, l);
}

static void look_at_blob(void *ctx, const char *name) {
    const struct looking *l = ctx;
    char path[PATH_MAX];
    uint8_t hash[32];
    (void)snprintf(path, sizeof(path), "%s/blobs/%.80s", l->d->folder, name);
    if (strlen(name) == HEX && hex_decode(hash, 32, name))
        l->found->blob(l->found->ctx, hash, size_of(path), age_of(path));
    else
        drop(path);
}

int materials_disk_open(struct materials_disk *d, const char *folder,
    const struct materials_found *found, struct ws_err *err) {
    char path[PATH_MAX];
    struct looking l = {d, found, 0};
    int n = snprintf(d->folder, sizeof(d->folder), "%s", folder);
    if (n < 0 || (size_t)n >= sizeof(d->folder))
        return ws_fail(err, WS_ELIMIT, "%s: the path is too long", folder);
    int rc = make(d->folder, err);
    static const char *const parts[] = {"rounds", "blobs"};
    for (size_t i = 0; i < ARRAY_LEN(parts) && rc == WS_OK; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", d->folder, parts[i]);
        rc = make(path, err);
        if (rc == WS_OK)
            for_each(path, i == 0 ? look_at_round : look_at_blob, &l);
    }
    return rc;
}

/* ---- what vehicles sent ---- */

/* A file that is written and not there yet. */
struct begun {
    char path[PATH_MAX];
    char tmp[PATH_MAX];
    int fd;
};

static int no_file(const char *path, struct ws_err *err) {
    return ws_fail(err, WS_EIO, "%s: %s", path, strerror(errno));
}

static int write_parts(struct begun *f, const struct span *part, size_t n, struct ws_err *err) {
    const int length = snprintf(f->tmp, sizeof(f->tmp), "%s.tmp.%ld", f->path, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof(f->tmp))
        return ws_fail(err, WS_ELIMIT, "%s: the path is too long", f->path);
    f->fd = open(f->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (f->fd < 0)
        return no_file(f->tmp, err);
    for (size_t i = 0; i < n; i++)
        for (struct span left = part[i]; left.n > 0;) {
            const ssize_t put = write(f->fd, left.p, left.n);
            if (put < 0 && errno == EINTR)
                continue;
            if (put < 0)
                return no_file(f->tmp, err);
            left.p += put;
            left.n -= (size_t)put;
        }
    /* On its way while the others are written; what counts is the fsync. */
    (void)sync_file_range(f->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    return WS_OK;
}

static int sync_begun(struct begun *f, struct ws_err *err) {
    const int rc = fsync(f->fd) == 0 ? WS_OK : no_file(f->tmp, err);
    const int closed = close(f->fd);
    f->fd = -1;
    return rc != WS_OK || closed == 0 ? rc : no_file(f->tmp, err);
}

static int rename_begun(const struct begun *f, struct ws_err *err) {
    return rename(f->tmp, f->path) == 0 ? WS_OK : no_file(f->path, err);
}

static void give_up(struct begun *f) {
    if (f->fd >= 0)
        (void)close(f->fd);
    f->fd = -1;
    if (f->tmp[0] != 0)
        (void)unlink(f->tmp);
}

enum { BUNDLES, WHOLE, FILES };
struct putting {
    struct materials_item *item;
    struct begun file[FILES];
};

static int make_round(const struct materials_disk *d, uint64_t round, struct ws_err *err) {
    char path[PATH_MAX];
    round_path(d, round, "", path);
    if (mkdir(path, 0700) != 0)
        return errno == EEXIST ? WS_OK : no_file(path, err);
    (void)snprintf(path, sizeof(path), "%s/rounds", d->folder);
    return dir_sync(path, err);
}

static int write_item(const struct materials_disk *d, struct putting *p) {
    struct materials_item *k = p->item;
    uint8_t head[HEAD];
    put_be32(head, (uint32_t)k->what->cover.n);
    const struct span whole[] = {span_of(head, sizeof(head)), k->what->cover, k->what->wire};
    int rc = make_round(d, k->round, &k->err);
    id_path(d, k->round, k->id, bundles_end, p->file[BUNDLES].path);
    id_path(d, k->round, k->id, "", p->file[WHOLE].path);
    if (rc == WS_OK)
        rc = write_parts(&p->file[BUNDLES], &k->what->bundles, 1, &k->err);
    return rc != WS_OK ? rc : write_parts(&p->file[WHOLE], whole, ARRAY_LEN(whole), &k->err);
}

/* One kind of file of all that are good so far gets its name; then the folders are synced, each once for a run of the same round. */
static void name_all(const struct materials_disk *d, struct putting *p, size_t n, size_t file) {
    char path[PATH_MAX];
    for (size_t i = 0; i < n; i++)
        if (p[i].item->rc == WS_OK)
            p[i].item->rc = rename_begun(&p[i].file[file], &p[i].item->err);
    for (size_t from = 0, to = 0; from < n; from = to) {
        struct ws_err err = {0};
        const uint64_t round = p[from].item->round;
        round_path(d, round, "", path);
        const int rc = dir_sync(path, &err);
        for (to = from; to < n && p[to].item->round == round; to++) {
            if (rc == WS_OK || p[to].item->rc != WS_OK)
                continue;
            p[to].item->rc = rc;
            p[to].item->err = err;
        }
    }
}

/* The bundles get their name first: the other file says that all of it is here. */
void materials_disk_put(
    const struct materials_disk *d, struct materials_item *const *item, size_t n) {
    struct putting *p = ws_calloc(n, sizeof(*p));
    for (size_t i = 0; i < n; i++) {
        p[i].item = item[i];
        p[i].file[BUNDLES].fd = p[i].file[WHOLE].fd = -1;
        item[i]->rc = write_item(d, &p[i]);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t f = 0; f < FILES && item[i]->rc == WS_OK; f++)
            item[i]->rc = sync_begun(&p[i].file[f], &item[i]->err);
    name_all(d, p, n, BUNDLES);
    name_all(d, p, n, WHOLE);
    for (size_t i = 0; i < n; i++) {
        if (item[i]->rc == WS_OK)
            continue;
        give_up(&p[i].file[BUNDLES]);
        give_up(&p[i].file[WHOLE]);
        if (p[i].file[BUNDLES].path[0] == 0)
            continue;
        materials_disk_drop(d, item[i]->round, item[i]->id);
    }
    free(p);
}

int materials_disk_get(const struct materials_disk *d, uint64_t round, const uint8_t id[static 32],
    struct buf *ret, size_t *ret_bundles) {
    char path[PATH_MAX];
    struct ws_err err;
    id_path(d, round, id, "", path);
    int rc = file_read(path, FILE_MAX, ret, &err);
    const size_t n = ret->n;
    id_path(d, round, id, bundles_end, path);
    if (rc == WS_OK) {
        rc = file_read(path, FL_BUNDLES_OCTETS_MAX, ret, &err);
        rc = rc == WS_ENOTFOUND ? WS_OK : rc; /* erased */
    }
    *ret_bundles = ret->n - n;
    return rc;
}

void materials_disk_drop(
    const struct materials_disk *d, uint64_t round, const uint8_t id[static 32]) {
    char path[PATH_MAX];
    id_path(d, round, id, "", path);
    drop(path);
    (void)materials_disk_erase_bundles(d, round, id);
}

static uint64_t octets_of(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

uint64_t materials_disk_bundles_octets(
    const struct materials_disk *d, uint64_t round, const uint8_t id[static 32]) {
    char path[PATH_MAX];
    id_path(d, round, id, bundles_end, path);
    return octets_of(path);
}

uint64_t materials_disk_octets(
    const struct materials_disk *d, uint64_t round, const uint8_t id[static 32]) {
    char path[PATH_MAX];
    id_path(d, round, id, "", path);
    return octets_of(path) + materials_disk_bundles_octets(d, round, id);
}

bool materials_disk_erase_bundles(
    const struct materials_disk *d, uint64_t round, const uint8_t id[static 32]) {
    char path[PATH_MAX];
    struct ws_err err;
    id_path(d, round, id, bundles_end, path);
    return complain(file_erase(path, &err), &err);
}

bool materials_disk_end(const struct materials_disk *d, uint64_t round, uint64_t its_us) {
    char path[PATH_MAX];
    uint8_t octets[8];
    struct ws_err err;
    round_path(d, round, "", path);
    const bool synced = complain(dir_sync(path, &err), &err);
    put_be64(octets, its_us);
    round_path(d, round, "ended", path);
    return synced && complain(file_write(path, span_of(octets, sizeof(octets)), 0600, &err), &err);
}

struct dropping {
    const struct materials_disk *d;
    uint64_t round;
};

static void drop_file(void *ctx, const char *name) {
    const struct dropping *k = ctx;
    char path[PATH_MAX];
    round_path(k->d, k->round, name, path);
    if (strstr(name, bundles_end) != NULL) {
        struct ws_err err;
        (void)complain(file_erase(path, &err), &err);
    } else {
        drop(path);
    }
}

void materials_disk_drop_round(const struct materials_disk *d, uint64_t round) {
    struct dropping k = {d, round};
    char path[PATH_MAX];
    round_path(d, round, "", path);
    for_each(path, drop_file, &k);
    if (rmdir(path) != 0 && errno != ENOENT)
        ws_log(WS_LOG_WARN, "learn", "%s cannot be removed: %s", path, strerror(errno));
}

/* ---- records, blobs ---- */

int materials_disk_put_record(
    const struct materials_disk *d, uint64_t round, struct span octets, struct ws_err *err) {
    char path[PATH_MAX];
    round_path(d, round, "", path);
    int rc = make(path, err);
    round_path(d, round, "record", path);
    return rc != WS_OK ? rc : file_write(path, octets, 0600, err);
}

bool materials_disk_get_record(
    const struct materials_disk *d, uint64_t round, size_t max, struct buf *ret) {
    char path[PATH_MAX];
    struct ws_err err;
    round_path(d, round, "record", path);
    return file_read(path, max, ret, &err) == WS_OK;
}

int materials_disk_put_blob(const struct materials_disk *d, const uint8_t hash[static 32],
    struct span octets, struct ws_err *err) {
    char path[PATH_MAX];
    blob_path(d, hash, path);
    return file_write(path, octets, 0600, err);
}

bool materials_disk_get_blob(
    const struct materials_disk *d, const uint8_t hash[static 32], size_t max, struct buf *ret) {
    char path[PATH_MAX];
    struct ws_err err;
    blob_path(d, hash, path);
    return file_read(path, max, ret, &err) == WS_OK;
}

bool materials_disk_get_blob_head(
    const struct materials_disk *d, const uint8_t hash[static 32], size_t n, struct buf *ret) {
    char path[PATH_MAX];
    blob_path(d, hash, path);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    uint8_t *to = buf_grow(ret, n);
    ret->n -= n - fread(to, 1, n, f);
    return fclose(f) == 0;
}

void materials_disk_drop_blob(const struct materials_disk *d, const uint8_t hash[static 32]) {
    char path[PATH_MAX];
    blob_path(d, hash, path);
    drop(path);
}
