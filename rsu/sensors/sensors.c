#include "rsu/sensors/sensors.h"

#include "base/fileio.h"
#include "base/log.h"
#include "base/mem.h"
#include "rsu/host/local_socket.h"
#include "rsu/host/secret.h"
#include "v2x/psid.h"
#include "v2x/sign.h"
#include "v2x/verify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CERT_MAX = 4096,
    HELPING = 16384,
    ANSWERS_MAX = 65536,
    WHO_LISTENER = 0xffff,
    PATIENCE_US = 5000000
};

struct client {
    int fd; /* -1: free */
    bool skipping; /* the rest of a line that was too long */
    uint64_t done_us; /* it has said all, and answers wait: since then, monotonic; 0: not yet */
    struct buf in, out;
};

struct sensor {
    const struct config_sensor *cfg;
    struct sensor_mount mount;
    struct buf cert;
    uint8_t cert_hash[32];
    struct sign_key *key;
    int listener; /* -1: none yet */
    struct client *clients; /* cfg->clients */
    uint64_t tokens, filled_us; /* millionths of a line */
    uint64_t last_its_us; /* of the last message: no two have the same time */
    struct sensor_counters counters;
    struct ws_log_limit complaints;
};

struct sensors {
    const struct cell_frame *frame;
    sensor_submit submit;
    void *ctx;
    int epoll;
    size_t n;
    struct sensor *v;
};

/* ---- certificates ---- */

/* Signs something and checks it: the one proof that key and certificate belong together. */
static bool key_fits(const struct sign_key *key, const struct cert *c) {
    struct verify_item item = {
        .key = verify_key_new(c->key_curve, &c->key), .digest_octets = 32, .r_form = EC_X_ONLY};
    if (item.key == NULL)
        return false;
    sign_digest(key, item.digest, item.r, item.s);
    bool good = verify_one(&item) == VERIFY_GOOD;
    verify_key_unref(item.key);
    return good;
}

static int read_ticket(struct sensor *s, struct cert *c, struct ws_err *err) {
    size_t at = 0;
    struct span ssp = {0};
    int rc = file_read(s->cfg->ticket, CERT_MAX, &s->cert, err);
    if (rc != WS_OK)
        return ws_fail_in(err, "ticket");
    enum coer_fail fail = cert_parse(buf_span(&s->cert), c, &at);
    if (fail != COER_OK)
        return ws_fail(err, WS_EINPUT, "ticket: %s: no certificate: %s at octet %zu",
            s->cfg->ticket, coer_fail_text(fail), at);
    if (c->verify_is_reconstruction || (c->key_curve != CURVE_P256 && c->key_curve != CURVE_BP256))
        return ws_fail(err, WS_EINPUT, "ticket: %s: needs a key of its own on a 256-bit curve",
            s->cfg->ticket);
    if (!cert_app_permission(c, PSID_MAP_OBSERVATION, &ssp, NULL))
        return ws_fail(
            err, WS_EINPUT, "ticket: %s: does not permit observations (PSID 1d)", s->cfg->ticket);
    struct observer_class who = observer_from_ssp(ssp);
    if (who.sensor != SENSOR_ROADSIDE)
        return ws_fail(err, WS_EINPUT,
            "ticket: %s: its class of sensor is %d, and that of a unit's sensors is %d (roadside)",
            s->cfg->ticket, (int)who.sensor, (int)SENSOR_ROADSIDE);
    s->counters.family = who.family;
    cert_hash256(c, s->cert_hash);
    return WS_OK;
}

static int read_identity(struct sensor *s, struct ws_err *err) {
    struct cert c = {0};
    uint8_t scalar[32];
    int rc = read_ticket(s, &c, err);
    if (rc != WS_OK)
        return rc;
    if (secret_read(s->cfg->ticket_key, scalar, err) != WS_OK)
        return ws_fail_in(err, "ticket_key");
    s->key = sign_key_from_octets(c.key_curve, scalar);
    explicit_bzero(scalar, sizeof(scalar));
    if (s->key == NULL || !key_fits(s->key, &c))
        return ws_fail(err, WS_EINPUT, "ticket_key: %s: not the key of %s", s->cfg->ticket_key,
            s->cfg->ticket);
    return WS_OK;
}

/* ---- life ---- */

