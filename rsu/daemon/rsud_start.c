/* Bringing the daemon up in stages and down in the opposite order. */
#include "rsu/daemon/rsud_internal.h"

#include "base/fileio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/ring.h"
#include "pktio/port_check.h"
#include "rsu/cell/beaconing.h"
#include "rsu/feedback/feedback.h"
#include "rsu/host/secret.h"
#include "rsu/learning/learning.h"
#include "rsu/sensors/sensors.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    MAP_FILE_MAX = 1U << 30,
    GENESIS_MAX = 16U << 20,
    RING_SLOTS = 8192,
    QUESTIONS_MAX = 64,
    RECALL_BLOCKS = 100000,
    RECORD_SLACK_US = 200000,
};

static int load_keys(struct daemon *d, struct ws_err *err) {
    uint8_t seed[32];
    if (d->config.key != NULL) {
        int rc = secret_read(d->config.key, seed, err);
        if (rc != WS_OK)
            return rc;
        d->signer = signer_new(seed);
        explicit_bzero(seed, sizeof(seed));
        if (d->signer == NULL)
            return ws_fail(err, WS_ECRYPTO, "%s: no usable key", d->config.key);
    }
    return secret_read(d->config.curve_key, d->curve_secret, err);
}

static int load_cell(struct daemon *d, struct ws_err *err) {
    int rc = file_read(d->config.genesis, GENESIS_MAX, &d->face.genesis_octets, err);
    if (rc == WS_OK && d->config.map != NULL) {
        struct buf b = {0};
        rc = file_read(d->config.map, MAP_FILE_MAX, &b, err);
        if (rc == WS_OK && mapset_decode(buf_span(&b), &d->base_map, err) != WS_OK)
            rc = ws_fail_in(err, "%s", d->config.map);
        d->has_base_map = rc == WS_OK;
        d->face.base_map = d->has_base_map ? &d->base_map : NULL;
        buf_free(&b);
    }
    if (rc == WS_OK)
        rc = cell_open(buf_span(&d->face.genesis_octets), d->has_base_map ? &d->base_map : NULL,
            &d->face.cell, err);
    if (rc != WS_OK)
        return rc;
    d->face.genesis = executor_genesis_of(d->face.cell.ex);
    memcpy(d->face.cell_id, executor_cell_id(d->face.cell.ex), 32);
    return WS_OK;
}

static bool is_there(const struct daemon *d, const char *name) {
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", d->config.data, name);
    return access(path, F_OK) == 0;
}

/* What is made anew is said: where something else of this unit is left, it was lost. */
static void say_missing(const struct daemon *d) {
    bool store = is_there(d, "store/CURRENT");
    bool guard = is_there(d, "sign-guard");
    bool beacon = is_there(d, "beacon.key");
    bool any = store || guard || beacon || is_there(d, "consensus-even.log");
    if (!store)
        ws_log(any ? WS_LOG_WARN : WS_LOG_INFO, "rsud",
            "%s: no store is there: it begins anew, with what the peers have%s", d->config.data,
            any ? "; this unit has run here before, so its store was lost" : "");
    if (d->signer != NULL && any && !beacon)
        ws_log(WS_LOG_WARN, "rsud",
            "%s/beacon.key is missing, and another is made: this unit has a part in the randomness "
            "again with the validators' next key",
            d->config.data);
    if (d->signer != NULL && any && !guard && d->config.sign_counter == NULL)
        ws_log(WS_LOG_WARN, "rsud", "%s/sign-guard is missing: starts are counted anew",
            d->config.data);
}

static int open_store(struct daemon *d, struct ws_err *err) {
    char path[4096];
    int rc = dir_make(d->config.data, err);
    if (rc == WS_OK)
        say_missing(d);
    (void)snprintf(path, sizeof(path), "%s/store", d->config.data);
    if (rc == WS_OK)
        rc = store_open_rocks(path, (size_t)d->config.store_cache_mb << 20, &d->face.store, err);
    if (rc == WS_EINPUT)
        d->damaged = PART_STORE;
    return rc;
}

/* After a snapshot was put into the store, which puts the logs of a lost one aside. */
static int open_logs(struct daemon *d, struct ws_err *err) {
    char path[4096];
    int rc = WS_OK;
    for (int i = 0; i < 2 && rc == WS_OK; i++) {
        (void)snprintf(
            path, sizeof(path), "%s/consensus-%s.log", d->config.data, i == 0 ? "even" : "odd");
        uint64_t cut = 0;
        rc = wal_open_file(path, &d->wal[i], &cut, err);
        if (rc == WS_OK && cut > 0)
            ws_log(WS_LOG_WARN, "rsud", "%s: a torn tail of %llu octets was cut off", path,
                (unsigned long long)cut);
        if (rc == WS_EINPUT)
            d->damaged = PART_LOGS;
    }
    return rc;
}

