#include "rsu/learning/uploads.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/table.h"
#include "fedlearn/round/records.h"

#include <sodium.h>

enum {
    HAVE_PARTS = 8, /* after so many it is said at the next flush; fewer wait */
    HAVE_US = 5000, /* this long */
    SIGN_AGAIN_S = 1800,
    EXCLUDED_MAX = 64, /* claims of one name that are looked at to find that nobody may upload it */
    WAIT_LEDGER_MS = 500,
    WAIT_BUSY_MS = 1000,
    WAIT_DISK_MS = 5000,
    DENY_US = 200000, /* not more often to one upload */
};

struct upload {
    uint8_t name[32], id[32], key[32];
    bool agreed;
    struct fl_upload_keys keys;
    uint8_t *octets; /* cover | bundles | ciphertext; NULL: not under way */
    uint8_t *there; /* a bit for each piece */
    size_t at; /* in the list of those under way */
    uint32_t n_there, first;
    uint64_t probe, heard_us;
    struct uploads_source from;
    uint32_t unsaid; /* parts since the last HAVE */
    uint64_t unsaid_us, denied_us, kept_us;
    bool spoiled, has_receipt;
    bool writing; /* octets are with who writes them, and stay where they are */
    struct fl_receipt receipt;
};

struct source {
    uint64_t filled_us;
    uint32_t tokens;
};

struct uploads {
    struct uploads_limits limits;
    struct uploads_ledger ledger;
    struct uploads_io io;
    struct uploads_round round;
    uint32_t pieces;
    struct fl_upload_pair pair;
    struct fl_unit_key unit;
    uint64_t sealed; /* numbers given out; no two texts under one */
    struct table by_name;
    struct upload **known; /* FL_SUBMISSIONS_MAX places */
    size_t n_known;
    struct upload **under_way; /* limits.uploads places */
    size_t n_under_way;
    struct source *source;
    uint64_t source_seed;
    struct uploads_counters counters;
};

const char *uploads_outcome_name(enum uploads_outcome o) {
    static const char *const names[] = {
#define X(id, text) [(id)] = (text),
        UPLOADS_OUTCOMES(X)
#undef X
    };
    return (unsigned)o < UPLOADS_OUTCOME_COUNT ? names[o] : "?";
}

struct uploads_limits uploads_limits_default(void) {
    return (struct uploads_limits){.uploads = 256,
        .octets = 64U << 20,
        .per_source = 4000,
        .sources = 4096,
        .idle_us = 15000000};
}

struct uploads *uploads_new(const struct uploads_limits *limits,
    const struct uploads_ledger *ledger, const struct uploads_io *io) {
    struct uploads *u = ws_alloc(sizeof(*u));
    WS_ASSERT(limits->uploads > 0);
    WS_ASSERT(limits->sources > 0);
    *u = (struct uploads){.limits = *limits, .ledger = *ledger, .io = *io};
    u->known = ws_calloc(FL_SUBMISSIONS_MAX, sizeof(struct upload *));
    u->under_way = ws_calloc(limits->uploads, sizeof(struct upload *));
    u->source = ws_calloc(limits->sources, sizeof(*u->source));
    u->source_seed = ws_random_u64(io->random) | 1;
    return u;
}

/* ---- under way ---- */

static void stop(struct uploads *u, struct upload *p) {
    if (p->octets == NULL)
        return;
    struct upload *last = u->under_way[--u->n_under_way];
    u->under_way[p->at] = last;
    last->at = p->at;
    if (!p->writing)
        free(p->octets);
    free(p->there);
    p->octets = p->there = NULL;
    p->writing = false;
    p->n_there = p->first = p->unsaid = 0;
    u->counters.octets_now -= fl_upload_length(&u->round.shape);
    u->counters.under_way = u->n_under_way;
}

static bool has_room(const struct uploads *u) {
    return u->n_under_way < u->limits.uploads &&
           u->counters.octets_now + fl_upload_length(&u->round.shape) <= u->limits.octets;
}

