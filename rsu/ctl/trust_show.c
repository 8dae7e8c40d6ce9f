/* rsuctl trust show: roots, issuing authorities, signed lists, and what the lists revoke. */
#include "rsu/ctl/trust.h"
#include "v2x/cert_parts.h"
#include "v2x/trust_explain.h"

#include <string.h>

static void put_psids(const struct cert *c, struct buf *b) {
    struct coer list = coer_of(c->app_permissions);
    for (size_t i = 0; i < c->n_app; i++) {
        struct psid_ssp entry;
        psid_ssp_read(&list, &entry);
        buf_printf(b, "%s%llu", i == 0 ? "" : ",", (unsigned long long)entry.psid);
    }
}

static void put_issues(const struct cert *c, struct buf *b) {
    struct coer list = coer_of(c->issue_permissions);
    bool first = true;
    for (size_t i = 0; i < c->n_issue; i++) {
        struct issue_group g;
        issue_group_read(&list, &g);
        if (g.all)
            buf_printf(b, "%sall", first ? "" : ",");
        first = first && !g.all;
        struct coer ranges = coer_of(g.ranges);
        for (size_t k = 0; k < g.n_ranges; k++) {
            struct ssp_range r;
            ssp_range_read(&ranges, &r);
            buf_printf(b, "%s%llu", first ? "" : ",", (unsigned long long)r.psid);
            first = false;
        }
    }
}

static const char *region_text(const struct cert *c) {
    static const char *const kind[] = {"circle", "rectangles", "polygon", "identified"};
    return c->region.present ? kind[c->region.kind] : "none";
}

static json_t *one_json(const struct ctl_trust *world, size_t i) {
    const struct trust_store *t = world->view->store;
    struct trust_issuer e = trust_issuer_at(t, i);
    struct cert c = *e.cert;
    struct explanation x;
    char hash[65], from[EXPLAIN_TIME], until[EXPLAIN_TIME];
    struct buf apps = {0}, issues = {0};
    trust_explain(t, &c, 1, c.valid_from_s, &x);
    hex_encode(hash, e.hash256, 32);
    explain_time(c.valid_from_s, from);
    explain_time(c.valid_until_s, until);
    put_psids(&c, &apps);
    put_issues(&c, &issues);
    buf_u8(&apps, 0);
    buf_u8(&issues, 0);
    char above[65] = "";
    if (e.above != TRUST_ROOT)
        hex_encode(above, trust_issuer_at(t, e.above).hash256, 32);
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "hashed_id8",
        hash + 48, "hash", hash, "kind", e.above == TRUST_ROOT ? "root" : "issuer", "name",
        x.link[0].name, "valid_from", from, "valid_until", until, "signs", (const char *)apps.p,
        "issues", (const char *)issues.p, "region", region_text(&c), "issuer", above);
    buf_free(&apps);
    buf_free(&issues);
    (void)json_object_set_new(o, "family", json_string(cert_family_text(e.family)));
    if (world->lists != NULL) {
        /* Asked as the issuer that it is: revoked itself, or something above it. */
        struct revocation_answer a = trust_view_revoked(world->view, &c, e.hash256, e.hash256);
        (void)json_object_set_new(
            o, "revoked", a.kind == REVOCATION_NONE ? json_null() : json_string(a.list));
    }
    return o;
}

/* ---- lists ---- */

json_t *ctl_trust_list_json(const struct ctl_trust *t, size_t i) {
    struct revocations_list l = revocations_at(t->lists, i);
    char signer[17], authority[17], issued[EXPLAIN_TIME], next[EXPLAIN_TIME];
    hex_encode(signer, l.facts.signer, 8);
    hex_encode(authority, l.authority + 24, 8);
    explain_time(l.facts.issued_s, issued);
    explain_time(l.facts.next_s, next);
    return json_pack("{s:s, s:s, s:b, s:s, s:s, s:I, s:s, s:s, s:b, s:I, s:b, s:s}", "file", l.name,
        "kind", list_kind_text(l.kind), "delta", l.delta, "signer", signer, "authority", authority,
        "sequence", (json_int_t)l.sequence, "issued", issued, "next_update", next, "overdue",
        l.facts.next_s < t->now_s, "entries", (json_int_t)l.facts.entries, "applied", l.applied,
        "signature", "ok");
}

void ctl_trust_put_list(const struct ctl_trust *t, size_t i, struct buf *b) {
    struct revocations_list l = revocations_at(t->lists, i);
    char authority[17];
    hex_encode(authority, l.authority + 24, 8);
    buf_printf(b, "%s\n  ", l.name);
    list_describe(l.list, b);
    buf_printf(b, "  signature ok, speaks about what is under %s; %s%s\n", authority,
        l.applied ? "in force" : "beyond the limits: not applied",
        l.facts.next_s < t->now_s ? ", though the next one is overdue" : "");
}

