/* A consensus log in a file. The lock is on the open file, so the new file of a restart is locked before it
 * gets the name. */
#include "base/mem.h"
#include "ledger/store/wal_medium.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
    struct wal_medium m;
    int fd;
    bool renamed; /* the folder does not have it on the disk yet */
    char path[PATH_MAX];
    char temp[PATH_MAX]; /* of a restart in progress */
    char dir[PATH_MAX];
};

static int failed(const char *path, const char *doing, struct ws_err *err) {
    return ws_fail(err, WS_EIO, "%s: %s: %s", path, doing, strerror(errno));
}

static int write_at(int fd, uint64_t at, struct span data) {
    while (data.n > 0) {
        ssize_t put = pwrite(fd, data.p, data.n, (off_t)at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        data.p += put;
        data.n -= (size_t)put;
        at += (uint64_t)put;
    }
    return 0;
}

static int file_read_at(
    struct wal_medium *m, uint64_t at, uint8_t *dst, size_t n, struct ws_err *err) {
    struct file *f = (struct file *)m;
    while (n > 0) {
        ssize_t got = pread(f->fd, dst, n, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return failed(f->path, "reading", err);
        if (got == 0)
            return ws_fail(err, WS_EIO, "%s: became shorter while open", f->path);
        dst += got;
        n -= (size_t)got;
        at += (uint64_t)got;
    }
    return WS_OK;
}

static int file_append(
    struct wal_medium *m, struct span head, struct span body, struct ws_err *err) {
    struct file *f = (struct file *)m;
    if (m->point != NULL) {
        size_t half = (head.n + body.n) / 2;
        size_t in_head = half < head.n ? half : head.n;
        if (write_at(f->fd, m->size, span_of(head.p, in_head)) != 0 ||
            write_at(f->fd, m->size + in_head, span_of(body.p, half - in_head)) != 0)
            return failed(f->path, "writing", err);
        int rc = wal_at(m, WAL_POINT_APPEND_HALF, err);
        if (rc != WS_OK)
            return rc;
    }
    /* The payload first: a kill between the two writes then leaves a hole where the head belongs, which
     * no CRC takes for a record. Small records go out in one write. */
    enum { ONE_WRITE = 4096 };
    uint8_t both[ONE_WRITE];
    int bad;
    if (head.n + body.n <= sizeof(both)) {
        memcpy(both, head.p, head.n);
        if (body.n > 0)
            memcpy(both + head.n, body.p, body.n);
        bad = write_at(f->fd, m->size, span_of(both, head.n + body.n));
    } else {
        bad = write_at(f->fd, m->size + head.n, body);
        if (bad == 0)
            bad = write_at(f->fd, m->size, head);
    }
    if (bad != 0)
        return failed(f->path, "writing", err);
    m->size += head.n + body.n;
    return WS_OK;
}

static int sync_dir(const char *dir, struct ws_err *err) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return failed(dir, "opening", err);
    int rc = fsync(fd) == 0 ? WS_OK : failed(dir, "syncing", err);
    (void)close(fd);
    return rc;
}

static int file_sync(struct wal_medium *m, struct ws_err *err) {
    struct file *f = (struct file *)m;
    if (fdatasync(f->fd) != 0)
        return failed(f->path, "syncing", err);
    if (!f->renamed)
        return WS_OK;
    int rc = wal_at(m, WAL_POINT_SYNC_FOLDER, err);
    if (rc == WS_OK)
        rc = sync_dir(f->dir, err);
    f->renamed = rc != WS_OK;
    return rc;
}

static int file_cut(struct wal_medium *m, uint64_t size, struct ws_err *err) {
    struct file *f = (struct file *)m;
    if (ftruncate(f->fd, (off_t)size) != 0)
        return failed(f->path, "cutting off a torn tail", err);
    if (fsync(f->fd) != 0)
        return failed(f->path, "syncing", err);
    m->size = size;
    return WS_OK;
}

static int lock(int fd, const char *path, struct ws_err *err) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return WS_OK;
    if (errno == EWOULDBLOCK)
        return ws_fail(err, WS_EBUSY, "%s: in use by another process", path);
    return failed(path, "locking", err);
}

static int fill_new(struct file *f, int fd, struct span all, struct ws_err *err) {
    int rc = lock(fd, f->temp, err);
    if (rc != WS_OK)
        return rc;
    if (write_at(fd, 0, all) != 0)
        return failed(f->temp, "writing", err);
    if ((rc = wal_at(&f->m, WAL_POINT_RESTART_WRITTEN, err)) != WS_OK)
        return rc;
    if (fsync(fd) != 0)
        return failed(f->temp, "syncing", err);
    if ((rc = wal_at(&f->m, WAL_POINT_RESTART_SYNCED, err)) != WS_OK)
        return rc;
    if (rename(f->temp, f->path) != 0)
        return failed(f->path, "renaming the new log over it", err);
    return WS_OK;
}

