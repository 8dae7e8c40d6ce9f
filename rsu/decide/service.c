#include "rsu/decide/service.h"

#include "base/fileio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/ring.h"
#include "rsu/decide/log.h"
#include "rsu/json/decide.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    QUEUE = 8192, /* messages: 100 ms of a city's peak, eight times over */
    FILINGS = 64,
    TURN_US = 100000,
    MODEL_US = 2000000, /* a model that is not here is looked for so often */
    SITE_US = 1000000, /* so often what the site says is looked at */
    SITE_OCTETS = 4096,
    RETRY_US = 10000000, /* what the cell did not take is said again after this */
};
#define FORGET_US UINT64_C(3600000000) /* so often what is too old is looked for */

struct answer {
    uint64_t number;
    bool taken;
    uint8_t tx[32];
};

struct decide_service {
    struct decide_service_config cfg;
    struct ring *heard, *spare; /* of struct decide_heard: to the thread, and back */
    struct decide_heard *slots;
    atomic_uint_fast64_t dropped, implausible, keep_us;

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t work;
    bool ends;
    bool has_hash;
    uint8_t hash[32];
    uint64_t version; /* of the ledger */
    uint64_t hash_turn; /* counts changes */
    struct ground *ground; /* NULL: no other one */
    bool hazards_changed;
    size_t n_hazards;
    struct decide_hazard hazard[DECIDE_HAZARDS_MAX];
    struct decide_filing filing[FILINGS];
    size_t n_filings;
    struct answer answer[FILINGS];
    size_t n_answers;
    struct decide_service_view view;

    /* of the thread */
    pthread_t thread;
    bool runs;
    struct decide *decide;
    struct decide_log log;
    uint64_t forget_due_us, kept_us; /* monotonic; how long was kept then */
    uint64_t site_due_us; /* monotonic */
    bool site;
    char site_said[WS_ERR_TEXT]; /* what was wrong with it: said once */
    uint64_t loaded_turn, look_again_us; /* monotonic; 0: the model is here */
    struct ws_log_limit complaints;
};

/* What the ledger's thread has said since the turn before. */
struct orders {
    bool ends, has_hash;
    uint8_t hash[32];
    uint64_t version;
    uint64_t turn;
    struct ground *ground;
    bool hazards_changed;
    size_t n_hazards;
    struct decide_hazard hazard[DECIDE_HAZARDS_MAX];
    struct answer answer[FILINGS];
    size_t n_answers;
};

/* ---- the log ---- */

static void tell(const struct decide_decision *d) {
    char hex[17];
    hex_encode(hex, d->model_hash, 8);
    if (d->until_us != 0)
        ws_log(WS_LOG_INFO, "decide", "risk %llu has ended: %s", (unsigned long long)d->number,
            decide_end_name(d->end));
    else if (d->filings == 0)
        ws_log(WS_LOG_INFO, "decide",
            "risk %llu at %.5f,%.5f: %u of %u vehicles are %s or above, says model %llu (%s)",
            (unsigned long long)d->number, d->lat / 1e7, d->lon / 1e7, (unsigned)d->vehicles,
            (unsigned)d->judged, d->class_name, (unsigned long long)d->model_version, hex);
}

static void write_news(struct decide_service *s, struct ws_now now, uint64_t *ret_failed) {
    struct decide_decision d;
    while (decide_next_news(s->decide, &d)) {
        struct buf line = {0};
        struct ws_err err = {0};
        json_t *o = json_decision(&d);
        json_put(o, "written", json_instant(decide_minute(now.its_us)));
        json_print(o, JSON_LINE, &line);
        tell(&d);
        if (decide_log_append(&s->log, buf_span(&line), &err) != WS_OK) {
            ++*ret_failed;
            ws_log_limited(&s->complaints, now.mono_us, WS_LOG_ERROR, "decide",
                "a decision was not written down: %s", err.text);
        }
        buf_free(&line);
    }
}

/* What is decided is kept for so long, in memory as on the disk. */
static void forget(struct decide_service *s, struct ws_now now, uint64_t *ret_failed) {
    struct ws_err err = {0};
    const uint64_t keep = atomic_load_explicit(&s->keep_us, memory_order_relaxed);
    if (now.mono_us < s->forget_due_us && keep == s->kept_us)
        return;
    s->forget_due_us = now.mono_us + FORGET_US;
    s->kept_us = keep;
    const uint64_t before = now.its_us > keep ? now.its_us - keep : 0;
    decide_forget(s->decide, before);
    if (decide_log_forget(&s->log, before, &err) == WS_OK)
        return;
    ++*ret_failed;
    ws_log_limited(&s->complaints, now.mono_us, WS_LOG_ERROR, "decide",
        "old decisions are not erased: %s", err.text);
}

