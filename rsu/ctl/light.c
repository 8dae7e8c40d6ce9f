#include "rsu/ctl/light.h"

#include "base/mem.h"
#include "ledger/exec/crypto.h"
#include "ledger/exec/hash.h"
#include "rsu/config/value.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 20000 };

static int ask(struct ctl_http *h, const char *before, uint64_t number, json_t **ret_page,
    struct ws_err *err) {
    struct buf path = {0};
    buf_printf(&path, "%s%llu", before, (unsigned long long)number);
    buf_u8(&path, 0);
    int rc = ctl_http_json_most(h, (const char *)path.p, CTL_HANDOVERS_MAX, ret_page, err);
    buf_free(&path);
    return rc;
}

static int read_block(const json_t *page, struct light_block *b, struct ws_err *err) {
    const json_t *encoding = json_object_get(page, "encoding");
    struct buf header = {0};
    struct buf commit = {0};
    struct buf set = {0};
    int rc = ctl_json_octets(encoding, "header", &header, err);
    if (rc == WS_OK)
        rc = ctl_json_octets(encoding, "commit", &commit, err);
    if (rc == WS_OK)
        rc = ctl_json_octets(encoding, "validators", &set, err);
    struct rd r = rd_of(buf_span(&header));
    if (rc == WS_OK && (!header_read(&r, &b->header) || !rd_done(&r)))
        rc = ws_fail(err, WS_EINPUT, "the header is malformed near octet %zu", r.at);
    r = rd_of(buf_span(&commit));
    if (rc == WS_OK && (!commit_read(&r, &b->commit) || !rd_done(&r)))
        rc = ws_fail(err, WS_EINPUT, "the commit is malformed near octet %zu", r.at);
    if (rc == WS_OK)
        rc = valset_decode(exec_sha256, buf_span(&set), &b->set, err);
    buf_free(&header);
    buf_free(&commit);
    buf_free(&set);
    return rc;
}

static int give_block(
    void *ctx, uint64_t height, struct light_block *ret_block, struct ws_err *err) {
    struct ctl_light *l = ctx;
    json_t *page = NULL;
    l->rc = ask(l->http, "/v1/headers/", height, &page, err);
    if (l->rc == WS_OK)
        l->rc = read_block(page, ret_block, err);
    json_decref(page);
    return l->rc;
}

static int give_handover(
    void *ctx, uint64_t after, struct handover *ret_handover, struct ws_err *err) {
    const struct ctl_light *l = ctx;
    json_t *page = NULL;
    struct buf octets = {0};
    int rc = ask(l->http, "/v1/handovers?from=", after, &page, err);
    const json_t *first =
        rc == WS_OK ? json_array_get(json_object_get(page, "handovers"), 0) : NULL;
    if (rc == WS_OK && first == NULL)
        rc =
            ws_fail(err, WS_ENOTFOUND, "no handover behind height %llu", (unsigned long long)after);
    if (rc == WS_OK)
        rc = ctl_json_octets(first, "octets", &octets, err);
    if (rc == WS_OK)
        rc = handover_decode(exec_sha256, buf_span(&octets), ret_handover, err);
    buf_free(&octets);
    json_decref(page);
    return rc;
}

static bool read_trusted(const char *text, uint64_t *ret_height, hash32 ret_id) {
    char digits[24] = {0};
    const char *colon = strchr(text, ':');
    size_t n = colon == NULL ? 0 : (size_t)(colon - text);
    if (n == 0 || n >= sizeof(digits))
        return false;
    memcpy(digits, text, n);
    return value_u64(digits, 1, INT64_MAX, ret_height) && strlen(colon + 1) == 64 &&
           hex_decode(ret_id, 32, colon + 1);
}

static int begin_with(struct ctl_light *l, const char *trusted, struct ws_err *err) {
    uint64_t height = 0;
    hash32 id;
    hash32 seats;
    if (!read_trusted(trusted, &height, id)) {
        (void)ws_fail(err, WS_EINPUT, "--trusted '%.80s' is no HEIGHT:ID", trusted);
        return CTL_USAGE;
    }
    if (l->http == NULL) {
        (void)ws_fail(
            err, WS_EINPUT, "--trusted needs --http: the trusted header must come from somewhere");
        return CTL_USAGE;
    }
    struct light_block *b = ws_alloc(sizeof(*b));
    int code = CTL_UNREACHABLE;
    if (give_block(l, height, b, err) != WS_OK)
        code = ctl_light_code(l, LIGHT_NO_SOURCE);
    else
        code = ctl_light_code(l, light_trust_header(exec_sha256, l->genesis->cell_id, &b->header,
                                     height, id, &l->trust, err));
    /* Inside a term the next set is this one. */
    if (code == CTL_DONE && memcmp(b->header.validators, b->header.next_validators, 32) == 0) {
        validator_set_seats(exec_sha256, &b->set, seats);
        code = ctl_light_code(l, light_learn(exec_sha256, &l->trust, &b->set, seats, err));
    }
    free(b);
    return code;
}

int ctl_light_begin(const struct ctl_genesis *g, struct ctl_http *http, const char *trusted,
    struct ctl_light *ret_light, struct ws_err *err) {
    struct ctl_light *l = ret_light;
    l->genesis = g;
    l->http = http;
    /* Proofs of any age are looked at: no clock, no end of trust (decision 19). */
    l->params = (struct light_params){.every_signature = true};
    l->source = (struct light_source){
        .ctx = l, .block = give_block, .handover = give_handover, .steps_max = STEPS_MAX};
    if (trusted != NULL)
        return begin_with(l, trusted, err);
    return light_trust_genesis(exec_sha256, buf_span(&g->octets), &l->trust, err) == WS_OK
               ? CTL_DONE
               : CTL_NO;
}

enum light_verdict ctl_light_block(
    struct ctl_light *l, uint64_t height, struct light_block *ret_block, struct ws_err *err) {
    enum light_verdict v;
    if (height < l->trust.height)
        v = light_reach_back(&exec_light_crypto, &l->trust, &l->source, height, ret_block, err);
    else
        v = light_reach(&exec_light_crypto, &l->params, &l->trust, &l->source, height,
            LIGHT_NO_CLOCK, ret_block, err);
    /* A link or an id says nothing of who signed. */
    if (v == LIGHT_OK && light_check_header(&exec_light_crypto, l->genesis->cell_id,
                             &ret_block->set, &ret_block->header, &ret_block->commit, err) != WS_OK)
        v = LIGHT_BAD_SIGNATURE;
    return v;
}

int ctl_light_code(const struct ctl_light *l, enum light_verdict v) {
    if (v == LIGHT_OK)
        return CTL_DONE;
    bool silent = l->rc == WS_EIO || l->rc == WS_EBUSY || l->rc == WS_ENOTFOUND;
    return v == LIGHT_NO_SOURCE && silent ? CTL_UNREACHABLE : CTL_NO;
}
