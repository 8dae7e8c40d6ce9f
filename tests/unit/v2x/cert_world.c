#include "tests/unit/v2x/cert_world.h"

#include "v2x/trust_explain.h"

#include <stdio.h>

const struct span NO_CERT = {NULL, 0};
const struct cert_parts PLAIN_ROOT = {.id = "8104726f6f74", .issue = PARTS_ISSUE_BOTH};
const struct cert_parts PLAIN_CA = {.id = "81024141", .issue = PARTS_ISSUE_ALL};

void cert_world_make(
    struct cert_world *w, const struct cert_parts *root, const struct cert_parts *ca) {
    struct ws_random rnd = ws_random_seeded(31);
    *w = (struct cert_world){.root_parts = *root, .ca_parts = *ca};
    w->root_key = sign_key_new(CURVE_P256, &rnd);
    w->ca_key = sign_key_new(CURVE_BP256, &rnd);
    w->key = sign_key_new(CURVE_P256, &rnd);
    if (w->root_parts.from_s == 0)
        w->root_parts.from_s = CERT_WORLD_T0;
    if (w->ca_parts.from_s == 0)
        w->ca_parts.from_s = CERT_WORLD_T0;
    cert_put_parts(&w->root, &w->root_parts, w->root_key, NULL, NO_CERT);
    cert_put_parts(&w->ca, &w->ca_parts, w->ca_key, w->root_key, buf_span(&w->root));
    w->ticket = (struct cert_parts){.from_s = CERT_WORLD_T0, .app = PARTS_APP_36};
    w->store = trust_store_new(8);
    struct ws_err err = {0};
    if (trust_add_root(w->store, buf_span(&w->root), &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_string_equal(trust_verdict_text(trust_add_issuer(w->store, buf_span(&w->ca))), "ok");
}

void cert_world_free(struct cert_world *w) {
    sign_key_free(w->root_key);
    sign_key_free(w->ca_key);
    sign_key_free(w->key);
    buf_free(&w->root);
    buf_free(&w->ca);
    trust_store_free(w->store);
}

enum trust_verdict cert_world_judge(struct cert_world *w, const struct cert_parts *p) {
    struct buf b = {0};
    struct cert c;
    size_t at;
    cert_put_parts(&b, p, w->key, w->ca_key, buf_span(&w->ca));
    enum coer_fail fail = cert_parse(buf_span(&b), &c, &at);
    if (fail != COER_OK)
        fail_msg("octet %zu: %s", at, coer_fail_text(fail));
    struct trust_result r = trust_check(w->store, &c, CERT_WORLD_T0 + 1);
    verify_key_unref(r.key);
    struct explanation x;
    trust_explain(w->store, &c, 1, CERT_WORLD_T0 + 1, &x);
    w->text[0] = '\0';
    for (size_t i = 0; i < x.link[0].n && w->text[0] == '\0'; i++) {
        if (x.link[0].check[i].outcome != EXPLAIN_OK)
            (void)snprintf(w->text, sizeof(w->text), "%s: %s", x.link[0].check[i].rule,
                x.link[0].check[i].text);
    }
    if (p->issue == NULL && (x.outcome == EXPLAIN_OK) != (r.verdict == TRUST_OK))
        fail_msg("explained as %s, judged as %s", w->text, trust_verdict_text(r.verdict));
    buf_free(&b);
    return r.verdict;
}

void cert_world_expect(struct cert_world *w, const struct cert_parts *p, enum trust_verdict v) {
    enum trust_verdict got = cert_world_judge(w, p);
    if (got != v)
        fail_msg("%s instead of %s (%s)", trust_verdict_text(got), trust_verdict_text(v), w->text);
}

void cert_world_expect_broken(struct cert_world *w, const struct cert_parts *p, const char *rule) {
    cert_world_expect(w, p, TRUST_PROFILE);
    if (strstr(w->text, rule) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", w->text, rule);
}
