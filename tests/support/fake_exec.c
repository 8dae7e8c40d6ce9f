#include "tests/support/fake_exec.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

uint64_t exec_height(const struct exec_host *h) {
    return h->height;
}

uint64_t exec_block_time(const struct exec_host *h) {
    return h->time;
}

const uint8_t *exec_cell_id(const struct exec_host *h) {
    return h->cell_id;
}

int64_t exec_policy(const struct exec_host *h, size_t index) {
    WS_ASSERT(index < ARRAY_LEN(h->policy));
    return h->policy[index];
}

const uint8_t *exec_policy_hash(const struct exec_host *h) {
    return h->policy_hash;
}

enum beacon_answer exec_beacon(
    const struct exec_host *h, uint64_t height, uint8_t ret_value[static 32]) {
    if (height >= h->height)
        return BEACON_COMES;
    memcpy(ret_value, h->randomness, sizeof(h->randomness));
    ret_value[31] ^= (uint8_t)height;
    return BEACON_IS;
}

uint64_t exec_beacon_height(const struct exec_host *h, uint64_t height) {
    (void)h;
    return height;
}

/* First entry not before key. */
static size_t place(const struct exec_host *h, struct span key) {
    size_t lo = 0;
    size_t hi = h->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (span_compare(buf_span(&h->entries[mid]->key), key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool there(const struct exec_host *h, size_t at, struct span key) {
    return at < h->n && span_equal(buf_span(&h->entries[at]->key), key);
}

bool exec_get(struct exec_host *h, struct span key, struct span *ret_value) {
    size_t at = place(h, key);
    if (!there(h, at, key))
        return false;
    *ret_value = buf_span(&h->entries[at]->value);
    return true;
}

static void check_key(struct span key) {
    WS_ASSERT(key.n >= 1 && key.n <= EXEC_KEY_MAX);
}

void exec_put(struct exec_host *h, struct span key, struct span value) {
    check_key(key);
    WS_ASSERT(value.n <= EXEC_VALUE_MAX);
    h->writes++;
    size_t at = place(h, key);
    if (!there(h, at, key)) {
        if (h->n == h->cap) {
            h->cap = h->cap == 0 ? 64 : 2 * h->cap;
            h->entries =
                (struct fake_entry **)ws_realloc((void *)h->entries, h->cap * sizeof(void *));
        }
        memmove((void *)&h->entries[at + 1], (void *)&h->entries[at], (h->n - at) * sizeof(void *));
        h->entries[at] = ws_alloc(sizeof(struct fake_entry));
        buf_put(&h->entries[at]->key, key.p, key.n);
        h->n++;
    }
    /* New memory each time: whoever kept a borrowed span past a put is found by ASan. */
    buf_free(&h->entries[at]->value);
    buf_put(&h->entries[at]->value, value.p, value.n);
}

void exec_del(struct exec_host *h, struct span key) {
    check_key(key);
    h->writes++;
    size_t at = place(h, key);
    if (!there(h, at, key))
        return;
    buf_free(&h->entries[at]->key);
    buf_free(&h->entries[at]->value);
    free(h->entries[at]);
    memmove((void *)&h->entries[at], (void *)&h->entries[at + 1], (h->n - at - 1) * sizeof(void *));
    h->n--;
}

bool exec_next(struct exec_host *h, struct span prefix, struct span after, struct span *ret_key,
    struct span *ret_value) {
    size_t at = place(h, after.n == 0 ? prefix : after);
    if (after.n > 0 && there(h, at, after))
        at++;
    if (at == h->n || h->entries[at]->key.n < prefix.n ||
        memcmp(h->entries[at]->key.p, prefix.p, prefix.n) != 0)
        return false;
    *ret_key = buf_span(&h->entries[at]->key);
    *ret_value = buf_span(&h->entries[at]->value);
    return true;
}

void exec_event(struct exec_host *h, uint16_t type, struct span body) {
    WS_ASSERT(body.n <= EXEC_EVENT_MAX);
    h->writes++;
    h->events = ws_realloc(h->events, (h->n_events + 1) * sizeof(h->events[0]));
    struct fake_event *e = &h->events[h->n_events++];
    *e = (struct fake_event){.type = type};
    buf_put(&e->body, body.p, body.n);
}

void fake_exec_clear_events(struct exec_host *h) {
    for (size_t i = 0; i < h->n_events; i++)
        buf_free(&h->events[i].body);
    free(h->events);
    h->events = NULL;
    h->n_events = 0;
}

void fake_exec_free(struct exec_host *h) {
    fake_exec_clear_events(h);
    for (size_t i = 0; i < h->n; i++) {
        buf_free(&h->entries[i]->key);
        buf_free(&h->entries[i]->value);
        free(h->entries[i]);
    }
    free((void *)h->entries);
    *h = (struct exec_host){0};
}

void fake_exec_digest(const struct exec_host *h, uint8_t ret_digest[static 32]) {
    struct buf b = {0};
    for (size_t i = 0; i < h->n; i++) {
        buf_var(&b, buf_span(&h->entries[i]->key));
        buf_var(&b, buf_span(&h->entries[i]->value));
    }
    exec_sha256_one(buf_span(&b), ret_digest);
    buf_free(&b);
}

void fake_exec_events_digest(const struct exec_host *h, uint8_t ret_digest[static 32]) {
    struct buf b = {0};
    for (size_t i = 0; i < h->n_events; i++) {
        buf_u16(&b, h->events[i].type);
        buf_var(&b, buf_span(&h->events[i].body));
    }
    exec_sha256_one(buf_span(&b), ret_digest);
    buf_free(&b);
}

size_t fake_exec_count(const struct exec_host *h, char prefix) {
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++)
        n += h->entries[i]->key.p[0] == (uint8_t)prefix ? 1 : 0;
    return n;
}

struct exec_host fake_exec_copy(const struct exec_host *h) {
    struct exec_host c = *h;
    c.events = NULL;
    c.n_events = 0;
    c.entries = (struct fake_entry **)ws_calloc(h->cap, sizeof(void *));
    for (size_t i = 0; i < h->n; i++) {
        c.entries[i] = ws_alloc(sizeof(struct fake_entry));
        buf_put(&c.entries[i]->key, h->entries[i]->key.p, h->entries[i]->key.n);
        buf_put(&c.entries[i]->value, h->entries[i]->value.p, h->entries[i]->value.n);
    }
    return c;
}
