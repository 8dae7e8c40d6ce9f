/* rsuctl sensor send: what a sensor's software does, by hand: to try a socket, a mounting, a certificate. */
#include "base/fileio.h"
#include "base/mem.h"
#include "rsu/ctl/ctl.h"
#include "rsu/host/local_socket.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FILE_MAX = 64 << 20, PATIENCE_MS = 10000 };

struct talk {
    int fd;
    struct buf out; /* lines to send */
    size_t sent;
    struct buf in; /* answers that are not whole yet */
    size_t taken, not_taken;
    bool json;
};

/* Answers one by one; false: one of them is none. */
static bool tell_answers(struct talk *t) {
    for (;;) {
        const uint8_t *end = t->in.n == 0 ? NULL : memchr(t->in.p, '\n', t->in.n);
        if (end == NULL)
            return true;
        size_t n = (size_t)(end - t->in.p);
        json_t *o = json_loadb((const char *)t->in.p, n, 0, NULL);
        const char *outcome = json_string_value(json_object_get(o, "outcome"));
        const char *why = json_string_value(json_object_get(o, "why"));
        if (outcome == NULL) {
            json_decref(o);
            return false;
        }
        bool good = strcmp(outcome, "taken") == 0 || strcmp(outcome, "known") == 0;
        t->taken += good;
        t->not_taken += !good;
        if (t->json)
            (void)printf("%.*s\n", (int)n, (const char *)t->in.p);
        else
            (void)printf("%s%s%s\n", outcome, why == NULL ? "" : ": ", why == NULL ? "" : why);
        json_decref(o);
        memmove(t->in.p, end + 1, t->in.n - n - 1);
        t->in.n -= n + 1;
    }
}

/* Sends and hears by turns, so that neither side waits for the other. */
static int converse(struct talk *t, const char *path, struct ws_err *err) {
    for (;;) {
        bool more = t->sent < t->out.n;
        struct pollfd p = {.fd = t->fd, .events = (short)(POLLIN | (more ? POLLOUT : 0))};
        uint8_t chunk[16384];
        int n = poll(&p, 1, PATIENCE_MS);
        if (n == 0)
            return ws_fail(err, WS_EIO, "%s: no answer", path);
        if (n < 0 && errno != EINTR)
            return ws_fail(err, WS_EIO, "%s: %s", path, strerror(errno));
        if ((p.revents & POLLOUT) != 0) {
            ssize_t put =
                send(t->fd, t->out.p + t->sent, t->out.n - t->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (put < 0 && errno != EAGAIN)
                return ws_fail(err, WS_EIO, "%s: %s", path, strerror(errno));
            t->sent += put > 0 ? (size_t)put : 0;
            if (t->sent == t->out.n)
                (void)shutdown(t->fd, SHUT_WR);
        }
        if ((p.revents & (POLLIN | POLLHUP)) == 0)
            continue;
        ssize_t got = recv(t->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
        if (got < 0 && errno != EAGAIN)
            return ws_fail(err, WS_EIO, "%s: %s", path, strerror(errno));
        if (got == 0)
            return t->sent == t->out.n && t->in.n == 0
                       ? WS_OK
                       : ws_fail(
                             err, WS_EIO, "%s: closed; too many connections, or it stops", path);
        buf_put(&t->in, chunk, got > 0 ? (size_t)got : 0);
        if (!tell_answers(t))
            return ws_fail(err, WS_EIO, "%s: an answer that is none: no sensor's socket?", path);
    }
}

static int read_input(const char *file, struct buf *ret, struct ws_err *err) {
    return file_read(file == NULL ? "/dev/stdin" : file, FILE_MAX, ret, err);
}

static int run_send(const struct ctl_verb *v, int argc, char **argv) {
    const char *path = NULL;
    struct ctl_list words = {0};
    struct talk t = {.fd = -1};
    const struct ctl_option options[] = {
        {"socket", CTL_TEXT, (void *)&path, 0, 0},
        {"json", CTL_FLAG, &t.json, 0, 0},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 0, 1, &code))
        return code;
    if (path == NULL)
        return ctl_misuse(v, "--socket is needed");
    struct ws_err err = {0};
    int rc = read_input(words.n == 0 ? NULL : words.v[0], &t.out, &err);
    if (rc == WS_OK && t.out.n > 0 && t.out.p[t.out.n - 1] != '\n')
        buf_u8(&t.out, '\n');
    if (rc == WS_OK && t.out.n == 0)
        rc = ws_fail(&err, WS_EINPUT, "nothing to send");
    if (rc == WS_OK)
        rc = local_connect(path, &t.fd, &err);
    if (rc == WS_OK)
        rc = converse(&t, path, &err);
    if (t.fd >= 0)
        (void)close(t.fd);
    buf_free(&t.out);
    buf_free(&t.in);
    if (rc != WS_OK)
        return ctl_fail(v, CTL_UNREACHABLE, &err);
    return t.not_taken == 0 && t.taken > 0 ? CTL_DONE : CTL_NO;
}

const struct ctl_verb ctl_sensor_send = {"sensor", "send",
    "say to a unit what one of its sensors sees",
    "--socket SOCKET [FILE] [options]\n"
    "\n"
    "Sends the lines of FILE (standard input unless given) into the socket of one of the unit's "
    "sensors, as the\n"
    "sensor's own software would, and prints what became of each. A line is a JSON object:\n"
    "\n"
    "  {\"age_ms\": 40, \"detections\": [\n"
    "    {\"report\": \"detected\", \"kind\": \"sign\", \"lat\": 48.7601, \"lon\": 11.4150, "
    "\"sigma_mm\": 200, \"value\": 30},\n"
    "    {\"report\": \"not_detected\", \"kind\": \"sign\", \"element\": \"ID\"}]}\n"
    "\n"
    "(in one line). Place, view, class and software family of the sensor are the unit's "
    "configuration and the\n"
    "sensor's certificate. Exit code 1: a line was not taken.\n"
    "\n"
    "  --socket SOCKET  as `sensors[N].socket` in the unit's configuration\n"
    "  --json           print the answers as they come, a JSON object each\n",
    run_send};
