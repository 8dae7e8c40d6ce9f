#include "tests/unit/rsu/http_rig.h"

#include "mapsvc/fuse/order.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { CARS = 24, STEP_US = 500000, PATIENCE_S = 60 };

/* ---- packet workers ---- */

/* Stands for the one of pktio/worker.c: figures that a test can tell apart. `w` is the rig. */
void worker_read_counters(struct worker *w, struct worker_counters *ret) {
    struct rig *r = (struct rig *)w;
    memset(ret, 0, sizeof(*ret));
    ret->pipe.frames = 1000;
    ret->pipe.octets = 250000;
    for (int v = 0; v < PKT_VERDICT_COUNT; v++)
        ret->pipe.verdict[v] = (uint64_t)v + 1;
    ret->pipe.certs = 7;
    ret->pipe.certs_max = 64;
    ret->kernel_ring = 3;
    ret->port_missed = 2;
    ret->finished = true;
    if (atomic_load(&r->capture_failed))
        (void)snprintf(ret->failure, sizeof(ret->failure), "drive.pcap: frame 9 is torn");
}

void worker_read_thread(struct worker *w, unsigned thread, struct worker_thread_counters *ret) {
    struct worker_counters all;
    worker_read_counters(w, &all);
    *ret = (struct worker_thread_counters){.pipe = all.pipe, .wakeups = 5 + thread};
    ret->verify.answered[VERIFY_FULL] = 900;
    ret->verify.table_octets_max = 1 << 20;
    ret->verify.backend = VERIFY_PORTABLE;
}

const char *worker_state_name(enum worker_state s) {
    static const char *const names[] = {"up", "down", "lost", "stopped"};
    return names[s];
}

/* ---- links ---- */

/* Stand for those of ledger/net/net.h. */
const struct net_counters *net_counters(const struct net *n) {
    static const struct net_counters counters = {.sent = 11, .received = 12, .connected = 1};
    (void)n;
    return &counters;
}

bool net_peer_up(const struct net *n, size_t peer) {
    (void)n;
    return peer == 1;
}

/* ---- the owner ---- */

static void *owner_run(void *arg) {
    struct rig *r = arg;
    while (!atomic_load(&r->stop)) {
        struct pollfd p = {.fd = mailbox_fd(r->face.mailbox), .events = POLLIN};
        (void)poll(&p, 1, 20);
        if (!atomic_load(&r->deaf))
            mailbox_serve(r->face.mailbox, &r->face);
    }
    return NULL;
}

struct command {
    struct rig *r;
    uint64_t us;
    int32_t value;
    size_t cars;
    uint64_t height;
};

static void advance(struct rig *r, uint64_t us) {
    for (uint64_t done = 0; done < us; done += STEP_US) {
        townbox_run(&r->box, us - done < STEP_US ? us - done : STEP_US);
        struct node_status s;
        node_status(r->face.node, &s);
        if (s.height != r->told && r->http != NULL)
            http_notify(r->http);
        r->told = s.height;
    }
}

static void do_step(void *owner, void *ctx) {
    struct command *o = ctx;
    (void)owner;
    advance(o->r, o->us);
}

static void do_height(void *owner, void *ctx) {
    struct command *o = ctx;
    (void)owner;
    o->height = o->r->told;
}

static void report(struct rig *r, size_t car, int32_t value) {
    enum tx_verdict v = townbox_report(&r->box, 0, car, value);
    if (v == TX_UNKNOWN_CERT) { /* it waits for its certificate's block */
        advance(r, 2000000);
        v = townbox_report(&r->box, 0, car, value);
    }
    assert_int_equal(v, TX_GOOD);
}

static void do_change(void *owner, void *ctx) {
    struct command *o = ctx;
    struct rig *r = o->r;
    (void)owner;
    uint64_t before = map_contract_version(r->face.cell.map);
    /* Past the window within which a car counts once for a thing. */
    onebox_skip(r->box.box, 31 * 60 * 1000000ULL);
    for (size_t i = 0; i < CARS && map_contract_version(r->face.cell.map) == before; i++) {
        report(r, i, o->value);
        advance(r, 10 * STEP_US);
    }
    for (size_t i = 0; i < 200 && map_contract_version(r->face.cell.map) == before; i++)
        advance(r, 2 * STEP_US);
    assert_int_equal(map_contract_version(r->face.cell.map), before + 1);
    advance(r, 8 * STEP_US);
}

