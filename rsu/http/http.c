/* Life of the face, its limits, and which handler answers which path. */
#include "rsu/http/learning.h"
#include "rsu/http/map.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    THREADS = 2,
    REQUEST_OCTETS = 16384, /* request line and headers of one connection */
};

const struct http_tuning http_tuning_default = {
    .heartbeat_ms = 15000, .ask_ms = 2000, .patience_s = 30};

struct route {
    const char *path;
    const char *args[3]; /* names of the query's parameters, then NULL */
    http_fn fn;
};
static const struct route routes[] = {
    {"/", {NULL}, http_get_page},
    {"/page/*", {NULL}, http_get_page},
    {"/v1/genesis", {NULL}, http_get_genesis},
    {"/v1/status", {NULL}, http_get_status},
    {"/v1/map", {"version"}, http_get_map},
    {"/v1/map/snapshot", {"version"}, http_get_snapshot},
    {"/v1/map/tiles", {"version"}, http_get_tiles},
    {"/v1/map/tiles/*", {"version"}, http_get_tile},
    {"/v1/map/net", {"from", "to", "format"}, http_get_net},
    {"/v1/map/versions", {"from"}, http_get_versions},
    {"/v1/map/diffs", {"from", "to", "format"}, http_get_diffs},
    {"/v1/map/stream", {"from", "poll"}, http_get_stream},
    {"/v1/map/orders", {NULL}, http_get_orders},
    {"/v1/map/feedback", {NULL}, http_get_feedback},
    {"/v1/map/feedback/*", {NULL}, http_get_one_feedback},
    {"/v1/map/candidates", {NULL}, http_get_candidates},
    {"/v1/map/candidates/*/sightings", {"since"}, http_get_candidate_sightings},
    {"/v1/map/changes/*", {NULL}, http_get_change},
    {"/v1/map/changes/*/sightings", {NULL}, http_get_change_sightings},
    {"/v1/map/changes/*/evidence", {NULL}, http_get_change_evidence},
    {"/v1/map/changes/*/evidence/*", {NULL}, http_get_change_message},
    {"/v1/learning", {NULL}, http_get_learning},
    {"/v1/learning/rounds", {"limit", "before"}, http_get_learn_rounds},
    {"/v1/learning/rounds/*", {NULL}, http_get_learn_round},
    {"/v1/learning/rounds/*/record", {NULL}, http_get_learn_record},
    {"/v1/learning/rounds/*/materials/*", {NULL}, http_get_learn_material},
    {"/v1/models", {"limit", "before"}, http_get_models},
    {"/v1/models/*", {NULL}, http_get_model},
    {"/v1/learning/risk", {NULL}, http_get_risk},
    {"/v1/live", {NULL}, http_get_live},
    {"/v1/validators/*", {NULL}, http_get_validator},
    {"/v1/blocks/*", {NULL}, http_get_block},
    {"/v1/tx/*", {NULL}, http_get_tx},
    {"/v1/headers/*", {NULL}, http_get_header},
    {"/v1/handovers", {"from"}, http_get_handovers},
    {"/v1/params", {NULL}, http_get_params},
    {"/v1/proofs/event/*/*", {"trusted"}, http_get_event_proof},
    {"/v1/proofs/state/*/*", {"trusted"}, http_get_state_proof},
    {"/v1/proofs/map/*", {"trusted"}, http_get_map_proof},
    {"/v1/policies", {NULL}, http_get_policies},
    {"/v1/beacon", {NULL}, http_get_beacon},
    {"/v1/beacon/*", {NULL}, http_get_randomness},
    {"/metrics", {NULL}, http_get_metrics},
    {"/healthz", {NULL}, http_get_health},
};

const char *http_route(size_t i) {
    return i < ARRAY_LEN(routes) ? routes[i].path : NULL;
}

/* ---- one request ---- */

static void *on_uri(void *cls, const char *uri, struct MHD_Connection *connection) {
    (void)cls;
    struct http_call *c = ws_alloc(sizeof(*c));
    c->connection = connection;
    c->target_rc = http_target_parse(uri, &c->target, &c->target_err);
    return c;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
    enum MHD_RequestTerminationCode why) {
    (void)connection;
    (void)why;
    if (*con_cls != NULL)
        lanes_forget(cls, *con_cls);
    free(*con_cls);
    *con_cls = NULL;
}