/* The one that has stood still longest, if that is long. */
static struct upload *idle(const struct uploads *u, uint64_t now_us) {
    struct upload *p = NULL;
    for (size_t i = 0; i < u->n_under_way; i++)
        if (!u->under_way[i]->writing && (p == NULL || u->under_way[i]->heard_us < p->heard_us))
            p = u->under_way[i];
    return p != NULL && now_us - p->heard_us >= u->limits.idle_us ? p : NULL;
}

static bool could_start(const struct uploads *u, uint64_t now_us) {
    return has_room(u) || idle(u, now_us) != NULL;
}

static bool start(struct uploads *u, struct upload *p, uint64_t now_us) {
    while (!has_room(u)) {
        struct upload *old = idle(u, now_us);
        if (old == NULL)
            return false;
        stop(u, old);
        u->counters.evicted++;
    }
    p->octets = ws_alloc(fl_upload_length(&u->round.shape));
    p->there = ws_alloc((u->pieces + 7) / 8);
    p->at = u->n_under_way;
    u->under_way[u->n_under_way++] = p;
    u->counters.octets_now += fl_upload_length(&u->round.shape);
    u->counters.under_way = u->n_under_way;
    return true;
}

/* ---- the round ---- */

static void forget_all(struct uploads *u) {
    for (size_t i = 0; i < u->n_known; i++) {
        stop(u, u->known[i]);
        sodium_memzero(u->known[i], sizeof(struct upload));
        free(u->known[i]);
    }
    u->n_known = u->counters.known = 0;
    table_free(&u->by_name);
    u->by_name = (struct table){0};
    sodium_memzero(&u->pair, sizeof(u->pair));
}

void uploads_free(struct uploads *u) {
    if (u == NULL)
        return;
    forget_all(u);
    free(u->known);
    free(u->under_way);
    free(u->source);
    free(u);
}

static void sign_key(struct uploads *u, uint64_t its_us) {
    uint8_t octets[FL_UNIT_KEY_SIGNED];
    u->unit.alg = 1;
    memcpy(u->unit.signer, u->io.signer, sizeof(u->unit.signer));
    memcpy(u->unit.key, u->pair.public, sizeof(u->unit.key));
    u->unit.since_us = its_us;
    fl_unit_key_signed(u->round.round.cell, &u->unit, octets);
    u->io.sign(u->io.ctx, span_of(octets, sizeof(octets)), u->unit.signature);
}

/* A round has its own key: who takes the machine later opens nothing of the rounds before. */
static void look_at_ledger(struct uploads *u, struct ws_now now) {
    struct uploads_round r;
    if (u->ledger.round(u->ledger.ctx, &r)) {
        if (r.number != u->round.number) {
            forget_all(u);
            u->round = r;
            u->pieces = r.number == 0 ? 0 : fl_upload_pieces(&r.shape);
            fl_upload_draw(u->io.random, &u->pair);
            u->unit.since_us = 0;
        }
        u->round.open = r.open;
        u->round.deadline_us = r.deadline_us;
        /* What came in time gets its receipt when it is written. */
        for (size_t i = u->n_under_way; !r.open && i-- > 0;)
            if (!u->under_way[i]->writing)
                stop(u, u->under_way[i]);
    }
    const uint64_t since = u->unit.since_us;
    if (u->round.number != 0 &&
        (since == 0 || now.its_us < since || now.its_us - since > SIGN_AGAIN_S * UINT64_C(1000000)))
        sign_key(u, now.its_us);
}

/* ---- who asks ---- */

