/* ledger/policy/contract: deploys what it has computed itself, and nothing else. The host is a small one of
 * this test: a list of entries and a count of what was done. */
#include "tests/support/cm.h"

#include "base/assert.h"
#include "ledger/policy/contract.h"
#include "tests/unit/ledger/policy_cases.h"

#include <stdio.h>

/* ---- a host ---- */

struct entry {
    struct buf key, value;
};
struct exec_host {
    struct entry entries[16];
    size_t n;
    unsigned puts, events;
    uint16_t event_type;
    struct buf event;
};

static struct entry *find(struct exec_host *h, struct span key) {
    for (size_t i = 0; i < h->n; i++) {
        if (span_equal(buf_span(&h->entries[i].key), key))
            return &h->entries[i];
    }
    return NULL;
}

bool exec_get(struct exec_host *h, struct span key, struct span *ret_value) {
    struct entry *e = find(h, key);
    if (e != NULL)
        *ret_value = buf_span(&e->value);
    return e != NULL;
}

void exec_put(struct exec_host *h, struct span key, struct span value) {
    struct entry *e = find(h, key);
    WS_ASSERT(key.n <= EXEC_KEY_MAX && value.n <= EXEC_VALUE_MAX && (e != NULL || h->n < 16));
    if (e == NULL) {
        e = &h->entries[h->n++];
        buf_put(&e->key, key.p, key.n);
    }
    buf_clear(&e->value);
    buf_put(&e->value, value.p, value.n);
    h->puts++;
}

void exec_event(struct exec_host *h, uint16_t type, struct span body) {
    h->events++;
    h->event_type = type;
    buf_clear(&h->event);
    buf_put(&h->event, body.p, body.n);
}

static void host_free(struct exec_host *h) {
    for (size_t i = 0; i < h->n; i++) {
        buf_free(&h->entries[i].key);
        buf_free(&h->entries[i].value);
    }
    buf_free(&h->event);
}

/* ---- bodies ---- */

static const struct policy_limits limits = POLICY_LIMITS_DEFAULT;
static const char first_script[] = "return {a={x=1,b={y=2}},z=3}";
static const char second_script[] = "return {a={x=10,b={y=20}},z=-3}";

static struct buf make(const char *name, const char *script) {
    struct buf b = {0};
    struct ws_err err = {0};
    assert_int_equal(policy_make_body(name, span_of(script, strlen(script)), &policy_test_schema,
                         &limits, &b, &err),
        0);
    return b;
}

static struct buf assemble(const char *name, const char *script, const int64_t *values) {
    struct buf b = {0};
    struct buf table = {0};
    policy_table_encode(&policy_test_schema, values, &table);
    buf_u8(&b, 1);
    buf_var(&b, span_of(name, strlen(name)));
    buf_var(&b, span_of(script, strlen(script)));
    buf_var(&b, buf_span(&table));
    buf_free(&table);
    return b;
}

/* ---- the contract, started ---- */

struct cell {
    struct exec_host host;
    struct contract c;
};

static void start(struct cell *cell) {
    *cell = (struct cell){.c = policy_contract_new(&policy_test_schema, &limits)};
    struct buf section = make("first", first_script);
    struct ws_err err = {0};
    assert_int_equal(cell->c.ops->genesis(cell->c.self, &cell->host, buf_span(&section), &err), 0);
    buf_free(&section);
}

static void stop(struct cell *cell) {
    cell->c.ops->free(cell->c.self);
    host_free(&cell->host);
}

static exec_code order(struct cell *cell, struct span body) {
    const struct exec_order o = {.role = ROLE_POLICY, .kind = POLICY_DEPLOY, .body = body};
    return cell->c.ops->order(cell->c.self, &cell->host, &o);
}

static void assert_in_force(
    const struct contract *c, uint64_t sequence, const char *name, const char *script, int64_t x) {
    size_t n = 0;
    const int64_t *values = policy_contract_values(c->self, &n);
    assert_int_equal(n, 3);
    assert_int_equal(values[0], x);
    assert_int_equal(policy_contract_sequence(c->self), sequence);
    assert_true(span_equal(policy_contract_name(c->self), span_of(name, strlen(name))));
    assert_true(span_equal(policy_contract_script(c->self), span_of(script, strlen(script))));
    struct buf table = {0};
    policy_table_encode(&policy_test_schema, values, &table);
    uint8_t hash[32];
    policy_hash(span_of(script, strlen(script)), buf_span(&table), hash);
    assert_memory_equal(policy_contract_hash(c->self), hash, 32);
    buf_free(&table);
}

/* ---- tests ---- */

