#include "rsu/ctl/map_unit.h"

#include "base/mem.h"
#include "ledger/exec/crypto.h"
#include "rsu/cell/cell.h"
#include "rsu/ctl/map_proof.h"

#include <stdio.h>
#include <stdlib.h>

void ctl_map_unit_options(struct ctl_map_unit *u, const struct ctl_verb *v,
    struct ctl_option ret[static CTL_MAP_UNIT_OPTIONS]) {
    *u = (struct ctl_map_unit){.v = v, .face = {.address = CTL_FACE_HERE}};
    ret[0] = (struct ctl_option){"http", CTL_FACE, &u->face, 0, 0};
    ret[1] = (struct ctl_option){"genesis", CTL_TEXT, (void *)&u->genesis_file, 0, 0};
    ret[2] = (struct ctl_option){"fingerprint", CTL_TEXT, (void *)&u->fingerprint, 0, 0};
    ret[3] = (struct ctl_option){"trusted", CTL_TEXT, (void *)&u->trusted, 0, 0};
}

int ctl_map_unit_open(struct ctl_map_unit *u) {
    struct ws_err err = {0};
    if (u->genesis_file == NULL)
        return ctl_misuse(u->v, "--genesis is needed: the unit is not believed");
    int code = ctl_genesis_load(u->v, u->genesis_file, u->fingerprint, &u->genesis);
    if (code != CTL_DONE)
        return code;
    const struct genesis *g = &u->genesis.g;
    u->frame = (struct cell_frame){g->frame_lat0, g->frame_lon0, g->frame_north, g->frame_east};
    if (ctl_http_open(&u->face, &u->http, &err) != WS_OK)
        return ctl_fail(u->v, CTL_UNREACHABLE, &err);
    code = ctl_light_begin(&u->genesis, u->http, u->trusted, &u->light, &err);
    return code == CTL_DONE ? CTL_DONE : ctl_fail(u->v, (enum ctl_code)code, &err);
}

void ctl_map_unit_close(struct ctl_map_unit *u) {
    ctl_http_close(u->http);
    ctl_genesis_free(&u->genesis);
}

int ctl_map_code(int rc) {
    return rc == WS_OK                             ? CTL_DONE
           : rc == WS_EINPUT || rc == WS_ENOTFOUND ? CTL_NO
                                                   : CTL_UNREACHABLE;
}

/* The version record, by an event. */
static int prove_version(
    struct ctl_map_unit *u, uint64_t version, struct proven *p, struct ws_err *err) {
    char path[64];
    char name[40];
    (void)snprintf(path, sizeof(path), "/v1/proofs/map/%llu", (unsigned long long)version);
    (void)snprintf(name, sizeof(name), "version %llu", (unsigned long long)version);
    p->file = name;
    int rc = ctl_http_bundle(u->http, path, &p->octets, err);
    int code = rc == WS_OK ? ctl_map_prove(&u->genesis, &u->light, p, err) : ctl_map_code(rc);
    p->file = "";
    if (code == CTL_DONE && p->version.version != version) {
        (void)ws_fail(err, WS_EINPUT, "the unit proves version %llu instead of %llu",
            (unsigned long long)p->version.version, (unsigned long long)version);
        code = CTL_NO;
    }
    return code;
}

/* Of the current version, whose record the unit need not have: the head of the map in the cell's state. */
static int prove_head(struct ctl_map_unit *u, uint64_t version, uint8_t ret_root[static 32],
    uint8_t ret_record[static 32], struct ws_err *err) {
    static const char key[] = "v";
    struct buf octets = {0};
    struct state_bundle *b = ws_alloc(sizeof(*b));
    struct light_trust *t = ws_memdup(&u->light.trust, sizeof(*t));
    int rc = ctl_http_bundle(u->http, "/v1/proofs/state/map/76", &octets, err);
    int code = ctl_map_code(rc);
    if (code == CTL_DONE) {
        enum light_verdict v = LIGHT_MALFORMED;
        if (state_bundle_decode(buf_span(&octets), b, err) == WS_OK)
            v = light_prove_state(&exec_light_crypto, &u->light.params, t, b, LIGHT_NO_CLOCK, err);
        code = ctl_light_code(&u->light, v);
    }
    if (code == CTL_DONE) {
        struct rd r = rd_of(b->value);
        unsigned form = rd_u8(&r);
        uint64_t current = rd_u64(&r);
        rd_copy(&r, ret_root, 32);
        rd_copy(&r, ret_record, 32);
        if (r.bad || form != 1 || !b->present || b->contract.index != CELL_CONTRACT_MAP ||
            !span_equal(b->key, span_of(key, 1)) || current != version) {
            (void)ws_fail(err, WS_EINPUT,
                "the unit has no proof of version %llu, and what is current is another",
                (unsigned long long)version);
            code = CTL_NO;
        }
    }
    buf_free(&octets);
    free(t);
    free(b);
    return code;
}

int ctl_map_believe(struct ctl_map_unit *u, uint64_t version, uint8_t ret_root[static 32],
    uint8_t ret_record[static 32], struct ws_err *err) {
    struct proven *p = ws_alloc(sizeof(*p));
    /* What came before version 2 is in its record. */
    int code = prove_version(u, version == 1 ? 2 : version, p, err);
    if (version > 1) {
        memcpy(ret_root, p->version.root, 32);
        memcpy(ret_record, p->record, 32);
    } else {
        memcpy(ret_root, p->version.previous_root, 32);
        memset(ret_record, 0, 32);
    }
    if (code == CTL_NO && err->code == WS_ENOTFOUND)
        code = prove_head(u, version, ret_root, ret_record, err);
    proven_free(p);
    free(p);
    return code;
}