static void send_to_linked(void *ctx, size_t peer, struct span msg) {
    struct daemon *d = ctx;
    if (net_peer_up(d->face.net, peer))
        (void)net_send(d->face.net, peer, NET_BULK, msg);
}

/* What all workers and the neighbours know of messages that were handed on, and what their signers said. */
static void open_window(struct daemon *d) {
    const struct pipeline_limits *l = &d->config.pipeline;
    struct ws_random random = ws_random_system();
    d->face.window = replay_window_new(l->replay_slots, ws_random_u64(&random));
    struct gossip_config cfg = {.window = d->face.window,
        .n_peers = NODE_PEERS_MAX, /* slots */
        .me = d->directory.peers.me,
        .rate = d->config.gossip.rate,
        .batch_us = d->config.gossip.batch_us,
        .keep_us = l->freshness_us + l->future_us,
        .send = send_to_linked,
        .ctx = d};
    if (cfg.rate > 0)
        d->face.gossip = gossip_new(&cfg);
    struct plausibility_config tracks = d->config.plausibility;
    tracks.salt = ws_random_u64(&random);
    d->face.tracks = plausibility_new(&tracks);
}

static int watch(struct daemon *d, int fd, struct ws_err *err) {
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(d->epoll, EPOLL_CTL_ADD, fd, &ev) != 0)
        return ws_fail(err, WS_EIO, "epoll: %s", strerror(errno));
    return WS_OK;
}

/* The secret is made here, at the first start: nobody but this unit ever needs it. */
static int open_beacon(struct daemon *d, struct ws_err *err) {
    if (d->signer == NULL)
        return WS_OK;
    char path[4096];
    uint8_t secret[BEACON_SECRET_OCTETS];
    struct ws_random random = ws_random_system();
    (void)snprintf(path, sizeof(path), "%s/beacon.key", d->config.data);
    int rc = beaconing_secret(path, &random, secret, err);
    if (rc == WS_OK)
        d->beaconing = beaconing_new(d->face.cell_id, d->signer, secret);
    d->face.beaconing = d->beaconing;
    explicit_bzero(secret, sizeof(secret));
    return rc;
}

static int open_node(struct daemon *d, struct ws_err *err) {
    open_window(d);
    int rc = jobs_new(1, &d->jobs, err);
    if (rc == WS_OK)
        rc = watch(d, jobs_fd(d->jobs), err);
    if (rc != WS_OK)
        return rc;
    struct node_io io = {.send = daemon_send,
        .committed = daemon_committed,
        .taken = daemon_taken,
        .ctx = d,
        .store = d->face.store,
        .wal = {d->wal[0], d->wal[1]},
        .start_job = daemon_job,
        .signer = d->signer};
    struct executor *ex = d->face.cell.ex;
    d->face.cell.ex = NULL; /* the node's, also on failure */
    rc = node_open(ex, d->face.cell.sections, &io, &d->config.node, ws_clock_now(&d->face.clock),
        &d->face.node, err);
    if (rc == WS_EIO || rc == WS_EINPUT)
        d->damaged = PART_STATE;
    if (rc == WS_OK)
        rc = open_beacon(d, err);
    if (rc == WS_OK)
        rc = daemon_open_learning(d, err);
    if (rc == WS_OK)
        rc = watch(d, learning_fd(d->learning), err);
    if (rc == WS_OK && daemon_uploading_fd(d) >= 0)
        rc = watch(d, daemon_uploading_fd(d), err);
    return rc;
}

static void region_box(const struct genesis *g, struct pipeline_config *p) {
    p->has_region = g->n_region > 0;
    p->lat_min = INT32_MAX;
    p->lon_min = INT32_MAX;
    p->lat_max = INT32_MIN;
    p->lon_max = INT32_MIN;
    for (size_t i = 0; i < g->n_region; i++) {
        p->lat_min = g->region[i][0] < p->lat_min ? g->region[i][0] : p->lat_min;
        p->lat_max = g->region[i][0] > p->lat_max ? g->region[i][0] : p->lat_max;
        p->lon_min = g->region[i][1] < p->lon_min ? g->region[i][1] : p->lon_min;
        p->lon_max = g->region[i][1] > p->lon_max ? g->region[i][1] : p->lon_max;
    }
}