/* Refused before anything else is read: another method, or a body. */
static bool refuse(const struct http_call *c, const char *method, struct http_reply *r) {
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        http_fail(r, MHD_HTTP_METHOD_NOT_ALLOWED, "this face is read-only: GET and HEAD");
        http_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
        return true;
    }
    const char *length =
        MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    const char *coding = MHD_lookup_connection_value(
        c->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING);
    if ((length != NULL && strcmp(length, "0") != 0) || coding != NULL) {
        http_fail(r, MHD_HTTP_CONTENT_TOO_LARGE, "a request here has no body");
        return true;
    }
    return false;
}

static bool args_known(const struct route *route, const struct http_call *c, struct http_reply *r) {
    for (size_t i = 0; i < c->target.n_args; i++) {
        bool known = false;
        for (size_t k = 0; k < ARRAY_LEN(route->args) && route->args[k] != NULL; k++)
            known = known || strcmp(route->args[k], c->target.arg[i].key) == 0;
        if (!known) {
            http_fail(r, MHD_HTTP_BAD_REQUEST, "parameter \"%s\" is not known to %s",
                c->target.arg[i].key, route->path);
            return false;
        }
    }
    return true;
}

static void answer(struct http *h, const struct http_call *c, struct http_reply *r) {
    if (c->target_rc != WS_OK) {
        http_fail(r, c->target_rc == WS_ELIMIT ? MHD_HTTP_URI_TOO_LONG : MHD_HTTP_BAD_REQUEST, "%s",
            c->target_err.text);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (!http_target_is(&c->target, routes[i].path))
            continue;
        if (args_known(&routes[i], c, r))
            routes[i].fn(h, c, r);
        return;
    }
    http_fail(r, MHD_HTTP_NOT_FOUND, "nothing is served under this path; /v1/status is a start");
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *upload_data, size_t *upload_data_size,
    void **con_cls) {
    struct http *h = cls;
    struct http_call *c = *con_cls;
    (void)url; /* c has what was received */
    (void)version;
    (void)upload_data;
    if (c == NULL)
        return MHD_NO;
    if (*upload_data_size > 0) {
        *upload_data_size = 0;
        return MHD_YES;
    }
    struct http_reply r = {.status = MHD_HTTP_INTERNAL_SERVER_ERROR, .type = HTTP_JSON};
    if (!c->begun) {
        c->begun = true;
        c->head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
        /* A reply at this point ends the connection; the ordinary one waits for the whole request. */
        return refuse(c, method, &r) ? http_send(h, connection, &r) : MHD_YES;
    }
    if (c->job != NULL)
        lanes_take_reply(c, &r);
    else
        answer(h, c, &r);
    if (r.later != NULL && lanes_give(h->lanes, c, &r))
        return MHD_YES; /* asleep; comes back here with its answer */
    return http_send(h, connection, &r);
}

/* ---- what handlers share ---- */

bool http_ask(struct http *h, mailbox_fn fn, void *ctx, struct http_reply *r) {
    if (mailbox_ask(h->d->mailbox, fn, ctx, h->tuning.ask_ms) == WS_OK)
        return true;
    http_fail(r, MHD_HTTP_SERVICE_UNAVAILABLE, "the ledger thread is busy; ask again");
    http_header(r, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    return false;
}

static bool take_seat(struct http *h, unsigned most) {
    unsigned taken = atomic_load(&h->seats);
    while (taken < most)
        if (atomic_compare_exchange_weak(&h->seats, &taken, taken + 1))
            return true;
    return false;
}

bool http_take_waiting_seat(struct http *h) {
    return take_seat(h, h->connections - h->connections / 8);
}

bool http_take_seat(struct http *h, struct http_reply *r) {
    if (take_seat(h, h->streams_max))
        return true;
    http_fail(r, MHD_HTTP_SERVICE_UNAVAILABLE, "all %u event streams are in use", h->streams_max);
    http_header(r, MHD_HTTP_HEADER_RETRY_AFTER, "10");
    return false;
}

void http_leave_seat(struct http *h) {
    (void)atomic_fetch_sub(&h->seats, 1);
}

const char *http_contract_name(const struct http *h, size_t contract) {
    return contract < h->n_contracts ? h->ops[contract]->name : "unknown";
}

const char *http_code_name(const struct http *h, size_t contract, exec_code code) {
    const char *name = NULL;
    if (contract < h->n_contracts && h->ops[contract]->code_name != NULL)
        name = h->ops[contract]->code_name(code);
    return name == NULL ? "unknown" : name;
}

/* ---- life ---- */

static void log_line(void *cls, const char *fmt, va_list ap) {
    (void)cls;
    char text[256];
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    text[strcspn(text, "\r\n")] = '\0';
    ws_log(WS_LOG_DEBUG, "http", "%s", text);
}

static void copy_contracts(struct http *h) {
    const struct executor *ex = node_executor(h->d->node);
    h->n_contracts = executor_contracts(ex);
    WS_ASSERT(h->n_contracts <= STATE_CONTRACTS_MAX);
    for (size_t i = 0; i < h->n_contracts; i++)
        h->ops[i] = executor_contract(ex, i)->ops;
}

static int start_server(struct http *h, int fd, struct ws_err *err) {
    unsigned threads = h->connections < THREADS ? h->connections : THREADS;
    h->mhd = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        on_request, h, MHD_OPTION_EXTERNAL_LOGGER, log_line, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_THREAD_POOL_SIZE, threads, MHD_OPTION_CONNECTION_LIMIT, h->connections,
        MHD_OPTION_CONNECTION_TIMEOUT, h->tuning.patience_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)REQUEST_OCTETS, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK,
        on_uri, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_END);
    if (h->mhd == NULL)
        return ws_fail(err, WS_EIO, "http: the server could not start");
    return WS_OK;
}

