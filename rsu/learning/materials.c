#include "rsu/learning/materials.h"

#include "base/assert.h"
#include "base/fileio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "fedlearn/vehicle/model.h"
#include "ledger/exec/hash.h"
#include "rsu/learning/materials_disk.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ERASE_AGAIN_US UINT64_C(60000000)
enum { WRITING_MAX = 4 * MATERIALS_PUT_MAX, HEAD = 4, RECORD_MAX = 8 << 20, BLOB_MAX = 1 << 28 };

/* One round's folder. */
struct round_files {
    uint64_t number;
    uint64_t ended_us; /* 0: it is on */
    bool ended_saved, erased;
    bool has_bundles; /* were there at the start */
    uint64_t again_us; /* erasing failed: not before */
    size_t n_erased; /* of them that were counted */
    uint64_t octets;
    uint8_t (*id)[32];
    size_t n, cap;
    struct round_files *next; /* ascending number */
};

struct blob {
    uint8_t hash[32];
    enum { NOT_READ, A_MODEL, NO_MODEL } kind;
    uint8_t parent[32]; /* A_MODEL */
    uint64_t octets;
    uint64_t changed_s; /* UINT64_MAX: in this run */
    struct blob *next; /* oldest first */
};

struct materials {
    pthread_mutex_t lock;
    struct materials_limits limits;
    struct materials_disk disk;
    struct table index; /* id -> struct round_files */
    struct round_files *rounds;
    struct blob *blobs;
    struct table blob_index; /* hash -> struct blob */
    uint8_t pinned[MATERIALS_PINNED_MAX][32];
    size_t n_pinned;
    uint64_t now_round;
    uint64_t coming; /* octets of what is being written */
    pthread_cond_t written;
    uint8_t writing[WRITING_MAX][32]; /* ids: no two write the same files */
    size_t n_writing;
    struct materials_counters counters;
};

struct materials_limits materials_limits_default(void) {
    return (struct materials_limits){.octets = UINT64_C(8) << 30,
        .blob_octets = UINT64_C(2) << 30,
        .audit_us = UINT64_C(30) * 86400 * 1000000};
}

static void lock(struct materials *m) {
    (void)pthread_mutex_lock(&m->lock);
}

static void unlock(struct materials *m) {
    (void)pthread_mutex_unlock(&m->lock);
}

/* ---- the index; under the lock ---- */

static struct round_files *round_of(struct materials *m, uint64_t number) {
    struct round_files **at = &m->rounds;
    while (*at != NULL && (*at)->number < number)
        at = &(*at)->next;
    if (*at == NULL || (*at)->number != number) {
        struct round_files *r = ws_alloc(sizeof(*r));
        r->number = number;
        r->next = *at;
        *at = r;
    }
    return *at;
}

static void note_submission(
    struct materials *m, uint64_t number, const uint8_t id[static 32], uint64_t octets) {
    struct round_files *r = round_of(m, number);
    if (table_get(&m->index, id) != NULL)
        return;
    if (r->n == r->cap) {
        r->cap = r->cap == 0 ? 64 : 2 * r->cap;
        r->id = ws_realloc(r->id, r->cap * sizeof(*r->id));
    }
    memcpy(r->id[r->n++], id, 32);
    (void)table_put(&m->index, id, r);
    r->octets += octets;
    m->counters.octets += octets;
    m->counters.submissions++;
}

static void note_blob(
    struct materials *m, const uint8_t hash[static 32], uint64_t octets, uint64_t changed_s) {
    if (table_get(&m->blob_index, hash) != NULL)
        return;
    struct blob *b = ws_alloc(sizeof(*b));
    struct blob **at = &m->blobs;
    memcpy(b->hash, hash, 32);
    b->octets = octets;
    b->changed_s = changed_s;
    while (*at != NULL && (*at)->changed_s <= changed_s)
        at = &(*at)->next;
    b->next = *at;
    *at = b;
    (void)table_put(&m->blob_index, hash, b);
    m->counters.blob_octets += octets;
    m->counters.blobs++;
}