static struct sensors *make(const struct config_sensor *list, size_t n) {
    struct sensors *s = ws_alloc(sizeof(*s));
    *s = (struct sensors){.epoll = -1, .n = n, .v = ws_calloc(n, sizeof(*s->v))};
    for (size_t i = 0; i < n; i++) {
        const struct config_sensor *c = &list[i];
        s->v[i] = (struct sensor){.cfg = c,
            .mount = {c->lat, c->lon, c->heading, c->half_angle, c->range_mm},
            .listener = -1,
            .clients = ws_calloc(c->clients, sizeof(struct client)),
            .tokens = (uint64_t)c->burst * 1000000,
            .complaints = {.period_us = 60000000, .burst = 5}};
        for (size_t k = 0; k < c->clients; k++)
            s->v[i].clients[k].fd = -1;
    }
    return s;
}

static int read_all(struct sensors *s, struct ws_err *err) {
    for (size_t i = 0; i < s->n; i++) {
        if (read_identity(&s->v[i], err) != WS_OK)
            return ws_fail_in(err, "sensors[%zu]", i + 1);
    }
    return WS_OK;
}

int sensors_check(const struct config_sensor *list, size_t n, struct ws_err *err) {
    struct sensors *s = make(list, n);
    int rc = read_all(s, err);
    sensors_close(s);
    return rc;
}

static int listen_all(struct sensors *s, struct ws_err *err) {
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll < 0)
        return ws_fail(err, WS_EIO, "epoll: %s", strerror(errno));
    for (size_t i = 0; i < s->n; i++) {
        struct sensor *v = &s->v[i];
        struct epoll_event ev = {.events = EPOLLIN, .data.u64 = i << 16 | WHO_LISTENER};
        int rc =
            local_listen(v->cfg->socket, v->cfg->mode, (int)v->cfg->clients, &v->listener, err);
        if (rc == WS_OK && epoll_ctl(s->epoll, EPOLL_CTL_ADD, v->listener, &ev) != 0)
            rc = ws_fail(err, WS_EIO, "epoll: %s", strerror(errno));
        if (rc != WS_OK)
            return ws_fail_in(err, "sensors[%zu].socket", i + 1);
        ws_log(WS_LOG_INFO, "sensors", "%s: software family %u, listening on %s", v->cfg->name,
            (unsigned)v->counters.family, v->cfg->socket);
    }
    return WS_OK;
}

int sensors_open(const struct config_sensor *list, size_t n, const struct cell_frame *frame,
    sensor_submit submit, void *ctx, struct sensors **ret_sensors, struct ws_err *err) {
    struct sensors *s = make(list, n);
    s->frame = frame;
    s->submit = submit;
    s->ctx = ctx;
    int rc = read_all(s, err);
    for (size_t i = 0; i < n && rc == WS_OK; i++) {
        int32_t x = 0;
        int32_t y = 0;
        if (!frame_from_wgs(frame, list[i].lat, list[i].lon, &x, &y))
            rc = ws_fail(
                err, WS_EINPUT, "sensors[%zu].place: outside the frame of the cell's map", i + 1);
    }
    if (rc == WS_OK)
        rc = listen_all(s, err);
    if (rc == WS_OK)
        *ret_sensors = s;
    else
        sensors_close(s);
    return rc;
}

static void drop(struct sensor *v, struct client *c) {
    (void)close(c->fd);
    c->fd = -1;
    c->skipping = false;
    c->done_us = 0;
    buf_free(&c->in);
    buf_free(&c->out);
    v->counters.clients--;
}

void sensors_close(struct sensors *s) {
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n; i++) {
        struct sensor *v = &s->v[i];
        for (size_t k = 0; k < v->cfg->clients; k++)
            if (v->clients[k].fd >= 0)
                drop(v, &v->clients[k]);
        if (v->listener >= 0) {
            (void)close(v->listener);
            (void)unlink(v->cfg->socket);
        }
        free(v->clients);
        sign_key_free(v->key);
        buf_free(&v->cert);
    }
    if (s->epoll >= 0)
        (void)close(s->epoll);
    free(s->v);
    free(s);
}

int sensors_fd(const struct sensors *s) {
    return s->epoll;
}

size_t sensors_count(const struct sensors *s) {
    return s->n;
}

const struct sensor_counters *sensors_counters(const struct sensors *s, size_t i) {
    return &s->v[i].counters;
}

/* ---- a line ---- */

static bool may_speak(struct sensor *v, uint64_t mono_us) {
    const uint64_t full = (uint64_t)v->cfg->burst * 1000000;
    if (v->filled_us == 0 || mono_us < v->filled_us)
        v->filled_us = mono_us;
    uint64_t passed = mono_us - v->filled_us;
    /* Full after so long, whatever the rate: no product below is large. */
    v->tokens += passed > full ? full : passed * v->cfg->rate;
    v->tokens = v->tokens > full ? full : v->tokens;
    v->filled_us = mono_us;
    if (v->tokens < 1000000)
        return false;
    v->tokens -= 1000000;
    return true;
}

