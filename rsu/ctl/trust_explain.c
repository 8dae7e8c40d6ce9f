/* rsuctl trust explain: which link of a chain fails, and by which rule. */
#include "rsu/ctl/trust_question.h"

#include "base/mem.h"
#include "pktio/verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *checks_json(const struct explain_link *l) {
    json_t *list = json_array();
    for (size_t i = 0; i < l->n; i++)
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s, s:s}", "rule", l->check[i].rule, "outcome",
                      explain_outcome_text(l->check[i].outcome), "text", l->check[i].text));
    return list;
}

static bool fails(const struct explain_link *l, const char *rule) {
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->check[i].rule, rule) == 0 && l->check[i].outcome == EXPLAIN_FAILS)
            return true;
    }
    return false;
}

/* The packet path's word for a message, in the order of its checks, without what clock and neighbours have to do with. */
static enum pkt_verdict message_verdict(
    const struct ctl_trust *t, const struct ctl_question *q, const struct explanation *x) {
    const struct explain_link *m = &x->message;
    if (fails(m, "algorithm"))
        return PKT_NOT_COUNTED_ALG;
    if (fails(m, "generationTime") || fails(m, "profile"))
        return PKT_BAD_PROFILE;
    if (fails(m, "place"))
        return PKT_TELLS_PLACE;
    if (fails(m, "permission"))
        return PKT_NO_PERMISSION;
    uint32_t s = (uint32_t)(q->message.generation_time / 1000000);
    if (s < q->cert[0].valid_from_s || s >= q->cert[0].valid_until_s)
        return PKT_CERT_TIME;
    struct trust_result r = trust_check(t->view->store, &q->cert[0], s);
    verify_key_unref(r.key);
    switch (r.verdict) {
    case TRUST_OK:
        break;
    case TRUST_ALGORITHM:
        return PKT_NOT_COUNTED_ALG;
    case TRUST_UNKNOWN_ISSUER:
        if (q->cert[0].type == CERT_IMPLICIT)
            return PKT_ISSUER_UNKNOWN;
        return fails(m, "signature") ? PKT_BAD_SIGNATURE : PKT_GOOD_ISSUER_UNKNOWN;
    case TRUST_MALFORMED:
    case TRUST_PROFILE:
    case TRUST_BAD_KEY:
        return PKT_BAD_CERT;
    default:
        return PKT_CERT_INVALID;
    }
    for (size_t i = 0; i < x->n_links; i++) {
        if (fails(&x->link[i], "revoked"))
            return PKT_REVOKED;
    }
    if (fails(m, "generationLocation"))
        return PKT_CERT_INVALID;
    return fails(m, "signature") ? PKT_BAD_SIGNATURE : PKT_VERIFIED;
}

/* What the store makes of a certificate, as a ticket or as an issuer. Of one that it has it has no more to say than ok; another
 * root is one that nobody named. */
static const char *cert_verdict(
    const struct ctl_trust *t, const struct ctl_question *q, const struct explanation *x) {
    const struct cert *c = &q->cert[0];
    if (fails(&x->link[0], "revoked"))
        return pkt_verdict_name(PKT_REVOKED);
    if (c->n_issue == 0) {
        struct trust_result r = trust_check(t->view->store, c, t->now_s);
        verify_key_unref(r.key);
        return trust_verdict_text(r.verdict);
    }
    if (x->link[0].in_store)
        return trust_verdict_text(t->now_s < c->valid_from_s     ? TRUST_NOT_YET_VALID
                                  : t->now_s >= c->valid_until_s ? TRUST_EXPIRED
                                                                 : TRUST_OK);
    if (c->issuer_kind == ISSUER_SELF)
        return trust_verdict_text(TRUST_UNKNOWN_ISSUER);
    struct buf why = {0};
    struct trust_store *copy = trust_store_new(trust_count(t->view->store) + 1);
    for (size_t i = 0; i < trust_count(t->view->store); i++)
        (void)trust_files_add(copy, trust_issuer_at(t->view->store, i).cert->all, &why);
    enum trust_verdict v = trust_add_issuer(copy, c->all);
    trust_store_free(copy);
    buf_free(&why);
    return trust_verdict_text(v);
}

static json_t *as_json(const struct explanation *x, const char *word) {
    json_t *links = json_array();
    for (size_t i = 0; i < x->n_links; i++) {
        const struct explain_link *l = &x->link[i];
        char hash[65];
        hex_encode(hash, l->hash, 32);
        (void)json_array_append_new(
            links, json_pack("{s:s, s:s, s:s, s:b, s:o}", "hashed_id8", hash + 48, "hash", hash,
                       "name", l->name, "in_store", l->in_store, "checks", checks_json(l)));
    }
    json_t *o = json_pack("{s:s, s:s, s:o}", "outcome", explain_outcome_text(x->outcome), "verdict",
        word, "chain", links);
    if (x->has_message)
        (void)json_object_set_new(o, "message", checks_json(&x->message));
    return o;
}