/* So many of its octets are on the disk no more. */
static void note_gone(struct materials *m, struct round_files *r, uint64_t octets) {
    octets = octets < r->octets ? octets : r->octets;
    r->octets -= octets;
    m->counters.octets -= octets;
}

static void take_out(struct materials *m, struct round_files *r) {
    struct round_files **at = &m->rounds;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    for (size_t i = 0; i < r->n; i++)
        if (table_get(&m->index, r->id[i]) == r)
            (void)table_take(&m->index, r->id[i]);
    m->counters.octets -= r->octets;
    m->counters.submissions -= r->n;
    m->counters.expired += r->n;
}

static void round_free(struct round_files *r) {
    free(r->id);
    free(r);
}

/* ---- open, close ---- */

static void found_round(void *ctx, uint64_t round) {
    (void)round_of(ctx, round);
}

static void found_submission(
    void *ctx, uint64_t round, const uint8_t id[static 32], uint64_t octets, uint64_t bundles) {
    struct round_files *r = round_of(ctx, round);
    note_submission(ctx, round, id, octets + bundles);
    r->has_bundles = r->has_bundles || bundles > 0;
}

static void found_end(void *ctx, uint64_t round, uint64_t its_us) {
    struct round_files *r = round_of(ctx, round);
    r->ended_us = its_us;
    r->ended_saved = r->erased =
        true; /* noted behind the erasing: but a disk may have failed, and something come late */
}

static void found_blob(
    void *ctx, const uint8_t hash[static 32], uint64_t octets, uint64_t changed_s) {
    note_blob(ctx, hash, octets, changed_s);
}

int materials_open(const char *folder, const struct materials_limits *limits,
    struct materials **ret, struct ws_err *err) {
    struct materials *m = ws_alloc(sizeof(*m));
    const struct materials_found found = {found_round, found_submission, found_end, found_blob, m};
    (void)pthread_mutex_init(&m->lock, NULL);
    (void)pthread_cond_init(&m->written, NULL);
    m->limits = *limits;
    int rc = materials_disk_open(&m->disk, folder, &found, err);
    if (rc != WS_OK) {
        materials_close(m);
        return rc;
    }
    for (struct round_files *r = m->rounds; r != NULL; r = r->next)
        r->erased = r->erased && !r->has_bundles;
    *ret = m;
    return WS_OK;
}

void materials_close(struct materials *m) {
    if (m == NULL)
        return;
    for (struct round_files *r; (r = m->rounds) != NULL;) {
        m->rounds = r->next;
        round_free(r);
    }
    for (struct blob *b; (b = m->blobs) != NULL;) {
        m->blobs = b->next;
        free(b);
    }
    table_free(&m->index);
    table_free(&m->blob_index);
    (void)pthread_cond_destroy(&m->written);
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
}

/* ---- what vehicles sent ---- */

/* The oldest round that is over; for the room it takes. */
static struct round_files *oldest_over(struct materials *m) {
    for (struct round_files *r = m->rounds; r != NULL; r = r->next)
        if (r->number != m->now_round && r->n > 0)
            return r;
    return NULL;
}

/* Room for so many octets more; what goes for it is given back to be removed from the disk, outside the lock. */
static bool make_room(struct materials *m, uint64_t octets, struct round_files **ret_gone) {
    *ret_gone = NULL;
    while (m->counters.octets + m->coming + octets > m->limits.octets) {
        struct round_files *r = oldest_over(m);
        if (r == NULL)
            return false;
        take_out(m, r);
        r->next = *ret_gone;
        *ret_gone = r;
    }
    return true;
}

static void remove_all(struct materials *m, struct round_files *gone) {
    for (struct round_files *r; (r = gone) != NULL;) {
        gone = r->next;
        materials_disk_drop_round(&m->disk, r->number);
        round_free(r);
    }
}

