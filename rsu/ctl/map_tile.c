/* rsuctl map tile: a part of the map, checked without the rest of it. */
#include "base/fileio.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "rsu/ctl/map.h"
#include "rsu/ctl/map_unit.h"
#include "rsu/proofs/tile_file.h"

#include <stdio.h>
#include <stdlib.h>

struct tile_command {
    struct ctl_map_unit unit;
    const char *out, *raw;
    uint64_t tile, version;
    bool has_tile, json;
    struct ctl_place at;
    struct tile_file file;
};

static int fetch(struct tile_command *d, struct buf *octets, struct ws_err *err) {
    char path[96];
    struct ctl_map_unit *u = &d->unit;
    int n = snprintf(path, sizeof(path), "/v1/map/tiles/%llu", (unsigned long long)d->tile);
    if (d->version > 0)
        (void)snprintf(
            path + n, sizeof(path) - (size_t)n, "?version=%llu", (unsigned long long)d->version);
    int rc = ctl_http_get(u->http, path, CTL_FILE_MAX, octets, err);
    if (rc == WS_OK)
        rc = tile_file_decode(buf_span(octets), &d->file, err);
    if (rc == WS_OK)
        rc = tile_file_places(&d->file, &u->frame, err);
    if (rc == WS_OK &&
        (d->file.tile != d->tile || (d->version > 0 && d->file.version != d->version)))
        rc = ws_fail(err, WS_EINPUT, "the unit sent tile %u of version %llu", d->file.tile,
            (unsigned long long)d->file.version);
    if (rc == WS_OK && memcmp(d->file.cell_id, u->genesis.cell_id, 32) != 0)
        rc = ws_fail(err, WS_EINPUT, "the unit sent a tile of another cell");
    return rc;
}

static int check(struct tile_command *d, struct ws_err *err) {
    uint8_t root[32];
    uint8_t record[32];
    int code = ctl_map_believe(&d->unit, d->file.version, root, record, err);
    if (code == CTL_DONE && memcmp(root, d->file.root, 32) != 0) {
        (void)ws_fail(err, WS_EINPUT, "this is not the tile of version %llu: its root is another",
            (unsigned long long)d->file.version);
        code = CTL_NO;
    }
    return code;
}

/* The leaves of the map's list, from the unit's list of tiles: whoever has them all knows which tiles there are not. */
static int all_tiles_root(struct tile_command *d, const json_t *tiles, uint8_t ret_root[static 32],
    bool *ret_there, struct ws_err *err) {
    size_t n = json_array_size(tiles);
    uint8_t(*leaves)[32] = ws_calloc(n, 32);
    long long last = -1;
    int rc = WS_OK;
    *ret_there = false;
    for (size_t i = 0; i < n && rc == WS_OK; i++) {
        const json_t *t = json_array_get(tiles, i);
        struct buf root = {0};
        long long id = ctl_json_number(t, "id");
        rc = ctl_json_octets(t, "root", &root, err);
        if (rc == WS_OK && (root.n != 32 || id <= last || id > UINT32_MAX))
            rc = ws_fail(err, WS_EINPUT, "the unit's list of tiles is malformed");
        if (rc == WS_OK)
            tile_leaf((uint32_t)id, root.p, leaves[i]);
        *ret_there = *ret_there || (uint64_t)id == d->tile;
        last = id;
        buf_free(&root);
    }
    if (rc == WS_OK)
        exec_list_root((const uint8_t(*)[32])leaves, n, ret_root);
    free(leaves);
    return rc;
}

/* The unit says that nothing is in the tile: all tiles of the version, which lead to its root, without this one. Always an exit
 * code other than CTL_DONE. */
static int check_empty(struct tile_command *d, struct ws_err *err) {
    char path[64] = "/v1/map/tiles";
    json_t *page = NULL;
    uint8_t listed[32];
    uint8_t root[32];
    uint8_t record[32];
    bool there = false;
    if (d->version > 0)
        (void)snprintf(
            path, sizeof(path), "/v1/map/tiles?version=%llu", (unsigned long long)d->version);
    int rc = ctl_http_json_most(d->unit.http, path, CTL_TILES_MAX, &page, err);
    long long version = rc == WS_OK ? ctl_json_number(page, "version") : 0;
    if (rc == WS_OK && (version < 1 || (d->version > 0 && (uint64_t)version != d->version)))
        rc = ws_fail(err, WS_EINPUT, "the unit lists the tiles of another version");
    if (rc == WS_OK)
        rc = all_tiles_root(d, json_object_get(page, "tiles"), listed, &there, err);
    json_decref(page);
    int code = ctl_map_code(rc);
    if (code == CTL_DONE)
        code = ctl_map_believe(&d->unit, (uint64_t)version, root, record, err);
    if (code != CTL_DONE)
        return code;
    if (memcmp(root, listed, 32) != 0)
        (void)ws_fail(err, WS_EINPUT,
            "the unit's tiles are not all those of version %lld: their root is another", version);
    else if (there)
        (void)ws_fail(err, WS_EINPUT, "the unit has tile %llu and does not give it",
            (unsigned long long)d->tile);
    else
        (void)ws_fail(err, WS_ENOTFOUND,
            "version %lld of the map has nothing in tile %llu; that is proven", version,
            (unsigned long long)d->tile);
    return CTL_NO;
}

