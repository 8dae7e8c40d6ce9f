#include "tests/unit/rsu/http_history.h"

#include "ledger/store/store.h"

void history_put(
    struct store_batch *b, enum store_space space, struct span key, struct buf *value) {
    store_batch_put(b, space, key, buf_span(value));
    buf_clear(value);
}

void history_put_block(struct store *s, uint64_t height, struct span record) {
    uint8_t key[15] = {CELL_CONTRACT_MAP};
    put_be16(key + 1, MAP_EVENT_VERSION);
    put_be64(key + 3, height);
    put_be32(key + 11, 0);
    struct store_batch *b = store_batch_new(s);
    struct buf value = {0};
    struct header hd = {.height = height, .time = height * 1000000};
    header_encode(&hd, &value);
    history_put(b, STORE_HEADER, span_of(key + 3, 8), &value);
    struct commit c = {.height = height, .n = RIG_VALIDATORS};
    commit_encode(&c, &value);
    history_put(b, STORE_COMMIT, span_of(key + 3, 8), &value);
    if (record.n > 0) {
        struct event e = {.contract = CELL_CONTRACT_MAP,
            .type = MAP_EVENT_VERSION,
            .height = height,
            .body = record};
        event_encode(&e, &value);
        history_put(b, STORE_EVENT, span_of(key + 3, 12), &value);
        history_put(b, STORE_INDEX, span_of(key, 15), &value);
    }
    struct ws_err err = {0};
    assert_int_equal(store_batch_write(b, &err), 0);
    buf_free(&value);
}