static bool may_speak(struct uploads *u, const struct uploads_source *from, uint64_t now_us) {
    static const uint8_t v4[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    const bool is_v4 = memcmp(from->address, v4, sizeof(v4)) == 0;
    uint64_t h = (is_v4 ? be32(from->address + 12) : be64(from->address)) ^ u->source_seed;
    h = (h ^ h >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    h = (h ^ h >> 29) * u->source_seed;
    struct source *s = &u->source[(h >> 16) % u->limits.sources];
    const uint64_t passed = now_us - s->filled_us;
    const uint64_t refill =
        passed >= 1000000 ? u->limits.per_source : passed * u->limits.per_source / 1000000;
    if (s->filled_us == 0 || now_us < s->filled_us) {
        s->tokens = u->limits.per_source;
        s->filled_us = now_us;
    } else if (refill > 0) {
        s->tokens = s->tokens + refill > u->limits.per_source ? u->limits.per_source
                                                              : (uint32_t)(s->tokens + refill);
        s->filled_us = now_us;
    }
    if (s->tokens == 0)
        return false;
    s->tokens--;
    return true;
}

/* NULL: no submission of the round has that name. */
static struct upload *find(struct uploads *u, const uint8_t name[static 32]) {
    struct upload *p = table_get(&u->by_name, name);
    struct uploads_claim c;
    if (p != NULL || u->n_known == FL_SUBMISSIONS_MAX ||
        !u->ledger.claim(u->ledger.ctx, name, 0, &c))
        return p;
    p = ws_alloc(sizeof(*p));
    memcpy(p->name, name, sizeof(p->name));
    memcpy(p->id, c.id, sizeof(p->id));
    memcpy(p->key, c.upload_key, sizeof(p->key));
    u->known[u->n_known++] = p;
    u->counters.known = u->n_known;
    (void)table_put(&u->by_name, name, p);
    return p;
}

static bool is_excluded(const struct uploads *u, const struct upload *p) {
    struct uploads_claim c;
    size_t k = 0;
    for (; k < EXCLUDED_MAX && u->ledger.claim(u->ledger.ctx, p->name, k, &c); k++)
        if (!c.excluded)
            return false;
    return k < EXCLUDED_MAX;
}

static bool agree(struct uploads *u, struct upload *p) {
    p->agreed = p->agreed ||
                fl_upload_agree(&u->pair, p->key, true, u->round.round.cell, p->name, &p->keys);
    return p->agreed;
}

/* ---- answers ---- */

static void say(struct uploads *u, const struct uploads_source *to, const uint8_t *p, size_t n) {
    u->io.send(u->io.send_ctx, to, span_of(p, n));
}

static void say_receipt(struct uploads *u, struct upload *p, const struct uploads_source *to,
    uint64_t nonce, uint64_t its_us) {
    uint8_t octets[FL_UPLOAD_RECEIPT_OCTETS], text[FL_RECEIPT_SIGNED];
    if (!p->has_receipt) {
        p->receipt = (struct fl_receipt){.round = u->round.number,
            .octets = fl_upload_length(&u->round.shape),
            .time_us = its_us,
            .deadline_us = u->round.deadline_us,
            .alg = 1};
        memcpy(p->receipt.id, p->id, sizeof(p->receipt.id));
        memcpy(p->receipt.signer, u->io.signer, sizeof(p->receipt.signer));
        fl_receipt_signed(u->round.round.cell, &p->receipt, text);
        u->io.sign(u->io.ctx, span_of(text, sizeof(text)), p->receipt.signature);
        p->has_receipt = true;
    }
    fl_upload_receipt_put(p->name, nonce, &p->receipt, octets);
    say(u, to, octets, sizeof(octets));
}

static enum uploads_outcome refuse(struct uploads *u, const struct fl_upload_ask *a,
    const struct uploads_source *to, enum fl_upload_reason reason, uint32_t wait_ms) {
    uint8_t octets[FL_UPLOAD_REFUSAL_OCTETS];
    struct fl_upload_refusal r = {.nonce = a->nonce, .reason = reason, .wait_ms = wait_ms};
    memcpy(r.name, a->name, sizeof(r.name));
    fl_upload_refusal_put(&r, octets);
    say(u, to, octets, sizeof(octets));
    u->counters.refusals[reason]++;
    return UPLOADS_REFUSED;
}

/* Not for every part of a burst. */
static void deny(struct uploads *u, struct upload *p, const struct uploads_source *to,
    enum fl_upload_reason reason, uint32_t wait_ms, uint64_t now_us) {
    uint8_t octets[FL_UPLOAD_DENIAL_OCTETS];
    if (p->denied_us != 0 && now_us - p->denied_us < DENY_US)
        return;
    p->denied_us = now_us;
    struct fl_upload_refusal r = {.nonce = ++u->sealed, .reason = reason, .wait_ms = wait_ms};
    memcpy(r.name, p->name, sizeof(r.name));
    fl_upload_denial_put(&r, &p->keys, octets);
    say(u, to, octets, sizeof(octets));
    u->counters.refusals[reason]++;
}

static bool is_there(const struct upload *p, uint32_t i) {
    return p->there != NULL && (p->there[i / 8] & 0x80U >> i % 8) != 0;
}

static void say_have(struct uploads *u, struct upload *p, const struct uploads_source *to) {
    uint8_t octets[FL_UPLOAD_HAVE_OCTETS_MAX];
    struct fl_upload_have h = {.number = ++u->sealed, .probe = p->probe, .first = p->first};
    memcpy(h.name, p->name, sizeof(h.name));
    for (uint32_t k = 0; k < FL_UPLOAD_WINDOW && p->first + 1 + k < u->pieces; k++)
        if (is_there(p, p->first + 1 + k))
            h.bits[k / 8] = (uint8_t)(h.bits[k / 8] | 0x80U >> k % 8);
    p->unsaid = 0;
    say(u, to, octets, fl_upload_have_put(&h, &p->keys, octets));
}

/* ---- the end of an upload ---- */

/* Under one of the tokens that claim it, it is what was signed. Many may claim it: only its owner's gives the id. */
static bool is_signed(const struct uploads *u, struct upload *p, const struct fl_material *m) {
    struct fl_cover cover;
    struct uploads_claim c;
    bool good = false;
    if (fl_cover_read(m->cover, &cover, NULL) != WS_OK || cover.n != u->round.round.n)
        return false;
    for (size_t k = 0; !good && u->ledger.claim(u->ledger.ctx, p->name, k, &c); k++) {
        uint8_t id[32];
        fl_cover_id(&u->round.round, c.token, &cover, id);
        if (memcmp(id, p->id, sizeof(id)) != 0)
            continue;
        struct fl_submission *s = ws_alloc(sizeof(*s));
        good = fl_material_check(&u->round.round, c.token, p->id, m, s) == FL_MATERIAL_GOOD;
        free(s);
    }
    return good;
}

void uploads_whole_free(struct uploads_whole *w) {
    if (w == NULL)
        return;
    free(w->octets);
    free(w);
}

static void kept(struct uploads *u, struct upload *p, int rc, struct ws_now now) {
    if (rc != WS_OK && rc != WS_EEXIST) {
        deny(u, p, &p->from, FL_UPLOAD_NO_ROOM, WAIT_DISK_MS, now.mono_us);
        return;
    }
    u->counters.finished++;
    stop(u, p);
    say_receipt(u, p, &p->from, 0, now.its_us);
}

static void write_out(
    struct uploads *u, struct upload *p, const struct fl_material *m, struct ws_now now) {
    struct uploads_whole *w = ws_alloc(sizeof(*w));
    w->round = u->round.number;
    memcpy(w->name, p->name, sizeof(w->name));
    memcpy(w->id, p->id, sizeof(w->id));
    w->octets = p->octets;
    w->material = *m;
    p->writing = u->io.write(u->io.write_ctx, w);
    if (p->writing)
        return;
    free(w);
    kept(u, p, WS_EBUSY, now);
}

/* Who is gone meanwhile asks again, and the store has it. */
void uploads_written(struct uploads *u, struct uploads_whole *w, struct ws_now now) {
    struct upload *p = w->round == u->round.number ? table_get(&u->by_name, w->name) : NULL;
    if (p != NULL && p->writing && p->octets == w->octets) {
        p->writing = false;
        w->octets = NULL;
        kept(u, p, w->rc, now);
    }
    uploads_whole_free(w);
}

static void finish(struct uploads *u, struct upload *p, struct ws_now now) {
    const struct fl_upload_shape *s = &u->round.shape;
    const struct fl_material m = {span_of(p->octets, s->cover),
        span_of(p->octets + s->cover, s->bundles),
        span_of(p->octets + s->cover + s->bundles, s->wire)};
    struct ws_err err = {0};
    if (p->kept_us != 0 && now.mono_us - p->kept_us < WAIT_DISK_MS * UINT64_C(1000) / 2) {
        deny(u, p, &p->from, FL_UPLOAD_NO_ROOM, WAIT_DISK_MS, now.mono_us);
        return;
    }
    if (!is_signed(u, p, &m)) {
        p->spoiled = true;
        u->counters.spoiled++;
        stop(u, p);
        deny(u, p, &p->from, FL_UPLOAD_OTHER, 0, now.mono_us);
        return;
    }
    p->kept_us = now.mono_us;
    if (u->io.write != NULL)
        write_out(u, p, &m, now);
    else
        kept(u, p, u->io.keep(u->io.ctx, u->round.number, p->id, &m, &err), now);
}

/* ---- datagrams ---- */

static enum uploads_outcome hear_ask(
    struct uploads *u, const struct uploads_source *from, struct span octets, struct ws_now now) {
    struct fl_upload_ask a;
    struct fl_upload_welcome w = {.unit = u->unit};
    uint8_t out[FL_UPLOAD_WELCOME_OCTETS];
    if (!fl_upload_ask_read(octets, &a))
        return UPLOADS_MALFORMED;
    struct upload *p = u->round.number == 0 ? NULL : find(u, a.name);
    if (p == NULL)
        return refuse(u, &a, from, FL_UPLOAD_UNKNOWN, WAIT_LEDGER_MS);
    if (p->has_receipt || u->io.has(u->io.ctx, p->id)) {
        say_receipt(u, p, from, a.nonce, now.its_us);
        return UPLOADS_RECEIPT;
    }
    if (!u->round.open)
        return refuse(u, &a, from, FL_UPLOAD_ROUND_OVER, 0);
    if (fl_upload_length(&u->round.shape) > u->limits.octets)
        return refuse(u, &a, from, FL_UPLOAD_TOO_LARGE, 0);
    if (a.length != fl_upload_length(&u->round.shape))
        return refuse(u, &a, from, FL_UPLOAD_WRONG_LENGTH, 0);
    if (p->spoiled)
        return refuse(u, &a, from, FL_UPLOAD_OTHER, 0);
    if (is_excluded(u, p))
        return refuse(u, &a, from, FL_UPLOAD_EXCLUDED, 0);
    if (p->octets == NULL && !could_start(u, now.mono_us))
        return refuse(u, &a, from, FL_UPLOAD_BUSY, WAIT_BUSY_MS);
    memcpy(w.name, a.name, sizeof(w.name));
    w.nonce = a.nonce;
    fl_upload_welcome_put(&w, out);
    say(u, from, out, sizeof(out));
    return UPLOADS_WELCOMED;
}

static enum uploads_outcome hear_probe(struct uploads *u, struct upload *p,
    const struct uploads_source *from, struct span octets, struct ws_now now) {
    uint64_t number = 0;
    if (!fl_upload_probe_read(octets, &p->keys, &number))
        return UPLOADS_BAD_SEAL;
    if (number <= p->probe)
        return UPLOADS_DUPLICATE; /* again, by somebody who heard it */
    p->probe = number;
    p->from = *from;
    p->heard_us = now.mono_us;
    if (p->has_receipt)
        say_receipt(u, p, from, 0, now.its_us);
    else if (p->spoiled)
        deny(u, p, from, FL_UPLOAD_OTHER, 0, now.mono_us);
    else if (p->writing)
        say_have(u, p, from);
    else if (!u->round.open)
        deny(u, p, from, FL_UPLOAD_ROUND_OVER, 0, now.mono_us);
    else if (p->octets != NULL && p->n_there == u->pieces)
        finish(u, p, now);
    else
        say_have(u, p, from);
    return UPLOADS_PROBED;
}

static enum uploads_outcome hear_part(struct uploads *u, struct upload *p,
    const struct uploads_source *from, struct span octets, struct ws_now now) {
    uint8_t piece[FL_UPLOAD_PIECE];
    uint32_t i = 0;
    size_t n = 0, at = 0;
    if (!fl_upload_part_peek(octets, &u->round.shape, &i, &n))
        return UPLOADS_MALFORMED;
    if (p->has_receipt || p->spoiled || is_there(p, i))
        return UPLOADS_DUPLICATE;
    if (!fl_upload_part_open(octets, &p->keys, piece))
        return UPLOADS_BAD_SEAL;
    p->from = *from;
    p->heard_us = now.mono_us;
    if (!u->round.open) {
        deny(u, p, from, FL_UPLOAD_ROUND_OVER, 0, now.mono_us);
        return UPLOADS_REFUSED;
    }
    if (p->octets == NULL && !start(u, p, now.mono_us)) {
        deny(u, p, from, FL_UPLOAD_BUSY, WAIT_BUSY_MS, now.mono_us);
        return UPLOADS_BUSY;
    }
    (void)fl_upload_piece(&u->round.shape, i, &at);
    memcpy(p->octets + at, piece, n);
    p->there[i / 8] = (uint8_t)(p->there[i / 8] | 0x80U >> i % 8);
    p->n_there++;
    while (p->first < u->pieces && is_there(p, p->first))
        p->first++;
    u->counters.octets += n;
    if (p->unsaid++ == 0)
        p->unsaid_us = now.mono_us;
    if (p->n_there == u->pieces)
        finish(u, p, now);
    return UPLOADS_PART;
}

static enum uploads_outcome hear(
    struct uploads *u, const struct uploads_source *from, struct span datagram, struct ws_now now) {
    enum fl_upload_kind kind;
    uint8_t name[32];
    struct upload *p;
    if (!may_speak(u, from, now.mono_us))
        return UPLOADS_TOO_OFTEN;
    if (!fl_upload_head(datagram, &kind, name))
        return UPLOADS_MALFORMED;
    if (kind == FL_UPLOAD_ASK)
        return hear_ask(u, from, datagram, now);
    if (kind != FL_UPLOAD_PROBE && kind != FL_UPLOAD_PART)
        return UPLOADS_NOT_OURS;
    p = u->round.number == 0 ? NULL : find(u, name);
    if (p == NULL)
        return UPLOADS_UNKNOWN;
    if (!agree(u, p))
        return UPLOADS_BAD_KEY;
    return kind == FL_UPLOAD_PROBE ? hear_probe(u, p, from, datagram, now)
                                   : hear_part(u, p, from, datagram, now);
}

enum uploads_outcome uploads_hear(
    struct uploads *u, const struct uploads_source *from, struct span datagram, struct ws_now now) {
    if (u->round.number == 0)
        look_at_ledger(u, now);
    const enum uploads_outcome o = hear(u, from, datagram, now);
    u->counters.datagrams[o]++;
    return o;
}

void uploads_flush(struct uploads *u, struct ws_now now) {
    look_at_ledger(u, now);
    for (size_t i = 0; i < u->n_under_way; i++) {
        struct upload *p = u->under_way[i];
        if (p->unsaid >= HAVE_PARTS || (p->unsaid > 0 && now.mono_us - p->unsaid_us >= HAVE_US))
            say_have(u, p, &p->from);
    }
}

const struct uploads_counters *uploads_counters(const struct uploads *u) {
    return &u->counters;
}
