/* A model by the name somebody gives it: a file, or its hash or version at a unit. */
#include "rsu/ctl/model_named.h"

#include "ledger/exec/hash.h"
#include "rsu/config/value.h"
#include "rsu/ctl/http.h"

#include <stdio.h>
#include <string.h>

/* The line of the list of models that has this version. */
static int ask_version(
    struct ctl_http *h, uint64_t version, json_t **ret_line, struct ws_err *err) {
    char path[80];
    json_t *page = NULL;
    (void)snprintf(
        path, sizeof(path), "/v1/models?limit=1&before=%llu", (unsigned long long)version + 1);
    int rc = ctl_http_json(h, path, &page, err);
    json_t *line = json_array_get(json_object_get(page, "models"), 0);
    if (rc == WS_OK && (uint64_t)ctl_json_number(line, "version") != version)
        rc = ws_fail(err, WS_ENOTFOUND, "the unit knows no model of version %llu (any more)",
            (unsigned long long)version);
    if (rc == WS_OK)
        *ret_line = json_incref(line);
    json_decref(page);
    return rc;
}

/* The model in force. */
static int ask_in_force(struct ctl_http *h, json_t **ret_line, struct ws_err *err) {
    json_t *page = NULL;
    int rc = ctl_http_json(h, "/v1/learning", &page, err);
    json_t *model = json_object_get(page, "model");
    if (rc == WS_OK && !json_is_object(model))
        rc = ws_fail(err, WS_ENOTFOUND, "no model is in force");
    if (rc == WS_OK)
        *ret_line = json_incref(model);
    json_decref(page);
    return rc;
}

/* The file of this hash: whatever else the unit gives is refused. */
static int fetch(
    struct ctl_http *h, const uint8_t hash[static 32], struct buf *ret_octets, struct ws_err *err) {
    char path[80] = "/v1/models/";
    uint8_t got[32];
    hex_encode(path + strlen(path), hash, 32);
    int rc = ctl_http_get(h, path, CTL_MODEL_MAX, ret_octets, err);
    if (rc != WS_OK)
        return rc;
    exec_sha256_one(buf_span(ret_octets), got);
    if (memcmp(got, hash, 32) != 0)
        return ws_fail(err, WS_EINPUT, "%s: the unit gives a file that is not of this hash", path);
    return WS_OK;
}

/* Words that no file is meant by: ./7 is a file. */
static bool is_hash(const char *word, uint8_t ret[static 32]) {
    return strlen(word) == 64 && hex_decode(ret, 32, word);
}

static int from_unit(
    const char *word, const struct ctl_face *face, struct ctl_named *ret, struct ws_err *err) {
    struct ctl_http *h = NULL;
    uint8_t hash[32];
    uint64_t version = 0;
    int rc = ctl_http_open(face, &h, err);
    const bool hashed = word != NULL && is_hash(word, hash);
    if (rc == WS_OK && word == NULL)
        rc = ask_in_force(h, &ret->line, err);
    else if (rc == WS_OK && !hashed)
        rc = value_u64(word, 0, INT64_MAX - 1, &version)
                 ? ask_version(h, version, &ret->line, err)
                 : ws_fail(err, WS_EINPUT, "'%.40s' is no version", word);
    if (rc == WS_OK && !hashed && !is_hash(ctl_json_text(ret->line, "hash"), hash))
        rc = ws_fail(err, WS_EIO, "the unit does not say the model's hash");
    if (rc == WS_OK)
        rc = fetch(h, hash, &ret->octets, err);
    if (rc == WS_OK)
        rc = fl_model_decode(buf_span(&ret->octets), &ret->model, err);
    ctl_http_close(h);
    return rc;
}

int ctl_named_load(const struct ctl_verb *v, const char *word, const struct ctl_face *face,
    struct ctl_named *ret) {
    struct ws_err err = {0};
    uint8_t hash[32];
    *ret = (struct ctl_named){0};
    const bool digits =
        word != NULL && word[0] != '\0' && strspn(word, "0123456789") == strlen(word);
    if (word != NULL && !digits && !is_hash(word, hash))
        return ctl_model_load(v, word, &ret->octets, &ret->model);
    int rc = from_unit(word, face, ret, &err);
    if (rc == WS_OK)
        return CTL_DONE;
    return ctl_fail(v, rc == WS_ENOTFOUND || rc == WS_EINPUT ? CTL_NO : CTL_UNREACHABLE, &err);
}

void ctl_named_free(struct ctl_named *n) {
    buf_free(&n->octets);
    fl_model_free(&n->model);
    json_decref(n->line);
}