static bool is_writing(const struct materials *m, const uint8_t id[static 32]) {
    for (size_t i = 0; i < m->n_writing; i++)
        if (memcmp(m->writing[i], id, 32) == 0)
            return true;
    return false;
}

static uint64_t octets_of(const struct fl_material *what) {
    return HEAD + what->cover.n + what->wire.n + what->bundles.n;
}

/* Whether it is to be written; what goes for its room is added to gone. Who writes the same one is waited for: only with nothing begun of one's
 * own, else two would wait for each other; then it is WS_EBUSY. */
static bool begin(
    struct materials *m, struct materials_item *k, bool may_wait, struct round_files **gone) {
    struct round_files *more = NULL;
    const uint64_t octets = octets_of(k->what);
    bool busy = false;
    k->rc = WS_OK;
    lock(m);
    while ((busy = is_writing(m, k->id) || m->n_writing == WRITING_MAX) && may_wait)
        (void)pthread_cond_wait(&m->written, &m->lock);
    if (busy) {
        k->rc = WS_EBUSY;
    } else if (table_get(&m->index, k->id) != NULL) {
        k->rc = WS_EEXIST;
    } else if (!make_room(m, octets, &more)) {
        m->counters.no_room++;
        k->rc = ws_fail(&k->err, WS_ELIMIT,
            "no room: %llu octets are allowed, and what is kept is of the round that is on",
            (unsigned long long)m->limits.octets);
    } else {
        m->coming += octets;
        memcpy(m->writing[m->n_writing++], k->id, 32);
    }
    unlock(m);
    while (more != NULL) {
        struct round_files *r = more;
        more = r->next;
        r->next = *gone;
        *gone = r;
    }
    return k->rc == WS_OK;
}

static void end(struct materials *m, const struct materials_item *k) {
    const uint64_t octets = octets_of(k->what);
    lock(m);
    for (size_t i = 0; i < m->n_writing; i++) {
        if (memcmp(m->writing[i], k->id, 32) != 0)
            continue;
        memcpy(m->writing[i], m->writing[--m->n_writing], 32);
        break;
    }
    m->coming -= octets;
    if (k->rc == WS_OK) {
        note_submission(m, k->round, k->id, octets);
        round_of(m, k->round)->erased = false; /* it may be over, and have been erased, meanwhile */
    }
    m->counters.put += k->rc == WS_OK;
    m->counters.io_failed += k->rc != WS_OK;
    (void)pthread_cond_broadcast(&m->written);
    unlock(m);
}

/* The first with the same id, or k itself. */
static size_t first_of(const struct materials_item *item, size_t k) {
    size_t i = 0;
    while (memcmp(item[i].id, item[k].id, 32) != 0)
        i++;
    return i;
}

/* What was begun is brought to its end. */
static void put_begun(
    struct materials *m, struct materials_item *const *disk, size_t *n, struct round_files **gone) {
    remove_all(m, *gone);
    *gone = NULL;
    if (*n > 0)
        materials_disk_put(&m->disk, disk, *n);
    for (size_t k = 0; k < *n; k++)
        end(m, disk[k]);
    *n = 0;
}

void materials_put_many(struct materials *m, struct materials_item *item, size_t n) {
    struct materials_item *disk[MATERIALS_PUT_MAX] = {NULL};
    struct round_files *gone = NULL;
    size_t n_disk = 0;
    WS_ASSERT(n <= MATERIALS_PUT_MAX);
    for (size_t k = 0; k < n; k++) {
        if (first_of(item, k) != k)
            continue;
        bool is = begin(m, &item[k], n_disk == 0, &gone);
        if (item[k].rc == WS_EBUSY) {
            put_begun(m, disk, &n_disk, &gone);
            is = begin(m, &item[k], true, &gone);
        }
        if (is)
            disk[n_disk++] = &item[k];
    }
    put_begun(m, disk, &n_disk, &gone);
    for (size_t k = 0; k < n; k++) {
        const struct materials_item *same = &item[first_of(item, k)];
        if (same == &item[k])
            continue;
        item[k].rc = same->rc == WS_OK ? WS_EEXIST : same->rc;
        item[k].err = same->err;
    }
}

