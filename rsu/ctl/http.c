#include "rsu/ctl/http.h"

#include "base/mem.h"
#include "rsu/ctl/tls.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CONNECT_MS = 5000,
    PATIENCE_S = 20, /* without an octet */
    SLOWEST = 64 << 10, /* octets a second, of the longest answer that may come */
    SLOWEST_WAITED_FOR = 1 << 20, /* where something else waits meanwhile */
    TRIES = 10, /* of a question that the unit wants to hear again a little later */
    PAUSE_MAX_S = 5,
    WORDS_MAX = 300 /* of a unit's complaint */
};

struct ctl_http {
    CURL *curl;
    struct ctl_face face;
    bool secure;
    const char *address; /* as given, for messages */
    char *base; /* "http://host:port" */
    char error[CURL_ERROR_SIZE];
    size_t most; /* octets of the answer that is asked for */
    bool too_long;
    long status; /* of the last answer; 0: none */
};

static bool begins(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

int ctl_http_open(const struct ctl_face *face, struct ctl_http **ret_http, struct ws_err *err) {
    const char *address = face->address;
    const bool secure = begins(address, "https://");
    if (curl_global_init(secure ? CURL_GLOBAL_SSL : CURL_GLOBAL_NOTHING) != CURLE_OK)
        return ws_fail(err, WS_EIO, "libcurl does not start");
    CURL *curl = curl_easy_init();
    if (curl == NULL)
        return ws_fail(err, WS_ENOMEM, "no memory");
    struct ctl_http *h = ws_alloc(sizeof(*h));
    struct buf base = {0};
    h->curl = curl;
    h->face = *face;
    h->secure = secure;
    h->address = address;
    bool is_unix = begins(address, "unix:");
    if (is_unix)
        buf_printf(&base, "http://localhost");
    else
        buf_printf(&base, "%s%s", secure || begins(address, "http://") ? "" : "http://", address);
    while (base.n > 0 && base.p[base.n - 1] == '/')
        base.n--;
    buf_u8(&base, 0);
    h->base = (char *)base.p;
    CURLcode rc = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, secure ? "https" : "http");
    if (rc == CURLE_OK && is_unix)
        rc = curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, address + strlen("unix:"));
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    if (rc == CURLE_OK) /* a unit is asked directly, whatever the environment says about the web */
        rc = curl_easy_setopt(curl, CURLOPT_PROXY, "");
    if (rc != CURLE_OK) {
        ctl_http_close(h);
        return ws_fail(err, WS_EINPUT, "%s: %s", address, curl_easy_strerror(rc));
    }
    if (secure) {
        int set = ctl_tls_set(curl, face, err);
        if (set != WS_OK) {
            ctl_http_close(h);
            return set;
        }
    }
    *ret_http = h;
    return WS_OK;
}

void ctl_http_close(struct ctl_http *h) {
    if (h == NULL)
        return;
    curl_easy_cleanup(h->curl);
    free(h->base);
    free(h);
}

struct intake {
    struct ctl_http *h;
    struct buf *body;
    size_t start; /* of this answer in body */
};

static size_t take(char *data, size_t size, size_t n, void *ctx) {
    struct intake *in = ctx;
    if (size * n > in->h->most - (in->body->n - in->start)) {
        in->h->too_long = true;
        return 0;
    }
    buf_put(in->body, data, size * n);
    return size * n;
}

/* 429, 502 and 504 are a proxy's. */
static bool is_temporary(long status) {
    return status == 409 || status == 429 || status == 502 || status == 503 || status == 504;
}

/* {"error": "sentence"} where the unit gave one. */
static int refused(const struct ctl_http *h, const char *path, long status, const struct buf *body,
    struct ws_err *err) {
    json_t *o = json_loadb((const char *)body->p, body->n, 0, NULL);
    const char *why = json_string_value(json_object_get(o, "error"));
    enum ws_code code = status == 404 || status == 410 ? WS_ENOTFOUND
                        : is_temporary(status)         ? WS_EBUSY
                        : status >= 500                ? WS_EIO
                                                       : WS_EINPUT;
    int rc = ws_fail(err, code, "%s%s: %.*s (HTTP %ld)", h->address, path, WORDS_MAX,
        why == NULL ? "refused" : why, status);
    json_decref(o);
    return rc;
}

static long patience_s(const struct ctl_http *h) {
    return h->face.patience_s != 0 ? h->face.patience_s : (long)PATIENCE_S;
}

/* Of the whole answer. */
static long whole_s(const struct ctl_http *h) {
    const size_t slowest = h->face.patience_s != 0 ? SLOWEST_WAITED_FOR : SLOWEST;
    return patience_s(h) + (long)((h->most + slowest - 1) / slowest);
}

static CURLcode set_limits(struct ctl_http *h) {
    CURL *c = h->curl;
    CURLcode rc = curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS,
        h->face.patience_s != 0 ? 1000 * h->face.patience_s : (long)CONNECT_MS);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, patience_s(h));
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(c, CURLOPT_TIMEOUT, whole_s(h));
    return rc;
}

