#include "rsu/revocations.h"

#include "base/assert.h"
#include "base/fileio.h"
#include "base/log.h"
#include "base/mem.h"
#include "v2x/lists.h"

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { FILES_MAX = 1024, OTHERS_MAX = 64, ADDED_MAX = 1024, STEP_WORK = 4096 };

/* A list in force, with octets of its own. */
struct kept {
    struct buf octets;
    struct signed_list list;
    uint8_t authority[32];
    char name[128];
};

struct other {
    struct buf octets;
};

/* A store that several views share. */
struct shared_store {
    atomic_size_t refs;
    struct trust_store *store;
};

struct revocations {
    char *dir;
    struct revocations_config cfg;
    struct trust_slot *slot;
    size_t n_kept;
    struct kept *kept[REVOCATIONS_LISTS_MAX];
    size_t n_others;
    struct other other_octets[OTHERS_MAX];
    struct cert others[OTHERS_MAX]; /* the manager first, if there is one */
    bool has_manager;
    struct shared_store *store; /* NULL: the base */
    struct revocation_source *source; /* what the view in force was made from */
    struct revocation_source *next; /* in work after a change */
    uint32_t period_s; /* the instant the last set was made for */
    uint64_t scan_at_us, fingerprint;
    struct buf refused;
    struct revocations_counters n;
};

/* ---- stores ---- */

