/* /v1/status and /healthz. */
#include "rsu/http/evidence.h"

#include "base/mem.h"
#include "pktio/port_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Blocks come at least each interval; a check must not cry over a round or two lost. */
enum { SILENT_INTERVALS = 10, SILENT_LEAST_US = 1000000 };

static json_t *text(const char *s) {
    return json_words(span_of(s, strlen(s)));
}

static json_t *seconds(uint64_t us) {
    return json_milli((int64_t)(us / 1000));
}

static json_t *last_block(const struct http *h, const struct http_view *v) {
    if (v->node.height == 0)
        return json_null();
    json_t *o = json_object();
    json_put(o, "height", json_count(v->node.height));
    json_put(o, "id", json_hex(v->node.block_id, 32));
    json_put(o, "time", json_instant(v->node.block_time));
    json_put(o, "age_s", seconds(http_view_silence_us(h, v)));
    return o;
}

static json_t *consensus(const struct http_view *v) {
    json_t *o = json_object();
    json_put(o, "height", json_count(v->node.consensus_height));
    json_put(o, "round", json_integer(v->node.round));
    json_put(o, "step", json_string(cs_step_name(v->node.step)));
    json_put(o, "syncing", json_boolean(v->node.syncing));
    json_put(o, "clock_trusted", json_boolean(v->node.clock_trusted));
    json_put(o, "clock_agrees", json_boolean(v->node.clock_off_us == 0));
    json_put(o, "clock_off_s", json_milli(v->node.clock_off_us / 1000));
    json_put(o, "listening", json_boolean(v->node.listening));
    return o;
}

static json_t *mempool(const struct http *h, const struct http_view *v) {
    json_t *o = json_object();
    json_put(o, "transactions", json_count(v->node.mempool_txs));
    json_put(o, "transactions_max", json_count(h->d->config->node.mempool_txs));
    json_put(o, "octets", json_count(v->node.mempool_octets));
    json_put(o, "octets_max", json_count(h->d->config->node.mempool_octets));
    return o;
}

static json_t *validators(const struct http *h, const struct http_view *v) {
    json_t *list = json_array();
    const struct validator_set *set = &v->set;
    for (size_t i = 0; i < set->n; i++) {
        bool me = v->node.me >= 0 && (size_t)v->node.me == i;
        const struct node_peer_status *p = &v->peer[i];
        json_t *o = json_object();
        json_put(o, "index", json_count(i));
        json_put(o, "address", json_hex(set->v[i].address, 32));
        json_put(o, "owner", text(set->v[i].owner));
        json_put(o, "mast", text(set->v[i].mast));
        json_put(o, "power", json_count(set->v[i].power));
        json_put(o, "link_key", json_hex(set->v[i].curve_key, KEY_OCTETS));
        json_put(o, "state", json_string(http_peer_state_name(http_view_peer(h, v, i))));
        if (me)
            json_put(o, "height", json_count(v->node.height));
        else
            json_put(o, "height", p->heard ? json_count(p->height) : json_null());
        if (!me && p->heard) {
            json_put(o, "heard_s_ago",
                seconds(v->mono_us > p->heard_mono_us ? v->mono_us - p->heard_mono_us : 0));
            json_put(o, "software", text(p->software));
            json_put(o, "link_up", json_boolean(v->peer_up[i]));
            json_put(o, "protocol", json_count(p->protocol));
            json_put(o, "misdeeds", json_count(p->score));
            json_put(o, "muted", json_boolean(p->muted));
            json_put(o, "clock_agrees", json_boolean(!p->clock_off));
            if (p->clock_told)
                json_put(o, "clock_off_s", json_milli(p->clock_off_us / 1000));
        }
        json_add(list, o);
    }
    return list;
}

static json_t *followers(const struct http_view *v) {
    json_t *list = json_array();
    for (size_t i = 0; i < v->n_followers; i++) {
        const struct http_follower *f = &v->follower[i];
        json_t *o = json_object();
        json_put(o, "link_key", json_hex(f->key, KEY_OCTETS));
        json_put(o, "link_up", json_boolean(f->up));
        json_put(o, "height", f->peer.heard ? json_count(f->peer.height) : json_null());
        if (f->peer.heard) {
            json_put(o, "heard_s_ago",
                seconds(
                    v->mono_us > f->peer.heard_mono_us ? v->mono_us - f->peer.heard_mono_us : 0));
            json_put(o, "software", text(f->peer.software));
        }
        json_add(list, o);
    }
    return list;
}