static void put_checks(const struct explain_link *l, struct buf *b) {
    for (size_t i = 0; i < l->n; i++)
        buf_printf(b, "  %-5s  %-18s  %s\n", explain_outcome_text(l->check[i].outcome),
            l->check[i].rule, l->check[i].text);
}

static void put_text(const struct explanation *x, const char *word, struct buf *b) {
    if (x->has_message) {
        buf_printf(b, "message\n");
        put_checks(&x->message, b);
    }
    for (size_t i = 0; i < x->n_links; i++) {
        char hash[65];
        hex_encode(hash, x->link[i].hash, 32);
        buf_printf(b, "%s %s (%s%s)\n", i == 0 ? "signer" : "issuer", hash + 48, x->link[i].name,
            x->link[i].in_store ? ", in the store" : "");
        put_checks(&x->link[i], b);
    }
    buf_printf(b, "verdict: %s\n", word);
    buf_printf(b, "outcome: %s\n",
        x->outcome == EXPLAIN_OK      ? "believed"
        : x->outcome == EXPLAIN_FAILS ? "not believed: a rule fails"
                                      : "not believed: the chain is not complete");
}

/* Revocation, link by link: each is asked about under the one above it. */
static void explain_lists(
    const struct ctl_trust *t, const struct ctl_question *q, struct explanation *x) {
    const struct trust_store *store = t->view->store;
    for (size_t i = 0; i < x->n_links && t->lists != NULL; i++) {
        const struct explain_link *l = &x->link[i];
        const struct cert *c = NULL;
        for (size_t k = 0; k < trust_count(store) && c == NULL; k++) {
            if (memcmp(trust_issuer_at(store, k).hash256, l->hash, 32) == 0)
                c = trust_issuer_at(store, k).cert;
        }
        bool issuer = c != NULL;
        for (size_t k = 0; k < q->n && c == NULL; k++) {
            uint8_t hash[32];
            cert_hash256(&q->cert[k], hash);
            if (memcmp(hash, l->hash, 32) == 0)
                c = &q->cert[k];
        }
        const uint8_t *above = issuer ? l->hash : i + 1 < x->n_links ? x->link[i + 1].hash : NULL;
        if (c == NULL)
            continue;
        struct revocation_answer a = trust_view_revoked(t->view, c, l->hash, above);
        char text[EXPLAIN_TEXT];
        if (a.kind == REVOCATION_NONE)
            (void)snprintf(text, sizeof(text), "on none of %zu lists", revocations_count(t->lists));
        else
            (void)snprintf(text, sizeof(text), "by %s: %s", a.list, revocation_kind_text(a.kind));
        trust_explain_add(
            x, i, "revoked", a.kind == REVOCATION_NONE ? EXPLAIN_OK : EXPLAIN_FAILS, text);
    }
}

static int print(
    const struct ctl_verb *v, const struct explanation *x, const char *word, bool json) {
    int code;
    if (json) {
        json_t *o = as_json(x, word);
        code = ctl_print_json(v, o);
        json_decref(o);
    } else {
        struct buf b = {0};
        put_text(x, word, &b);
        code = ctl_print(v, buf_span(&b));
        buf_free(&b);
    }
    return code != CTL_DONE ? code : x->outcome == EXPLAIN_OK ? CTL_DONE : CTL_NO;
}

static int answer(
    const struct ctl_verb *v, const struct ctl_question *q, const struct ctl_trust *t, bool json) {
    if (q->n == 0) {
        char id[17];
        struct ws_err err;
        hex_encode(id, q->message.digest, 8);
        (void)ws_fail(&err, WS_ENOTFOUND, "%s %s",
            q->message.signer == SIGNER_SELF
                ? "the message is signed by itself: no certificate says who sent it"
                : "the message names its signer by digest, and neither the capture nor --certs has "
                  "that certificate:",
            q->message.signer == SIGNER_SELF ? "" : id);
        return ctl_fail(v, CTL_NO, &err);
    }
    struct explanation *x = ws_alloc(sizeof(*x));
    uint32_t now_s = t->now_s;
    if (q->has_message)
        trust_explain_message(t->view->store, &q->message, q->cert, q->n, now_s, x);
    else
        trust_explain(t->view->store, q->cert, q->n, now_s, x);
    explain_lists(t, q, x);
    const char *word =
        q->has_message ? pkt_verdict_name(message_verdict(t, q, x)) : cert_verdict(t, q, x);
    int code = print(v, x, word, json);
    free(x);
    return code;
}

/* ---- lists ---- */

/* Certificates that may have signed: those along with the list, of --certs, and of the folder. */
static size_t signers(const struct ctl_question *q, struct cert *certs, size_t max) {
    size_t n = 0;
    for (size_t i = 0; i < q->certs.n && n < max; i++) {
        size_t at;
        if (cert_parse(buf_span(&q->certs.cert[i]), &certs[n], &at) == COER_OK)
            n++;
    }
    return n;
}

