#include "rsu/learning/learning.h"

#include "base/fileio.h"
#include "base/log.h"
#include "base/mem.h"
#include "fedlearn/round/find.h"
#include "fedlearn/round/roots.h"
#include "ledger/exec/hash.h"
#include "rsu/cell/cell.h"
#include "rsu/cell/own_record.h"
#include "rsu/host/jobs.h"
#include "rsu/learning/erase.h"
#include "rsu/learning/source.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SAVED_MAX = 4096, /* octets of one small record */
    THREADS = 4, /* for a round's groups; each holds one group's ciphertexts */
    RETRY_BLOCKS = 16, /* an outcome that could not be found is tried again */
};

/* What the thread does, one at a time. */
struct task {
    struct node_job job;
    struct learning *of;
    struct materials *materials;
};
struct finding {
    struct task task;
    struct fl_round_record record;
    int rc;
    struct ws_err err;
    struct fl_outcome outcome;
};
struct sweep {
    struct task task;
    uint64_t its_us;
};

struct learning {
    struct learning_config cfg;
    char folder[PATH_MAX - 32];
    uint8_t address[32];
    struct fl_member *member; /* NULL: no validator */
    uint64_t height; /* last looked at */
    uint64_t found; /* round */
    uint64_t retry_at; /* height */
    struct jobs *jobs;
    unsigned threads; /* beside each other, for the groups of a round */
    bool finding, sweeping;
    struct learning_counters counters;
};

/* ---- what the member is given ---- */

static void path_of(const struct learning *l, const char *name, char ret[static PATH_MAX]) {
    (void)snprintf(ret, PATH_MAX, "%s/%s", l->folder, name);
}

static bool load(void *ctx, const char *name, struct buf *ret) {
    char path[PATH_MAX];
    struct ws_err err;
    path_of(ctx, name, path);
    return file_read(path, SAVED_MAX, ret, &err) == WS_OK;
}

static int save(void *ctx, const char *name, struct span octets, struct ws_err *err) {
    char path[PATH_MAX];
    path_of(ctx, name, path);
    return file_write(path, octets, 0600, err);
}

static void erase(void *ctx, const char *name) {
    const struct learning *l = ctx;
    char path[PATH_MAX];
    struct ws_err err;
    path_of(l, name, path);
    if (file_erase(path, &err) != WS_OK || dir_sync(l->folder, &err) != WS_OK)
        ws_log(WS_LOG_ERROR, "learn", "%s", err.text);
}

/* Hashing 3 MB takes two milliseconds, and the disk as long as it likes. */
struct looking {
    struct task task;
    struct fl_look *look;
};

static void looking_run(struct node_job *job) {
    struct looking *k = (struct looking *)job;
    struct materials_hold hold;
    const struct fl_material nothing = {0};
    const bool is = materials_get(k->task.materials, k->look->id, &hold);
    fl_look_run(k->look, is ? &hold.material : &nothing);
    if (is)
        materials_release(&hold);
}

static void looking_drop(struct node_job *job) {
    struct looking *k = (struct looking *)job;
    fl_look_free(k->look);
    free(k);
}

static void looking_done(struct node *n, struct node_job *job, struct ws_now now) {
    struct looking *k = (struct looking *)job;
    (void)n;
    (void)now;
    fl_member_looked(k->task.of->member, k->look);
    free(k);
}

static bool look(void *ctx, struct fl_look *what) {
    struct learning *l = ctx;
    if (!materials_has(l->cfg.materials, what->id))
        return false;
    struct looking *k = ws_alloc(sizeof(*k));
    k->task = (struct task){
        {.run = looking_run, .done = looking_done, .drop = looking_drop}, l, l->cfg.materials};
    k->look = what;
    jobs_give(l->jobs, &k->task.job);
    return true;
}

/* ---- open, close ---- */

static int make_folder(struct learning *l, struct ws_err *err) {
    int n = snprintf(l->folder, sizeof(l->folder), "%s", l->cfg.folder);
    if (n < 0 || (size_t)n >= sizeof(l->folder))
        return ws_fail(err, WS_ELIMIT, "%s: the path is too long", l->cfg.folder);
    l->cfg.folder = l->folder;
    if (mkdir(l->folder, 0700) != 0 && errno != EEXIST)
        return ws_fail(err, WS_EIO, "%s: %s", l->folder, strerror(errno));
    return WS_OK;
}

/* Halves of files that an earlier run was writing: they may be keys. */
static void erase_halves(const struct learning *l) {
    DIR *dir = opendir(l->folder);
    if (dir == NULL)
        return;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        char path[PATH_MAX];
        struct ws_err err;
        if (strstr(e->d_name, ".tmp.") == NULL)
            continue;
        path_of(l, e->d_name, path);
        if (file_erase(path, &err) != WS_OK)
            ws_log(WS_LOG_ERROR, "learn", "%s", err.text);
    }
    (void)closedir(dir);
}

