/* /v1/map/orders: what the map's authority ordered, and whether the road obeys. */
#include "rsu/http/evidence.h"

#include "base/mem.h"
#include "mapsvc/fuse/order.h"
#include "rsu/json/map.h"

#include <stdlib.h>

enum { LISTED = 256 };

struct orders {
    size_t n;
    struct map_order_state list[LISTED + 1]; /* one more tells that there are more */
};

static void copy(void *owner, void *ctx) {
    const struct rsud *d = owner;
    struct orders *o = ctx;
    o->n = map_contract_orders(d->cell.map, o->list, ARRAY_LEN(o->list));
}

static json_t *moment(int64_t unix_ms) {
    return unix_ms == 0 || unix_ms == INT64_MAX ? json_null() : json_integer(unix_ms);
}

static json_t *one(const struct map_order_state *s) {
    json_t *o = json_object();
    json_put(o, "id", json_hex(s->id, sizeof(s->id)));
    json_put(o, "element", json_hex(s->element_id, sizeof(s->element_id)));
    json_put(o, "op", json_string(json_change_op(s->op)));
    json_put(o, "kind", json_string(element_kind_name(s->kind)));
    json_put(o, "in_force", json_boolean(s->in_force));
    json_put(o, "valid_from_ms", moment(s->valid_from_ms));
    json_put(o, "valid_to_ms", moment(s->valid_to_ms));
    bool reported = s->reported == ORDER_OBEYED || s->reported == ORDER_DISOBEYED;
    json_put(o, "road", reported ? json_string(map_order_news_name(s->reported)) : json_null());
    json_put(o, "seen",
        s->reported == ORDER_DISOBEYED ? json_string(map_order_seen_name(s->seen)) : json_null());
    return o;
}

json_t *http_orders_json(struct http *h, struct http_reply *r) {
    struct orders *k = ws_alloc(sizeof(*k));
    json_t *o = NULL;
    if (http_ask(h, copy, k, r)) {
        json_t *list = json_array();
        for (size_t i = 0; i < k->n && i < LISTED; i++)
            json_add(list, one(&k->list[i]));
        o = json_object();
        json_put(o, "more", json_boolean(k->n > LISTED));
        json_put(o, "orders", list);
    }
    free(k);
    return o;
}

void http_get_orders(struct http *h, const struct http_call *c, struct http_reply *r) {
    (void)c;
    json_t *o = http_orders_json(h, r);
    if (o != NULL)
        http_json(r, o);
}