/* As a map of its own, for map export and map diff. */
static int write_map(struct tile_command *d, struct ws_err *err) {
    struct mapset m = {.frame = d->unit.frame, .ns = "tile"};
    struct buf b = {0};
    for (size_t i = 0; i < d->file.n; i++) {
        struct element e = element_copy(&d->file.elements[i]);
        mapset_add(&m, &e);
    }
    mapset_encode(&m, &b);
    int rc = file_write(d->out, buf_span(&b), 0644, err);
    buf_free(&b);
    mapset_free(&m);
    return rc;
}

static int tell(const struct tile_command *d) {
    char root[65];
    hex_encode(root, d->file.root, 32);
    if (d->json) {
        json_t *o = json_pack("{s:I, s:I, s:I, s:s, s:b, s:s?}", "tile", (json_int_t)d->file.tile,
            "version", (json_int_t)d->file.version, "elements", (json_int_t)d->file.n, "root", root,
            "holds", 1, "out", d->out);
        int code = ctl_print_json(d->unit.v, o);
        json_decref(o);
        return code;
    }
    struct buf b = {0};
    buf_printf(&b, "tile %u of version %llu holds: %zu elements\n", d->file.tile,
        (unsigned long long)d->file.version, d->file.n);
    int code = ctl_print(d->unit.v, buf_span(&b));
    buf_free(&b);
    return code;
}

static int get_tile(struct tile_command *d) {
    struct ws_err err = {0};
    struct buf octets = {0};
    int code = ctl_map_unit_open(&d->unit);
    if (code == CTL_DONE) {
        int rc = fetch(d, &octets, &err);
        code = rc == WS_ENOTFOUND ? check_empty(d, &err) : ctl_map_code(rc);
        if (code == CTL_DONE)
            code = check(d, &err);
        if (code == CTL_DONE && d->raw != NULL &&
            file_write(d->raw, buf_span(&octets), 0644, &err) != WS_OK)
            code = CTL_UNREACHABLE;
        if (code == CTL_DONE && d->out != NULL && write_map(d, &err) != WS_OK)
            code = CTL_UNREACHABLE;
        code = code == CTL_DONE ? tell(d) : ctl_fail(d->unit.v, (enum ctl_code)code, &err);
    }
    tile_file_free(&d->file);
    buf_free(&octets);
    ctl_map_unit_close(&d->unit);
    return code;
}

static int run(const struct ctl_verb *v, int argc, char **argv) {
    struct tile_command *d = ws_alloc(sizeof(*d));
    struct ctl_option options[CTL_MAP_UNIT_OPTIONS + 6] = {
        [CTL_MAP_UNIT_OPTIONS] = {"at", CTL_PLACE, &d->at, 0, 0},
        {"out", CTL_TEXT, (void *)&d->out, 0, 0},
        {"raw", CTL_TEXT, (void *)&d->raw, 0, 0},
        {"version", CTL_NUMBER, &d->version, 1, INT64_MAX},
        {"tile", CTL_NUMBER, &d->tile, 0, UINT32_MAX},
        {"json", CTL_FLAG, &d->json, 0, 0}};
    int code;
    ctl_map_unit_options(&d->unit, v, options);
    d->tile = UINT64_MAX;
    if (ctl_options(v, argc, argv, options, ARRAY_LEN(options), NULL, 0, 0, &code)) {
        d->has_tile = d->tile != UINT64_MAX;
        if (d->has_tile == d->at.given)
            code = ctl_misuse(v, "one of --tile and --at is needed");
        else {
            if (d->at.given)
                d->tile = tile_at(d->at.lat, d->at.lon);
            code = get_tile(d);
        }
    }
    free(d);
    return code;
}

const struct ctl_verb ctl_map_tile = {"map", "tile", "a part of the map, checked without the rest",
    "(--at LAT,LON | --tile ID) --genesis FILE [options]\n"
    "\n"
    "Fetches one tile (NDS, level 13; an edge is about 2.4 km) of a version from a unit and checks "
    "that it is whole and\n"
    "unaltered: that its elements lead to the root of the version, which a quorum of the cell "
    "signed. Exit code 1: it\n"
    "does not hold, or the tile is empty, which is proven too.\n"
    "\n"
    "  --at LAT,LON        the tile that this place is in\n"
    "  --tile ID           its id, as /v1/map/tiles lists them\n"
    "  --version V         of the map; the current one unless given\n"
    "  --out FILE.wmap     its elements as a map, for map export and map diff\n"
    "  --raw FILE          the tile as it came, with its path to the root\n" CTL_MAP_UNIT_USAGE
    "  --json              print JSON\n",
    run};