int materials_put(struct materials *m, uint64_t round, const uint8_t id[static 32],
    const struct fl_material *what, struct ws_err *err) {
    struct materials_item item = {.round = round, .id = id, .what = what};
    materials_put_many(m, &item, 1);
    if (item.rc != WS_OK && item.rc != WS_EEXIST)
        return ws_fail(err, item.rc, "%s", item.err.text);
    return item.rc;
}

bool materials_has(struct materials *m, const uint8_t id[static 32]) {
    lock(m);
    const bool there = table_get(&m->index, id) != NULL;
    unlock(m);
    return there;
}

/* What is not on the disk as it was put is not here: so it can come again. */
static void forget(struct materials *m, uint64_t number, const uint8_t id[static 32]) {
    const uint64_t octets = materials_disk_octets(&m->disk, number, id);
    lock(m);
    struct round_files *r = table_get(&m->index, id);
    const bool is = r != NULL && r->number == number;
    for (size_t i = 0; is && i < r->n; i++) {
        if (memcmp(r->id[i], id, 32) != 0)
            continue;
        memmove(&r->id[i], &r->id[i + 1], (--r->n - i) * sizeof(*r->id));
        r->n_erased -= r->n_erased > r->n;
        (void)table_take(&m->index, id);
        m->counters.submissions--;
        m->counters.damaged++;
        note_gone(m, r, octets);
    }
    unlock(m);
    if (!is)
        return;
    ws_log(WS_LOG_ERROR, "learn",
        "what a vehicle sent in round %llu is damaged on the disk; it is not used",
        (unsigned long long)number);
    materials_disk_drop(&m->disk, number, id);
}

bool materials_get(struct materials *m, const uint8_t id[static 32], struct materials_hold *ret) {
    uint64_t number = 0;
    lock(m);
    const struct round_files *r = table_get(&m->index, id);
    const bool there = r != NULL;
    number = there ? r->number : 0;
    unlock(m);
    struct buf octets = {0};
    memset(ret, 0, sizeof(*ret));
    size_t bundles = 0;
    int rc = there ? materials_disk_get(&m->disk, number, id, &octets, &bundles) : WS_OK;
    const bool whole =
        rc == WS_OK && octets.n - bundles >= HEAD && be32(octets.p) <= octets.n - bundles - HEAD;
    if (!there || !whole) {
        if (there && (rc == WS_OK || rc == WS_ENOTFOUND))
            forget(m, number, id);
        buf_free(&octets);
        return false;
    }
    const size_t cover = be32(octets.p);
    ret->material.cover = span_of(octets.p + HEAD, cover);
    ret->material.wire = span_of(octets.p + HEAD + cover, octets.n - HEAD - cover - bundles);
    ret->material.bundles = span_of(octets.p + octets.n - bundles, bundles);
    ret->memory = octets.p;
    return true;
}

void materials_release(struct materials_hold *h) {
    free(h->memory);
    memset(h, 0, sizeof(*h));
}

void materials_round(struct materials *m, uint64_t round, uint64_t its_us) {
    lock(m);
    m->now_round = round;
    for (struct round_files *r = m->rounds; r != NULL; r = r->next)
        if (r->number != round && r->ended_us == 0)
            r->ended_us = its_us == 0 ? 1 : its_us;
    unlock(m);
}

static bool is_beyond(const struct materials *m, const struct round_files *r, uint64_t its_us) {
    return r->ended_us != 0 && its_us > r->ended_us && its_us - r->ended_us > m->limits.audit_us;
}

static bool is_pinned(const struct materials *m, const uint8_t hash[static 32]) {
    for (size_t i = 0; i < m->n_pinned; i++)
        if (memcmp(m->pinned[i], hash, 32) == 0)
            return true;
    return false;
}