static void do_sight(void *owner, void *ctx) {
    struct command *o = ctx;
    struct rig *r = o->r;
    (void)owner;
    uint64_t before = map_contract_version(r->face.cell.map);
    onebox_skip(r->box.box, 31 * 60 * 1000000ULL);
    for (size_t i = 0; i < o->cars; i++) {
        report(r, i, o->value);
        advance(r, 4 * STEP_US);
    }
    assert_int_equal(map_contract_version(r->face.cell.map), before);
}

static void do_order(void *owner, void *ctx) {
    struct command *o = ctx;
    struct rig *r = o->r;
    (void)owner;
    uint64_t before = map_contract_version(r->face.cell.map);
    const struct element *sign = &r->box.town.map.elements[0];
    struct map_order order = {.op = MAP_MODIFY,
        .element = {
            .kind = sign->kind, .has_value = true, .value = o->value, .valid_to_ms = INT64_MAX}};
    memcpy(order.element.id, sign->id, sizeof(sign->id));
    struct buf b = {0};
    map_order_encode(&order, &b);
    assert_int_equal(
        townbox_order(&r->box, 0, ROLE_MAP, MAP_ORDER_CHANGE, buf_span(&b), ++r->orders), TX_GOOD);
    buf_free(&b);
    for (size_t i = 0; i < 40 && map_contract_version(r->face.cell.map) == before; i++)
        advance(r, STEP_US);
    assert_int_equal(map_contract_version(r->face.cell.map), before + 1);
    advance(r, 8 * STEP_US);
}

static void ask(struct rig *r, mailbox_fn fn, struct command *o) {
    assert_int_equal(mailbox_ask(r->face.mailbox, fn, o, 300000), 0);
}

void rig_step(struct rig *r, uint64_t us) {
    struct command o = {.r = r, .us = us};
    ask(r, do_step, &o);
}

void rig_change(struct rig *r, int32_t value) {
    struct command o = {.r = r, .value = value};
    ask(r, do_change, &o);
}

void rig_sight(struct rig *r, size_t cars, int32_t value) {
    struct command o = {.r = r, .cars = cars, .value = value};
    ask(r, do_sight, &o);
}

void rig_order(struct rig *r, int32_t value) {
    struct command o = {.r = r, .value = value};
    ask(r, do_order, &o);
}

uint64_t rig_height(struct rig *r) {
    struct command o = {.r = r};
    ask(r, do_height, &o);
    return o.height;
}

/* ---- life ---- */

static void fill_face(struct rig *r, const struct rig_options *opt, uint64_t started_us) {
    struct node *n = onebox_node(r->box.box, 0);
    struct executor *ex = node_executor(n);
    r->config.map_versions = opt->keep;
    r->config.n_ports = RIG_PORTS;
    for (size_t i = 0; i < RIG_PORTS; i++)
        r->config.ports[i].workers = 1;
    r->config.ports[0].kind = PORT_CAPTURE;
    r->config.ports[1].kind = PORT_AF_PACKET;
    r->config.ports[1].interface = (char *)"eth\"0";
    r->config.node = node_limits_default();
    r->face = (struct rsud){.config = &r->config,
        .clock = {.kind = WS_CLOCK_SYSTEM},
        .genesis = executor_genesis_of(ex),
        .store = opt->store != NULL ? opt->store : onebox_store(r->box.box, 0),
        .mailbox = mailbox_new(16),
        .n_workers = RIG_PORTS,
        .node = n,
        .net = (struct net *)r,
        .cell = *onebox_cell(r->box.box, 0),
        .admit = &r->admit,
        .started_mono_us = started_us};
    memcpy(r->face.cell_id, executor_cell_id(ex), 32);
    if (opt->store == NULL)
        r->face.base_map = &r->box.town.map;
    r->face.genesis_octets = r->box.genesis; /* borrowed */
    for (size_t i = 0; i < RIG_PORTS; i++)
        r->face.workers[i] = (struct worker *)r;
    r->admit.outcome[ADMIT_TAKEN] = 24;
    r->admit.outcome[ADMIT_BEACON] = 900;
    r->face.results[CELL_CONTRACT_MAP][MAP_OK] = 24;
    r->face.results[CELL_CONTRACT_MAP][MAP_NOTHING_NEW] = 5;
    for (uint64_t i = 0; i < 200; i++)
        r->face.commit_latency_us[r->face.n_latencies++] = (200 - i) * 1000;
}

