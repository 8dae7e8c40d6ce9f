#include "rsu/feedback/feedback.h"

#include "base/fileio.h"
#include "base/log.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "mapsvc/model/text.h"
#include "mapsvc/tnits/tnits.h"

#include <dirent.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_MAX_OCTETS = 4096 };

struct feedback {
    char *dir;
    char prefix[34]; /* of the cell's own data sets: "wayside.0123456789abcdef/" */
    pthread_mutex_t adding; /* one is written at a time; taken before the list's */
    pthread_mutex_t lock; /* of the list; nobody waits for the disk with it */
    uint64_t next;
    size_t n;
    struct feedback_kept *kept[FEEDBACK_KEPT_MAX + 1]; /* ascending number */
};

static void kept_free(struct feedback_kept *k) {
    if (k != NULL)
        tnits_feedback_free(&k->answer);
    free(k);
}

static void path_of(const struct feedback *f, uint64_t number, uint64_t received,
    char ret_path[static PATH_MAX_OCTETS]) {
    (void)snprintf(
        ret_path, PATH_MAX_OCTETS, "%s/%06" PRIu64 "-%" PRIu64 ".xml", f->dir, number, received);
}

/* ---- reading one ---- */

/* "wayside.CELL/FROM-TO", as /v1/map/diffs names its data sets. */
static void read_range(const struct feedback *f, struct feedback_kept *k) {
    const char *name = k->answer.dataset;
    char from[24];
    int64_t a = 0;
    int64_t b = 0;
    size_t n = strlen(f->prefix);
    if (strncmp(name, f->prefix, n) != 0)
        return;
    const char *dash = strchr(name + n, '-');
    if (dash == NULL || (size_t)(dash - name) - n >= sizeof(from))
        return;
    memcpy(from, name + n, (size_t)(dash - name) - n);
    from[(size_t)(dash - name) - n] = '\0';
    if (text_to_i64(from, &a) && text_to_i64(dash + 1, &b) && a >= 1 && b >= a) {
        k->from = (uint64_t)a;
        k->to = (uint64_t)b;
    }
}

static bool failed(const struct tnits_event *e) {
    return strcmp(e->code, "success") != 0;
}

/* Failures stay before what went well, either in the order they came. */
static void bound_events(struct tnits_feedback *a) {
    if (a->n_events > FEEDBACK_EVENTS_MAX) {
        struct tnits_event *few = ws_calloc(FEEDBACK_EVENTS_MAX, sizeof(*few));
        size_t n = 0;
        for (int good = 0; good < 2; good++)
            for (size_t i = 0; i < a->n_events && n < FEEDBACK_EVENTS_MAX; i++)
                if (failed(&a->events[i]) == (good == 0))
                    few[n++] = a->events[i];
        free(a->events);
        a->events = few;
        a->n_events = n;
    } else if (a->n_events > 0) {
        a->events = ws_realloc(a->events, a->n_events * sizeof(a->events[0]));
    }
    a->cap = a->n_events;
}

static int read_one(const struct feedback *f, const char *name, struct span xml,
    struct feedback_kept **ret, struct ws_err *err) {
    struct feedback_kept *k = ws_alloc(sizeof(*k));
    int rc = xml.n > FEEDBACK_OCTETS_MAX
                 ? ws_fail(err, WS_ELIMIT, "%zu octets; at most %zu are kept", xml.n,
                       FEEDBACK_OCTETS_MAX)
                 : tnits_feedback_read(name, xml, &k->answer, err);
    if (rc != WS_OK) {
        free(k);
        return rc;
    }
    exec_sha256_one(xml, k->digest);
    read_range(f, k);
    bound_events(&k->answer);
    *ret = k;
    return WS_OK;
}

/* ---- the folder ---- */

static bool read_name(const char *name, uint64_t *ret_number, uint64_t *ret_received) {
    char number[24] = {0};
    char received[24] = {0};
    const char *dash = strchr(name, '-');
    const char *dot = strchr(name, '.');
    if (dash == NULL || dot == NULL || dash > dot || strcmp(dot, ".xml") != 0 ||
        (size_t)(dash - name) >= sizeof(number) || (size_t)(dot - dash - 1) >= sizeof(received))
        return false;
    memcpy(number, name, (size_t)(dash - name));
    memcpy(received, dash + 1, (size_t)(dot - dash - 1));
    int64_t a = 0;
    int64_t b = 0;
    if (!text_to_i64(number, &a) || !text_to_i64(received, &b) || a < 1 || b < 0)
        return false;
    *ret_number = (uint64_t)a;
    *ret_received = (uint64_t)b;
    return true;
}

static void forget(struct feedback *f, size_t i) {
    char path[PATH_MAX_OCTETS];
    path_of(f, f->kept[i]->number, f->kept[i]->received, path);
    (void)unlink(path);
    kept_free(f->kept[i]);
    memmove(&f->kept[i], &f->kept[i + 1], (f->n - i - 1) * sizeof(struct feedback_kept *));
    f->n--;
}