/* ---- the model ---- */

static void load(
    struct decide_service *s, const uint8_t *hash, uint64_t version, struct ws_now now) {
    struct materials_hold hold;
    struct ws_err err = {0};
    struct decide_state state;
    struct fl_model *m = NULL;
    s->look_again_us = 0;
    if (!materials_get_blob(s->cfg.materials, hash, &hold)) {
        s->look_again_us = now.mono_us + MODEL_US;
        (void)ws_fail(&err, WS_ENOTFOUND, "the model in force is not here (yet)");
    } else {
        m = ws_alloc(sizeof(*m));
        if (fl_model_decode(hold.blob, m, &err) != WS_OK) {
            free(m);
            m = NULL;
        }
        materials_release(&hold);
    }
    decide_model(s->decide, m, hash, version, now.its_us, err.text);
    decide_read(s->decide, &state);
    char hex[17];
    hex_encode(hex, hash, 8);
    if (state.applied)
        ws_log(WS_LOG_INFO, "decide", "model %llu (%s) is applied: '%s' and above count",
            (unsigned long long)state.model_version, hex, state.class_name);
    else
        ws_log(WS_LOG_WARN, "decide", "model %llu (%s) is not applied: %s",
            (unsigned long long)version, hex, state.why_not);
}

/* Said once for each model; whether it has come is asked without a word. */
static void take_model(struct decide_service *s, const struct orders *o, struct ws_now now) {
    static const uint8_t none[32];
    if (o->turn == s->loaded_turn) {
        if (s->look_again_us == 0 || now.mono_us < s->look_again_us)
            return;
        s->look_again_us = now.mono_us + MODEL_US;
        if (!materials_has_blob(s->cfg.materials, o->hash))
            return;
    }
    s->loaded_turn = o->turn;
    s->look_again_us = 0;
    if (o->has_hash)
        load(s, o->hash, o->version, now);
    else
        decide_model(s->decide, NULL, none, 0, now.its_us, "no model is in force");
}

/* ---- the site ---- */

static int read_site(const struct decide_service *s, struct decide_row *ret, struct ws_err *err) {
    struct stat st;
    struct timespec now;
    struct buf text = {0};
    if (stat(s->cfg.site, &st) != 0)
        return ws_fail(err, WS_ENOTFOUND, "%s: %s", s->cfg.site, strerror(errno));
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec > st.st_mtim.tv_sec &&
        (uint64_t)(now.tv_sec - st.st_mtim.tv_sec) > s->cfg.site_us / 1000000)
        return ws_fail(err, WS_EINPUT, "%s: not written for longer than %llu s", s->cfg.site,
            (unsigned long long)(s->cfg.site_us / 1000000));
    int rc = file_read(s->cfg.site, SITE_OCTETS, &text, err);
    if (rc == WS_OK && decide_read_site(buf_span(&text), ret, err) != WS_OK)
        rc = ws_fail_in(err, "%s", s->cfg.site);
    buf_free(&text);
    return rc;
}

/* Old weather is no weather: then it is not known, and a model that asks for it judges nothing. */
static void look_at_site(struct decide_service *s, struct ws_now now) {
    struct decide_row site = {0};
    struct ws_err err = {0};
    if (s->cfg.site == NULL || now.mono_us < s->site_due_us)
        return;
    s->site_due_us = now.mono_us + SITE_US;
    s->site = read_site(s, &site, &err) == WS_OK;
    if (!s->site)
        site.known = 0;
    decide_site(s->decide, &site);
    if (strcmp(s->site_said, err.text) == 0)
        return;
    memcpy(s->site_said, err.text, sizeof(s->site_said));
    if (s->site)
        ws_log(WS_LOG_INFO, "decide", "%s can be read again", s->cfg.site);
    else
        ws_log(WS_LOG_WARN, "decide", "nothing is known of the site: %s", err.text);
}

/* ---- the thread ---- */

static void wait_for_turn(struct decide_service *s, struct orders *o) {
    const struct timespec until = ws_clock_deadline(TURN_US);
    (void)pthread_mutex_lock(&s->lock);
    int rc = 0;
    while (!s->ends && rc == 0)
        rc = pthread_cond_timedwait(&s->work, &s->lock, &until);
    o->ends = s->ends;
    o->has_hash = s->has_hash;
    memcpy(o->hash, s->hash, sizeof(o->hash));
    o->version = s->version;
    o->turn = s->hash_turn;
    o->ground = s->ground;
    s->ground = NULL;
    o->hazards_changed = s->hazards_changed;
    s->hazards_changed = false;
    o->n_hazards = s->n_hazards;
    memcpy(o->hazard, s->hazard, s->n_hazards * sizeof(s->hazard[0]));
    o->n_answers = s->n_answers;
    memcpy(o->answer, s->answer, s->n_answers * sizeof(s->answer[0]));
    s->n_answers = 0;
    (void)pthread_mutex_unlock(&s->lock);
}

