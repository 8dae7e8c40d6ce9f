#include "rsu/trust/revocations.h"

#include "base/assert.h"
#include "base/fileio.h"
#include "base/log.h"
#include "base/mem.h"
#include "rsu/trust/revocations_internal.h"
#include "v2x/trust_explain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { STEP_WORK = 4096, LEARN_PAUSE_US = 5000000 };

const char *revocations_reason_name(enum revocations_reason why) {
    static const char *const names[] = {
#define X(id, name) name,
        REVOCATIONS_REASONS(X)
#undef X
    };
    WS_ASSERT((size_t)why < ARRAY_LEN(names));
    return names[why];
}

void rev_refuse(
    struct revocations *r, const char *name, enum revocations_reason why, const char *text) {
    buf_printf(&r->refused, "%s: %s\n", name, text);
    ws_log(WS_LOG_WARN, "lists", "%s: %s", name, text);
    r->n.refused++;
    r->n.refused_total[why]++;
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
    const struct trust_store *t = rev_store(r);
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
        if (!rev_same_series(r->kept[i], &k->list, k->authority))
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

/* A list beyond the limits is left out, and the others go on without it. */
static void start_next(struct revocations *r) {
    struct ws_err err = {0};
    bool whole = false;
    while (!whole) {
        revocation_source_free(r->next);
        r->next = revocation_source_new(&r->cfg.limits, &r->cfg.clock);
        whole = true;
        for (size_t i = 0; i < r->n_kept && whole; i++) {
            struct kept *k = r->kept[i];
            if (k->over_limit || add_list(r->next, r, k, &err) == WS_OK)
                continue;
            k->over_limit = true;
            rev_refuse(r, "limits", REFUSED_LIMIT, err.text);
            whole = false;
        }
    }
}

static struct trust_view *make_view(
    struct revocations *r, struct revocation_source *s, uint32_t now_s) {
    struct revocation_set *set = revocation_take(s, rev_store(r), now_s);
    r->n.values = revocation_values(set);
    r->n.octets = revocation_octets(set);
    r->n.lists = r->n_kept;
    r->period_s = now_s;
    r->n.generation++;
    if (r->store == NULL)
        /* A borrowed store is only read: nobody releases it. */
        return trust_view_new((struct trust_store *)r->cfg.base, NULL, NULL, set, r->n.generation);
    (void)atomic_fetch_add(&r->store->refs, 1);
    return trust_view_new(r->store->store, rev_store_unref, r->store, set, r->n.generation);
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

/* Once for each list. */
static void say_overdue(struct revocations *r, uint32_t now_s) {
    for (size_t i = 0; i < r->n_kept; i++) {
        struct kept *k = r->kept[i];
        uint32_t next_s = list_facts(&k->list).next_s;
        char due[EXPLAIN_TIME];
        if (k->overdue || next_s >= now_s)
            continue;
        k->overdue = true;
        explain_time(next_s, due);
        ws_log(WS_LOG_WARN, "lists",
            "%s: the next one was due at %s; what it revokes stays revoked", k->name, due);
    }
}

static void look(struct revocations *r, uint32_t now_s) {
    if (r->dir == NULL)
        return;
    uint64_t print = rev_folder_print(r->dir);
    if (print != r->fingerprint) {
        r->fingerprint = print;
        if (rev_scan(r, now_s)) {
            start_next(r);
            rev_state_save(r);
        }
    }
    say_overdue(r, now_s);
}

void revocations_reload(struct revocations *r) {
    r->scan_at_us = 0;
    r->fingerprint = 0;
}

bool revocations_tick(struct revocations *r, uint64_t mono_us, uint32_t now_s) {
    if (mono_us >= r->scan_at_us) {
        r->scan_at_us = mono_us + (r->cfg.scan_us == 0 ? REVOCATIONS_SCAN_US : r->cfg.scan_us);
        look(r, now_s);
        r->learned_new |= rev_learned_forget(r, now_s);
    }
    bool learned = r->learned_new && mono_us >= r->learn_at_us;
    if (r->next == NULL && (learned || trust_list_ran_out(r, now_s))) {
        if (learned)
            r->learn_at_us = mono_us + LEARN_PAUSE_US;
        (void)rev_learned_forget(r, now_s);
        r->learned_new = false;
        rev_store_rebuild(r, now_s);
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
    struct buf *b = &r->other_octets[0];
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
    if (cfg->dir != NULL && stat(cfg->dir, &st) != 0)
        return ws_fail(err, WS_EIO, "%s: %s", cfg->dir, strerror(errno));
    if (cfg->dir != NULL && !S_ISDIR(st.st_mode))
        return ws_fail(err, WS_EIO, "%s: not a folder", cfg->dir);
    struct revocations *r = ws_alloc(sizeof(*r));
    r->cfg = *cfg;
    r->dir = cfg->dir == NULL ? NULL : ws_strdup(cfg->dir);
    r->state = cfg->state == NULL || cfg->dir == NULL ? NULL : ws_strdup(cfg->state);
    int rc = cfg->manager == NULL ? WS_OK : load_manager(r, err);
    if (rc == WS_OK)
        rc = rev_state_load(r, err);
    if (rc != WS_OK) {
        revocations_free(r);
        return rc;
    }
    rev_store_rebuild(r, now_s);
    if (r->dir != NULL) {
        r->fingerprint = rev_folder_print(r->dir);
        (void)rev_scan(r, now_s);
    }
    start_next(r);
    rev_state_save(r);
    say_overdue(r, now_s);
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
        rev_drop(r, r->n_kept - 1);
    for (size_t i = 0; i < REV_OTHERS_MAX; i++)
        buf_free(&r->other_octets[i]);
    rev_store_unref(NULL, r->store);
    revocation_source_free(r->source);
    revocation_source_free(r->next);
    buf_free(&r->refused);
    for (size_t i = 0; i < r->n_learned; i++)
        buf_free(&r->learned[i]);
    free(r->dir);
    free(r->state);
    free(r);
}

size_t revocations_count(const struct revocations *r) {
    return r->n_kept;
}

struct revocations_list revocations_at(const struct revocations *r, size_t i) {
    WS_ASSERT(i < r->n_kept);
    const struct kept *k = r->kept[i];
    return (struct revocations_list){.name = k->name,
        .kind = k->list.kind,
        .delta = list_is_delta(&k->list),
        .facts = list_facts(&k->list),
        .authority = k->authority,
        .sequence = list_sequence(&k->list),
        .applied = !k->over_limit,
        .list = &k->list};
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