int learning_open(const struct learning_config *cfg, struct learning **ret, struct ws_err *err) {
    struct learning *l = ws_alloc(sizeof(*l));
    l->cfg = *cfg;
    l->height = UINT64_MAX;
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    l->threads = processors < 1 ? 1 : processors > THREADS ? THREADS : (unsigned)processors;
    int rc = make_folder(l, err);
    if (rc == WS_OK)
        erase_halves(l);
    if (rc == WS_OK)
        rc = jobs_new(1, &l->jobs, err);
    if (rc != WS_OK) {
        free(l);
        return rc;
    }
    if (cfg->signer != NULL) {
        own_record_address(cfg->signer, l->address);
        const struct fl_member_limits limits = fl_member_limits_default();
        const struct fl_member_io io = {.load = load,
            .save = save,
            .erase = erase,
            .look = look,
            .random = cfg->random,
            .ctx = l};
        l->member = fl_member_new(l->cfg.cell, l->address, &limits, &io);
    }
    *ret = l;
    return WS_OK;
}

void learning_close(struct learning *l) {
    if (l == NULL)
        return;
    jobs_free(l->jobs);
    fl_member_free(l->member);
    free(l);
}

int learning_fd(const struct learning *l) {
    return jobs_fd(l->jobs);
}

/* ---- in the thread ---- */

/* Kept before it is said: who says a model has it. */
static int keep_found(struct finding *f, const struct fl_model *next) {
    struct buf octets = {0};
    uint8_t hash[32];
    fl_model_hash(next, hash);
    fl_model_encode(next, &octets);
    int rc = materials_put_blob(f->task.materials, hash, buf_span(&octets), &f->err);
    buf_clear(&octets);
    fl_round_record_encode(&f->record, &octets);
    if (rc == WS_OK || rc == WS_EEXIST)
        rc = materials_put_record(
            f->task.materials, f->record.open.round, buf_span(&octets), &f->err);
    buf_free(&octets);
    return rc;
}

static void finding_run(struct node_job *job) {
    struct finding *f = (struct finding *)job;
    struct materials_source source;
    const struct fl_source from =
        materials_source(&source, f->task.materials, &f->record, f->task.of->cfg.cell);
    struct fl_model next = {0};
    f->rc = fl_find_with(&f->record, &from, f->task.of->threads, &f->outcome, &next, &f->err);
    if (f->rc == WS_OK)
        f->rc = keep_found(f, &next);
    fl_model_free(&next);
}

static void finding_drop(struct node_job *job) {
    struct finding *f = (struct finding *)job;
    fl_round_record_free(&f->record);
    free(f);
}

static void finding_done(struct node *n, struct node_job *job, struct ws_now now) {
    struct finding *f = (struct finding *)job;
    struct learning *l = f->task.of;
    const uint64_t round = f->record.open.round;
    (void)n;
    (void)now;
    l->finding = false;
    if (f->rc == WS_OK) {
        l->counters.found++;
        l->found = round;
        if (l->member != NULL)
            fl_member_outcome(l->member, &f->outcome);
    } else {
        l->counters.not_found++;
        ws_log(WS_LOG_WARN, "learn", "the outcome of round %llu cannot be found here (yet): %s",
            (unsigned long long)round, f->err.text);
    }
    finding_drop(job);
}

static void sweep_run(struct node_job *job) {
    struct sweep *s = (struct sweep *)job;
    materials_sweep(s->task.materials, s->its_us);
}

static void sweep_drop(struct node_job *job) {
    free(job);
}

static void sweep_done(struct node *n, struct node_job *job, struct ws_now now) {
    struct sweep *s = (struct sweep *)job;
    (void)n;
    (void)now;
    s->task.of->sweeping = false;
    free(s);
}

struct taking {
    struct task task;
    char path[PATH_MAX];
    int socket;
};

/* WS_OK: the hash of what was put. */
static int take_file(const struct taking *t, uint8_t ret_hash[static 32], const char **ret_what,
    struct ws_err *err) {
    struct buf octets = {0};
    struct fl_model model = {0};
    struct fl_roots roots = {0};
    struct ws_err why = {0};
    int rc = file_read(t->path, FL_MAX_ROOTS_OCTETS, &octets, err);
    if (rc == WS_OK && fl_model_decode(buf_span(&octets), &model, &why) == WS_OK)
        *ret_what = "model";
    else if (rc == WS_OK && fl_roots_decode(buf_span(&octets), &roots, NULL) == WS_OK)
        *ret_what = "root set";
    else if (rc == WS_OK)
        rc = ws_fail(err, WS_EINPUT, "%s: neither a model (%s) nor a root set", t->path, why.text);
    fl_model_free(&model);
    fl_roots_free(&roots);
    exec_sha256_one(buf_span(&octets), ret_hash);
    if (rc == WS_OK)
        rc = materials_put_blob(t->task.materials, ret_hash, buf_span(&octets), err);
    buf_free(&octets);
    return rc == WS_EEXIST ? WS_OK : rc;
}

