#include "v2x/crl.h"

#include "base/assert.h"

enum { EXTENSION = 0x80, INDIVIDUAL = 0x40, GROUPS = 0x20, SINGLE_GROUPS = 0x10 };

/* What a walk through the body meets; v is NULL while it is only read. */
struct walk {
    struct coer c;
    struct crl *crl;
    const struct crl_visitor *v;
    void *ctx;
    bool hash_preamble; /* 2022: an octet before each hash entry */
};

/* An element costs at least an octet, so a count above what is left is refused before any loop. */
static size_t count(struct coer *c) {
    return coer_count(c, (size_t)(c->end - c->p));
}

static void extension_of(struct coer *c, uint8_t preamble) {
    if ((preamble & EXTENSION) != 0)
        coer_skip_additions(c);
}

/* ---- hash lists ---- */

static void walk_hashes(struct walk *w) {
    struct coer *c = &w->c;
    uint8_t present = coer_preamble(c, 0x7f);
    w->crl->serial = coer_u32(c);
    size_t n = count(c);
    for (size_t i = 0; i < n && c->fail == COER_OK; i++) {
        uint8_t extended = w->hash_preamble ? coer_preamble(c, 0x7f) : 0;
        struct span id = coer_take(c, 10);
        uint32_t expiry_s = coer_u32(c);
        extension_of(c, extended);
        if (c->fail == COER_OK && w->v != NULL)
            w->v->hash(w->ctx, id.p, expiry_s);
    }
    w->crl->n_hashes = n;
    extension_of(c, present);
    if (c->p != c->end)
        coer_set_fail(c, COER_TRAILING);
}

/* ---- linked lists ---- */

static void give(struct walk *w, const struct crl_seeds *s) {
    if (w->c.fail != COER_OK)
        return;
    if (s->group)
        w->crl->n_groups++;
    else
        w->crl->n_devices++;
    if (w->v != NULL)
        w->v->seeds(w->ctx, s);
}

static void walk_i_max(struct walk *w, struct crl_seeds s) {
    struct coer *c = &w->c;
    uint8_t present = coer_preamble(c, 0x7f);
    s.i_max = coer_u16(c);
    size_t n = count(c);
    for (size_t i = 0; i < n && c->fail == COER_OK; i++) {
        uint8_t extended = coer_preamble(c, 0x7f);
        s.seed1 = coer_take(c, 16).p;
        s.seed2 = coer_take(c, 16).p;
        extension_of(c, extended);
        give(w, &s);
    }
    if ((present & EXTENSION) == 0)
        return;
    struct coer_additions a = coer_read_additions(c);
    for (size_t at; (at = coer_next_addition(c, &a)) != SIZE_MAX;) {
        struct coer outer = *c;
        struct coer inner = coer_open(&outer);
        if (at == 0) { /* devices with a single seed */
            w->c = inner;
            size_t n_single = count(c);
            s.seed2 = NULL;
            for (size_t i = 0; i < n_single && c->fail == COER_OK; i++) {
                s.seed1 = coer_take(c, 16).p;
                give(w, &s);
            }
            inner = w->c;
            coer_close(&outer, &inner);
        }
        *c = outer;
    }
}

static void walk_individual(struct walk *w) {
    struct coer *c = &w->c;
    size_t n_jmax = count(c);
    for (size_t j = 0; j < n_jmax && c->fail == COER_OK; j++) {
        struct crl_seeds s = {0};
        uint8_t jmax_present = coer_preamble(c, 0x7f);
        s.jmax = coer_u8(c);
        size_t n_la = count(c);
        for (size_t k = 0; k < n_la && c->fail == COER_OK; k++) {
            uint8_t la_present = coer_preamble(c, 0x7f);
            s.la1 = coer_u16(c);
            s.la2 = coer_u16(c);
            size_t n_i_max = count(c);
            for (size_t i = 0; i < n_i_max && c->fail == COER_OK; i++)
                walk_i_max(w, s);
            extension_of(c, la_present);
        }
        extension_of(c, jmax_present);
    }
}

static void walk_groups(struct walk *w) {
    struct coer *c = &w->c;
    size_t n = count(c);
    for (size_t i = 0; i < n && c->fail == COER_OK; i++) {
        struct crl_seeds s = {.group = true};
        uint8_t present = coer_preamble(c, 0x7f);
        s.i_max = coer_u16(c);
        s.la1 = coer_u16(c);
        s.seed1 = coer_take(c, 16).p;
        s.la2 = coer_u16(c);
        s.seed2 = coer_take(c, 16).p;
        extension_of(c, present);
        give(w, &s);
    }
}

static void walk_single_groups(struct walk *w) {
    struct coer *c = &w->c;
    size_t n = count(c);
    for (size_t i = 0; i < n && c->fail == COER_OK; i++) {
        struct crl_seeds s = {.group = true};
        s.i_max = coer_u16(c);
        s.la1 = coer_u16(c);
        s.seed1 = coer_take(c, 16).p;
        give(w, &s);
    }
}