static void put_in(struct feedback *f, struct feedback_kept *k) {
    size_t at = f->n;
    while (at > 0 && f->kept[at - 1]->number > k->number)
        at--;
    memmove(&f->kept[at + 1], &f->kept[at], (f->n - at) * sizeof(struct feedback_kept *));
    f->kept[at] = k;
    f->n++;
    f->next = k->number >= f->next ? k->number + 1 : f->next;
    if (f->n > FEEDBACK_KEPT_MAX)
        forget(f, 0);
}

static void load(struct feedback *f) {
    DIR *d = opendir(f->dir);
    if (d == NULL)
        return; /* nothing has been kept yet */
    for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        uint64_t number = 0;
        uint64_t received = 0;
        char path[PATH_MAX_OCTETS];
        struct buf b = {0};
        struct ws_err err = {0};
        struct feedback_kept *k = NULL;
        if (!read_name(e->d_name, &number, &received))
            continue;
        path_of(f, number, received, path);
        if (file_read(path, FEEDBACK_OCTETS_MAX, &b, &err) == WS_OK &&
            read_one(f, path, buf_span(&b), &k, &err) == WS_OK) {
            k->number = number;
            k->received = received;
            put_in(f, k);
        } else {
            ws_log(WS_LOG_WARN, "feedback", "left out: %s", err.text);
        }
        buf_free(&b);
    }
    (void)closedir(d);
}

int feedback_open(const char *dir, const uint8_t cell_id[static 32], struct feedback **ret_feedback,
    struct ws_err *err) {
    char provider[32];
    if (strlen(dir) > PATH_MAX_OCTETS - 64)
        return ws_fail(err, WS_EINPUT, "%.60s...: name of a folder is too long", dir);
    struct feedback *f = ws_alloc(sizeof(*f));
    *f = (struct feedback){.dir = ws_strdup(dir), .next = 1};
    tnits_provider_of_cell(cell_id, provider);
    (void)snprintf(f->prefix, sizeof(f->prefix), "%s/", provider);
    (void)pthread_mutex_init(&f->adding, NULL);
    (void)pthread_mutex_init(&f->lock, NULL);
    load(f);
    *ret_feedback = f;
    return WS_OK;
}

void feedback_close(struct feedback *f) {
    if (f == NULL)
        return;
    for (size_t i = 0; i < f->n; i++)
        kept_free(f->kept[i]);
    (void)pthread_mutex_destroy(&f->lock);
    (void)pthread_mutex_destroy(&f->adding);
    free(f->dir);
    free(f);
}

/* Gives it a number, unless it is kept already. */
static int enlist(struct feedback *f, struct feedback_kept *k, struct ws_err *err) {
    int rc = WS_OK;
    (void)pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->n && rc == WS_OK; i++)
        if (memcmp(f->kept[i]->digest, k->digest, 32) == 0)
            rc = ws_fail(
                err, WS_EBUSY, "it is kept already, as number %" PRIu64, f->kept[i]->number);
    k->number = f->next;
    (void)pthread_mutex_unlock(&f->lock);
    return rc;
}

/* Under `adding`. */
static int keep(struct feedback *f, struct feedback_kept *k, struct span xml, struct ws_err *err) {
    char path[PATH_MAX_OCTETS];
    int rc = enlist(f, k, err);
    path_of(f, k->number, k->received, path);
    if (rc == WS_OK)
        rc = dir_make(f->dir, err);
    if (rc == WS_OK)
        rc = file_write(path, xml, 0640, err);
    if (rc != WS_OK)
        return rc;
    (void)pthread_mutex_lock(&f->lock);
    put_in(f, k);
    (void)pthread_mutex_unlock(&f->lock);
    return WS_OK;
}

int feedback_add(struct feedback *f, struct span xml, uint64_t its_us, uint64_t *ret_number,
    struct ws_err *err) {
    struct feedback_kept *k = NULL;
    int rc = read_one(f, "feedback", xml, &k, err);
    if (rc != WS_OK)
        return rc;
    k->received = its_us;
    (void)pthread_mutex_lock(&f->adding);
    rc = keep(f, k, xml, err);
    if (rc == WS_OK)
        *ret_number = k->number; /* it goes when 64 others have come: not while we add */
    (void)pthread_mutex_unlock(&f->adding);
    if (rc != WS_OK)
        kept_free(k);
    return rc;
}

void feedback_each(struct feedback *f, feedback_fn fn, void *ctx) {
    (void)pthread_mutex_lock(&f->lock);
    for (size_t i = f->n; i-- > 0;)
        if (!fn(ctx, f->kept[i]))
            break;
    (void)pthread_mutex_unlock(&f->lock);
}

bool feedback_element(const struct tnits_event *e, uint8_t ret_id[static 16]) {
    return strlen(e->id) == 32 && hex_decode(ret_id, 16, e->id);
}

bool feedback_names(const struct tnits_event *e, const struct element *element) {
    uint8_t id[16];
    char alias[ELEMENT_MAX_TEXT + 1];
    if (feedback_element(e, id))
        return memcmp(id, element->id, sizeof(id)) == 0;
    (void)snprintf(alias, sizeof(alias), "tnits:%s/%s", e->provider, e->id);
    for (size_t i = 0; i < element->n_aliases; i++)
        if (strcmp(element->aliases[i], alias) == 0)
            return true;
    return false;
}