static void take_orders(struct decide_service *s, const struct orders *o, struct ws_now now) {
    if (o->ground != NULL)
        decide_ground(s->decide, o->ground);
    if (o->hazards_changed)
        decide_hazards(s->decide, o->hazard, o->n_hazards);
    for (size_t i = 0; i < o->n_answers; i++) {
        if (o->answer[i].taken)
            decide_filed(s->decide, o->answer[i].number, o->answer[i].tx);
        else
            decide_not_filed(s->decide, o->answer[i].number, now.its_us, RETRY_US);
    }
    take_model(s, o, now);
}

static void hear_all(struct decide_service *s) {
    for (unsigned i = 0; i < QUEUE; i++) {
        struct decide_heard *h = ring_pop(s->heard);
        if (h == NULL)
            return;
        (void)decide_hear(s->decide, h);
        (void)ring_push(s->spare, h); /* as many places as there are messages */
    }
}

static void give_out(
    struct decide_service *s, uint64_t its_us, uint64_t failed, struct decide_service_view *view) {
    struct decide_filing f;
    decide_read(s->decide, &view->state);
    view->n = decide_list(s->decide, view->decision, ARRAY_LEN(view->decision));
    (void)pthread_mutex_lock(&s->lock);
    while (s->n_filings < FILINGS && decide_next_filing(s->decide, its_us, &f))
        s->filing[s->n_filings++] = f;
    s->view.state = view->state;
    s->view.n = view->n;
    memcpy(s->view.decision, view->decision, view->n * sizeof(view->decision[0]));
    s->view.site = s->site;
    s->view.log_failed += failed;
    (void)pthread_mutex_unlock(&s->lock);
}

static void *run(void *ctx) {
    struct decide_service *s = ctx;
    struct orders *o = ws_alloc(sizeof(*o));
    struct decide_service_view *view = ws_alloc(sizeof(*view));
    do {
        uint64_t failed = 0;
        wait_for_turn(s, o);
        const struct ws_now now = ws_clock_now(&s->cfg.clock);
        take_orders(s, o, now);
        look_at_site(s, now);
        hear_all(s);
        decide_tick(s->decide, now.its_us);
        write_news(s, now, &failed);
        forget(s, now, &failed);
        give_out(s, now.its_us, failed, view);
    } while (!o->ends);
    free(o);
    free(view);
    return NULL;
}

/* ---- life ---- */

static int make_folder(struct decide_service *s, const char *folder, struct ws_err *err) {
    int n = snprintf(s->log.folder, sizeof(s->log.folder), "%s", folder);
    if (n < 0 || (size_t)n >= sizeof(s->log.folder))
        return ws_fail(err, WS_ELIMIT, "%s: the path is too long", folder);
    if (mkdir(s->log.folder, 0700) != 0 && errno != EEXIST)
        return ws_fail(err, WS_EIO, "%s: %s", s->log.folder, strerror(errno));
    return WS_OK;
}

int decide_service_open(const struct decide_service_config *cfg,
    struct decide_service **ret_service, struct ws_err *err) {
    struct decide_service *s = ws_alloc(sizeof(*s));
    pthread_condattr_t attr;
    s->cfg = *cfg;
    s->complaints = (struct ws_log_limit){.period_us = 60000000, .burst = 3};
    int rc = make_folder(s, cfg->folder, err);
    if (rc != WS_OK) {
        free(s);
        return rc;
    }
    s->log.octets = cfg->log_octets;
    atomic_store(&s->keep_us, cfg->keep_us);
    s->decide = decide_new(&cfg->decide);
    s->heard = ring_create(QUEUE);
    s->spare = ring_create(QUEUE);
    s->slots = ws_calloc(QUEUE, sizeof(*s->slots));
    for (size_t i = 0; i < QUEUE; i++)
        (void)ring_push(s->spare, &s->slots[i]);
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->work, &attr);
    (void)pthread_condattr_destroy(&attr);
    s->loaded_turn = UINT64_MAX;
    s->runs = pthread_create(&s->thread, NULL, run, s) == 0;
    if (!s->runs) {
        decide_service_close(s);
        return ws_fail(err, WS_ENOMEM, "no thread for the decision service");
    }
    *ret_service = s;
    return WS_OK;
}

