/* rsud: one roadside unit. Options, start, loop, stop; exit codes 0 done, 1 --check says no, 2 usage, 3 cannot
 * start or had to stop. */
#include "rsu/daemon/rsud_internal.h"

#include "base/log.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: rsud --config FILE [--check]\n"
    "\n"
    "Runs one roadside unit of a cell: packet path, ledger, map service and HTTP face.\n"
    "\n"
    "  --config FILE   YAML configuration (see rsud.yaml(5))\n"
    "  --check         check the configuration and what it names, change nothing, say what is "
    "wrong\n"
    "  --version       print the version\n"
    "  --help          print this\n"
    "\n"
    "Exit codes: 0 stopped in order, or the configuration is good; 1 --check found a mistake; 2 "
    "usage;\n"
    "3 it cannot start, or had to stop.\n";

static int check_only(const char *path) {
    struct config c;
    struct ws_err err = {0};
    bool silent = false;
    bool running = false;
    enum daemon_part damaged = PART_NONE;
    int rc = config_load(path, &c, &err);
    const bool loaded = rc == WS_OK;
    if (loaded) {
        silent = c.n_ports == 0;
        rc = config_check(&c, &err);
        if (rc == WS_OK)
            rc = daemon_check_disk(&c, &running, &damaged, &err);
        if (rc == WS_OK && !running)
            rc = daemon_check_store(&c, &damaged, &err);
    }
    if (rc != WS_OK)
        (void)fprintf(stderr, "rsud: %s\n", err.text);
    if (loaded) {
        daemon_say_way_out(&c, damaged);
        config_free(&c);
    }
    if (rc == WS_OK) {
        (void)printf("%s: good%s%s\n", path,
            silent ? ", but it has no ports and will hear nothing" : "",
            running ? "; a unit runs on its data folder, which was not looked at" : "");
        return 0;
    }
    return err.code == WS_ENOTFOUND || err.code == WS_EIO ? 3 : 1;
}

static int run(const char *path) {
    struct daemon *d = calloc(1, sizeof(*d));
    if (d == NULL)
        return 3;
    struct ws_err err = {0};
    int rc = daemon_start(d, path, &err);
    if (rc != WS_OK && d->stop) { /* on a signal */
        ws_log(WS_LOG_INFO, "rsud", "%s", err.text);
    } else if (rc != WS_OK) {
        (void)fprintf(stderr, "rsud: %s\n", err.text);
        daemon_say_way_out(&d->config, d->damaged);
        d->exit_code = 3;
    } else {
        struct node_status s;
        node_status(d->face.node, &s);
        char who[32] = "no validator: it follows";
        if (s.me >= 0)
            (void)snprintf(who, sizeof(who), "validator %d", s.me);
        ws_log(WS_LOG_INFO, "rsud", "cell \"%s\", %s, height %llu", d->face.genesis->name, who,
            (unsigned long long)s.height);
        daemon_loop(d);
    }
    int code = d->exit_code;
    daemon_stop(d);
    free(d);
    return code;
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"check", no_argument, NULL, 'k'},
        {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *path = NULL;
    bool check = false;
    for (int o; (o = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        switch (o) {
        case 'c':
            path = optarg;
            break;
        case 'k':
            check = true;
            break;
        case 'v':
            (void)printf("rsud 0.1.0\n");
            return 0;
        case 'h':
            (void)fputs(usage, stdout);
            return 0;
        default:
            (void)fputs(usage, stderr);
            return 2;
        }
    }
    if (path == NULL || optind != argc) {
        (void)fputs(usage, stderr);
        return 2;
    }
    return check ? check_only(path) : run(path);
}