/* ret_tx (may be NULL): by which the message can be asked for. */
static enum sensor_outcome sign_and_submit(const struct sensors *s, struct sensor *v,
    const struct observation *o, uint64_t its_us, uint8_t *ret_tx, struct ws_err *err) {
    struct buf payload = {0};
    struct buf spdu = {0};
    observation_put(&payload, o);
    const struct spdu_request rq = {.psid = PSID_MAP_OBSERVATION,
        .generation_time = its_us,
        .has_location = true,
        .lat = v->mount.lat,
        .lon = v->mount.lon,
        .payload = buf_span(&payload)};
    spdu_put_signed(&spdu, &rq, v->key, buf_span(&v->cert));
    struct spdu read;
    size_t at = 0;
    if (ret_tx != NULL && spdu_parse(buf_span(&spdu), &read, &at) == COER_OK)
        spdu_identity(&read, v->cert_hash, ret_tx);
    enum sensor_outcome out =
        s->submit(s->ctx, v->cert_hash, buf_span(&v->cert), buf_span(&spdu), err);
    buf_free(&payload);
    buf_free(&spdu);
    return out;
}

static enum sensor_outcome take_line(const struct sensors *s, struct sensor *v, struct span line,
    struct ws_now now, uint64_t map_version, struct ws_err *err) {
    if (!may_speak(v, now.mono_us)) {
        (void)ws_fail(err, WS_EBUSY, "more than %u a second", (unsigned)v->cfg->rate);
        return SENSOR_TOO_OFTEN;
    }
    struct observation *o = ws_alloc(sizeof(*o));
    /* Two lines of one turn are two messages. */
    uint64_t its_us = now.its_us > v->last_its_us ? now.its_us : v->last_its_us + 1;
    enum sensor_outcome out =
        sensor_line_read(line, &v->mount, s->frame, its_us, map_version, o, err);
    if (out == SENSOR_TAKEN) {
        v->last_its_us = its_us;
        out = sign_and_submit(s, v, o, its_us, NULL, err);
    }
    v->counters.reports += out == SENSOR_TAKEN ? o->n_reports : 0;
    free(o);
    return out;
}

enum sensor_outcome sensors_file(struct sensors *s, size_t i, struct observation *o,
    struct ws_now now, uint64_t map_version, uint8_t ret_tx[static 32], struct ws_err *err) {
    struct sensor *v = &s->v[i];
    enum sensor_outcome out = SENSOR_TOO_OFTEN;
    memset(ret_tx, 0, 32);
    if (may_speak(v, now.mono_us)) {
        o->map_version = map_version;
        o->time = now.its_us > v->last_its_us ? now.its_us : v->last_its_us + 1;
        o->lat = v->mount.lat;
        o->lon = v->mount.lon;
        o->heading = v->mount.heading;
        o->half_angle = v->mount.half_angle;
        o->range_mm = v->mount.range_mm;
        o->occluded = true;
        o->judged = true;
        v->last_its_us = o->time;
        out = sign_and_submit(s, v, o, o->time, ret_tx, err);
    } else {
        (void)ws_fail(err, WS_EBUSY, "more than %u a second", (unsigned)v->cfg->rate);
    }
    v->counters.outcome[out]++;
    v->counters.reports += out == SENSOR_TAKEN ? o->n_reports : 0;
    return out;
}

static void answer(struct sensor *v, struct client *c, enum sensor_outcome o,
    const struct ws_err *err, struct ws_now now) {
    v->counters.outcome[o]++;
    if (o != SENSOR_TAKEN && o != SENSOR_KNOWN && o != SENSOR_TOO_OFTEN)
        ws_log_limited(&v->complaints, now.mono_us, WS_LOG_WARN, "sensors", "%s: %s: %s",
            v->cfg->name, sensor_outcome_name(o), err->text);
    if (c->out.n > ANSWERS_MAX) {
        v->counters.unread_answers++;
        return;
    }
    buf_printf(&c->out, "{\"outcome\": \"%s\"", sensor_outcome_name(o));
    if (o != SENSOR_TAKEN) {
        buf_printf(&c->out, ", \"why\": \"");
        for (const char *p = err->text; *p != '\0'; p++)
            buf_u8(
                &c->out, *p == '"' || *p == '\\' || (unsigned char)*p < ' ' ? '\'' : (uint8_t)*p);
        buf_printf(&c->out, "\"");
    }
    buf_printf(&c->out, "}\n");
}