static void genesis_is_in_force_at_once(void **state) {
    (void)state;
    struct cell cell;
    start(&cell);
    assert_in_force(&cell.c, 0, "first", first_script, 1);
    assert_int_equal(cell.host.events, 1);
    assert_string_equal(cell.c.ops->name, "policy");
    assert_true(cell.c.ops->takes_order(ROLE_POLICY, 1));
    assert_false(cell.c.ops->takes_order(ROLE_POLICY, 2));
    assert_false(cell.c.ops->takes_order(ROLE_MAP, 1));
    stop(&cell);
}

static void genesis_that_lies_is_refused(void **state) {
    (void)state;
    struct exec_host host = {0};
    struct contract c = policy_contract_new(&policy_test_schema, &limits);
    static const int64_t other[] = {2, 2, 3};
    struct buf section = assemble("first", first_script, other);
    struct ws_err err = {0};
    assert_int_equal(c.ops->genesis(c.self, &host, buf_span(&section), &err), WS_EINPUT);
    assert_string_equal(
        err.text, "first policy: policy first: the script gives another table than the one sent");
    buf_free(&section);
    section = assemble("first", "return {}", other);
    assert_int_equal(c.ops->genesis(c.self, &host, buf_span(&section), &err), WS_EINPUT);
    assert_string_equal(
        err.text, "first policy: first: field a.x is missing: the first (0 to 100, bit)");
    assert_int_equal(host.puts + host.events, 0);
    buf_free(&section);
    c.ops->free(c.self);
}

static void a_deployment_counts_from_the_next_block(void **state) {
    (void)state;
    struct cell cell;
    start(&cell);
    cell.c.ops->begin_block(cell.c.self, &cell.host);
    struct buf body = make("second", second_script);
    assert_int_equal(order(&cell, buf_span(&body)), EXEC_OK);
    assert_in_force(&cell.c, 0, "first", first_script, 1);
    assert_int_equal(cell.host.events, 2);
    assert_int_equal(cell.host.event_type, POLICY_EVENT_DEPLOYED);
    struct span record = {0};
    assert_true(exec_get(&cell.host, span_of("current", 7), &record));
    assert_true(span_equal(record, buf_span(&cell.host.event)));
    struct rd r = rd_of(record);
    assert_int_equal(rd_u8(&r), 1);
    assert_int_equal(rd_u64(&r), 1);

    cell.c.ops->begin_block(cell.c.self, &cell.host);
    assert_in_force(&cell.c, 1, "second", second_script, 10);
    uint8_t key[7 + 32] = "script/";
    memcpy(key + 7, policy_contract_hash(cell.c.self), 32);
    struct span script = {0};
    assert_true(exec_get(&cell.host, span_of(key, sizeof(key)), &script));
    assert_true(span_equal(script, span_of(second_script, strlen(second_script))));

    /* Two in one block: both are recorded, the last one counts. */
    struct buf third = make("third", first_script);
    assert_int_equal(order(&cell, buf_span(&body)), EXEC_OK);
    assert_int_equal(order(&cell, buf_span(&third)), EXEC_OK);
    cell.c.ops->begin_block(cell.c.self, &cell.host);
    assert_in_force(&cell.c, 3, "third", first_script, 1);
    buf_free(&third);
    buf_free(&body);
    stop(&cell);
}

static void what_is_refused_changes_nothing(void **state) {
    (void)state;
    struct cell cell;
    start(&cell);
    unsigned puts = cell.host.puts;
    static const int64_t other[] = {10, 20, -2};
    struct buf wrong_table = assemble("second", second_script, other);
    struct buf no_end = assemble("second", "while true do end", other);
    struct buf wrong_name = assemble("Second", second_script, other);
    assert_int_equal(order(&cell, buf_span(&wrong_table)), POLICY_TABLE_MISMATCH);
    assert_int_equal(order(&cell, buf_span(&no_end)), POLICY_SCRIPT_REFUSED);
    assert_int_equal(order(&cell, buf_span(&wrong_name)), POLICY_BAD_BODY);
    assert_int_equal(order(&cell, span_of("", 0)), POLICY_BAD_BODY);
    assert_int_equal(cell.host.puts, puts);
    assert_int_equal(cell.host.events, 1);
    cell.c.ops->begin_block(cell.c.self, &cell.host);
    assert_in_force(&cell.c, 0, "first", first_script, 1);
    assert_string_equal(cell.c.ops->code_name(POLICY_TABLE_MISMATCH), "table_mismatch");
    assert_string_equal(cell.c.ops->code_name(POLICY_CODE_COUNT), "unknown");
    buf_free(&wrong_table);
    buf_free(&no_end);
    buf_free(&wrong_name);
    stop(&cell);
}

