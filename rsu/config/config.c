/* Values of the configuration: defaults, ranges, times, paths. */
#include "rsu/config/config.h"

#include "base/fileio.h"
#include "base/log.h"
#include "base/mem.h"
#include "rsu/config/internal.h"
#include "rsu/config/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static char *copy(const char *s) {
    return s == NULL ? NULL : ws_strdup(s);
}

char *config_resolve(const struct config_job *j, const char *name) {
    const char *slash = strrchr(j->path, '/');
    if (name == NULL || name[0] == '/' || slash == NULL)
        return copy(name);
    struct buf b = {0};
    buf_printf(&b, "%.*s%s", (int)(slash - j->path + 1), j->path, name);
    buf_u8(&b, 0);
    return (char *)b.p;
}

int config_number(const struct config_job *j, const char *group, const char *key, const char *text,
    uint64_t lo, uint64_t hi, uint64_t *ret) {
    if (text == NULL || value_u64(text, lo, hi, ret))
        return WS_OK;
    return ws_fail(j->err, WS_EINPUT, "%s: %s%s: '%.40s' is not a number from %llu to %llu",
        j->path, group, key, text, (unsigned long long)lo, (unsigned long long)hi);
}

static int power_of_two(const struct config_job *j, const char *key, uint64_t v) {
    if ((v & (v - 1)) == 0)
        return WS_OK;
    return ws_fail(j->err, WS_EINPUT, "%s: %s: %llu is not a power of two", j->path, key,
        (unsigned long long)v);
}