/* All whole lines of what has come in; what is left begins one. */
static void take_lines(const struct sensors *s, struct sensor *v, struct client *c,
    struct ws_now now, uint64_t map_version) {
    size_t at = 0;
    for (;;) {
        const uint8_t *from = c->in.p + at;
        const uint8_t *end = c->in.n > at ? memchr(from, '\n', c->in.n - at) : NULL;
        struct ws_err err = {0};
        if (end == NULL)
            break;
        size_t n = (size_t)(end - from);
        at += n + 1;
        while (n > 0 && (from[n - 1] == '\r' || from[n - 1] == ' '))
            n--;
        bool rest = c->skipping;
        c->skipping = false;
        if (rest || n == 0)
            continue; /* it was answered when it grew too long; an empty line says nothing */
        enum sensor_outcome o = SENSOR_TOO_LONG;
        if (n <= v->cfg->line_octets)
            o = take_line(s, v, span_of(from, n), now, map_version, &err);
        else
            (void)ws_fail(&err, WS_ELIMIT, "%zu octets", n);
        answer(v, c, o, &err, now);
    }
    memmove(c->in.p, c->in.p + at, c->in.n - at);
    c->in.n -= at;
    if (c->in.n > v->cfg->line_octets) {
        struct ws_err err = {0};
        (void)ws_fail(&err, WS_ELIMIT, "more than %zu octets", v->cfg->line_octets);
        if (!c->skipping)
            answer(v, c, SENSOR_TOO_LONG, &err, now);
        c->skipping = true;
    }
    if (c->skipping)
        buf_clear(&c->in);
}

/* ---- connections ---- */

static void flush(struct client *c) {
    if (c->out.n == 0)
        return;
    ssize_t n = send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n <= 0)
        return;
    memmove(c->out.p, c->out.p + n, c->out.n - (size_t)n);
    c->out.n -= (size_t)n;
}

static void hear(const struct sensors *s, struct sensor *v, struct client *c, struct ws_now now,
    uint64_t map_version) {
    uint8_t chunk[HELPING];
    ssize_t got = recv(c->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got > 0) {
        buf_put(&c->in, chunk, (size_t)got);
        take_lines(s, v, c, now, map_version);
        flush(c);
        return;
    }
    if (c->in.n > 0) {
        struct ws_err err = {0};
        (void)ws_fail(&err, WS_EINPUT, "%zu octets without an end of line", c->in.n);
        answer(v, c, SENSOR_CUT_OFF, &err, now);
    }
    flush(c);
    if (c->out.n == 0) {
        drop(v, c);
        return;
    }
    (void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, c->fd, NULL);
    c->done_us = now.mono_us > 0 ? now.mono_us : 1;
}

/* Answers that found no room, and who has only waited for them. */
static void settle(struct sensor *v, uint64_t mono_us) {
    for (size_t k = 0; v->counters.clients > 0 && k < v->cfg->clients; k++) {
        struct client *c = &v->clients[k];
        if (c->fd < 0)
            continue;
        flush(c);
        if (c->done_us != 0 && (c->out.n == 0 || mono_us - c->done_us > PATIENCE_US))
            drop(v, c);
    }
}

static void welcome(const struct sensors *s, struct sensor *v, size_t number) {
    int fd = accept4(v->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    size_t at = 0;
    while (at < v->cfg->clients && v->clients[at].fd >= 0)
        at++;
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = number << 16 | at};
    if (at == v->cfg->clients || epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev) != 0) {
        v->counters.refused_clients++;
        (void)close(fd);
        return;
    }
    v->clients[at] = (struct client){.fd = fd};
    v->counters.clients++;
}

void sensors_serve(struct sensors *s, struct ws_now now, uint64_t map_version) {
    struct epoll_event ev[16];
    int n = epoll_wait(s->epoll, ev, ARRAY_LEN(ev), 0);
    for (int i = 0; i < n; i++) {
        size_t number = (size_t)(ev[i].data.u64 >> 16);
        size_t who = (size_t)(ev[i].data.u64 & 0xffff);
        struct sensor *v = &s->v[number];
        if (who == WHO_LISTENER)
            welcome(s, v, number);
        else if (v->clients[who].fd >= 0)
            hear(s, v, &v->clients[who], now, map_version);
    }
    for (size_t i = 0; i < s->n; i++)
        settle(&s->v[i], now.mono_us);
}