static void bodies_cut_or_flipped_are_refused(void **state) {
    (void)state;
    struct cell cell;
    start(&cell);
    struct buf body = make("second", second_script);
    for (size_t n = 0; n < body.n; n++) {
        uint8_t *copy = ws_memdup(body.p, n);
        assert_int_equal(order(&cell, span_of(copy, n)), POLICY_BAD_BODY);
        free(copy);
    }
    unsigned accepted = 0;
    for (size_t bit = 0; bit < body.n * 8; bit++) {
        body.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
        struct policy_body parts;
        int64_t values[3] = {0};
        struct ws_err err = {0};
        enum policy_code code =
            policy_body_check(buf_span(&body), &policy_test_schema, &limits, &parts, values, &err);
        /* Another name, or white space of another kind: the same table, so it is accepted. */
        if (code == POLICY_OK)
            accepted++;
        else
            assert_true(err.text[0] != '\0');
        assert_true(code != POLICY_OK || (values[0] == 10 && values[1] == 20 && values[2] == -3));
        body.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_in_range(accepted, 1, 6 * 8 + 8); /* "second" is six octets */
    buf_u8(&body, 0);
    assert_int_equal(order(&cell, buf_span(&body)), POLICY_BAD_BODY);
    buf_free(&body);
    stop(&cell);
}

static void a_restart_gives_the_same(void **state) {
    (void)state;
    struct cell cell;
    start(&cell);
    struct buf body = make("second", second_script);
    assert_int_equal(order(&cell, buf_span(&body)), EXEC_OK);
    struct contract again = policy_contract_new(&policy_test_schema, &limits);
    struct ws_err err = {0};
    assert_int_equal(again.ops->load(again.self, &cell.host, &err), 0);
    again.ops->begin_block(again.self, &cell.host);
    assert_in_force(&again, 1, "second", second_script, 10);
    assert_int_equal(again.ops->order(again.self, &cell.host,
                         &(struct exec_order){
                             .role = ROLE_POLICY, .kind = POLICY_DEPLOY, .body = buf_span(&body)}),
        EXEC_OK);
    again.ops->begin_block(again.self, &cell.host);
    assert_in_force(&again, 2, "second", second_script, 10);
    again.ops->free(again.self);
    buf_free(&body);
    stop(&cell);
}

static void damaged_state_is_not_loaded(void **state) {
    (void)state;
    struct cell cell;
    start(&cell);
    struct exec_host empty = {0};
    struct ws_err err = {0};
    struct contract again = policy_contract_new(&policy_test_schema, &limits);
    assert_int_equal(again.ops->load(again.self, &empty, &err), WS_ENOTFOUND);
    for (size_t i = 0; i < cell.host.n; i++) {
        struct buf *value = &cell.host.entries[i].value;
        for (size_t at = 0; at < value->n; at++) {
            bool sequence = find(&cell.host, span_of("current", 7)) == &cell.host.entries[i] &&
                            at >= 1 && at < 9; /* any sequence is a sequence */
            bool name = value->p[0] == 1 && at >= 13 && at < 18;
            if (sequence || name)
                continue;
            value->p[at] ^= 0x40;
            assert_int_not_equal(again.ops->load(again.self, &cell.host, &err), 0);
            value->p[at] ^= 0x40;
        }
        for (size_t n = 0; n < value->n; n++) {
            size_t whole = value->n;
            value->n = n;
            assert_int_not_equal(again.ops->load(again.self, &cell.host, &err), 0);
            value->n = whole;
        }
    }
    assert_int_equal(again.ops->load(again.self, &cell.host, &err), 0);
    again.ops->free(again.self);
    stop(&cell);
}

static void bodies_are_not_made_from_bad_scripts(void **state) {
    (void)state;
    struct buf b = {0};
    struct ws_err err = {0};
    assert_int_equal(
        policy_make_body("bad", span_of("return {}", 9), &policy_test_schema, &limits, &b, &err),
        WS_EINPUT);
    assert_string_equal(err.text, "bad: field a.x is missing: the first (0 to 100, bit)");
    assert_int_equal(policy_make_body("Bad Name", span_of(first_script, strlen(first_script)),
                         &policy_test_schema, &limits, &b, &err),
        WS_EINPUT);
    assert_non_null(strstr(err.text, "'Bad Name' is no name for a policy"));
    assert_int_equal(b.n, 0);
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(genesis_is_in_force_at_once),
        cmocka_unit_test(genesis_that_lies_is_refused),
        cmocka_unit_test(a_deployment_counts_from_the_next_block),
        cmocka_unit_test(what_is_refused_changes_nothing),
        cmocka_unit_test(bodies_cut_or_flipped_are_refused),
        cmocka_unit_test(a_restart_gives_the_same),
        cmocka_unit_test(damaged_state_is_not_loaded),
        cmocka_unit_test(bodies_are_not_made_from_bad_scripts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