static struct blob *spare_blob(struct materials *m) {
    if (m->counters.blob_octets <= m->limits.blob_octets)
        return NULL;
    for (struct blob *b = m->blobs; b != NULL; b = b->next)
        if (!is_pinned(m, b->hash))
            return b;
    return NULL;
}

static bool is_to_end(const struct round_files *r, uint64_t its_us) {
    return r->ended_us != 0 && !(r->ended_saved && r->erased) && r->again_us <= its_us;
}

bool materials_to_sweep(struct materials *m, uint64_t its_us) {
    lock(m);
    bool is = spare_blob(m) != NULL;
    for (const struct round_files *r = m->rounds; r != NULL; r = r->next)
        is = is || is_beyond(m, r, its_us) || is_to_end(r, its_us);
    unlock(m);
    return is;
}

/* One round that is over and was not cleared; false: there is none. Ids are copied, as it may go meanwhile. */
static bool end_one(struct materials *m, uint64_t its_us) {
    lock(m);
    struct round_files *r = m->rounds;
    while (r != NULL && !is_to_end(r, its_us))
        r = r->next;
    if (r == NULL) {
        unlock(m);
        return false;
    }
    const uint64_t number = r->number;
    const uint64_t ended_us = r->ended_us;
    const size_t n = r->n;
    uint8_t(*id)[32] = ws_memdup(r->id, n * sizeof(*id));
    r->ended_saved = r->erased = true;
    unlock(m);
    size_t failed = 0;
    uint64_t gone = 0;
    for (size_t i = 0; i < n; i++) {
        const uint64_t octets = materials_disk_bundles_octets(&m->disk, number, id[i]);
        const bool erased = materials_disk_erase_bundles(&m->disk, number, id[i]);
        failed += !erased;
        gone += erased ? octets : 0;
    }
    if (failed == 0)
        failed += !materials_disk_end(&m->disk, number, ended_us);
    lock(m);
    r = m->rounds;
    while (r != NULL && r->number != number)
        r = r->next;
    if (r != NULL)
        note_gone(m, r, gone);
    if (r != NULL && failed > 0) { /* nothing is noted as ended that has shares left */
        r->erased = false;
        r->again_us = its_us + ERASE_AGAIN_US;
        m->counters.io_failed++;
    } else if (r != NULL) {
        m->counters.erased += n - r->n_erased;
        r->n_erased = n;
    }
    unlock(m);
    free(id);
    return true;
}

static void forget_blob(struct materials *m, struct blob *b) {
    struct blob **at = &m->blobs;
    while (*at != b)
        at = &(*at)->next;
    *at = b->next;
    (void)table_take(&m->blob_index, b->hash);
    m->counters.blob_octets -= b->octets;
    m->counters.blobs--;
}

static void drop_blobs(struct materials *m) {
    for (;;) {
        lock(m);
        struct blob *b = spare_blob(m);
        if (b != NULL)
            forget_blob(m, b);
        unlock(m);
        if (b == NULL)
            return;
        materials_disk_drop_blob(&m->disk, b->hash);
        free(b);
    }
}

void materials_sweep(struct materials *m, uint64_t its_us) {
    struct round_files *gone = NULL;
    lock(m);
    for (struct round_files *r = m->rounds, *next; r != NULL; r = next) {
        next = r->next;
        if (!is_beyond(m, r, its_us))
            continue;
        take_out(m, r);
        r->next = gone;
        gone = r;
    }
    unlock(m);
    remove_all(m, gone);
    while (end_one(m, its_us)) {
    }
    drop_blobs(m);
}

/* ---- records ---- */

int materials_put_record(
    struct materials *m, uint64_t round, struct span octets, struct ws_err *err) {
    int rc = materials_disk_put_record(&m->disk, round, octets, err);
    lock(m);
    if (rc == WS_OK)
        (void)round_of(m, round);
    m->counters.io_failed += rc != WS_OK;
    unlock(m);
    return rc;
}