static void serve(struct rig *r, const struct rig_options *opt) {
    assert_int_equal(pthread_create(&r->owner, NULL, owner_run, r), 0);
    (void)snprintf(r->dir, sizeof(r->dir), "%s/wayside-http-XXXXXX", P_tmpdir);
    assert_non_null(mkdtemp(r->dir));
    if (opt->tcp)
        (void)snprintf(r->listen, sizeof(r->listen), "127.0.0.1:0");
    else
        (void)snprintf(r->listen, sizeof(r->listen), "unix:%s/http", r->dir);
    struct http_config cfg = {.listen = r->listen,
        .connections = opt->connections == 0 ? 16 : opt->connections,
        .waiting = opt->waiting == 0 ? 16 : opt->waiting,
        .octets = opt->octets == 0 ? 64U << 20 : opt->octets};
    struct http_tuning tuning = {
        .heartbeat_ms = opt->heartbeat_ms == 0 ? 15000 : opt->heartbeat_ms,
        .ask_ms = opt->ask_ms == 0 ? 10000 : opt->ask_ms,
        .patience_s = opt->patience_s == 0 ? 30 : opt->patience_s,
    };
    struct ws_err err = {0};
    if (http_start_tuned(&cfg, &tuning, &r->face, &r->http, &err) != 0)
        fail_msg("%s", err.text);
}

void rig_open(struct rig *r, const struct rig_options *opt) {
    memset(r, 0, sizeof(*r));
    struct ws_clock real = {.kind = WS_CLOCK_SYSTEM};
    uint64_t start = ws_clock_now(&real).mono_us - opt->asleep_us;
    const struct townbox_plan plan = {.n = RIG_VALIDATORS, .mono_us = start};
    townbox_open(&r->box, &plan);
    fill_face(r, opt, start);
    serve(r, opt);
}

void rig_open_on(struct rig *r, const struct rsud *parts, const struct rig_options *opt) {
    memset(r, 0, sizeof(*r));
    r->no_town = true;
    r->config.node = node_limits_default();
    r->face = *parts;
    r->face.config = &r->config;
    r->face.mailbox = mailbox_new(16);
    r->face.admit = &r->admit;
    serve(r, opt);
}

struct errand {
    void (*fn)(void *ctx);
    void *ctx;
};

static void do_errand(void *owner, void *ctx) {
    const struct errand *e = ctx;
    (void)owner;
    e->fn(e->ctx);
}

void rig_owner(struct rig *r, void (*fn)(void *ctx), void *ctx) {
    struct errand e = {fn, ctx};
    assert_int_equal(mailbox_ask(r->face.mailbox, do_errand, &e, 300000), 0);
}

void rig_close(struct rig *r) {
    mailbox_shut(r->face.mailbox);
    http_stop(r->http);
    atomic_store(&r->stop, true);
    assert_int_equal(pthread_join(r->owner, NULL), 0);
    mailbox_free(r->face.mailbox);
    if (!r->no_town)
        townbox_close(&r->box);
    assert_int_equal(rmdir(r->dir), 0); /* the socket file is gone */
}

/* ---- the client ---- */

