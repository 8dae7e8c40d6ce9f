#include "rsu/decide/log.h"

#include "base/clock.h"
#include "base/fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char newest[] = "decisions.jsonl";
static const char before[] = "decisions.1.jsonl";
static const char rest[] = "decisions.new";

static const char *path_of(
    const struct decide_log *l, const char *name, char ret[static PATH_MAX]) {
    (void)snprintf(ret, PATH_MAX, "%s/%s", l->folder, name);
    return ret;
}

int decide_log_append(const struct decide_log *l, struct span line, struct ws_err *err) {
    char path[PATH_MAX];
    char old[PATH_MAX];
    struct stat st;
    (void)path_of(l, newest, path);
    (void)path_of(l, before, old);
    if (stat(path, &st) == 0 && (uint64_t)st.st_size + line.n > l->octets / 2 &&
        rename(path, old) != 0)
        return ws_fail(err, WS_EIO, "%s: %s", old, strerror(errno));
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0)
        return ws_fail(err, WS_EIO, "%s: %s", path, strerror(errno));
    bool good = write(fd, line.p, line.n) == (ssize_t)line.n && fdatasync(fd) == 0;
    int rc = good ? WS_OK : ws_fail(err, WS_EIO, "%s: %s", path, strerror(errno));
    (void)close(fd);
    return rc;
}

/* Instants of one form compare as text. */
static bool may_stay(const char *line, size_t n, const char *since) {
    json_t *o = json_loadb(line, n, 0, NULL);
    const char *written = json_string_value(json_object_get(o, "written"));
    bool stays = written != NULL && strlen(written) == strlen(since) && strcmp(written, since) >= 0;
    json_decref(o);
    return stays;
}

/* to NULL: they are counted alone. */
static bool keep_lines(
    FILE *from, FILE *to, const char *since, size_t *ret_kept, size_t *ret_gone) {
    char *line = NULL;
    size_t room = 0;
    bool good = true;
    *ret_kept = *ret_gone = 0;
    for (ssize_t n; good && (n = getline(&line, &room, from)) > 0;) {
        if (!may_stay(line, (size_t)n, since)) {
            ++*ret_gone;
            continue;
        }
        ++*ret_kept;
        good = to == NULL || fwrite(line, 1, (size_t)n, to) == (size_t)n;
    }
    free(line);
    return good && ferror(from) == 0;
}

static bool write_rest(FILE *from, const char *path, const char *since) {
    size_t kept = 0;
    size_t gone = 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    FILE *to = fd < 0 ? NULL : fdopen(fd, "w");
    if (to == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return false;
    }
    rewind(from);
    bool good = keep_lines(from, to, since, &kept, &gone) && fflush(to) == 0 && fdatasync(fd) == 0;
    return fclose(to) == 0 && good;
}

static int forget_in(
    const struct decide_log *l, const char *name, const char *since, struct ws_err *err) {
    char path[PATH_MAX];
    char other[PATH_MAX];
    size_t kept = 0;
    size_t gone = 0;
    FILE *from = fopen(path_of(l, name, path), "re");
    if (from == NULL)
        return errno == ENOENT ? WS_OK : ws_fail(err, WS_EIO, "%s: %s", path, strerror(errno));
    bool good = keep_lines(from, NULL, since, &kept, &gone);
    if (good && gone > 0 && kept == 0)
        good = unlink(path) == 0;
    else if (good && gone > 0)
        good = write_rest(from, path_of(l, rest, other), since) && rename(other, path) == 0;
    int rc = good ? WS_OK : ws_fail(err, WS_EIO, "%s: %s", path, strerror(errno));
    (void)fclose(from);
    return rc == WS_OK && gone > 0 ? dir_sync(l->folder, err) : rc;
}

int decide_log_forget(const struct decide_log *l, uint64_t before_its_us, struct ws_err *err) {
    char since[32];
    char path[PATH_MAX];
    its_format(since, before_its_us);
    /* What a crash left of a writing is as old as what it was to take the place of. */
    (void)unlink(path_of(l, rest, path));
    int rc = forget_in(l, before, since, err);
    return rc == WS_OK ? forget_in(l, newest, since, err) : rc;
}
