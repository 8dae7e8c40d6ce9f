#include "ledger/light/valset.h"

typedef int (*prepare_fn)(light_hash_fn h, struct validator_set *s, struct ws_err *err);

static int in_order(
    prepare_fn prepare, light_hash_fn h, struct validator_set *s, struct ws_err *err) {
    uint8_t keys[VALIDATORS_MAX][KEY_OCTETS];
    for (size_t i = 0; i < s->n; i++)
        memcpy(keys[i], s->v[i].key, KEY_OCTETS);
    int rc = prepare(h, s, err);
    for (size_t i = 0; rc == WS_OK && i < s->n; i++) {
        if (memcmp(keys[i], s->v[i].key, KEY_OCTETS) != 0)
            rc = ws_fail(err, WS_EINPUT,
                "validator %zu is out of order (power descending, address ascending)", i);
    }
    return rc;
}

int valset_in_order(light_hash_fn h, struct validator_set *s, struct ws_err *err) {
    return in_order(validator_set_prepare, h, s, err);
}

void valset_encode(const struct validator_set *s, struct buf *b) {
    buf_u8(b, LEDGER_VERSION);
    validator_set_encode(s, b);
}

int valset_decode(
    light_hash_fn h, struct span octets, struct validator_set *ret_set, struct ws_err *err) {
    struct rd r = rd_of(octets);
    if (rd_u8(&r) != LEDGER_VERSION)
        return ws_fail(err, WS_EINPUT, "validators: version octet is not %d", LEDGER_VERSION);
    if (!validator_set_read(&r, ret_set) || !rd_done(&r))
        return ws_fail(err, WS_EINPUT, "validators: malformed near octet %zu of %zu", r.at, r.n);
    return valset_in_order(h, ret_set, err);
}

/* Octets that the largest power needs; the first validator has it. */
static unsigned power_width(const struct validator_set *s) {
    unsigned width = 1;
    while (width < 8 && s->n > 0 && s->v[0].power >> (8 * width) != 0)
        width++;
    return width;
}

void valset_light_put(const struct validator_set *s, const hash32 seats, struct buf *b) {
    unsigned width = power_width(s);
    buf_u8(b, LEDGER_VERSION);
    buf_u8(b, KEY_ED25519); /* of all: a set of mixed algorithms will be another version */
    buf_u8(b, (uint8_t)width);
    buf_u16(b, (uint16_t)s->n);
    for (size_t i = 0; i < s->n; i++) {
        uint8_t power[8];
        put_be64(power, s->v[i].power);
        buf_put(b, s->v[i].key, KEY_OCTETS);
        buf_put(b, power + 8 - width, width);
    }
    buf_put(b, seats, 32);
}

int valset_light_read(light_hash_fn h, struct rd *r, struct validator_set *ret_set,
    hash32 ret_seats, struct ws_err *err) {
    struct validator_set *s = ret_set;
    if (rd_u8(r) != LEDGER_VERSION || rd_u8(r) != KEY_ED25519)
        r->bad = true;
    unsigned width = rd_u8(r);
    if (width == 0 || width > 8) {
        width = 1;
        r->bad = true;
    }
    memset(s, 0, sizeof(*s));
    s->n = rd_u16(r);
    if (s->n > VALIDATORS_MAX) {
        s->n = 0;
        r->bad = true;
    }
    for (size_t i = 0; i < s->n; i++) {
        uint8_t power[8] = {0};
        s->v[i].alg = KEY_ED25519;
        rd_copy(r, s->v[i].key, KEY_OCTETS);
        rd_copy(r, power + 8 - width, width);
        s->v[i].power = be64(power);
    }
    rd_copy(r, ret_seats, 32);
    if (r->bad)
        return ws_fail(err, WS_EINPUT, "validators: malformed near octet %zu", r->at);
    int rc = in_order(validator_set_prepare_keys, h, s, err);
    if (rc == WS_OK && width != power_width(s))
        rc = ws_fail(
            err, WS_EINPUT, "validators: powers of %u octets where %u do", width, power_width(s));
    return rc;
}