static json_t *map(const struct http *h, const struct http_view *v) {
    uint64_t lowest = 0;
    uint64_t published = 0;
    versions_range(h->versions, &lowest, &published);
    json_t *o = json_object();
    json_put(o, "version", json_count(v->map_version));
    json_put(o, "published", json_count(published));
    json_put(o, "oldest_diff", json_count(lowest));
    return o;
}

static json_t *policy(const struct http_view *v) {
    json_t *o = json_object();
    json_put(o, "name", text(v->policy_name));
    json_put(o, "sequence", json_count(v->policy_sequence));
    json_put(o, "hash", json_hex(v->policy_hash, 32));
    return o;
}

static json_t *port(const struct config_port *cfg, size_t i, const struct worker_counters *c) {
    json_t *o = json_object();
    json_put(o, "port", json_count(i));
    json_put(o, "kind", json_string(port_kind_name(cfg->kind)));
    if (cfg->interface != NULL)
        json_put(o, "interface", text(cfg->interface));
    if (cfg->device != NULL)
        json_put(o, "device", text(cfg->device));
    json_put(o, "state", json_string(worker_state_name(c->state)));
    json_put(o, "trouble", text(c->trouble));
    json_put(o, "workers", json_count(cfg->workers));
    json_put(o, "frames", json_count(c->pipe.frames));
    json_put(o, "octets", json_count(c->pipe.octets));
    json_put(o, "kernel_ring", json_count(c->kernel_ring));
    json_put(o, "port_missed", json_count(c->port_missed));
    json_t *verdicts = json_object();
    for (int k = 0; k < PKT_VERDICT_COUNT; k++)
        json_put(verdicts, pkt_verdict_name((enum pkt_verdict)k), json_count(c->pipe.verdict[k]));
    json_put(o, "verdicts", verdicts);
    if (cfg->kind == PORT_CAPTURE) {
        json_put(o, "finished", json_boolean(c->finished));
        json_put(o, "failure", c->failure[0] == '\0' ? json_null() : text(c->failure));
    }
    return o;
}

/* Totals for a glance, then each port. */
static void put_ports(const struct http *h, json_t *o) {
    json_t *list = json_array();
    struct worker_counters *c = http_ports(h);
    uint64_t frames = 0;
    bool finished = true;
    for (size_t i = 0; i < h->d->n_workers; i++) {
        const struct config_port *cfg = &h->d->config->ports[i];
        frames += c[i].pipe.frames;
        finished = finished && (cfg->kind != PORT_CAPTURE || c[i].finished);
        json_add(list, port(cfg, i, &c[i]));
    }
    free(c);
    json_put(o, "frames", json_count(frames));
    json_put(o, "capture_finished", json_boolean(finished));
    json_put(o, "ports", list);
}

static json_t *admission(const struct http_view *v) {
    json_t *o = json_object();
    for (int i = 0; i < ADMIT_OUTCOME_COUNT; i++)
        json_put(o, admit_outcome_name((enum admit_outcome)i), json_count(v->admit.outcome[i]));
    return o;
}

static json_t *plausibility(const struct http_view *v) {
    const struct plausibility_counters *n = &v->plausibility;
    json_t *o = json_object();
    json_put(o, "clean", json_count(n->clean));
    json_put(o, "flagged", json_count(n->judged - n->clean));
    json_put(o, "unjudged", json_count(n->unjudged));
    json_t *flags = json_object();
    for (int f = 0; f < PLAUSIBILITY_FLAG_COUNT; f++)
        json_put(flags, plausibility_flag_name((enum plausibility_flag)f), json_count(n->flag[f]));
    json_put(o, "flags", flags);
    return o;
}

static json_t *results(const struct http *h, const struct http_view *v) {
    json_t *o = json_object();
    for (size_t i = 0; i < h->n_contracts; i++) {
        json_t *of = json_object();
        for (size_t code = 0; code < RSUD_CODES_MAX; code++) {
            if (v->results[i][code] > 0)
                json_put(
                    of, http_code_name(h, i, (exec_code)code), json_count(v->results[i][code]));
        }
        json_put(o, http_contract_name(h, i), of);
    }
    return o;
}