/* ---- the verb ---- */

static const char *text_of(const json_t *o, const char *key) {
    const char *s = json_string_value(json_object_get(o, key));
    return s == NULL ? "" : s;
}

static void put_cert(const json_t *o, struct buf *b) {
    const char *issuer = text_of(o, "issuer");
    buf_printf(
        b, "%s  %-6s  %s\n", text_of(o, "hashed_id8"), text_of(o, "kind"), text_of(o, "name"));
    if (issuer[0] != '\0')
        buf_printf(b, "  under %s\n", issuer + 48);
    else
        buf_printf(b, "  rules of %s\n", text_of(o, "family"));
    buf_printf(b, "  valid %s to %s, region %s\n", text_of(o, "valid_from"),
        text_of(o, "valid_until"), text_of(o, "region"));
    buf_printf(
        b, "  signs PSID [%s], issues PSID [%s]\n", text_of(o, "signs"), text_of(o, "issues"));
    if (text_of(o, "revoked")[0] != '\0')
        buf_printf(b, "  REVOKED by %s\n", text_of(o, "revoked"));
}

static json_t *lines_json(const char *text) {
    json_t *all = json_array();
    for (const char *at = text; *at != '\0';) {
        size_t n = strcspn(at, "\n");
        (void)json_array_append_new(all, json_stringn(at, n));
        at += n + (at[n] == '\n');
    }
    return all;
}

static json_t *all_json(const struct ctl_trust *t, json_t *certs) {
    if (t->lists == NULL)
        return json_incref(certs);
    json_t *lists = json_array();
    for (size_t i = 0; i < revocations_count(t->lists); i++)
        (void)json_array_append_new(lists, ctl_trust_list_json(t, i));
    return json_pack("{s:O, s:o, s:o}", "certificates", certs, "lists", lists, "refused",
        lines_json(revocations_refused(t->lists)));
}

static void put_text(const struct ctl_trust *t, const json_t *certs, struct buf *b) {
    size_t i;
    json_t *o;
    json_array_foreach(certs, i, o) put_cert(o, b);
    if (t->lists == NULL)
        return;
    buf_printf(b, "%zu signed lists in force, %zu linkage values\n", revocations_count(t->lists),
        revocations_read_counters(t->lists).values);
    for (size_t k = 0; k < revocations_count(t->lists); k++)
        ctl_trust_put_list(t, k, b);
    if (revocations_refused(t->lists)[0] != '\0')
        buf_printf(b, "refused:\n%s", revocations_refused(t->lists));
}

static int show(const struct ctl_verb *v, int argc, char **argv) {
    struct ctl_trust_options o = {.max = CTL_TRUST_CERTS};
    const char *at = NULL;
    bool json = false;
    const struct ctl_option options[] = {
        CTL_TRUST_OPTIONS(&o),
        {"at", CTL_TEXT, (void *)&at, 0, 0},
        {"json", CTL_FLAG, &json, 0, 0},
    };
    int code;
    uint32_t now_s = 0;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), NULL, 0, 0, &code))
        return code;
    if (o.path == NULL)
        return ctl_misuse(v, "--trust is needed");
    if (!ctl_trust_time(at, &now_s))
        return ctl_misuse(v, "--at: '%.40s' is not a time like 2026-03-08T12:00:00Z", at);
    struct ctl_trust t;
    code = ctl_trust_open(v, &o, now_s, &t);
    if (code != CTL_DONE)
        return code;
    json_t *certs = json_array();
    for (size_t i = 0; i < trust_count(t.view->store); i++)
        (void)json_array_append_new(certs, one_json(&t, i));
    if (json) {
        json_t *all = all_json(&t, certs);
        code = ctl_print_json(v, all);
        json_decref(all);
    } else {
        struct buf b = {0};
        put_text(&t, certs, &b);
        code = ctl_print(v, buf_span(&b));
        buf_free(&b);
    }
    json_decref(certs);
    ctl_trust_close(&t);
    return code;
}

const struct ctl_verb ctl_trust_show = {"trust", "show", "list roots, authorities and signed lists",
    "--trust PATH [options]\n"
    "\n"
    "Names, hashes, validity, permissions and region of the certificates in PATH; signed lists "
    "with issuer,\n"
    "sequence, times and entries, and whom they revoke.\n"
    "\n"
    "  --trust PATH         file or folder of certificates: COER, hex digits, base64 or PEM "
    "blocks\n"
    "  --revocations DIR    signed lists, and certificates of those who sign them\n"
    "  --list-manager FILE  certificate of the manager whose trust lists may add roots\n"
    "  --at TIME            2026-03-08T12:00:00Z; now unless given\n"
    "  --max-certs N        more than N certificates are a mistake; 4096 unless given\n"
    "  --json               print as JSON: an array, or with lists an object\n",
    show};
