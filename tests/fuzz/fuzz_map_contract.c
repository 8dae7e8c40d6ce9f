/* Any messages in any blocks: the contract stays up, a refusal writes nothing (the rig checks it), and
 * a contract loaded from the state goes on as the one that ran.
 * Input: records of car (1), octets of payload (1) and payload; car 255 ends the block, 254 and 253 are an order and a
 * withdrawal of the authority; a withdrawal of no octets is of the first order that stands. */
#include "base/assert.h"
#include "tests/support/map_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void town(struct map_rig *r) {
    struct mapset m = {.ns = "fuzz"};
    for (uint32_t i = 0; i < 4; i++) {
        struct element e = rig_sign(i, 50, (int32_t)(20000 * i), -4000, 0);
        mapset_add(&m, &e);
    }
    struct element limit = rig_limit(9, 50, 0, 0, 100000, 0);
    mapset_add(&m, &limit);
    rig_start(r, &m);
    rig_set(r, MAP_POLICY_CONFIRM_BITS, 4);
    rig_set(r, MAP_POLICY_ADVISORY_BITS, 2);
    rig_set(r, MAP_POLICY_MARGIN_BITS, 0);
    rig_set(r, MAP_POLICY_MIN_GROUPS, 1);
    rig_set(r, MAP_POLICY_MIN_FAMILIES, 1);
    rig_set(r, MAP_POLICY_MIN_ISSUERS, 1);
    rig_set(r, MAP_POLICY_MIN_VIEWS, 1);
    rig_set(r, MAP_POLICY_MIN_VEHICLES, 1);
    rig_set(r, MAP_POLICY_VERSION_AGE_MS, 0);
}

static void end(struct map_rig *a, struct map_rig *b) {
    rig_end(a);
    rig_end(b);
    rig_restart(b);
    uint8_t da[32];
    uint8_t db[32];
    fake_exec_digest(&a->host, da);
    fake_exec_digest(&b->host, db);
    WS_ASSERT(memcmp(da, db, sizeof(da)) == 0);
}

static void begin(struct map_rig *a, struct map_rig *b) {
    rig_begin(a, a->now_ms + 20000);
    rig_begin(b, b->now_ms + 20000);
}

static void give(struct map_rig *a, struct map_rig *b, uint16_t kind, struct span body) {
    uint8_t id[32];
    struct buf own = {0};
    struct map_order_state first;
    if (kind == MAP_ORDER_WITHDRAW && body.n == 0 &&
        map_contract_orders(a->contract.self, &first, 1) == 1) {
        map_withdraw_encode(first.id, &own);
        body = buf_span(&own);
    }
    exec_code rc = rig_order(a, kind, body, id);
    WS_ASSERT(rig_order(b, kind, body, id) == rc);
    buf_free(&own);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct map_rig a;
    struct map_rig b;
    town(&a);
    town(&b);
    begin(&a, &b);
    struct rd r = rd_of(span_of(data, size));
    while (rd_left(&r) > 2) {
        struct rig_car car = {.id = rd_u8(&r)};
        if (car.id == 255) {
            end(&a, &b);
            begin(&a, &b);
            continue;
        }
        car.issuer = (uint16_t)(car.id % 3);
        car.family = (uint16_t)(car.id % 5);
        car.sensor = (enum sensor_class)(car.id % SENSOR_CLASS_COUNT);
        size_t n = rd_u8(&r);
        if (car.id == 254 || car.id == 253) {
            give(&a, &b, car.id == 254 ? MAP_ORDER_CHANGE : MAP_ORDER_WITHDRAW,
                rd_take(&r, n < rd_left(&r) ? n : rd_left(&r)));
            continue;
        }
        struct span payload = rd_take(&r, n < rd_left(&r) ? n : rd_left(&r));
        (void)rig_deliver(&a, &car, payload);
        (void)rig_deliver(&b, &car, payload);
    }
    end(&a, &b);
    rig_free(&a);
    rig_free(&b);
    return 0;
}