static int file_replace(struct wal_medium *m, struct span all, struct ws_err *err) {
    struct file *f = (struct file *)m;
    /* A fresh inode each time: nobody else can have it open from before. */
    if (unlink(f->temp) != 0 && errno != ENOENT)
        return failed(f->temp, "removing", err);
    int fd = open(f->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(f->temp, "creating", err);
    int rc = fill_new(f, fd, all, err);
    if (rc != WS_OK) {
        (void)unlink(f->temp);
        (void)close(fd);
        return rc;
    }
    if (f->fd >= 0)
        (void)close(f->fd);
    f->fd = fd;
    f->renamed = true;
    m->size = all.n;
    return wal_at(m, WAL_POINT_RESTART_RENAMED, err);
}

static void file_close(struct wal_medium *m) {
    struct file *f = (struct file *)m;
    if (f->fd >= 0)
        (void)close(f->fd);
    free(f);
}

static const struct wal_medium_ops file_ops = {
    file_read_at, file_append, file_sync, file_cut, file_replace, file_close};

static int open_existing(struct file *f, bool *ret_new, struct ws_err *err) {
    f->fd = open(f->path, O_RDWR | O_CLOEXEC);
    *ret_new = f->fd < 0 && errno == ENOENT;
    if (*ret_new)
        return WS_OK;
    if (f->fd < 0)
        return failed(f->path, "opening", err);
    int rc = lock(f->fd, f->path, err);
    if (rc != WS_OK)
        return rc;
    struct stat mine;
    struct stat named;
    if (fstat(f->fd, &mine) != 0 || stat(f->path, &named) != 0)
        return failed(f->path, "opening", err);
    if (!S_ISREG(mine.st_mode))
        return ws_fail(err, WS_EINPUT, "%s: not a regular file", f->path);
    /* Another process may have restarted the log between our open and our lock. */
    if (mine.st_ino != named.st_ino || mine.st_dev != named.st_dev)
        return ws_fail(err, WS_EBUSY, "%s: in use by another process", f->path);
    f->m.size = (uint64_t)mine.st_size;
    /* Left by a restart that was killed before its rename. */
    if (unlink(f->temp) != 0 && errno != ENOENT)
        return failed(f->temp, "removing", err);
    return WS_OK;
}

int wal_medium_look(const char *path, struct wal_medium **ret_medium, struct ws_err *err) {
    struct stat st = {0};
    *ret_medium = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? WS_OK : failed(path, "opening", err);
    int rc = WS_OK;
    if (flock(fd, LOCK_SH | LOCK_NB) != 0)
        rc = errno == EWOULDBLOCK ? ws_fail(err, WS_EBUSY, "%s: in use by another process", path)
                                  : failed(path, "locking", err);
    else if (fstat(fd, &st) != 0)
        rc = failed(path, "opening", err);
    else if (!S_ISREG(st.st_mode))
        rc = ws_fail(err, WS_EINPUT, "%s: not a regular file", path);
    if (rc != WS_OK) {
        (void)close(fd);
        return rc;
    }
    struct file *f = ws_alloc(sizeof(*f));
    *f = (struct file){.m = {.ops = &file_ops, .name = f->path}, .fd = fd};
    f->m.size = (uint64_t)st.st_size;
    (void)snprintf(f->path, sizeof(f->path), "%s", path);
    *ret_medium = &f->m;
    return WS_OK;
}

int wal_medium_file(
    const char *path, struct wal_medium **ret_medium, bool *ret_new, struct ws_err *err) {
    struct file *f = ws_alloc(sizeof(*f));
    f->m.ops = &file_ops;
    f->m.name = f->path;
    f->fd = -1;
    if (path[0] == '\0' || strlen(path) + sizeof(".new") > sizeof(f->path)) {
        free(f);
        return ws_fail(err, WS_EINPUT, "%s: bad path of a consensus log", path);
    }
    (void)snprintf(f->path, sizeof(f->path), "%s", path);
    (void)snprintf(f->temp, sizeof(f->temp), "%s.new", path);
    (void)snprintf(f->dir, sizeof(f->dir), "%s", path);
    char *slash = strrchr(f->dir, '/');
    if (slash == NULL)
        (void)snprintf(f->dir, sizeof(f->dir), ".");
    else
        slash[slash == f->dir ? 1 : 0] = '\0';
    int rc = open_existing(f, ret_new, err);
    if (rc != WS_OK) {
        file_close(&f->m);
        return rc;
    }
    *ret_medium = &f->m;
    return WS_OK;
}
