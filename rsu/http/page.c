/* The page at / and its files, and the genesis that its proofs are checked with.
 *
 * Nothing on it may come from elsewhere, be framed, or be made from text that arrived over the network: the policy below
 * has the browser enforce that, the page's code keeps to it (decision 27). */
#include "rsu/http/internal.h"
#include "rsu/http/page_files.h"

#include <stdio.h>

static const struct {
    const char *name, *value;
} guards[] = {
    {"Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src "
        "'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"},
    {"X-Frame-Options", "DENY"}, /* for browsers that know no frame-ancestors */
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
};

static const struct page_file *find(const char *name) {
    for (size_t i = 0; i < page_n_files; i++) {
        if (strcmp(page_files[i].name, name) == 0)
            return &page_files[i];
    }
    return NULL;
}

static bool has_it(const struct http_call *c, const char *tag) {
    const char *have =
        MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_NONE_MATCH);
    return have != NULL && strcmp(have, tag) == 0;
}

static void give(const struct http_call *c, const struct page_file *f, struct http_reply *r) {
    char tag[40];
    (void)snprintf(tag, sizeof(tag), "\"%s\"", f->digest);
    bool known = has_it(c, tag);
    r->status = known ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK;
    r->type = f->type;
    r->cache = "no-cache"; /* kept, but asked about: a unit that was updated shows its own page */
    http_header(r, MHD_HTTP_HEADER_ETAG, "%s", tag);
    r->made = MHD_create_response_from_buffer(
        known ? 0 : f->octets.n, (void *)f->octets.p, MHD_RESPMEM_PERSISTENT);
    if (r->made == NULL) {
        http_fail(r, MHD_HTTP_SERVICE_UNAVAILABLE, "no memory for the page");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(guards); i++)
        (void)MHD_add_response_header(r->made, guards[i].name, guards[i].value);
}

void http_get_page(struct http *h, const struct http_call *c, struct http_reply *r) {
    (void)h;
    const char *name = c->target.n_segments == 1 ? "index.html" : c->target.segment[1];
    const struct page_file *f = find(name);
    if (f != NULL)
        give(c, f, r);
    else
        http_fail(r, MHD_HTTP_NOT_FOUND, "the page has no such file");
}

void http_get_genesis(struct http *h, const struct http_call *c, struct http_reply *r) {
    (void)c;
    r->status = MHD_HTTP_OK;
    r->type = HTTP_OCTETS;
    buf_put(&r->body, h->d->genesis_octets.p, h->d->genesis_octets.n);
}