static int answer_lists(
    const struct ctl_verb *v, const struct ctl_question *q, const struct ctl_trust *t, bool json) {
    struct cert *certs = ws_calloc(q->certs.n + 1, sizeof(*certs));
    struct list_trust trust = {t->view->store, certs, signers(q, certs, q->certs.n), t->now_s, 60};
    struct buf b = {0};
    json_t *all = json_array();
    int code = CTL_DONE;
    for (size_t i = 0; i < q->n_lists; i++) {
        uint8_t authority[32] = {0};
        char id[17] = "";
        enum list_verdict lv = list_check(&q->lists[i], &trust, authority);
        size_t from = b.n;
        if (lv == LIST_OK)
            hex_encode(id, authority + 24, 8);
        list_describe(&q->lists[i], &b);
        (void)json_array_append_new(
            all, json_pack("{s:s%, s:s, s:s}", "list", (const char *)b.p + from, b.n - from - 1,
                     "verdict", list_verdict_text(lv), "authority", id));
        buf_printf(&b, "  verdict: %s%s%s\n", list_verdict_text(lv),
            lv == LIST_OK ? ", speaks about what is under " : "", id);
        if (lv != LIST_OK)
            code = CTL_NO;
    }
    int said = json ? ctl_print_json(v, all) : ctl_print(v, buf_span(&b));
    json_decref(all);
    buf_free(&b);
    free(certs);
    return said != CTL_DONE ? said : code;
}

static int run(const struct ctl_verb *v, int argc, char **argv) {
    struct ctl_trust_options o = {.max = CTL_TRUST_CERTS};
    const char *at = NULL;
    const char *certs = NULL;
    uint64_t frame = 0;
    bool json = false;
    struct ctl_list words = {0};
    const struct ctl_option options[] = {
        CTL_TRUST_OPTIONS(&o),
        {"certs", CTL_TEXT, (void *)&certs, 0, 0},
        {"frame", CTL_NUMBER, &frame, 1, UINT32_MAX},
        {"at", CTL_TEXT, (void *)&at, 0, 0},
        {"json", CTL_FLAG, &json, 0, 0},
    };
    int code;
    uint32_t now_s = 0;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 1, 1, &code))
        return code;
    if (!ctl_trust_time(at, &now_s))
        return ctl_misuse(
            v, "--at: '%.40s' is not a time like 2026-03-08T12:00:00Z", at == NULL ? "" : at);
    struct ctl_question *q = ws_alloc(sizeof(*q));
    struct ctl_trust t = {0};
    struct ws_err err = {0};
    code = CTL_DONE;
    if (certs != NULL && trust_files_read(certs, (size_t)o.max, &q->certs, NULL, &err) != WS_OK)
        code = ctl_fail(v, CTL_UNREACHABLE, &err);
    if (code == CTL_DONE && ctl_question_read(words.v[0], frame, q, &err) != WS_OK)
        code = ctl_fail(v, CTL_UNREACHABLE, &err);
    if (code == CTL_DONE) {
        ctl_question_complete(q);
        /* A message counts at its own time, and so do the lists and their linkage periods. */
        if (q->has_message && q->message.has_generation_time && at == NULL)
            now_s = (uint32_t)(q->message.generation_time / 1000000);
        code = ctl_trust_open(v, &o, now_s, &t);
    }
    if (code == CTL_DONE)
        code = q->n_lists > 0 ? answer_lists(v, q, &t, json) : answer(v, q, &t, json);
    ctl_trust_close(&t);
    ctl_question_free(q);
    free(q);
    return code;
}

const struct ctl_verb ctl_trust_explain = {"trust", "explain",
    "say which link of a chain fails, and why",
    "FILE|HEX [options]\n"
    "\n"
    "A certificate, a 1609.2 message, an Ethernet frame, signed lists, or a frame of a capture; in "
    "octets,\n"
    "hex digits, base64 or PEM blocks. Every rule is judged for every certificate from the signer "
    "up, also\n"
    "behind the first that fails; the verdict is the word that the packet path has for it. Exit "
    "code 0:\n"
    "believed, 1: not.\n"
    "\n"
    "  --trust PATH         roots and issuing authorities; nobody is believed without\n"
    "  --certs PATH         certificates to find a signer or an issuer among; they make nobody "
    "believed\n"
    "  --revocations DIR    signed lists, and certificates of those who sign them\n"
    "  --list-manager FILE  certificate of the manager whose trust lists may add roots\n"
    "  --frame N            frame of the capture, counted from 1; 1 unless given\n"
    "  --at TIME            2026-03-08T12:00:00Z; unless given, a message counts at its own "
    "generation time,\n"
    "                       all else now\n"
    "  --max-certs N        more than N certificates are a mistake; 4096 unless given\n"
    "  --json               print as JSON\n",
    run};
