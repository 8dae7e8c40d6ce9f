/* Trust stores: the base, and what trust lists add to it. */
#include "base/bytes.h"
#include "base/mem.h"
#include "rsu/trust/revocations_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { ADDED_MAX = 1024 };

void rev_store_unref(struct trust_store *store, void *ctx) {
    struct shared_store *s = ctx;
    (void)store;
    if (s == NULL || atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    trust_store_free(s->store);
    free(s);
}

const struct trust_store *rev_store(const struct revocations *r) {
    return r->store == NULL ? r->cfg.base : r->store->store;
}

struct additions {
    size_t n;
    struct {
        struct cert cert;
        uint8_t id[8];
    } added[ADDED_MAX];
    size_t cut; /* found no room */
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
    if (!c->add || c->entry != a->what || !a->current)
        return;
    if (a->n == ADDED_MAX) {
        a->cut++;
        return;
    }
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

/* A certificate that a list names and that does not stand under what is trusted is left out, by name. */
static void refuse_entry(struct revocations *r, const uint8_t id[static 8], const char *why) {
    char text[128];
    (void)snprintf(text, sizeof(text), "certificate %016" PRIx64 " is left out: %s", be64(id), why);
    rev_refuse(r, "trust lists", REFUSED_SIGNER_INVALID, text);
}

static void refuse_cut(struct revocations *r, size_t cut) {
    char text[128];
    if (cut == 0)
        return;
    (void)snprintf(
        text, sizeof(text), "%zu certificates are left out: at most %d are taken", cut, ADDED_MAX);
    rev_refuse(r, "trust lists", REFUSED_LIMIT, text);
}

void rev_store_rebuild(struct revocations *r, uint32_t now_s) {
    struct additions *roots = ws_alloc(sizeof(*roots));
    struct additions *issuers = ws_alloc(sizeof(*issuers));
    struct ws_err err;
    collect(r, LIST_ECTL, now_s, roots);
    collect(r, LIST_RCA_CTL, now_s, issuers);
    rev_store_unref(NULL, r->store);
    r->store = NULL;
    if (roots->n + issuers->n + r->n_learned > 0) {
        size_t n = trust_count(r->cfg.base);
        struct trust_store *t = trust_store_new(n + roots->n + issuers->n + r->n_learned);
        for (size_t i = 0; i < n; i++) {
            struct trust_issuer e = trust_issuer_at(r->cfg.base, i);
            if (e.above == TRUST_ROOT)
                (void)!trust_add_root(t, e.cert->all, &err);
            else
                (void)trust_add_issuer(t, e.cert->all);
        }
        for (size_t i = 0; i < roots->n; i++) {
            if (trust_add_root(t, roots->added[i].cert.all, &err) != WS_OK)
                refuse_entry(r, roots->added[i].id, err.text);
        }
        for (size_t i = 0; i < issuers->n; i++) {
            enum trust_verdict v = trust_add_issuer(t, issuers->added[i].cert.all);
            if (v != TRUST_OK)
                refuse_entry(r, issuers->added[i].id, trust_verdict_text(v));
        }
        refuse_cut(r, roots->cut);
        refuse_cut(r, issuers->cut);
        for (size_t i = 0; i < r->n_learned; i++)
            (void)trust_add_issuer(t, buf_span(&r->learned[i]));
        r->store = ws_alloc(sizeof(*r->store));
        atomic_init(&r->store->refs, 1);
        r->store->store = t;
    }
    free(roots);
    free(issuers);
}
