/* rsuctl policy deploy: an order of the policy authorities, signed here and handed to a unit's admin socket. */
#include "rsu/ctl/order.h"

#include "base/fileio.h"
#include "base/mem.h"
#include "ledger/policy/contract.h"
#include "rsu/cell/cell.h"

#include <stdlib.h>
#include <string.h>

struct deploy {
    struct ctl_order o;
    const char *script_file;
    struct buf body;
};

static int name_of_policy(
    const char *path, char dst[static POLICY_NAME_MAX + 1], struct ws_err *err) {
    const char *stem = strrchr(path, '/');
    stem = stem == NULL ? path : stem + 1;
    size_t n = strlen(stem);
    if (n > 4 && strcmp(stem + n - 4, ".lua") == 0)
        n -= 4;
    if (!policy_name_ok(span_of(stem, n)))
        return ws_fail(err, WS_EINPUT,
            "%s: a policy is called after its file: 1 to %d of a-z 0-9 . _ -", path,
            POLICY_NAME_MAX);
    memcpy(dst, stem, n);
    dst[n] = '\0';
    return WS_OK;
}

static int make_body(struct deploy *d, struct ws_err *err) {
    char name[POLICY_NAME_MAX + 1];
    struct buf script = {0};
    int rc = file_read(d->script_file, (size_t)cell_policy_limits()->source + 1, &script, err);
    if (rc == WS_OK)
        rc = name_of_policy(d->script_file, name, err);
    if (rc == WS_OK)
        rc = policy_make_body(
            name, buf_span(&script), cell_policy_schema(), cell_policy_limits(), &d->body, err);
    buf_free(&script);
    return rc;
}

static int deploy(struct deploy *d) {
    struct ws_err err = {0};
    int code = ctl_order_begin(&d->o);
    if (code != CTL_DONE)
        return code;
    int rc = make_body(d, &err);
    if (rc != WS_OK)
        return ctl_fail(
            d->o.v, rc == WS_EINPUT || rc == WS_ELIMIT ? CTL_NO : CTL_UNREACHABLE, &err);
    d->o.order.role = ROLE_POLICY;
    d->o.order.kind = POLICY_DEPLOY;
    d->o.order.body = buf_span(&d->body);
    return ctl_order_send(&d->o);
}

static int run(const struct ctl_verb *v, int argc, char **argv) {
    struct ctl_list words = {0};
    struct deploy *d = ws_alloc(sizeof(*d));
    struct ctl_option options[CTL_ORDER_OPTIONS];
    int code;
    ctl_order_options(&d->o, v, options);
    if (ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 1, 1, &code)) {
        d->script_file = words.v[0];
        code = deploy(d);
    }
    ctl_order_free(&d->o);
    buf_free(&d->body);
    free(d);
    return code;
}

const struct ctl_verb ctl_policy_deploy = {"policy", "deploy",
    "give the cell a new policy, signed by its authorities",
    "FILE.lua --genesis FILE --key FILE --admin SOCKET [options]\n"
    "\n"
    "Runs the script, signs an order that carries script and table, and hands it to a unit. The "
    "policy is called\n"
    "after its file and is in force a block after the one that takes it. Exit code 1: refused, "
    "with the reason.\n"
    "\n" CTL_ORDER_USAGE,
    run};