bool materials_get_record(struct materials *m, uint64_t round, struct materials_hold *ret) {
    struct buf octets = {0};
    memset(ret, 0, sizeof(*ret));
    if (!materials_disk_get_record(&m->disk, round, RECORD_MAX, &octets)) {
        buf_free(&octets);
        return false;
    }
    ret->blob = buf_span(&octets);
    ret->memory = octets.p;
    return true;
}

/* ---- blobs ---- */

int materials_put_blob(
    struct materials *m, const uint8_t sha256[static 32], struct span octets, struct ws_err *err) {
    uint8_t hash[32];
    exec_sha256_one(octets, hash);
    if (memcmp(hash, sha256, 32) != 0)
        return ws_fail(err, WS_EINPUT, "these octets have another hash");
    if (octets.n > BLOB_MAX)
        return ws_fail(err, WS_ELIMIT, "%zu octets, at most %d are kept", octets.n, BLOB_MAX);
    if (materials_has_blob(m, sha256))
        return WS_EEXIST;
    int rc = materials_disk_put_blob(&m->disk, sha256, octets, err);
    lock(m);
    if (rc == WS_OK)
        note_blob(m, sha256, octets.n, UINT64_MAX);
    m->counters.io_failed += rc != WS_OK;
    unlock(m);
    return rc;
}

bool materials_has_blob(struct materials *m, const uint8_t sha256[static 32]) {
    lock(m);
    const bool there = table_get(&m->blob_index, sha256) != NULL;
    unlock(m);
    return there;
}

bool materials_get_blob(
    struct materials *m, const uint8_t sha256[static 32], struct materials_hold *ret) {
    struct buf octets = {0};
    uint8_t hash[32];
    memset(ret, 0, sizeof(*ret));
    if (!materials_has_blob(m, sha256) ||
        !materials_disk_get_blob(&m->disk, sha256, BLOB_MAX, &octets)) {
        buf_free(&octets);
        return false;
    }
    exec_sha256_one(buf_span(&octets), hash);
    if (memcmp(hash, sha256, 32) != 0) {
        ws_log(WS_LOG_ERROR, "learn", "a model or root set on the disk is damaged; it is not used");
        lock(m);
        m->counters.bad_blobs++;
        struct blob *b = table_get(&m->blob_index, sha256);
        if (b != NULL)
            forget_blob(m, b); /* so that it can be put again */
        unlock(m);
        free(b);
        buf_free(&octets);
        return false;
    }
    ret->blob = buf_span(&octets);
    ret->memory = octets.p;
    return true;
}

bool materials_model_parent(
    struct materials *m, const uint8_t sha256[static 32], uint8_t ret_parent[static 32]) {
    struct buf head = {0};
    uint8_t parent[32] = {0};
    lock(m);
    const struct blob *b = table_get(&m->blob_index, sha256);
    const bool there = b != NULL;
    const bool read = there && b->kind != NOT_READ;
    unlock(m);
    const bool got =
        there && !read && materials_disk_get_blob_head(&m->disk, sha256, FL_MODEL_HEAD, &head);
    const bool is = got && fl_model_peek_parent(buf_span(&head), parent);
    buf_free(&head);
    lock(m);
    struct blob *now = table_get(&m->blob_index, sha256);
    if (now != NULL && got) {
        now->kind = is ? A_MODEL : NO_MODEL;
        memcpy(now->parent, parent, 32);
    }
    const bool has = now != NULL && now->kind == A_MODEL;
    if (has)
        memcpy(ret_parent, now->parent, 32);
    unlock(m);
    return has;
}

void materials_pin(struct materials *m, const uint8_t (*sha256)[32], size_t n) {
    lock(m);
    m->n_pinned = n < MATERIALS_PINNED_MAX ? n : MATERIALS_PINNED_MAX;
    for (size_t i = 0; i < m->n_pinned; i++)
        memcpy(m->pinned[i], sha256[i], 32);
    unlock(m);
}

struct materials_counters materials_read(struct materials *m) {
    lock(m);
    struct materials_counters r = m->counters;
    unlock(m);
    return r;
}