static int open_lists(struct daemon *d, struct ws_err *err) {
    const struct config_lists *c = &d->config.lists;
    bool learns = c->learned_max > 0 && d->config.radio.ticket != NULL;
    if (d->config.revocations == NULL && !learns)
        return WS_OK;
    char state[4096];
    (void)snprintf(state, sizeof(state), "%s/lists", d->config.data);
    struct revocations_config cfg = {.dir = d->config.revocations,
        .manager = d->config.list_manager,
        .state = state,
        .scan_us = c->scan_us,
        .base = executor_trust(node_executor(d->face.node)),
        .clock = {c->period_start_s, c->period_s},
        .limits = {.entries = c->entries, .values = c->values, .groups = c->groups},
        .ahead_s = c->ahead_s,
        .learned_max = learns ? c->learned_max : 0};
    uint32_t now_s = (uint32_t)(ws_clock_now(&d->face.clock).its_us / 1000000);
    if (revocations_open(&cfg, now_s, &d->face.lists, err) != WS_OK)
        return ws_fail_in(err, "revocations");
    struct revocations_counters n = revocations_read_counters(d->face.lists);
    ws_log(WS_LOG_INFO, "lists", "%zu lists in force, %zu refused, %zu linkage values", n.lists,
        n.refused, n.values);
    return WS_OK;
}

static bool send_frame(void *ctx, struct span frame) {
    struct daemon *d = ctx;
    return worker_send(d->face.workers[d->config.radio.port - 1], frame);
}

/* Before the ports, which hear for it; it sends nothing until the loop runs. */
static int open_radio(struct daemon *d, struct ws_err *err) {
    const struct config_radio *c = &d->config.radio;
    if (c->ticket == NULL)
        return WS_OK;
    const struct mapset *map = map_contract_current(d->face.cell.map);
    int rc = radio_open(c, map, d->face.cell_id, send_frame, d, &d->face.radio, err);
    if (rc != WS_OK)
        return rc;
    struct node_status s;
    node_status(d->face.node, &s);
    uint64_t from = s.height > RECALL_BLOCKS ? s.height - RECALL_BLOCKS : 1;
    uint64_t its_us = ws_clock_now(&d->face.clock).its_us;
    rc = radio_recall_handovers(d->face.radio, d->face.store, its_us, err);
    if (rc != WS_OK)
        return rc;
    return radio_recall(d->face.radio, d->face.store, CELL_CONTRACT_MAP, from,
        map_contract_version(d->face.cell.map), its_us, err);
}

static void name_port(struct daemon *d, size_t i) {
    const struct config_port *c = &d->config.ports[i];
    const char *by = c->interface != NULL ? c->interface
                     : c->device != NULL  ? c->device
                                          : port_kind_name(c->kind);
    struct recorded_port *p = &d->recorded[i];
    p->number = (uint16_t)i;
    (void)snprintf(p->name, sizeof(p->name), "port %zu %s", i, by);
    d->recorded_as[i] = p->name;
}

/* A verdict comes late when a message waited for its certificate. */
static int open_recorder(struct daemon *d, struct ws_err *err) {
    const struct config_record *c = &d->config.record;
    const struct ws_clock *clock = &d->config.clock;
    if (c->folder == NULL)
        return WS_OK;
    uint64_t hold_us = d->config.pipeline.wait_us;
    if (clock->kind == WS_CLOCK_SCALED)
        hold_us = hold_us * 1000000 / clock->rate_ppm;
    for (size_t i = 0; i < d->config.n_ports; i++)
        name_port(d, i);
    struct recorder_config cfg = {.folder = c->folder,
        .file_octets = c->file_octets,
        .files = c->files,
        .total_octets = c->total_octets,
        .reserve_octets = c->reserve_octets,
        .queue_octets = c->queue_octets,
        .hold_us = hold_us + RECORD_SLACK_US,
        .ports = d->recorded_as,
        .n_ports = d->config.n_ports};
    int rc = recorder_open(&cfg, &d->face.recorder, err);
    return rc == WS_OK ? rc : ws_fail_in(err, "record");
}

static void record_frame(
    void *ctx, const struct pkt_frame *f, enum pkt_verdict v, const char *detail) {
    const struct recorded_port *p = ctx;
    recorder_put(p->recorder, p->number, f, v, detail);
}