static int take_numbers(const struct config_job *j, const struct yaml_file *f) {
    static const struct yaml_pipeline no_pipeline;
    static const struct yaml_node no_node;
    static const struct yaml_links no_links;
    const struct yaml_links *l = f->links == NULL ? &no_links : f->links;
    static const struct yaml_radio no_radio;
    static const struct yaml_plausibility no_plausibility;
    const struct yaml_plausibility *q =
        f->plausibility == NULL ? &no_plausibility : f->plausibility;
    static const struct yaml_gossip no_gossip;
    static const struct yaml_lists no_lists;
    const struct yaml_lists *s = f->lists == NULL ? &no_lists : f->lists;
    const struct yaml_gossip *g = f->gossip == NULL ? &no_gossip : f->gossip;
    static const struct yaml_learning no_learning;
    const struct yaml_learning *e = f->learning == NULL ? &no_learning : f->learning;
    static const struct yaml_disk no_disk;
    const struct yaml_disk *k = f->disk == NULL ? &no_disk : f->disk;
    static const struct yaml_record no_record;
    const struct yaml_record *d = f->record == NULL ? &no_record : f->record;
    const struct yaml_radio *r = f->radio == NULL ? &no_radio : f->radio;
    const struct yaml_pipeline *p = f->pipeline == NULL ? &no_pipeline : f->pipeline;
    const struct yaml_node *n = f->node == NULL ? &no_node : f->node;
    struct config *c = j->c;
    int rc = WS_OK;
    uint64_t v;
    c->node = node_limits_default(); /* not all of it is a key */
#define TAKE(group, from, to, key, lo, hi, usual, times, field)                                    \
    v = usual;                                                                                     \
    if (rc == WS_OK)                                                                               \
        rc = config_number(j, group, #key, (from)->key, lo, hi, &v);                               \
    (to)->field = (__typeof__((to)->field))(v * (times));
#define X(...) TAKE("pipeline.", p, &c->pipeline, __VA_ARGS__)
    CONFIG_PIPELINE(X)
#undef X
#define X(...) TAKE("node.", n, &c->node, __VA_ARGS__)
    CONFIG_NODE(X)
#undef X
#define X(...) TAKE("links.", l, &c->links, __VA_ARGS__)
    CONFIG_LINKS(X)
#undef X
#define X(...) TAKE("radio.", r, &c->radio, __VA_ARGS__)
    CONFIG_RADIO(X)
#undef X
#define X(...) TAKE("plausibility.", q, &c->plausibility, __VA_ARGS__)
    CONFIG_PLAUSIBILITY(X)
#undef X
#define X(...) TAKE("gossip.", g, &c->gossip, __VA_ARGS__)
    CONFIG_GOSSIP(X)
#undef X
#define X(...) TAKE("learning.", e, &c->learning, __VA_ARGS__)
    CONFIG_LEARNING(X)
#undef X
#define X(...) TAKE("lists.", s, &c->lists, __VA_ARGS__)
    CONFIG_LISTS(X)
#undef X
#define X(...) TAKE("record.", d, &c->record, __VA_ARGS__)
    CONFIG_RECORD(X)
#undef X
#define X(...) TAKE("disk.", k, &c->disk, __VA_ARGS__)
    CONFIG_DISK(X)
#undef X
#define X(...) TAKE("", f, c, __VA_ARGS__)
    CONFIG_TOP(X)
#undef X
#undef TAKE
    if (rc == WS_OK && c->record.total_octets < c->record.file_octets)
        rc =
            ws_fail(j->err, WS_EINPUT, "%s: record.total_mb: smaller than record.file_mb", j->path);
    if (rc == WS_OK)
        rc = power_of_two(j, "pipeline.source_slots", c->pipeline.source_slots);
    if (rc == WS_OK)
        rc = power_of_two(j, "pipeline.message_pool", c->pipeline.message_pool);
    if (rc == WS_OK)
        rc = power_of_two(j, "plausibility.tracks", c->plausibility.tracks);
    if (rc != WS_OK || p->verify == NULL)
        return rc;
    if (!verify_backend_usable(*p->verify))
        return ws_fail(j->err, WS_EINPUT, "%s: pipeline.verify: this machine cannot run '%s'",
            j->path, verify_backend_name(*p->verify));
    c->pipeline.backend = *p->verify;
    c->node.verify_backend = *p->verify;
    return WS_OK;
}

static int take_clock(const struct config_job *j, const struct yaml_clock *y) {
    struct ws_clock *c = &j->c->clock;
    *c = (struct ws_clock){.kind = WS_CLOCK_SYSTEM};
    if (y == NULL)
        return WS_OK;
    c->kind = y->kind;
    if (y->kind == WS_CLOCK_SYSTEM) {
        if (y->epoch == NULL && y->start_mono_us == NULL && y->rate == NULL)
            return WS_OK;
        return ws_fail(j->err, WS_EINPUT,
            "%s: clock: epoch, start_mono_us and rate belong to kind: scaled", j->path);
    }
    if (y->epoch == NULL || y->start_mono_us == NULL || y->rate == NULL)
        return ws_fail(j->err, WS_EINPUT,
            "%s: clock: kind: scaled needs epoch, start_mono_us and rate", j->path);
    if (!value_time(y->epoch, &c->epoch_its_us))
        return ws_fail(j->err, WS_EINPUT,
            "%s: clock.epoch: '%.40s' is neither a time like 2026-11-21T09:30:00Z nor microseconds "
            "since "
            "2004",
            j->path, y->epoch);
    if (!value_ppm(y->rate, &c->rate_ppm))
        return ws_fail(j->err, WS_EINPUT,
            "%s: clock.rate: '%.40s' is not a number from 0.001 to 1000", j->path, y->rate);
    return config_number(
        j, "clock.", "start_mono_us", y->start_mono_us, 0, UINT64_C(1) << 60, &c->start_mono_us);
}

static int take_peers(const struct config_job *j, const struct yaml_file *f) {
    struct config *c = j->c;
    for (size_t i = 0; i < f->peers_count; i++) {
        const struct yaml_peer *p = &f->peers[i];
        struct config_peer *to = &c->peers[c->n_peers++];
        to->address = copy(p->address);
        to->endpoint = copy(p->endpoint);
        uint8_t address[32];
        if (!hex_decode(address, sizeof(address), p->address))
            return ws_fail(j->err, WS_EINPUT,
                "%s: peers[%zu].address: '%.70s' is not 64 hex digits", j->path, i + 1, p->address);
        hex_encode(to->address, address, sizeof(address)); /* lower case, as everywhere */
        if (!value_endpoint(p->endpoint, false))
            return ws_fail(j->err, WS_EINPUT,
                "%s: peers[%zu].endpoint: '%.100s' is not tcp://HOST:PORT", j->path, i + 1,
                p->endpoint);
        to->has_key = p->key != NULL;
        if (to->has_key && !hex_decode(to->key, sizeof(to->key), p->key))
            return ws_fail(j->err, WS_EINPUT, "%s: peers[%zu].key: '%.70s' is not 64 hex digits",
                j->path, i + 1, p->key);
        for (size_t k = 0; k < i; k++) {
            if (strcmp(c->peers[k].address, to->address) == 0)
                return ws_fail(j->err, WS_EINPUT, "%s: peers[%zu].address: same as in peers[%zu]",
                    j->path, i + 1, k + 1);
        }
    }
    return WS_OK;
}

static int take_followers(const struct config_job *j, const struct yaml_file *f) {
    struct config *c = j->c;
    for (size_t i = 0; i < f->followers_count; i++) {
        const struct yaml_follower *y = &f->followers[i];
        struct config_follower *to = &c->followers[c->n_followers++];
        to->endpoint = copy(y->endpoint);
        if (!hex_decode(to->key, sizeof(to->key), y->key))
            return ws_fail(j->err, WS_EINPUT,
                "%s: followers[%zu].key: '%.70s' is not 64 hex digits", j->path, i + 1, y->key);
        if (!value_endpoint(y->endpoint, false))
            return ws_fail(j->err, WS_EINPUT,
                "%s: followers[%zu].endpoint: '%.100s' is not tcp://HOST:PORT", j->path, i + 1,
                y->endpoint);
        for (size_t k = 0; k < i; k++) {
            if (memcmp(c->followers[k].key, to->key, sizeof(to->key)) == 0)
                return ws_fail(j->err, WS_EINPUT,
                    "%s: followers[%zu].key: same as in followers[%zu]", j->path, i + 1, k + 1);
        }
    }
    return WS_OK;
}

static int take_radio(const struct config_job *j, const struct yaml_file *f) {
    const struct yaml_radio *y = f->radio;
    struct config_radio *r = &j->c->radio;
    if (y == NULL)
        return WS_OK;
    r->ticket = config_resolve(j, y->ticket);
    r->issuer = config_resolve(j, y->issuer);
    r->ticket_key = config_resolve(j, y->ticket_key);
    if (!value_place(y->place, &r->lat, &r->lon))
        return ws_fail(j->err, WS_EINPUT,
            "%s: radio.place: '%.60s' is not a place like 48.7651234,11.4231234", j->path,
            y->place);
    if (r->port > j->c->n_ports)
        return ws_fail(
            j->err, WS_EINPUT, "%s: radio.port: there is no ports[%zu]", j->path, r->port);
    if (j->c->ports[r->port - 1].kind == PORT_CAPTURE)
        return ws_fail(j->err, WS_EINPUT,
            "%s: radio.port: ports[%zu] is a capture, which sends nothing", j->path, r->port);
    return WS_OK;
}

/* Where nothing is said, the antenna stands where the sending one does. */
static int take_antenna(const struct config_job *j, const struct yaml_file *f) {
    struct plausibility_config *p = &j->c->plausibility;
    const char *place = f->plausibility == NULL ? NULL : f->plausibility->place;
    p->has_place = place != NULL || f->radio != NULL;
    p->lat = j->c->radio.lat;
    p->lon = j->c->radio.lon;
    if (place == NULL || value_place(place, &p->lat, &p->lon))
        return WS_OK;
    return ws_fail(j->err, WS_EINPUT,
        "%s: plausibility.place: '%.60s' is not a place like 48.7651234,11.4231234", j->path,
        place);
}

static int take_learning(const struct config_job *j, const struct yaml_learning *y) {
    struct config_learning *l = &j->c->learning;
    if (y == NULL || y->upload == NULL)
        return WS_OK;
    l->upload = copy(y->upload);
    if (!value_listen(y->upload))
        return ws_fail(j->err, WS_EINPUT, "%s: learning.upload: '%.100s' is not ADDRESS:PORT",
            j->path, y->upload);
    if (j->c->key == NULL)
        return ws_fail(j->err, WS_EINPUT,
            "%s: learning.upload: receipts are a validator's word, and this unit has no key",
            j->path);
    return WS_OK;
}

static int take_places(const struct config_job *j, const struct yaml_file *f) {
    struct config *c = j->c;
    c->genesis = config_resolve(j, f->genesis);
    c->map = config_resolve(j, f->map);
    c->key = config_resolve(j, f->key);
    c->curve_key = config_resolve(j, f->curve_key);
    c->data = config_resolve(j, f->data);
    c->bind = copy(f->bind);
    c->sign_counter = f->sign_counter == NULL ? NULL : copy(f->sign_counter);
    if (c->sign_counter != NULL && strncmp(c->sign_counter, "file:/", 6) != 0 &&
        strncmp(c->sign_counter, "command:/", 9) != 0)
        return ws_fail(j->err, WS_EINPUT,
            "%s: sign_counter: '%.100s' is neither file:/PATH nor command:/PATH", j->path,
            c->sign_counter);
    c->admin = config_resolve(j, f->admin);
    c->revocations = config_resolve(j, f->revocations);
    c->list_manager = config_resolve(j, f->list_manager);
    int rc = take_learning(j, f->learning);
    if (rc != WS_OK)
        return rc;
    c->record.folder = f->record == NULL ? NULL : config_resolve(j, f->record->folder);
    if (c->list_manager != NULL && c->revocations == NULL)
        return ws_fail(
            j->err, WS_EINPUT, "%s: list_manager: of no use without revocations", j->path);
    if (!value_endpoint(f->bind, true))
        return ws_fail(
            j->err, WS_EINPUT, "%s: bind: '%.100s' is not tcp://ADDRESS:PORT", j->path, f->bind);
    const size_t socket_max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
    if (c->admin != NULL && strlen(c->admin) > socket_max)
        return ws_fail(j->err, WS_EINPUT,
            "%s: admin: '%s' is longer than the %zu octets of a "
            "socket's path",
            j->path, c->admin, socket_max);
    if (f->http == NULL)
        return WS_OK;
    static const char prefix[] = "unix:";
    const size_t skip = sizeof(prefix) - 1;
    if (strncmp(f->http, prefix, skip) != 0) {
        c->http = copy(f->http);
        if (value_listen(f->http))
            return WS_OK;
        return ws_fail(j->err, WS_EINPUT,
            "%s: http: '%.100s' is neither ADDRESS:PORT nor unix:PATH", j->path, f->http);
    }
    char *at = config_resolve(j, f->http + skip);
    struct buf b = {0};
    buf_printf(&b, "%s%s", prefix, at);
    buf_u8(&b, 0);
    c->http = (char *)b.p;
    bool fits = f->http[skip] != '\0' && strlen(at) <= socket_max;
    free(at);
    if (fits)
        return WS_OK;
    return ws_fail(j->err, WS_EINPUT, "%s: http: the path of '%s' has not 1 to %zu octets", j->path,
        c->http, socket_max);
}

/* Keys and values go into messages as they are in the file: no escape sequence of a terminal among them. */
static void clean(struct ws_err *err) {
    for (char *p = err == NULL ? NULL : err->text; p != NULL && *p != '\0'; p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    }
}

int config_parse(
    const char *path, struct span text, struct config *ret_config, struct ws_err *err) {
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    struct yaml_file *f = NULL;
    *ret_config = (struct config){0};
    int rc = config_yaml_load(path, text, &f, err);
    if (rc != WS_OK) {
        clean(err);
        return rc;
    }
    struct config_job j = {path, ret_config, err};
    ret_config->log_level = ws_strdup(levels[f->log_level == NULL ? WS_LOG_INFO : *f->log_level]);
    rc = take_places(&j, f);
    if (rc == WS_OK)
        rc = take_numbers(&j, f);
    if (rc == WS_OK)
        rc = take_clock(&j, f->clock);
    if (rc == WS_OK)
        rc = take_peers(&j, f);
    if (rc == WS_OK)
        rc = take_followers(&j, f);
    for (size_t i = 0; i < f->ports_count && rc == WS_OK; i++) {
        ret_config->n_ports = i + 1;
        rc = config_take_port(&j, i, &f->ports[i]);
    }
    if (rc == WS_OK)
        rc = take_radio(&j, f);
    if (rc == WS_OK)
        rc = take_antenna(&j, f);
    for (size_t i = 0; i < f->sensors_count && rc == WS_OK; i++) {
        ret_config->n_sensors = i + 1;
        rc = config_take_sensor(&j, i, &f->sensors[i]);
    }
    if (rc == WS_OK)
        rc = config_take_decide(&j, f->decide);
    config_yaml_free(f);
    if (rc != WS_OK) {
        clean(err);
        config_free(ret_config);
    }
    return rc;
}

int config_load(const char *path, struct config *ret_config, struct ws_err *err) {
    struct buf b = {0};
    *ret_config = (struct config){0};
    int rc = file_read(path, CONFIG_FILE_MAX, &b, err);
    if (rc == WS_OK)
        rc = config_parse(path, buf_span(&b), ret_config, err);
    buf_free(&b);
    return rc;
}

void config_free(struct config *c) {
    for (size_t i = 0; i < c->n_peers; i++) {
        free(c->peers[i].address);
        free(c->peers[i].endpoint);
    }
    for (size_t i = 0; i < c->n_followers; i++)
        free(c->followers[i].endpoint);
    for (size_t i = 0; i < c->n_ports; i++) {
        for (size_t k = 0; k < c->ports[i].n_captures; k++)
            free(c->ports[i].captures[k]);
        free((void *)c->ports[i].captures);
        free(c->ports[i].interface);
        free(c->ports[i].device);
    }
    for (size_t i = 0; i < c->n_sensors; i++) {
        free(c->sensors[i].name);
        free(c->sensors[i].socket);
        free(c->sensors[i].ticket);
        free(c->sensors[i].ticket_key);
    }
    char *const own[] = {c->genesis, c->map, c->key, c->curve_key, c->data, c->bind, c->http,
        c->admin, c->revocations, c->list_manager, c->log_level, c->radio.ticket, c->radio.issuer,
        c->radio.ticket_key, c->record.folder, c->sign_counter, c->learning.upload,
        c->decide.sensor, c->decide.class_name, c->decide.site};
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        free(own[i]);
    *c = (struct config){0};
}