static void taking_run(struct node_job *job) {
    struct taking *t = (struct taking *)job;
    struct buf line = {0};
    struct ws_err err = {0};
    const char *what = "";
    uint8_t hash[32];
    char hex[65];
    if (take_file(t, hash, &what, &err) == WS_OK) {
        hex_encode(hex, hash, 32);
        buf_printf(&line, "ok %s %s\n", hex, what);
    } else {
        buf_printf(&line, "no %s\n", err.text);
    }
    (void)send(t->socket, line.p, line.n, MSG_NOSIGNAL); /* who has gone gets nothing */
    buf_free(&line);
}

static void taking_drop(struct node_job *job) {
    struct taking *t = (struct taking *)job;
    (void)close(t->socket);
    free(t);
}

static void taking_done(struct node *n, struct node_job *job, struct ws_now now) {
    (void)n;
    (void)now;
    taking_drop(job);
}

/* ---- what is given to the thread ---- */

void learning_take_file(struct learning *l, const char *path, int socket) {
    struct taking *t = ws_alloc(sizeof(*t));
    t->task = (struct task){
        {.run = taking_run, .done = taking_done, .drop = taking_drop}, l, l->cfg.materials};
    (void)snprintf(t->path, sizeof(t->path), "%s", path);
    t->socket = socket;
    jobs_give(l->jobs, &t->task.job);
}

static void try_to_find(
    struct learning *l, const void *contract, const struct fl_round_view *view, uint64_t height) {
    if (view->phase != FL_JUDGING || l->finding || l->found == view->number || height < l->retry_at)
        return;
    struct finding *f = ws_alloc(sizeof(*f));
    f->task = (struct task){
        {.run = finding_run, .done = finding_done, .drop = finding_drop}, l, l->cfg.materials};
    fl_round_record_of(contract, &f->record);
    l->finding = true;
    l->retry_at = height + RETRY_BLOCKS;
    jobs_give(l->jobs, &f->task.job);
}

static void try_to_sweep(struct learning *l, uint64_t its_us) {
    if (l->sweeping || !materials_to_sweep(l->cfg.materials, its_us))
        return;
    struct sweep *s = ws_alloc(sizeof(*s));
    s->task = (struct task){
        {.run = sweep_run, .done = sweep_done, .drop = sweep_drop}, l, l->cfg.materials};
    s->its_us = its_us;
    l->sweeping = true;
    jobs_give(l->jobs, &s->task.job);
}

static void pin(struct learning *l, const struct fl_model_view *model) {
    struct learning_need need[LEARNING_NEEDS_MAX];
    uint8_t pinned[LEARNING_NEEDS_MAX][32];
    const size_t n = learning_needs(l->cfg.materials, model, need);
    for (size_t i = 0; i < n; i++)
        memcpy(pinned[i], need[i].sha256, 32);
    materials_pin(l->cfg.materials, (const uint8_t(*)[32])pinned, n);
}

/* ---- after a block ---- */

static void submit(struct learning *l, struct node *n, const struct fl_wish *w, struct ws_now now) {
    const struct own_record who = {l->cfg.cell, l->address, l->cfg.signer};
    enum tx_verdict v =
        own_record_submit(&who, CELL_CONTRACT_LEARN, (uint16_t)w->kind, buf_span(&w->body), n, now);
    if (v == TX_GOOD)
        l->counters.sent[w->kind]++;
    else if (v != TX_DUPLICATE)
        l->counters.refused++;
}

void learning_run(struct learning *l, struct node *n, const void *contract, struct ws_now now) {
    const uint64_t height = executor_height(node_executor(n));
    struct node_status s;
    struct fl_model_view model;
    struct fl_round_view round;
    for (struct node_job *job; (job = jobs_take(l->jobs)) != NULL;)
        job->done(n, job, now);
    if (height == l->height)
        return;
    node_status(n, &s);
    if (s.syncing)
        return;
    l->height = height;
    fl_contract_model(contract, &model);
    fl_contract_round(contract, &round);
    materials_round(l->cfg.materials, round.phase == FL_IDLE ? 0 : round.number, now.its_us);
    try_to_sweep(l, now.its_us);
    if (model.name[0] != 0)
        pin(l, &model);
    try_to_find(l, contract, &round, height);
    if (l->member ==
        NULL) /* else also without a model: it wipes what a round that was stopped has left */
        return;
    const struct fl_wish *wish;
    size_t count = fl_member_step(l->member, contract, height, s.block_time, &wish);
    for (size_t i = 0; i < count; i++)
        submit(l, n, &wish[i], now);
}

/* ---- views ---- */

size_t learning_lacks(const struct learning *l, const void *contract, uint8_t (*ret_hashes)[32]) {
    struct fl_model_view m;
    struct learning_need need[LEARNING_NEEDS_MAX];
    size_t lacks = 0;
    fl_contract_model(contract, &m);
    const size_t n = learning_needs(l->cfg.materials, &m, need);
    for (size_t i = 0; i < n; i++)
        if (!materials_has_blob(l->cfg.materials, need[i].sha256))
            memcpy(ret_hashes[lacks++], need[i].sha256, 32);
    return lacks;
}

struct learning_counters learning_read(const struct learning *l) {
    struct learning_counters r = l->counters;
    if (l->member != NULL) {
        r.member = *fl_member_read(l->member);
        r.looking = fl_member_looking(l->member);
    }
    return r;
}