static int open_ports(struct daemon *d, struct ws_err *err) {
    if (d->config.n_ports == 0)
        return WS_OK;
    const char *nics[CONFIG_PORTS_MAX];
    size_t n_nics = 0;
    for (size_t i = 0; i < d->config.n_ports; i++) {
        if (d->config.ports[i].kind == PORT_NIC)
            nics[n_nics++] = d->config.ports[i].device;
    }
    int rc = pktio_start_nics(d->config.memory_mb, nics, n_nics, err);
    struct pipeline_config pipe = {.limits = d->config.pipeline,
        .trust = executor_trust(node_executor(d->face.node)),
        .views = d->face.lists == NULL ? NULL : revocations_slot(d->face.lists),
        .verify = true};
    size_t threads = 0;
    for (size_t i = 0; i < d->config.n_ports; i++)
        threads += d->config.ports[i].workers;
    pipe.limits.table_octets /= threads; /* the configuration bounds the process */
    region_box(d->face.genesis, &pipe);
    struct ws_random random = ws_random_system();
    ws_random_bytes(&random, &pipe.salt, sizeof(pipe.salt));
    pipe.window = d->face.window;
    if (d->face.radio != NULL)
        pipe.hooks = radio_hooks(d->face.radio);
    for (size_t i = 0; i < d->config.n_ports && rc == WS_OK; i++) {
        const struct config_port *c = &d->config.ports[i];
        struct port_config port = {.kind = c->kind,
            .captures = (const char *const *)c->captures,
            .n_captures = c->n_captures,
            .paced = c->paced,
            .interface = c->interface,
            .device = c->device,
            .ring_frames = c->ring_frames,
            .mbufs = c->mbufs,
            .workers = c->workers};
        for (unsigned k = 0; k < c->workers; k++)
            d->ring[i][k] = ring_create(RING_SLOTS);
        d->recorded[i].recorder = d->face.recorder;
        rc = worker_start(&port, &pipe, &d->face.clock, d->ring[i], d->ring_fd,
            d->face.recorder == NULL ? NULL : record_frame, &d->recorded[i], &d->face.workers[i],
            err);
        if (rc != WS_OK)
            return ws_fail_in(err, "ports[%zu]", i + 1);
        d->face.n_workers++;
    }
    return rc;
}

static int open_descriptors(struct daemon *d, struct ws_err *err) {
    /* Blocked before any thread starts, so that all of them inherit it and signals only arrive here. */
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    d->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    d->ring_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    d->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (d->signal_fd < 0 || d->ring_fd < 0 || d->epoll < 0)
        return ws_fail(err, WS_EIO, "descriptors: %s", strerror(errno));
    d->face.mailbox = mailbox_new(QUESTIONS_MAX);
    int rc = watch(d, d->signal_fd, err);
    if (rc == WS_OK)
        rc = watch(d, d->ring_fd, err);
    return rc == WS_OK ? watch(d, mailbox_fd(d->face.mailbox), err) : rc;
}

static int open_faces(struct daemon *d, struct ws_err *err) {
    int rc = watch(d, net_fd(d->face.net), err);
    if (rc == WS_OK)
        rc = daemon_open_feedback(d, err);
    if (rc == WS_OK)
        rc = daemon_open_sensors(d, err);
    if (rc == WS_OK && d->face.sensors != NULL)
        rc = watch(d, sensors_fd(d->face.sensors), err);
    if (rc == WS_OK)
        rc = daemon_open_decide(d, err);
    if (rc == WS_OK && d->config.admin != NULL) {
        rc = admin_open(d->config.admin, d->face.genesis->params.tx_octets_max, daemon_order, d,
            &d->admin, err);
        if (rc == WS_OK)
            daemon_allow_feedback(d);
        if (rc == WS_OK)
            rc = watch(d, admin_fd(d->admin), err);
    }
    if (rc == WS_OK && d->config.http != NULL) {
        struct http_config cfg = {.listen = d->config.http,
            .connections = d->config.http_connections,
            .waiting = d->config.http_waiting,
            .octets = d->config.http_octets};
        rc = http_start(&cfg, &d->face, &d->http, err);
    }
    return rc;
}