static json_t *latency(const struct http_view *v) {
    json_t *o = json_object();
    json_put(o, "samples", json_count(v->n_kept));
    json_put(
        o, "p50", v->n_kept == 0 ? json_null() : json_milli((int64_t)http_view_latency(v, 50)));
    json_put(
        o, "p99", v->n_kept == 0 ? json_null() : json_milli((int64_t)http_view_latency(v, 99)));
    return o;
}

static json_t *disk(const struct http *h) {
    if (h->d->keeper == NULL)
        return json_null();
    struct keeper_counters k = keeper_look(h->d->keeper);
    json_t *o = json_object();
    json_put(o, "state", json_string(keeper_state_name(k.state)));
    json_put(o, "data_octets", json_count(k.data_octets));
    json_put(o, "free_octets", json_count(k.free_octets));
    json_put(o, "budget_octets", json_count(h->d->config->disk.budget_octets));
    return o;
}

static json_t *cell(const struct http *h) {
    json_t *o = json_object();
    json_put(o, "id", json_hex(h->d->cell_id, 32));
    json_put(o, "name", text(h->d->genesis->name));
    return o;
}

/* The first port that is lost, or capture that could not be read to its end, or false. */
static bool port_failed(const struct http *h, char *dst, size_t size) {
    struct worker_counters *c = http_ports(h);
    bool failed = false;
    for (size_t i = 0; i < h->d->n_workers && !failed; i++) {
        failed = c[i].failure[0] != '\0';
        if (failed)
            (void)snprintf(dst, size, "Port %zu stopped: %s", i, c[i].failure);
        if (!failed && c[i].state == WORKER_LOST) {
            failed = true;
            (void)snprintf(dst, size, "Port %zu is lost: %s", i, c[i].trouble);
        }
    }
    free(c);
    return failed;
}

static void say_clock(const struct http *h, const struct http_view *v, char *dst, size_t size) {
    char span[32];
    int64_t off = v->node.clock_off_us;
    duration_format(span, (uint64_t)(off < 0 ? -off : off));
    (void)snprintf(dst, size,
        "This unit's clock is %s %s the other validators'; %" PRIu64 " ms are allowed.", span,
        off < 0 ? "behind" : "ahead of", h->d->genesis->params.time_precision_us / 1000);
}

static void put_name(const struct validator *who, struct buf *b) {
    char hex[9];
    hex_encode(hex, who->address, 4);
    buf_printf(b, " %s (%s)", who->owner, hex);
}

/* Why there is no block, as far as it can be seen from here: who is missing, and whose vote will not come. */
static void say_missing(const struct http *h, const struct http_view *v, struct buf *b) {
    uint64_t heard = 0;
    struct buf silent = {0};
    struct buf wrong = {0};
    size_t n = 0;
    for (size_t i = 0; i < v->set.n; i++) {
        bool here = http_view_peer(h, v, i) != PEER_SILENT;
        heard += here ? v->set.v[i].power : 0;
        n += here;
        if (!here)
            put_name(&v->set.v[i], &silent);
        else if (v->peer[i].clock_off)
            put_name(&v->set.v[i], &wrong);
    }
    if (!power_is_quorum(heard, v->set.total))
        buf_printf(b, " %zu of %zu validators are heard, which is no quorum.", n, v->set.n);
    if (silent.n > 0)
        buf_printf(b, " Silent:%.*s.", (int)silent.n, (const char *)silent.p);
    if (wrong.n > 0)
        buf_printf(b, " The clock is wrong of:%.*s.", (int)wrong.n, (const char *)wrong.p);
    buf_free(&silent);
    buf_free(&wrong);
}

static void say_silence(
    const struct http *h, const struct http_view *v, uint64_t silence, char *dst, size_t size) {
    struct buf b = {0};
    buf_printf(&b,
        "No block for %" PRIu64 " s at height %" PRIu64 "; one is due every %" PRIu64 " ms.",
        silence / 1000000, v->node.height, h->d->genesis->params.block_interval_us / 1000);
    say_missing(h, v, &b);
    (void)snprintf(dst, size, "%.*s", (int)b.n, (const char *)b.p);
    buf_free(&b);
}

