/* rsuctl map order: an order of the map's authorities, signed here and handed to a unit's admin socket. */
#include "rsu/ctl/order.h"

#include "base/clock.h"
#include "base/mem.h"
#include "mapsvc/fuse/order.h"
#include "mapsvc/model/text.h"
#include "rsu/config/value.h"

#include <stdlib.h>
#include <string.h>

struct map_order_command {
    struct ctl_order o;
    const char *element, *kind, *value, *heading, *from, *to, *supersedes, *order;
    struct ctl_list at, attr;
    struct map_order what;
    struct buf body;
};

/* ---- words to a template ---- */

static int bad(struct ws_err *err, const char *option, const char *text, const char *should) {
    return ws_fail(err, WS_EINPUT, "--%s: '%.80s' is not %s", option, text, should);
}

static int read_hex(
    const char *option, const char *text, uint8_t *dst, size_t n, struct ws_err *err) {
    if (text == NULL || (strlen(text) == 2 * n && hex_decode(dst, n, text)))
        return WS_OK;
    return ws_fail(err, WS_EINPUT, "--%s: '%.80s' is not %zu hex digits", option, text, 2 * n);
}

static int read_kind(const struct map_order_command *d, struct element *e, struct ws_err *err) {
    for (int k = EL_LANE; k <= EL_AREA && d->kind != NULL; k++)
        if (strcmp(d->kind, element_kind_name((enum element_kind)k)) == 0) {
            e->kind = (enum element_kind)k;
            return WS_OK;
        }
    if (d->kind == NULL)
        return ws_fail(err, WS_EINPUT, "--kind is needed");
    return bad(err, "kind", d->kind, "a kind of element, like sign or speed_limit");
}

static int read_figures(const struct map_order_command *d, struct element *e, struct ws_err *err) {
    int64_t v = 0;
    if (d->value != NULL) {
        if (!text_to_i64(d->value, &v) || v < INT32_MIN || v > INT32_MAX)
            return bad(err, "value", d->value, "a whole number");
        e->has_value = true;
        e->value = (int32_t)v;
    }
    if (d->heading != NULL) {
        if (!text_to_i64(d->heading, &v) || v < 0 || v > 359)
            return bad(err, "heading", d->heading, "0 to 359 degrees");
        /* Degrees clockwise from north to 1/65536 turn counter-clockwise from east. */
        e->has_heading = true;
        e->heading = (uint16_t)(((450 - v) % 360 * 65536 + 180) / 360);
    }
    return WS_OK;
}

static int read_time(
    const char *option, const char *text, int64_t *ret_unix_ms, struct ws_err *err) {
    uint64_t its = 0;
    if (text == NULL)
        return WS_OK;
    if (!value_time(text, &its))
        return bad(err, option, text, "a time like 2026-11-21T09:30:00Z");
    *ret_unix_ms = its_to_unix_us(its) / 1000;
    return WS_OK;
}

static int read_points(const struct map_order_command *d, struct element *e, struct ws_err *err) {
    const struct genesis *g = &d->o.genesis.g;
    const struct cell_frame frame = {g->frame_lat0, g->frame_lon0, g->frame_north, g->frame_east};
    for (size_t i = 0; i < d->at.n; i++) {
        int32_t lat = 0;
        int32_t lon = 0;
        struct map_point p = {0};
        if (!value_place(d->at.v[i], &lat, &lon) || !frame_from_wgs(&frame, lat, lon, &p.x, &p.y) ||
            !element_add_point(e, p))
            return bad(err, "at", d->at.v[i], "a place like 48.7651234,11.4231234 near the cell");
    }
    return WS_OK;
}

static int read_attrs(const struct map_order_command *d, struct element *e, struct ws_err *err) {
    for (size_t i = 0; i < d->attr.n; i++) {
        const char *eq = strchr(d->attr.v[i], '=');
        size_t n = eq == NULL ? 0 : (size_t)(eq - d->attr.v[i]);
        char key[ELEMENT_MAX_TEXT + 1];
        if (n == 0 || n >= sizeof(key))
            return bad(err, "attr", d->attr.v[i], "KEY=VALUE");
        memcpy(key, d->attr.v[i], n);
        key[n] = '\0';
        if (!element_set_attr(e, key, eq + 1))
            return bad(err, "attr", d->attr.v[i], "an attribute there is room for");
    }
    return WS_OK;
}