static void free_all(struct http *h) {
    live_free(h->live);
    streams_free(h->streams);
    lanes_free(h->lanes);
    tile_shelf_free(h);
    maps_free(h->maps);
    learn_index_free(h->learned);
    versions_free(h->versions);
    if (h->unix_path != NULL)
        (void)unlink(h->unix_path);
    free(h->unix_path);
    free(h);
}

int http_start_tuned(const struct http_config *cfg, const struct http_tuning *tuning,
    struct rsud *daemon, struct http **ret_http, struct ws_err *err) {
    if (cfg->connections == 0)
        return ws_fail(err, WS_EINPUT, "http: at least one connection must be allowed");
    struct http *h = ws_alloc(sizeof(*h));
    h->d = daemon;
    h->tuning = *tuning;
    h->connections = cfg->connections;
    h->frame = (struct cell_frame){daemon->genesis->frame_lat0, daemon->genesis->frame_lon0,
        daemon->genesis->frame_north, daemon->genesis->frame_east};
    copy_contracts(h);
    h->versions = versions_new(daemon->store, daemon->config->map_versions);
    h->learned = learn_index_new(daemon->store);
    h->maps = maps_new();
    h->shelf = tile_shelf_new();
    h->octets_max = cfg->octets;
    uint64_t current = 0;
    int rc = versions_refresh(h->versions, &current, err);
    int fd = -1;
    if (rc == WS_OK)
        rc = http_listen(cfg->listen, &fd, &h->unix_path, &h->port, err);
    /* A quarter of the seats is kept for short questions. */
    h->streams_max = cfg->connections - cfg->connections / 4;
    if (rc == WS_OK)
        h->streams = streams_new(h);
    if (rc == WS_OK && h->streams != NULL)
        h->live = live_new(h);
    if (rc == WS_OK && h->live != NULL)
        h->lanes = lanes_new(h, cfg->waiting);
    if (rc == WS_OK && h->lanes == NULL) {
        (void)close(fd);
        if (h->live != NULL)
            live_stop(h->live);
        if (h->streams != NULL)
            streams_stop(h->streams);
        rc = ws_fail(err, WS_EIO, "http: no thread to be had");
    }
    if (rc == WS_OK) {
        rc = start_server(h, fd, err); /* has the descriptor from here on */
        if (rc != WS_OK) {
            lanes_stop(h->lanes);
            live_stop(h->live);
            streams_stop(h->streams);
        }
    }
    if (rc != WS_OK) {
        free_all(h);
        return rc;
    }
    learn_index_begin(h);
    ws_log(WS_LOG_INFO, "http", "serving on %s", cfg->listen);
    *ret_http = h;
    return WS_OK;
}

int http_start(const struct http_config *cfg, struct rsud *daemon, struct http **ret_http,
    struct ws_err *err) {
    return http_start_tuned(cfg, &http_tuning_default, daemon, ret_http, err);
}

void http_notify(struct http *h) {
    streams_wake(h->streams);
    live_wake(h->live);
    maps_wake(h);
}

void http_stop(struct http *h) {
    live_stop(h->live);
    streams_stop(h->streams);
    lanes_stop(h->lanes); /* what it wakes is answered before the server stops */
    MHD_stop_daemon(h->mhd);
    free_all(h);
}