/* One judgement for /v1/status, /healthz and metrics; why in one or a few sentences. */
bool http_healthy(const struct http *h, const struct http_view *v, char *dst, size_t size) {
    uint64_t limit = SILENT_INTERVALS * h->d->genesis->params.block_interval_us;
    uint64_t silence = http_view_silence_us(h, v);
    if (limit < SILENT_LEAST_US)
        limit = SILENT_LEAST_US;
    dst[0] = '\0';
    if (!v->healthy)
        (void)snprintf(dst, size, "The node stopped: %s", v->why);
    else if (v->node.clock_off_us != 0)
        say_clock(h, v, dst, size);
    else if (silence > limit)
        say_silence(h, v, silence, dst, size);
    else
        return !port_failed(h, dst, size);
    return false;
}

json_t *http_status_json(struct http *h, struct http_reply *r) {
    json_t *o = NULL;
    struct http_view *v = ws_alloc(sizeof(*v));
    struct ws_err err = {0};
    uint64_t published = 0;
    int rc = versions_refresh(h->versions, &published, &err);
    if (rc != WS_OK)
        http_fail_err(r, rc, &err);
    json_t *jailed = rc == WS_OK ? http_jailed_json(h, r) : NULL;
    if (jailed != NULL && http_view(h, v, r)) {
        o = json_object();
        json_put(o, "software", json_string("wayside " WAYSIDE_VERSION));
        json_put(o, "uptime_s",
            seconds(v->mono_us > h->d->started_mono_us ? v->mono_us - h->d->started_mono_us : 0));
        json_put(o, "time", json_instant(ws_clock_now(&h->d->clock).its_us));
        char trouble[WS_ERR_TEXT + 64];
        json_put(o, "healthy", json_boolean(http_healthy(h, v, trouble, sizeof(trouble))));
        json_put(o, "trouble", text(trouble));
        json_put(o, "cell", cell(h));
        json_put(o, "validator", v->node.me < 0 ? json_null() : json_integer(v->node.me));
        json_put(o, "height", json_count(v->node.height));
        json_put(o, "map_version", json_count(v->map_version));
        json_put(o, "block", last_block(h, v));
        json_put(o, "consensus", consensus(v));
        json_put(o, "mempool", mempool(h, v));
        json_put(o, "map", map(h, v));
        json_put(o, "policy", policy(v));
        json_put(o, "validators", validators(h, v));
        json_put(o, "followers", followers(v));
        put_ports(h, o);
        json_put(o, "admission", admission(v));
        json_put(o, "sensors", http_sensors_json(h, v));
        json_put(o, "plausibility", plausibility(v));
        json_put(o, "transactions", results(h, v));
        json_put(o, "commit_latency_ms", latency(v));
        json_put(o, "jailed", jailed);
        json_put(o, "disk", disk(h));
        json_put(o, "streams", json_count(streams_count(h->streams) + live_count(h->live)));
    } else {
        json_decref(jailed);
    }
    free(v);
    return o;
}

void http_get_status(struct http *h, const struct http_call *c, struct http_reply *r) {
    (void)c;
    json_t *o = http_status_json(h, r);
    if (o != NULL)
        http_json(r, o);
}

static void say(struct http_reply *r, unsigned status, const char *sentence) {
    r->status = status;
    r->type = HTTP_TEXT;
    buf_clear(&r->body);
    buf_printf(&r->body, "%s\n", sentence);
}

void http_get_health(struct http *h, const struct http_call *c, struct http_reply *r) {
    (void)c;
    struct http_view *v = ws_alloc(sizeof(*v));
    char words[WS_ERR_TEXT + 64];
    if (!http_view(h, v, r)) {
        r->n_headers = 0;
        say(r, MHD_HTTP_SERVICE_UNAVAILABLE, "The ledger thread does not answer.");
    } else if (http_healthy(h, v, words, sizeof(words))) {
        say(r, MHD_HTTP_OK, "ok");
    } else {
        say(r, MHD_HTTP_SERVICE_UNAVAILABLE, words);
    }
    free(v);
}
