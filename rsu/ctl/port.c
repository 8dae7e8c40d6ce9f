/* rsuctl port list, port stop, port start: through the admin socket of one unit. */
#include "rsu/ctl/ctl.h"
#include "rsu/ctl/http.h"
#include "rsu/host/admin.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOKS = 100, LOOK_US = 100000 };

/* The answer behind "ok "; CTL_DONE, or what was said on standard error. */
static int ask(const struct ctl_verb *v, const char *admin, const char *order, struct buf *ret) {
    struct buf line = {0};
    struct ws_err err = {0};
    int code = CTL_DONE;
    if (admin_send(admin, span_of(order, strlen(order)), &line, &err) != WS_OK) {
        code = ctl_fail(v, CTL_UNREACHABLE, &err);
    } else if (line.n < 3 || memcmp(line.p, "ok ", 3) != 0) {
        buf_u8(&line, 0);
        const char *text = (const char *)line.p;
        (void)ws_fail(&err, WS_EINPUT, "%s", strncmp(text, "no ", 3) == 0 ? text + 3 : text);
        code = ctl_fail(v, CTL_NO, &err);
    } else {
        buf_put(ret, line.p + 3, line.n - 3);
    }
    buf_free(&line);
    return code;
}

static int ask_list(const struct ctl_verb *v, const char *admin, json_t **ret) {
    struct buf b = {0};
    int code = ask(v, admin, "port list", &b);
    *ret = code == CTL_DONE ? json_loadb((const char *)b.p, b.n, 0, NULL) : NULL;
    buf_free(&b);
    if (code == CTL_DONE && !json_is_array(*ret)) {
        struct ws_err err = {0};
        (void)ws_fail(&err, WS_EIO, "the unit's answer is not a list");
        json_decref(*ret);
        *ret = NULL;
        code = ctl_fail(v, CTL_UNREACHABLE, &err);
    }
    return code;
}

static void put_port(const json_t *p, struct buf *b) {
    const char *trouble = ctl_json_text(p, "trouble");
    const char *name = ctl_json_text(p, "interface");
    buf_printf(b, "%lld %-9s %-15s %-8s %lld worker%s, %lld frames%s%s\n",
        ctl_json_number(p, "port"), ctl_json_text(p, "kind"), name[0] == '\0' ? "-" : name,
        ctl_json_text(p, "state"), ctl_json_number(p, "workers"),
        ctl_json_number(p, "workers") == 1 ? "" : "s", ctl_json_number(p, "frames"),
        trouble[0] == '\0' ? "" : "; ", trouble);
}

static int run_list(const struct ctl_verb *v, int argc, char **argv) {
    const char *admin = NULL;
    bool json = false;
    const struct ctl_option options[] = {
        {"admin", CTL_TEXT, (void *)&admin, 0, 0},
        {"json", CTL_FLAG, &json, 0, 0},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), NULL, 0, 0, &code))
        return code;
    if (admin == NULL)
        return ctl_misuse(v, "--admin is needed");
    json_t *all = NULL;
    code = ask_list(v, admin, &all);
    if (code != CTL_DONE)
        return code;
    if (json) {
        code = ctl_print_json(v, all);
    } else {
        struct buf b = {0};
        size_t i;
        json_t *p;
        json_array_foreach(all, i, p) put_port(p, &b);
        code = ctl_print(v, buf_span(&b));
        buf_free(&b);
    }
    json_decref(all);
    return code;
}

const struct ctl_verb ctl_port_list = {"port", "list", "the ports of a unit and their state",
    "--admin SOCKET [--json]\n"
    "\n"
    "Ports are numbered from 0, as in the metrics; messages about the configuration call the first "
    "one ports[1].\n"
    "\n"
    "  --admin SOCKET   of the unit, as `admin` in its configuration\n"
    "  --json           print JSON\n",
    run_list};

/* ---- stop and start ---- */

/* The order is carried out soon; ten seconds are patience enough. */
static int wait_for(
    const struct ctl_verb *v, const char *admin, size_t port, bool start, struct buf *ret_text) {
    for (unsigned i = 0; i < LOOKS; i++) {
        json_t *all = NULL;
        int code = ask_list(v, admin, &all);
        if (code != CTL_DONE)
            return code;
        const json_t *p = json_array_get(all, port);
        const char *state = ctl_json_text(p, "state");
        bool done = (strcmp(state, "stopped") == 0) != start;
        bool lost = strcmp(state, "lost") == 0;
        buf_clear(ret_text);
        put_port(p, ret_text);
        json_decref(all);
        if (done)
            return start && lost ? CTL_NO : CTL_DONE;
        (void)usleep(LOOK_US);
    }
    return CTL_NO;
}

static int run_order(const struct ctl_verb *v, int argc, char **argv, bool start) {
    const char *admin = NULL;
    struct ctl_list words = {0};
    const struct ctl_option options[] = {{"admin", CTL_TEXT, (void *)&admin, 0, 0}};
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 1, 1, &code))
        return code;
    if (admin == NULL)
        return ctl_misuse(v, "--admin is needed");
    struct buf order = {0};
    struct buf text = {0};
    buf_printf(&order, "port %s %.40s", start ? "start" : "stop", words.v[0]);
    buf_u8(&order, 0);
    code = ask(v, admin, (const char *)order.p, &text);
    if (code == CTL_DONE) {
        buf_u8(&text, 0);
        size_t port = strtoul((const char *)text.p, NULL, 10);
        code = wait_for(v, admin, port, start, &text);
        if (code != CTL_UNREACHABLE && ctl_print(v, buf_span(&text)) != CTL_DONE)
            code = CTL_UNREACHABLE;
    }
    buf_free(&order);
    buf_free(&text);
    return code;
}

static int run_stop(const struct ctl_verb *v, int argc, char **argv) {
    return run_order(v, argc, argv, false);
}

static int run_start(const struct ctl_verb *v, int argc, char **argv) {
    return run_order(v, argc, argv, true);
}

const struct ctl_verb ctl_port_stop = {"port", "stop", "close a port of a running unit",
    "PORT --admin SOCKET\n"
    "\n"
    "The rest of the unit goes on. PORT is the number that `port list` gives, from 0, or the name "
    "of the\ninterface. A capture cannot be stopped.\n"
    "\n"
    "  --admin SOCKET   of the unit, as `admin` in its configuration\n",
    run_stop};

const struct ctl_verb ctl_port_start = {"port", "start", "open a port again that was stopped",
    "PORT --admin SOCKET\n"
    "\n"
    "PORT is the number that `port list` gives, from 0, or the name of the interface.\n"
    "Exit code 1: it cannot be opened for the time being; the unit goes on trying.\n"
    "\n"
    "  --admin SOCKET   of the unit, as `admin` in its configuration\n",
    run_start};