static void walk_linked(struct walk *w) {
    struct coer *c = &w->c;
    bool named = w->crl->form >= CRL_LINKED_FULL_ALG;
    size_t at = coer_at(c);
    uint8_t present = coer_preamble(c, named ? 0x0f : 0x1f);
    w->crl->i_rev = coer_u16(c);
    w->crl->serial = (uint32_t)w->crl->i_rev << 8 | coer_u8(c);
    /* The algorithm identifiers are NULL: they take no octets. */
    if ((present & INDIVIDUAL) != 0)
        walk_individual(w);
    if ((present & GROUPS) != 0)
        walk_groups(w);
    if (named && (present & SINGLE_GROUPS) != 0)
        walk_single_groups(w);
    bool some = (present & (INDIVIDUAL | GROUPS)) != 0 || (named && (present & SINGLE_GROUPS) != 0);
    if ((present & EXTENSION) != 0) {
        struct coer_additions a = coer_read_additions(c);
        for (size_t index; (index = coer_next_addition(c, &a)) != SIZE_MAX;) {
            struct coer outer = *c;
            struct coer inner = coer_open(&outer);
            if (!named && index == 0) {
                some = true;
                w->c = inner;
                walk_single_groups(w);
                inner = w->c;
                coer_close(&outer, &inner);
            }
            *c = outer;
        }
    }
    if (!some)
        coer_set_fail_at(c, at, COER_VALUE);
    if (c->p != c->end)
        coer_set_fail(c, COER_TRAILING);
}

/* ---- both ---- */

/* An entry of a hash list has a preamble octet since 2022 and had none before; nothing in the list says which. What
 * fits to its end is right; both fit only where there is no entry. */
static struct walk walk_body(
    struct coer body, struct crl *crl, const struct crl_visitor *v, void *ctx) {
    struct walk w = {.c = body, .crl = crl};
    if (crl_is_linked(crl)) {
        w.v = v;
        w.ctx = ctx;
        walk_linked(&w);
        return w;
    }
    walk_hashes(&w);
    w.hash_preamble = w.c.fail != COER_OK;
    if (w.hash_preamble) {
        struct walk modern = {.c = body, .crl = crl, .hash_preamble = true};
        walk_hashes(&modern);
        if (modern.c.fail != COER_OK)
            return w; /* neither: the place where the shorter form failed */
    }
    struct walk again = {
        .c = body, .crl = crl, .v = v, .ctx = ctx, .hash_preamble = w.hash_preamble};
    walk_hashes(&again);
    return again;
}

bool crl_read(struct coer *c, struct crl *ret_crl) {
    *ret_crl = (struct crl){0};
    size_t at = coer_at(c);
    if (coer_u8(c) != 1)
        coer_set_fail_at(c, at, COER_VALUE);
    ret_crl->series = coer_u16(c);
    struct span craca = coer_take(c, 8);
    if (craca.p != NULL)
        memcpy(ret_crl->craca, craca.p, 8);
    at = coer_at(c);
    ret_crl->issued_s = coer_u32(c);
    ret_crl->next_s = coer_u32(c);
    if (ret_crl->next_s <= ret_crl->issued_s) /* 7.3: strictly after */
        coer_set_fail_at(c, at, COER_VALUE);
    uint8_t present = coer_preamble(c, 0x3f);
    if ((present & 0x40) != 0)
        (void)coer_u8(c); /* priority: for devices that cannot keep every list */
    extension_of(c, present);
    at = coer_at(c);
    unsigned form = coer_choice(c);
    if (form > CRL_LINKED_DELTA_ALG)
        coer_set_fail_at(c, at, COER_CHOICE);
    if (c->fail != COER_OK)
        return false;
    ret_crl->form = (enum crl_form)form;
    struct coer body = *c;
    if (form >= CRL_LINKED_FULL_ALG)
        body = coer_open(c);
    ret_crl->body = span_of(body.p, (size_t)(body.end - body.p));
    struct walk w = walk_body(body, ret_crl, NULL, NULL);
    coer_close(c, &w.c);
    if (form < CRL_LINKED_FULL_ALG)
        c->p = w.c.p;
    else if (c->p != c->end)
        coer_set_fail(c, COER_TRAILING);
    return c->fail == COER_OK;
}

void crl_walk(const struct crl *c, const struct crl_visitor *v, void *ctx) {
    struct crl copy = *c;
    struct walk w = walk_body(coer_of(c->body), &copy, v, ctx);
    WS_ASSERT(w.c.fail == COER_OK);
}

bool etsi_crl_read(struct coer *c, struct etsi_crl *ret_crl) {
    uint8_t present = coer_preamble(c, 0x7f);
    size_t at = coer_at(c);
    if (coer_int(c) != 1) /* unlike around it, not bounded to one octet */
        coer_set_fail_at(c, at, COER_VALUE);
    at = coer_at(c);
    *ret_crl = (struct etsi_crl){.this_update_s = coer_u32(c)};
    ret_crl->next_update_s = coer_u32(c);
    if (ret_crl->next_update_s <= ret_crl->this_update_s)
        coer_set_fail_at(c, at, COER_VALUE);
    ret_crl->ids = coer_take(c, 8 * count(c));
    extension_of(c, present);
    if (c->p != c->end)
        coer_set_fail(c, COER_TRAILING);
    return c->fail == COER_OK;
}