void decide_service_close(struct decide_service *s) {
    if (s == NULL)
        return;
    (void)pthread_mutex_lock(&s->lock);
    s->ends = true;
    (void)pthread_cond_signal(&s->work);
    (void)pthread_mutex_unlock(&s->lock);
    if (s->runs)
        (void)pthread_join(s->thread, NULL);
    decide_free(s->decide);
    ground_free(s->ground);
    ring_destroy(s->heard);
    ring_destroy(s->spare);
    free(s->slots);
    (void)pthread_cond_destroy(&s->work);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---- the ledger's thread ---- */

void decide_service_heard(
    struct decide_service *s, const struct decide_heard *h, bool implausible) {
    if (implausible) {
        (void)atomic_fetch_add_explicit(&s->implausible, 1, memory_order_relaxed);
        return;
    }
    struct decide_heard *slot = ring_pop(s->spare);
    if (slot == NULL) {
        (void)atomic_fetch_add_explicit(&s->dropped, 1, memory_order_relaxed);
        return;
    }
    *slot = *h;
    (void)ring_push(s->heard, slot);
}

void decide_service_model(struct decide_service *s, const uint8_t *hash, uint64_t version) {
    (void)pthread_mutex_lock(&s->lock);
    if (s->has_hash != (hash != NULL) ||
        (hash != NULL && (s->version != version || memcmp(s->hash, hash, 32) != 0))) {
        s->version = version;
        s->has_hash = hash != NULL;
        if (hash != NULL)
            memcpy(s->hash, hash, sizeof(s->hash));
        s->hash_turn++;
    }
    (void)pthread_mutex_unlock(&s->lock);
}

void decide_service_ground(struct decide_service *s, struct ground *g) {
    (void)pthread_mutex_lock(&s->lock);
    struct ground *before = s->ground;
    s->ground = g;
    (void)pthread_mutex_unlock(&s->lock);
    ground_free(before);
}

void decide_service_keep(struct decide_service *s, uint64_t keep_us) {
    atomic_store_explicit(&s->keep_us, keep_us, memory_order_relaxed);
}

static void drop_hazard(struct decide_service *s, const uint8_t *id) {
    for (size_t i = s->n_hazards; i-- > 0;)
        if (memcmp(s->hazard[i].id, id, 32) == 0)
            s->hazard[i] = s->hazard[--s->n_hazards];
    s->hazards_changed = true;
}

void decide_service_hazard(struct decide_service *s, const struct decide_hazard *h) {
    (void)pthread_mutex_lock(&s->lock);
    drop_hazard(s, h->id);
    size_t at = s->n_hazards;
    if (at < DECIDE_HAZARDS_MAX) {
        s->n_hazards++;
    } else {
        at = 0;
        for (size_t i = 1; i < s->n_hazards; i++)
            at = s->hazard[i].until_us < s->hazard[at].until_us ? i : at;
        s->view.hazards_dropped++;
    }
    s->hazard[at] = *h;
    (void)pthread_mutex_unlock(&s->lock);
}

void decide_service_hazard_ends(struct decide_service *s, const uint8_t id[static 32]) {
    (void)pthread_mutex_lock(&s->lock);
    drop_hazard(s, id);
    (void)pthread_mutex_unlock(&s->lock);
}

bool decide_service_next(struct decide_service *s, struct decide_filing *ret) {
    (void)pthread_mutex_lock(&s->lock);
    /* Its answer must find room. */
    bool any = s->n_filings > 0 && s->n_answers < FILINGS;
    if (any) {
        *ret = s->filing[0];
        memmove(s->filing, s->filing + 1, --s->n_filings * sizeof(s->filing[0]));
    }
    (void)pthread_mutex_unlock(&s->lock);
    return any;
}

void decide_service_filed(struct decide_service *s, uint64_t number, const uint8_t *tx) {
    struct answer a = {.number = number, .taken = tx != NULL};
    if (tx != NULL)
        memcpy(a.tx, tx, sizeof(a.tx));
    (void)pthread_mutex_lock(&s->lock);
    if (s->n_answers < FILINGS)
        s->answer[s->n_answers++] = a;
    s->view.filed += tx != NULL ? 1 : 0;
    s->view.not_filed += tx != NULL ? 0 : 1;
    (void)pthread_mutex_unlock(&s->lock);
}

/* ---- any thread ---- */

void decide_service_read(struct decide_service *s, struct decide_service_view *ret) {
    (void)pthread_mutex_lock(&s->lock);
    *ret = s->view;
    (void)pthread_mutex_unlock(&s->lock);
    ret->dropped = atomic_load_explicit(&s->dropped, memory_order_relaxed);
    ret->implausible = atomic_load_explicit(&s->implausible, memory_order_relaxed);
}