/* There was no whole answer: why. */
static int broke_off(const struct ctl_http *h, const char *path, CURLcode rc, struct ws_err *err) {
    curl_off_t took_us = 0;
    if (h->too_long)
        return ws_fail(
            err, WS_EIO, "%s%s: an answer of more than %zu octets", h->address, path, h->most);
    (void)curl_easy_getinfo(h->curl, CURLINFO_TOTAL_TIME_T, &took_us);
    if (rc == CURLE_OPERATION_TIMEDOUT && (took_us + 500000) / 1000000 >= whole_s(h))
        return ws_fail(err, WS_EIO, "%s%s: an answer that is not whole after %ld s", h->address,
            path, whole_s(h));
    const char *said = h->error[0] == '\0' ? curl_easy_strerror(rc) : h->error;
    return ws_fail(err, WS_EIO, "%s%s: %.300s%s", h->address, path, said,
        h->secure ? ctl_tls_advice(rc, said, &h->face) : "");
}

static int get_once(struct ctl_http *h, const char *path, struct buf *ret_body, long *ret_again_s,
    struct ws_err *err) {
    struct buf url = {0};
    size_t start = ret_body->n;
    struct intake in = {h, ret_body, start};
    buf_printf(&url, "%s%s", h->base, path);
    buf_u8(&url, 0);
    h->error[0] = '\0';
    h->too_long = false;
    CURL *c = h->curl;
    CURLcode rc = curl_easy_setopt(c, CURLOPT_URL, (const char *)url.p);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->error);
    if (rc == CURLE_OK)
        rc = set_limits(h);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(c, CURLOPT_WRITEDATA, &in);
    if (rc == CURLE_OK)
        rc = curl_easy_perform(c);
    buf_free(&url);
    long status = 0;
    (void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    h->status = status;
    if (rc != CURLE_OK) {
        ret_body->n = start;
        return broke_off(h, path, rc, err);
    }
    if (status == 200)
        return WS_OK;
    curl_off_t again = 0;
    (void)curl_easy_getinfo(c, CURLINFO_RETRY_AFTER, &again);
    if (status == 409 && again > 0)
        *ret_again_s = again > PAUSE_MAX_S ? PAUSE_MAX_S : (long)again;
    struct buf said = {.p = ret_body->p + start, .n = ret_body->n - start};
    int code = refused(h, path, status, &said, err);
    ret_body->n = start;
    return code;
}

/* 409: what was asked for is changing in this very block; the unit says when the next one is there. */
int ctl_http_get(
    struct ctl_http *h, const char *path, size_t most, struct buf *ret_body, struct ws_err *err) {
    h->most = most < CTL_FILE_MAX ? most : CTL_FILE_MAX;
    for (int tries = 1;; tries++) {
        long again_s = 0;
        int rc = get_once(h, path, ret_body, &again_s, err);
        if (again_s == 0 || tries == TRIES || h->face.patience_s != 0)
            return rc;
        (void)sleep((unsigned)again_s);
    }
}

int ctl_http_json(struct ctl_http *h, const char *path, json_t **ret_object, struct ws_err *err) {
    return ctl_http_json_most(h, path, CTL_JSON_MAX, ret_object, err);
}

int ctl_http_json_most(
    struct ctl_http *h, const char *path, size_t most, json_t **ret_object, struct ws_err *err) {
    struct buf body = {0};
    int rc = ctl_http_get(h, path, most, &body, err);
    if (rc == WS_OK) {
        json_error_t why;
        json_t *o = json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, &why);
        if (json_is_object(o)) {
            *ret_object = o;
        } else {
            rc = ws_fail(err, WS_EIO, "%s%s: no JSON object: %s", h->address, path,
                o == NULL ? why.text : "another value");
            json_decref(o);
        }
    }
    buf_free(&body);
    return rc;
}

int ctl_http_bundle(
    struct ctl_http *h, const char *path, struct buf *ret_octets, struct ws_err *err) {
    struct buf body = {0};
    int rc = ctl_http_get(h, path, CTL_PROOF_MAX, &body, err);
    if (rc == WS_OK) {
        json_t *page = json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
        if (ctl_json_octets(page, "bundle", ret_octets, NULL) != WS_OK)
            rc = ws_fail(err, WS_EINPUT, "%s%s: no page with a bundle", h->address, path);
        json_decref(page);
    }
    buf_free(&body);
    return rc;
}

long ctl_http_status(const struct ctl_http *h) {
    return h->status;
}

const char *ctl_json_text(const json_t *object, const char *key) {
    const char *s = json_string_value(json_object_get(object, key));
    return s == NULL ? "?" : s;
}

long long ctl_json_number(const json_t *object, const char *key) {
    return (long long)json_integer_value(json_object_get(object, key));
}

int ctl_json_octets(
    const json_t *object, const char *key, struct buf *ret_octets, struct ws_err *err) {
    const char *s = json_string_value(json_object_get(object, key));
    size_t n = s == NULL ? 0 : strlen(s);
    size_t start = ret_octets->n;
    if (n > 0 && n % 2 == 0 && hex_decode(buf_grow(ret_octets, n / 2), n / 2, s))
        return WS_OK;
    ret_octets->n = start;
    return ws_fail(err, WS_EIO, "the unit's answer has no octets in '%s'", key);
}