int daemon_start(struct daemon *d, const char *config_path, struct ws_err *err) {
    (void)prctl(PR_SET_DUMPABLE, 0); /* keys stay out of core dumps and other users' debuggers */
    d->config_path = config_path;
    int rc = config_load(config_path, &d->config, err);
    if (rc != WS_OK)
        return rc;
    enum ws_log_level level = WS_LOG_INFO;
    (void)ws_log_level_from_name(d->config.log_level, &level);
    ws_log_set_level(level);
    d->face.config = &d->config;
    d->face.clock = d->config.clock;
    d->face.admit = &d->admit;
    d->watch_limit = (struct ws_log_limit){.period_us = 60000000, .burst = 200};
    d->face.started_mono_us = ws_clock_now(&d->face.clock).mono_us;
    /* The very check of --check, before anything is opened: both roads say the same words. */
    bool running = false; /* whoever opens the store says so */
    rc = config_check(&d->config, err);
    if (rc == WS_OK)
        rc = daemon_check_disk(&d->config, &running, &d->damaged, err);
    if (rc == WS_OK)
        rc = open_descriptors(d, err);
    if (rc == WS_OK)
        rc = load_keys(d, err);
    if (rc == WS_OK)
        rc = load_cell(d, err);
    if (rc == WS_OK)
        rc = open_store(d, err);
    if (rc == WS_OK)
        rc = daemon_open_guard(d, err);
    if (rc == WS_OK)
        rc = daemon_open_keeper(d, err);
    if (rc == WS_OK)
        rc = daemon_open_links(d, err);
    if (rc == WS_OK)
        rc = daemon_join(d, err);
    if (rc == WS_OK)
        rc = open_logs(d, err);
    if (rc == WS_OK)
        rc = open_node(d, err);
    if (rc == WS_OK)
        daemon_put_peers(d);
    if (rc == WS_OK)
        rc = open_lists(d, err);
    if (rc == WS_OK)
        rc = open_radio(d, err);
    if (rc == WS_OK)
        rc = open_recorder(d, err);
    if (rc == WS_OK)
        rc = open_ports(d, err);
    return rc == WS_OK ? open_faces(d, err) : rc;
}

/* What is on its way to the disk arrives there, and is told while there still is somebody to be told. */
static void finish_jobs(struct daemon *d) {
    if (d->jobs == NULL || d->face.node == NULL)
        return;
    bool more = true;
    while (more) {
        more = false;
        jobs_settle(d->jobs);
        for (struct node_job *job; (job = jobs_take(d->jobs)) != NULL; more = true)
            node_job_done(d->face.node, job, ws_clock_now(&d->face.clock));
    }
}

void daemon_stop(struct daemon *d) {
    finish_jobs(d);
    daemon_write_bundle(d);
    if (d->face.mailbox != NULL)
        mailbox_shut(d->face.mailbox);
    if (d->http != NULL)
        http_stop(d->http);
    keeper_close(d->face.keeper); /* HTTP asks it for its figures */
    daemon_close_decide(d);
    sensors_close(d->face.sensors);
    admin_close(d->admin);
    feedback_desk_close(d->feedback_desk);
    feedback_close(d->face.feedback);
    for (size_t i = 0; i < d->face.n_workers; i++)
        worker_stop(d->face.workers[i]);
    recorder_close(d->face.recorder);
    radio_close(d->face.radio); /* the workers used its hooks */
    for (size_t i = 0; i < (size_t)CONFIG_PORTS_MAX * WORKER_THREADS_MAX; i++) {
        struct ring *r = d->ring[i / WORKER_THREADS_MAX][i % WORKER_THREADS_MAX];
        for (struct pkt_message *m; r != NULL && (m = ring_pop(r)) != NULL;)
            pkt_message_release(m);
        ring_destroy(r);
    }
    for (size_t i = 0; i < d->face.n_workers; i++)
        worker_free(d->face.workers[i]);
    if (d->face.n_workers > 0)
        pktio_stop();
    replay_window_free(d->face.window);
    gossip_free(d->face.gossip);
    plausibility_free(d->face.tracks);
    revocations_free(d->face.lists);
    node_close(d->face.node);
    beaconing_free(d->beaconing);
    daemon_close_learning(d);
    jobs_free(d->jobs);
    cell_close(&d->face.cell);
    share_server_free(d->share);
    if (d->face.net != NULL)
        net_close(d->face.net);
    wal_close(d->wal[0]);
    wal_close(d->wal[1]);
    if (d->face.store != NULL)
        store_close(d->face.store);
    signer_free(d->signer);
    mapset_free(&d->base_map);
    mailbox_free(d->face.mailbox);
    for (size_t i = 0; i < d->admitted.cap; i++)
        free(d->admitted.slot[i].value);
    table_free(&d->admitted);
    buf_free(&d->face.genesis_octets);
    config_free(&d->config);
    for (int fd = 0; fd < 3; fd++) {
        const int own[] = {d->epoll, d->signal_fd, d->ring_fd};
        if (own[fd] > 0)
            (void)close(own[fd]);
    }
}