int rig_connect(const struct rig *r) {
    struct timeval patience = {.tv_sec = PATIENCE_S};
    int fd = -1;
    if (r->http->unix_path != NULL) {
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        (void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", r->http->unix_path);
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_true(fd >= 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    } else {
        struct sockaddr_in sa = {.sin_family = AF_INET,
            .sin_port = htons((uint16_t)r->http->port),
            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_true(fd >= 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    }
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    return fd;
}

static void send_all(int fd, struct span s) {
    for (size_t at = 0; at < s.n;) {
        ssize_t n = send(fd, s.p + at, s.n - at, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the server has heard enough; its answer may still be there */
        at += (size_t)n;
    }
}

void rig_send(int fd, const char *text) {
    send_all(fd, span_of(text, strlen(text)));
}

static void split(struct buf *all, struct answer *ret) {
    static const char end[] = "\r\n\r\n";
    memset(ret, 0, sizeof(*ret));
    const uint8_t *at = all->n == 0 ? NULL : memmem(all->p, all->n, end, 4);
    size_t head = at == NULL ? all->n : (size_t)(at - all->p) + 4;
    buf_put(&ret->head, all->p, head);
    buf_u8(&ret->head, 0);
    buf_put(&ret->body, all->p + head, all->n - head);
    unsigned long status = 0;
    if (head > 12 && memcmp(all->p, "HTTP/1.", 7) == 0)
        status = strtoul((const char *)ret->head.p + 9, NULL, 10);
    ret->status = (unsigned)status;
    buf_free(all);
}

void rig_poke(const struct rig *r, struct span request, int wait_ms, struct answer *ret) {
    int fd = rig_connect(r);
    send_all(fd, request);
    struct buf all = {0};
    uint8_t chunk[8192];
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t n = poll(&p, 1, wait_ms) == 1 ? recv(fd, chunk, sizeof(chunk), 0) : 0;
        if (n <= 0)
            break;
        buf_put(&all, chunk, (size_t)n);
    }
    (void)close(fd);
    split(&all, ret);
}

void rig_exchange(const struct rig *r, struct span request, struct answer *ret) {
    rig_poke(r, request, PATIENCE_S * 1000, ret);
}

void rig_get(const struct rig *r, const char *target, struct answer *ret) {
    struct buf rq = {0};
    buf_printf(&rq, "GET %s HTTP/1.1\r\nHost: rsu\r\nConnection: close\r\n\r\n", target);
    rig_exchange(r, buf_span(&rq), ret);
    buf_free(&rq);
}

void answer_free(struct answer *a) {
    buf_free(&a->head);
    buf_free(&a->body);
}

bool answer_has(const struct answer *a, const char *header_line) {
    return strstr((const char *)a->head.p, header_line) != NULL;
}

static json_t *parse(const struct answer *a) {
    json_error_t e;
    json_t *o = json_loadb((const char *)a->body.p, a->body.n, JSON_REJECT_DUPLICATES, &e);
    if (o == NULL)
        fail_msg("%s: %.*s", e.text, (int)a->body.n, (const char *)a->body.p);
    assert_true(answer_has(a, "Content-Type: application/json\r\n"));
    return o;
}

json_t *rig_json(const struct rig *r, unsigned status, const char *target) {
    struct answer a;
    rig_get(r, target, &a);
    if (a.status != status)
        fail_msg("%s: %u, not %u: %.*s", target, a.status, status, (int)a.body.n,
            (const char *)a.body.p);
    json_t *o = parse(&a);
    answer_free(&a);
    return o;
}

void rig_refused(const struct rig *r, unsigned status, const char *words, const char *target) {
    json_t *o = rig_json(r, status, target);
    const char *text = json_string_value(json_object_get(o, "error"));
    if (text == NULL || strstr(text, words) == NULL)
        fail_msg("%s: \"%s\" does not say \"%s\"", target, text == NULL ? "" : text, words);
    json_decref(o);
}

json_int_t rig_number(const json_t *o, const char *key) {
    const json_t *v = json_object_get(o, key);
    if (!json_is_integer(v))
        fail_msg("\"%s\" is no integer", key);
    return json_integer_value(v);
}

const char *rig_word(const json_t *o, const char *key) {
    const char *s = json_string_value(json_object_get(o, key));
    if (s == NULL)
        fail_msg("\"%s\" is no string", key);
    return s;
}

void rig_assert_hex(const json_t *o, const char *key, const uint8_t *want, size_t n) {
    struct buf b = test_unhex(rig_word(o, key));
    assert_int_equal(b.n, n);
    assert_memory_equal(b.p, want, n);
    buf_free(&b);
}

void rig_assert_proof(
    const struct rig *r, const json_t *o, const char *key, struct map_version *ret) {
    struct buf bundle = test_unhex(rig_word(o, key));
    struct event_bundle *p = ws_alloc(sizeof(*p));
    struct event e;
    struct ws_err err = {0};
    assert_int_equal(event_bundle_decode(buf_span(&bundle), p, &err), 0);
    if (light_check_event(&exec_light_crypto, buf_span(&r->box.genesis), p, &e, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(e.contract, CELL_CONTRACT_MAP);
    assert_int_equal(e.type, MAP_EVENT_VERSION);
    assert_int_equal(map_version_decode(e.body, ret, &err), 0);
    free(p);
    buf_free(&bundle);
}