static void store_unref(struct trust_store *store, void *ctx) {
    struct shared_store *s = ctx;
    (void)store;
    if (s == NULL || atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    trust_store_free(s->store);
    free(s);
}

static const struct trust_store *store_of(const struct revocations *r) {
    return r->store == NULL ? r->cfg.base : r->store->store;
}

struct additions {
    size_t n;
    struct {
        struct cert cert;
        uint8_t id[8];
    } added[ADDED_MAX];
    bool current; /* the list in work is not overdue */
    enum ctl_entry what;
};

static void take_command(void *ctx, const struct ctl_command *c) {
    struct additions *a = ctx;
    uint8_t hash[32];
    if (!c->add && c->id != NULL) {
        for (size_t i = 0; i < a->n;) {
            if (memcmp(a->added[i].id, c->id, 8) == 0)
                a->added[i] = a->added[--a->n];
            else
                i++;
        }
    }
    if (!c->add || c->entry != a->what || !a->current || a->n == ADDED_MAX)
        return;
    cert_hash256(&c->cert, hash);
    a->added[a->n].cert = c->cert;
    memcpy(a->added[a->n++].id, hash + 24, 8);
}

static void collect(
    const struct revocations *r, enum list_kind kind, uint32_t now_s, struct additions *a) {
    a->n = 0;
    a->what = kind == LIST_ECTL ? CTL_ROOT : CTL_AA;
    for (size_t i = 0; i < r->n_kept; i++) {
        const struct signed_list *l = &r->kept[i]->list;
        if (l->kind != kind)
            continue;
        a->current = l->ctl.next_update_s >= now_s;
        ctl_walk(&l->ctl, take_command, a);
    }
}

/* The base and what trust lists add to it. */
static void rebuild_store(struct revocations *r, uint32_t now_s) {
    struct additions *roots = ws_alloc(sizeof(*roots));
    struct additions *issuers = ws_alloc(sizeof(*issuers));
    struct ws_err err;
    collect(r, LIST_ECTL, now_s, roots);
    collect(r, LIST_RCA_CTL, now_s, issuers);
    store_unref(NULL, r->store);
    r->store = NULL;
    if (roots->n + issuers->n > 0) {
        size_t n = trust_count(r->cfg.base);
        struct trust_store *t = trust_store_new(n + roots->n + issuers->n);
        for (size_t i = 0; i < n; i++) {
            struct trust_issuer e = trust_issuer_at(r->cfg.base, i);
            if (e.above == TRUST_ROOT)
                (void)!trust_add_root(t, e.cert->all, &err);
            else
                (void)trust_add_issuer(t, e.cert->all);
        }
        for (size_t i = 0; i < roots->n; i++)
            (void)!trust_add_root(t, roots->added[i].cert.all, &err);
        for (size_t i = 0; i < issuers->n; i++)
            (void)trust_add_issuer(t, issuers->added[i].cert.all);
        r->store = ws_alloc(sizeof(*r->store));
        atomic_init(&r->store->refs, 1);
        r->store->store = t;
    }
    free(roots);
    free(issuers);
}

/* ---- the lists in force ---- */

static bool same_series(
    const struct kept *k, const struct signed_list *l, const uint8_t *authority) {
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

static void drop_kept(struct revocations *r, size_t i) {
    buf_free(&r->kept[i]->octets);
    free(r->kept[i]);
    for (r->n_kept--; i < r->n_kept; i++)
        r->kept[i] = r->kept[i + 1];
}

enum offer { OFFER_TAKEN, OFFER_KNOWN, OFFER_OLD, OFFER_OTHER, OFFER_NO_BASE, OFFER_FULL };

static void keep(struct revocations *r, const struct signed_list *l, const uint8_t *authority,
    const char *name) {
    struct kept *k = ws_alloc(sizeof(*k));
    static struct signed_list again[LISTS_IN_FILE];
    struct ws_err err;
    size_t n = 0;
    buf_put(&k->octets, l->spdu.all.p, l->spdu.all.n);
    WS_ASSERT(lists_read(buf_span(&k->octets), again, &n, &err) == WS_OK && n == 1);
    k->list = again[0];
    memcpy(k->authority, authority, 32);
    (void)snprintf(k->name, sizeof(k->name), "%.100s", name);
    r->kept[r->n_kept++] = k;
}

static enum offer offer(struct revocations *r, const struct signed_list *l,
    const uint8_t *authority, const char *name) {
    const struct kept *last = NULL;
    for (size_t i = 0; i < r->n_kept; i++) {
        const struct kept *k = r->kept[i];
        if (!same_series(k, l, authority))
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
    for (size_t i = r->n_kept; i-- > 0 && !list_is_delta(l);) {
        if (same_series(r->kept[i], l, authority))
            drop_kept(r, i);
    }
    if (r->n_kept == REVOCATIONS_LISTS_MAX)
        return OFFER_FULL;
    keep(r, l, authority, name);
    return OFFER_TAKEN;
}

/* ---- the folder ---- */

struct found {
    struct buf octets;
    struct signed_list *lists;
    size_t n;
    bool taken[LISTS_IN_FILE];
    char why[LISTS_IN_FILE][160];
    char name[128];
};

static int not_hidden(const struct dirent *e) {
    return e->d_name[0] != '.';
}

static uint64_t mix(uint64_t h, uint64_t v) {
    return (h ^ v) * 0x100000001b3ULL;
}

/* Names, sizes and times of the folder's files, as one number. */
static uint64_t folder_print(const char *dir) {
    struct dirent **names = NULL;
    uint64_t h = 0xcbf29ce484222325ULL;
    int n = scandir(dir, &names, not_hidden, alphasort);
    for (int i = 0; i < n; i++) {
        char path[4096];
        struct stat st;
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
        for (const char *p = names[i]->d_name; *p != '\0'; p++)
            h = mix(h, (unsigned char)*p);
        if (stat(path, &st) == 0) {
            h = mix(h, (uint64_t)st.st_size);
            h = mix(h, (uint64_t)st.st_mtim.tv_sec);
            h = mix(h, (uint64_t)st.st_mtim.tv_nsec);
            h = mix(h, (uint64_t)st.st_ino);
        }
        free(names[i]);
    }
    free((void *)names);
    return h;
}

static void refuse(struct revocations *r, const char *name, const char *why) {
    buf_printf(&r->refused, "%s: %s\n", name, why);
    ws_log(WS_LOG_WARN, "lists", "%s: %s", name, why);
    r->n.refused++;
}

/* A certificate in the folder may have signed lists. It must chain to a root when one comes. */
static bool take_certificate(struct revocations *r, struct buf *octets) {
    struct cert c;
    size_t at;
    if (cert_parse(buf_span(octets), &c, &at) != COER_OK || c.issuer_kind == ISSUER_SELF)
        return false;
    for (size_t i = 0; i < r->n_others; i++) {
        if (span_equal(r->others[i].all, c.all)) {
            buf_free(octets);
            return true;
        }
    }
    if (r->n_others == OTHERS_MAX)
        return false;
    r->others[r->n_others] = c; /* spans into octets, whose memory moves along */
    r->other_octets[r->n_others++].octets = *octets;
    *octets = (struct buf){0};
    return true;
}

static size_t read_folder(struct revocations *r, struct found *f, size_t max) {
    struct dirent **names = NULL;
    size_t n_found = 0;
    int n = scandir(r->dir, &names, not_hidden, alphasort);
    for (int i = 0; i < n; i++) {
        char path[4096];
        struct ws_err err = {0};
        struct found *e = &f[n_found];
        *e = (struct found){0};
        (void)snprintf(e->name, sizeof(e->name), "%.120s", names[i]->d_name);
        (void)snprintf(path, sizeof(path), "%s/%s", r->dir, names[i]->d_name);
        free(names[i]);
        if (n_found == max)
            continue;
        if (file_read(path, REVOCATIONS_FILE_MAX, &e->octets, &err) != WS_OK) {
            refuse(r, e->name, err.text);
            buf_free(&e->octets);
            continue;
        }
        if (take_certificate(r, &e->octets))
            continue;
        e->lists = ws_calloc(LISTS_IN_FILE, sizeof(*e->lists));
        if (lists_read(buf_span(&e->octets), e->lists, &e->n, &err) != WS_OK) {
            refuse(r, e->name, err.text);
            buf_free(&e->octets);
            free(e->lists);
            continue;
        }
        n_found++;
    }
    free((void *)names);
    return n_found;
}

/* Tries one list; true if it is in force now and was not before. */
static bool try_list(struct revocations *r, struct found *f, size_t i, uint32_t now_s) {
    static const char *const words[] = {[OFFER_OTHER] = "another list has the same sequence number",
        [OFFER_NO_BASE] = "delta without the list before it",
        [OFFER_FULL] = "too many lists in force"};
    const struct signed_list *l = &f->lists[i];
    struct list_trust t = {store_of(r), r->others, r->n_others, now_s, r->cfg.ahead_s};
    uint8_t authority[32];
    enum list_verdict v = list_check(l, &t, authority);
    f->why[i][0] = '\0';
    if (v != LIST_OK) {
        (void)snprintf(f->why[i], sizeof(f->why[i]), "octet %zu: %s", l->at, list_verdict_text(v));
        return false;
    }
    enum offer o = offer(r, l, authority, f->name);
    f->taken[i] = o == OFFER_TAKEN || o == OFFER_KNOWN;
    if (o == OFFER_OLD)
        (void)snprintf(
            f->why[i], sizeof(f->why[i]), "octet %zu: older than the list in force", l->at);
    else if (!f->taken[i])
        (void)snprintf(f->why[i], sizeof(f->why[i]), "octet %zu: %s", l->at, words[o]);
    if (o == OFFER_TAKEN && (l->kind == LIST_RCA_CTL || l->kind == LIST_ECTL))
        rebuild_store(r, now_s);
    return o == OFFER_TAKEN;
}

/* True if something came into force. A list may need another one first: its signer's trust list, its base. */
static bool scan(struct revocations *r, uint32_t now_s) {
    struct found *f = ws_calloc(FILES_MAX, sizeof(*f));
    bool changed = false;
    buf_clear(&r->refused);
    r->n.refused = 0;
    r->n.scans++;
    size_t n = read_folder(r, f, FILES_MAX);
    for (bool progress = true; progress;) {
        progress = false;
        for (size_t i = 0; i < n; i++) {
            for (size_t k = 0; k < f[i].n; k++) {
                if (!f[i].taken[k] && try_list(r, &f[i], k, now_s))
                    progress = changed = true;
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < f[i].n; k++) {
            if (f[i].why[k][0] != '\0')
                refuse(r, f[i].name, f[i].why[k]);
        }
        buf_free(&f[i].octets);
        free(f[i].lists);
    }
    free(f);
    return changed;
}

/* ---- sets and views ---- */

/* Deletions of a trust list revoke: an authority under the root that signed, or a root by the manager. */
struct deletions {
    struct buf ids;
};

static void take_deletion(void *ctx, const struct ctl_command *c) {
    struct deletions *d = ctx;
    uint8_t hash[32];
    if (!c->add && c->id != NULL)
        buf_put(&d->ids, c->id, 8);
    if (!c->add || c->entry == CTL_DC)
        return;
    cert_hash256(&c->cert, hash);
    for (size_t i = 0; i + 8 <= d->ids.n;) {
        if (memcmp(d->ids.p + i, hash + 24, 8) == 0) {
            memmove(d->ids.p + i, d->ids.p + i + 8, d->ids.n - i - 8);
            d->ids.n -= 8;
        } else {
            i += 8;
        }
    }
}

static int add_roots(struct revocation_source *s, const struct revocations *r, struct span ids,
    const char *name, struct ws_err *err) {
    const struct trust_store *t = store_of(r);
    int rc = WS_OK;
    for (size_t i = 0; i < trust_count(t); i++) {
        struct trust_issuer e = trust_issuer_at(t, i);
        for (size_t k = 0; k + 8 <= ids.n && rc == WS_OK && e.above == TRUST_ROOT; k += 8) {
            if (memcmp(ids.p + k, e.hash256 + 24, 8) == 0)
                rc = revocation_add_issuers(s, span_of(ids.p + k, 8), e.hash256, name, err);
        }
    }
    return rc;
}

static int add_list(struct revocation_source *s, const struct revocations *r, const struct kept *k,
    struct ws_err *err) {
    if (k->list.kind == LIST_CRL)
        return revocation_add_crl(s, &k->list.crl, k->authority, k->name, err);
    if (k->list.kind == LIST_ETSI_CRL)
        return revocation_add_issuers(s, k->list.etsi.ids, k->authority, k->name, err);
    /* All deltas of a trust list together, when its last one is met. */
    struct deletions d = {0};
    const struct kept *last = NULL;
    for (size_t i = 0; i < r->n_kept; i++) {
        if (!same_series(r->kept[i], &k->list, k->authority))
            continue;
        ctl_walk(&r->kept[i]->list.ctl, take_deletion, &d);
        last = r->kept[i];
    }
    int rc = WS_OK;
    if (last == k && d.ids.n > 0)
        rc = k->list.kind == LIST_ECTL
                 ? add_roots(s, r, buf_span(&d.ids), k->name, err)
                 : revocation_add_issuers(s, buf_span(&d.ids), k->authority, k->name, err);
    buf_free(&d.ids);
    return rc;
}

static void start_next(struct revocations *r) {
    struct ws_err err;
    revocation_source_free(r->next);
    r->next = revocation_source_new(&r->cfg.limits, &r->cfg.clock);
    for (size_t i = 0; i < r->n_kept; i++) {
        if (add_list(r->next, r, r->kept[i], &err) == WS_OK)
            continue;
        refuse(r, r->kept[i]->name, err.text);
        revocation_source_free(r->next);
        r->next = NULL;
        return;
    }
}

static struct trust_view *make_view(
    struct revocations *r, struct revocation_source *s, uint32_t now_s) {
    struct revocation_set *set = revocation_take(s, store_of(r), now_s);
    r->n.values = revocation_values(set);
    r->n.octets = revocation_octets(set);
    r->n.lists = r->n_kept;
    r->period_s = now_s;
    r->n.generation++;
    if (r->store == NULL)
        /* A borrowed store is only read: nobody releases it. */
        return trust_view_new((struct trust_store *)r->cfg.base, NULL, NULL, set, r->n.generation);
    (void)atomic_fetch_add(&r->store->refs, 1);
    return trust_view_new(r->store->store, store_unref, r->store, set, r->n.generation);
}

static uint32_t period_of(const struct revocations *r, uint32_t s) {
    return s < r->cfg.clock.start_s ? 0 : (s - r->cfg.clock.start_s) / r->cfg.clock.length_s;
}

/* An overdue trust list adds nothing any more. */
static bool trust_list_ran_out(const struct revocations *r, uint32_t now_s) {
    for (size_t i = 0; i < r->n_kept; i++) {
        const struct signed_list *l = &r->kept[i]->list;
        if ((l->kind == LIST_RCA_CTL || l->kind == LIST_ECTL) &&
            l->ctl.next_update_s >= r->period_s && l->ctl.next_update_s < now_s)
            return true;
    }
    return false;
}

bool revocations_tick(struct revocations *r, uint64_t mono_us, uint32_t now_s) {
    if (mono_us >= r->scan_at_us) {
        uint64_t print = folder_print(r->dir);
        r->scan_at_us = mono_us + REVOCATIONS_SCAN_US;
        if (print != r->fingerprint) {
            r->fingerprint = print;
            if (scan(r, now_s))
                start_next(r);
        }
    }
    if (r->next == NULL && trust_list_ran_out(r, now_s)) {
        rebuild_store(r, now_s);
        start_next(r);
    }
    struct revocation_source *s = r->next != NULL ? r->next : r->source;
    if (revocation_step(s, now_s, STEP_WORK))
        return true;
    if (r->next == NULL && period_of(r, now_s) == period_of(r, r->period_s))
        return false;
    trust_slot_publish(r->slot, make_view(r, s, now_s));
    if (r->next != NULL) {
        revocation_source_free(r->source);
        r->source = r->next;
        r->next = NULL;
    }
    return false;
}

static int load_manager(struct revocations *r, struct ws_err *err) {
    struct buf *b = &r->other_octets[0].octets;
    size_t at;
    int rc = file_read(r->cfg.manager, 65535, b, err);
    if (rc != WS_OK)
        return rc;
    enum coer_fail f = cert_parse(buf_span(b), &r->others[0], &at);
    if (f != COER_OK)
        return ws_fail(err, WS_EINPUT, "%s: no certificate: %s at octet %zu", r->cfg.manager,
            coer_fail_text(f), at);
    if (r->others[0].issuer_kind != ISSUER_SELF)
        return ws_fail(err, WS_EINPUT, "%s: a trust list manager's certificate is self-signed",
            r->cfg.manager);
    r->n_others = 1;
    return WS_OK;
}

int revocations_open(const struct revocations_config *cfg, uint32_t now_s, struct revocations **ret,
    struct ws_err *err) {
    struct stat st;
    if (stat(cfg->dir, &st) != 0 || !S_ISDIR(st.st_mode))
        return ws_fail(err, WS_EIO, "%s: %s", cfg->dir,
            S_ISDIR(st.st_mode) ? strerror(errno) : "not a folder that can be read");
    struct revocations *r = ws_alloc(sizeof(*r));
    r->cfg = *cfg;
    r->dir = ws_strdup(cfg->dir);
    int rc = cfg->manager == NULL ? WS_OK : load_manager(r, err);
    if (rc != WS_OK) {
        revocations_free(r);
        return rc;
    }
    r->fingerprint = folder_print(r->dir);
    (void)scan(r, now_s);
    start_next(r);
    if (r->next == NULL)
        r->next = revocation_source_new(&cfg->limits, &cfg->clock);
    while (revocation_step(r->next, now_s, STEP_WORK)) {
    }
    r->source = r->next;
    r->next = NULL;
    r->slot = trust_slot_new(make_view(r, r->source, now_s));
    *ret = r;
    return WS_OK;
}

void revocations_free(struct revocations *r) {
    if (r == NULL)
        return;
    trust_slot_free(r->slot);
    while (r->n_kept > 0)
        drop_kept(r, r->n_kept - 1);
    for (size_t i = 0; i < OTHERS_MAX; i++)
        buf_free(&r->other_octets[i].octets);
    store_unref(NULL, r->store);
    revocation_source_free(r->source);
    revocation_source_free(r->next);
    buf_free(&r->refused);
    free(r->dir);
    free(r);
}

struct trust_slot *revocations_slot(struct revocations *r) {
    return r->slot;
}

struct revocations_counters revocations_read_counters(const struct revocations *r) {
    return r->n;
}

const char *revocations_refused(const struct revocations *r) {
    struct buf *b = (struct buf *)&r->refused;
    buf_u8(b, 0);
    b->n--;
    return (const char *)b->p;
}
