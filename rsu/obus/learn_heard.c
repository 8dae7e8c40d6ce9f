/* What a unit says of learning over HTTP (docs/openapi.yaml, /v1/learning), as far as a vehicle asks. */
#include "rsu/obus/learn_cell.h"

#include "rsu/learning/uploads_port.h"

#include <stdio.h>

static struct learn_place place_of(const json_t *events, const char *name) {
    const json_t *at = json_object_get(events, name);
    const long long height = ctl_json_number(at, "height");
    const long long sequence = ctl_json_number(at, "sequence");
    if (height <= 0 || sequence < 0 || sequence > UINT32_MAX)
        return (struct learn_place){0};
    return (struct learn_place){(uint64_t)height, (uint32_t)sequence};
}

static uint64_t count_of(const json_t *o, const char *name) {
    const long long v = ctl_json_number(o, name);
    return v < 0 ? 0 : (uint64_t)v;
}

/* "HOST:PORT" or "[HOST]:PORT" out of what the unit is asked by. */
static bool host_of(const char *http, char *ret_host, size_t room) {
    const char *from = strstr(http, "://");
    from = from == NULL ? http : from + 3;
    const size_t n = *from == '[' ? strcspn(from, "]") + 1 : strcspn(from, ":/");
    if (n == 0 || n >= room)
        return false;
    memcpy(ret_host, from, n);
    ret_host[n] = '\0';
    return true;
}

/* A unit that takes uploads at all its addresses is reached by the one that it is asked by. */
static void find_upload(struct learn_unit *u, const char *said) {
    char host[80];
    char whole[96];
    const char *text = u->option->upload != NULL ? u->option->upload : said;
    const char *port = text == NULL ? NULL : strrchr(text, ':');
    const bool anywhere =
        text != NULL && (strncmp(text, "[::]:", 5) == 0 || strncmp(text, "0.0.0.0:", 8) == 0);
    u->has_upload = false;
    if (text == NULL || port == NULL)
        return;
    if (anywhere) {
        if (!host_of(u->option->http, host, sizeof(host)) ||
            snprintf(whole, sizeof(whole), "%s%s", host, port) >= (int)sizeof(whole))
            return;
        text = whole;
    }
    u->has_upload = uploads_port_parse(text, &u->upload, NULL) == WS_OK;
}

int learn_ask(struct learn_unit *u, struct learn_heard *ret, struct ws_err *err) {
    json_t *page = NULL;
    int rc = ctl_http_json(u->http, "/v1/learning", &page, err);
    if (rc != WS_OK)
        return rc;
    const json_t *model = json_object_get(page, "model");
    const json_t *round = json_object_get(page, "round");
    const json_t *events = json_object_get(round, "events");
    const char *hash = json_string_value(json_object_get(model, "hash"));
    const char *why = json_string_value(json_object_get(page, "why"));
    *ret = (struct learn_heard){.height = count_of(page, "height"),
        .its_us = count_of(page, "time_its_us"),
        .rounds = count_of(page, "rounds"),
        .model_version = count_of(model, "version"),
        .round = count_of(round, "number"),
        .submissions = (uint32_t)count_of(round, "submissions"),
        .submitting = strcmp(ctl_json_text(round, "phase"), "submitting") == 0,
        .open = place_of(events, "open"),
        .seed = place_of(events, "seed")};
    if (hash != NULL && (strlen(hash) != 64 || !hex_decode(ret->model_hash, 32, hash)))
        rc = ws_fail(err, WS_EIO, "%s: the model's hash is none", u->option->http);
    if (why != NULL)
        (void)snprintf(ret->why, sizeof(ret->why), "%s", why);
    find_upload(u, json_string_value(json_object_get(page, "upload")));
    json_decref(page);
    return rc;
}

int learn_ask_end(
    struct learn_unit *u, uint64_t round, struct learn_place *ret, struct ws_err *err) {
    char path[64];
    json_t *page = NULL;
    (void)snprintf(path, sizeof(path), "/v1/learning/rounds/%llu", (unsigned long long)round);
    int rc = ctl_http_json_most(u->http, path, CTL_ROUND_MAX, &page, err);
    if (rc == WS_OK)
        *ret = place_of(json_object_get(page, "events"), "end");
    json_decref(page);
    return rc;
}

int learn_ask_model(
    struct learn_unit *u, const uint8_t hash[static 32], struct fl_model *ret, struct ws_err *err) {
    char path[96] = "/v1/models/";
    uint8_t got[32];
    struct buf octets = {0};
    hex_encode(path + strlen(path), hash, 32);
    int rc = ctl_http_get(u->http, path, CTL_MODEL_MAX, &octets, err);
    if (rc == WS_OK)
        rc = fl_model_decode(buf_span(&octets), ret, err);
    buf_free(&octets);
    if (rc != WS_OK)
        return rc;
    fl_model_hash(ret, got);
    if (memcmp(got, hash, sizeof(got)) == 0)
        return WS_OK;
    fl_model_free(ret);
    return ws_fail(err, WS_EINPUT, "%s%s: another model", u->option->http, path);
}