static int make_change(struct map_order_command *d, enum map_change_op op, struct ws_err *err) {
    struct element *e = &d->what.element;
    d->what.op = op;
    e->valid_to_ms = INT64_MAX;
    if (op != MAP_CREATE && d->element == NULL)
        return ws_fail(err, WS_EINPUT, "--element is needed");
    int rc = read_hex("element", d->element, e->id, sizeof(e->id), err);
    if (rc == WS_OK)
        rc = read_hex("supersedes", d->supersedes, d->what.supersedes, 32, err);
    if (rc == WS_OK)
        rc = read_kind(d, e, err);
    if (rc == WS_OK)
        rc = read_figures(d, e, err);
    if (rc == WS_OK)
        rc = read_time("valid-from", d->from, &e->valid_from_ms, err);
    if (rc == WS_OK)
        rc = read_time("valid-to", d->to, &e->valid_to_ms, err);
    if (rc == WS_OK)
        rc = read_points(d, e, err);
    if (rc == WS_OK)
        rc = read_attrs(d, e, err);
    if (rc != WS_OK)
        return rc;
    /* Read back as the cell will read it: what does not fit is said here. */
    struct map_order check;
    map_order_encode(&d->what, &d->body);
    rc = map_order_decode(buf_span(&d->body), &check, err);
    if (rc == WS_OK)
        map_order_free(&check);
    return rc;
}

static int make_withdrawal(struct map_order_command *d, struct ws_err *err) {
    uint8_t id[32];
    if (d->order == NULL)
        return ws_fail(err, WS_EINPUT, "--order is needed");
    int rc = read_hex("order", d->order, id, sizeof(id), err);
    if (rc == WS_OK)
        map_withdraw_encode(id, &d->body);
    return rc;
}

static int give(struct map_order_command *d, const char *action) {
    static const char *const ops[] = {"create", "modify", "delete"};
    struct ws_err err = {0};
    size_t op = 0;
    while (op < ARRAY_LEN(ops) && strcmp(action, ops[op]) != 0)
        op++;
    bool withdraw = strcmp(action, "withdraw") == 0;
    if (op == ARRAY_LEN(ops) && !withdraw)
        return ctl_misuse(d->o.v, "'%.40s' is not create, modify, delete or withdraw", action);
    int code = ctl_order_begin(&d->o);
    if (code != CTL_DONE)
        return code;
    int rc = withdraw ? make_withdrawal(d, &err) : make_change(d, (enum map_change_op)op, &err);
    if (rc != WS_OK)
        return ctl_misuse(d->o.v, "%s", err.text);
    d->o.order.role = ROLE_MAP;
    d->o.order.kind = withdraw ? MAP_ORDER_WITHDRAW : MAP_ORDER_CHANGE;
    d->o.order.body = buf_span(&d->body);
    return ctl_order_send(&d->o);
}

static int run(const struct ctl_verb *v, int argc, char **argv) {
    struct ctl_list words = {0};
    struct map_order_command *d = ws_alloc(sizeof(*d));
    struct ctl_option options[CTL_ORDER_OPTIONS + 10] = {
        [CTL_ORDER_OPTIONS] = {"element", CTL_TEXT, (void *)&d->element, 0, 0},
        {"kind", CTL_TEXT, (void *)&d->kind, 0, 0},
        {"value", CTL_TEXT, (void *)&d->value, 0, 0},
        {"heading", CTL_TEXT, (void *)&d->heading, 0, 0},
        {"at", CTL_LIST, &d->at, 0, 0},
        {"attr", CTL_LIST, &d->attr, 0, 0},
        {"valid-from", CTL_TEXT, (void *)&d->from, 0, 0},
        {"valid-to", CTL_TEXT, (void *)&d->to, 0, 0},
        {"supersedes", CTL_TEXT, (void *)&d->supersedes, 0, 0},
        {"order", CTL_TEXT, (void *)&d->order, 0, 0},
    };
    int code;
    ctl_order_options(&d->o, v, options);
    if (ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 1, 1, &code))
        code = give(d, words.v[0]);
    ctl_order_free(&d->o);
    map_order_free(&d->what);
    buf_free(&d->body);
    free(d);
    return code;
}

const struct ctl_verb ctl_map_order = {"map", "order",
    "change the map by order of its authorities, for the order's time",
    "create|modify|delete|withdraw --genesis FILE --key FILE --admin SOCKET [options]\n"
    "\n"
    "The change is in the map a block after its validity begins, and is taken back when it ends or "
    "is "
    "withdrawn. Until\n"
    "then what vehicles see is told as obeyed or disobeyed and changes nothing. Exit code 1: "
    "refused, "
    "with the reason.\n"
    "\n"
    "  --element ID          32 hex digits; of what is modified or deleted\n"
    "  --kind KIND           what it is, needed to add, modify and delete: sign, speed_limit, "
    "light, stop_line,\n"
    "                        crosswalk, hazard, boundary, lane, area\n"
    "  --value N             its figure\n"
    "  --heading DEGREES     clockwise from north: of the traffic that reads it\n"
    "  --at LAT,LON          its place; again for each further point of a line\n"
    "  --attr KEY=VALUE      an attribute; without a value: taken away; may be given again\n"
    "  --valid-from TIME     at once unless given\n"
    "  --valid-to TIME       for good unless given\n"
    "  --supersedes ORDER    the order on the same element that this one replaces\n"
    "  --order ORDER         withdraw: what is withdrawn, as it was answered when it was taken\n"
    "\n" CTL_ORDER_USAGE,
    run};
