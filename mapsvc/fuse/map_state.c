#include "mapsvc/fuse/map_state.h"

#include "mapsvc/fuse/contract_internal.h"

static int broken(struct ws_err *err, const char *what) {
    return ws_fail(err, WS_EINPUT, "map state: %s is damaged or of another version", what);
}

/* Frame and names come with a list of elements that is empty; ours may be there already. */
static int take_frame(struct map_state *s, struct span value, struct ws_err *err) {
    struct mapset head;
    if (mapset_decode(value, &head, err) != WS_OK)
        return broken(err, "the frame");
    head.elements = s->map.elements;
    head.n = s->map.n;
    head.cap = s->map.cap;
    s->map = head;
    s->has_map = true;
    return WS_OK;
}

static int take_head(struct map_state *s, struct span value, struct ws_err *err) {
    uint8_t base[32];
    struct rd r = rd_of(value);
    s->version = rd_u64(&r);
    rd_copy(&r, s->root, sizeof(s->root));
    rd_copy(&r, s->record, sizeof(s->record));
    rd_copy(&r, base, sizeof(base));
    s->has_head = rd_done(&r) && s->version > 0;
    return s->has_head ? WS_OK : broken(err, "the head");
}

int map_state_take(struct map_state *s, struct span key, struct span value, struct ws_err *err) {
    if (key.n == 0 || (key.p[0] != 'm' && key.p[0] != 'v' && key.p[0] != 'e'))
        return WS_OK;
    if (value.n < 1 || value.p[0] != STATE_VERSION)
        return broken(err, "an entry");
    struct span rest = {value.p + 1, value.n - 1};
    if (key.n == 1 && key.p[0] == 'm')
        return take_frame(s, rest, err);
    if (key.n == 1 && key.p[0] == 'v')
        return take_head(s, rest, err);
    struct element e;
    if (key.n != 1 + sizeof(e.id) || element_decode(rest, &e, err) != WS_OK)
        return broken(err, "an element");
    mapset_add(&s->map, &e);
    return WS_OK;
}

int map_state_end(struct map_state *s, struct ws_err *err) {
    if (!s->has_map || !s->has_head)
        return ws_fail(err, WS_ENOTFOUND, "map state: no map is there");
    mapset_sort(&s->map);
    return WS_OK;
}

void map_state_free(struct map_state *s) {
    mapset_free(&s->map);
    *s = (struct map_state){0};
}
