/* Whom a net knows, also while it runs, and configurations that it refuses by name. */
#include "tests/unit/ledger/net_rig.h"

#include <unistd.h>

/* Peers come, go and change while the net runs. */
static void directory_changes_while_running(void **state) {
    (void)state;
    struct net_rig c;
    rig_mesh(&c, 3);
    assert_int_equal(net_find(c.net[0], c.public_key[2]), 2);
    /* Removed at one end: neither is heard by it any more, nor told anything; the others go on. */
    size_t peer;
    struct span msg;
    assert_false(rig_receive_within(&c, 0, 100, &peer, &msg)); /* greetings */
    assert_true(rig_send(&c, 2, 0, "on its way"));
    (void)usleep(500000);
    uint64_t before = rig_now_ms();
    net_remove(c.net[0], 2);
    assert_int_equal(net_find(c.net[0], c.public_key[2]), NET_NOBODY);
    assert_false(rig_send(&c, 0, 2, "nothing"));
    rig_wait_link(&c, 2, 0, false);
    assert_in_range(rig_now_ms() - before, 0, RIG_PATIENCE_MS);
    assert_false(rig_receive_within(&c, 0, 300, &peer, &msg));
    assert_true(net_counters(c.net[0])->cut_removed == 2);
    assert_true(rig_send(&c, 1, 0, "still here"));
    rig_receives(&c, 0, 1, "still here");
    /* Another key takes the slot; who had it before stays out. */
    memset(c.secret[2], 42, 32);
    net_curve_public(c.secret[2], c.public_key[2]);
    char old_endpoint[64];
    memcpy(old_endpoint, c.endpoint[2], sizeof(old_endpoint));
    struct net *old = c.net[2];
    c.net[2] = NULL;
    rig_free_endpoint(c.endpoint[2], sizeof(c.endpoint[2]));
    rig_open(&c, 2);
    rig_put(&c, 0, 2);
    rig_put(&c, 1, 2);
    rig_wait_mesh(&c);
    assert_true(rig_send(&c, 2, 0, "new"));
    rig_receives(&c, 0, 2, "new");
    net_tick(old, rig_now_ms() * 1000);
    assert_false(net_peer_up(old, 0));
    net_close(old);
    /* It moves: only the endpoint changes, and what it sends goes on meanwhile. */
    net_close(c.net[2]);
    memcpy(c.endpoint[2], old_endpoint, sizeof(old_endpoint));
    rig_open(&c, 2);
    rig_wait_link(&c, 2, 0, true);
    rig_put(&c, 0, 2);
    rig_put(&c, 1, 2);
    rig_wait_mesh(&c);
    assert_true(rig_send(&c, 0, 2, "moved"));
    rig_receives(&c, 2, 0, "moved");
    rig_put(&c, 0, 2); /* the same again is no news */
    assert_true(net_peer_up(c.net[0], 2));
    rig_close(&c);
}

/* A slot's next peer is not blamed for, nor credited with, what the one before sent. */
static void late_message_of_a_slot_s_former_peer(void **state) {
    (void)state;
    struct net_rig c;
    rig_mesh(&c, 2);
    assert_true(rig_send(&c, 1, 0, "seen"));
    rig_receives(&c, 0, 1, "seen");
    assert_true(rig_send(&c, 1, 0, "late"));
    (void)usleep(1000000);
    uint8_t other[32];
    uint8_t other_public[32];
    memset(other, 43, 32);
    net_curve_public(other, other_public);
    assert_int_equal(net_put(c.net[0], 1, other_public, c.endpoint[1], NULL), WS_OK);
    size_t peer;
    struct span msg;
    assert_false(rig_receive_within(&c, 0, 300, &peer, &msg));
    assert_true(net_counters(c.net[0])->refused_parts >= 1);
    rig_close(&c);
}

static void refused(struct net_rig *c, const struct net_config *cfg, int want, const char *text) {
    struct ws_err err = {0};
    struct net *n = NULL;
    (void)c;
    assert_int_equal(net_open(cfg, &n, &err), want);
    if (strstr(err.text, text) == NULL)
        fail_msg("%s", err.text);
    assert_null(n);
}

static void put_refused(
    struct net_rig *c, size_t slot, const uint8_t *key, const char *endpoint, const char *text) {
    struct ws_err err = {0};
    assert_int_equal(net_put(c->net[0], slot, key, endpoint, &err), WS_EINPUT);
    if (strstr(err.text, text) == NULL)
        fail_msg("%s", err.text);
    assert_false(rig_send(c, 0, slot, "x"));
}

static void bad_configs_are_named(void **state) {
    (void)state;
    struct net_rig c;
    rig_make(&c, 3);
    struct net_config cfg = rig_config(&c, 0);
    cfg.secret = c.secret[1];
    refused(&c, &cfg, WS_EINPUT, "secret key does not belong");
    cfg = rig_config(&c, 0);
    cfg.bind = "ipc://somewhere";
    refused(&c, &cfg, WS_EINPUT, "ipc://somewhere");
    cfg = rig_config(&c, 0);
    cfg.limits.queue_messages = 0;
    refused(&c, &cfg, WS_EINPUT, "queue of 0");
    cfg = rig_config(&c, 0);
    cfg.limits.message_octets_max = NET_MESSAGE_MAX_LEAST - 1;
    refused(&c, &cfg, WS_EINPUT, "1023");
    cfg = rig_config(&c, 0);
    cfg.limits.held_octets = RIG_LARGEST;
    refused(&c, &cfg, WS_EINPUT, "200000 octets held");
    cfg = rig_config(&c, 0);
    cfg.limits.octets_per_s[NET_BULK] = 99999;
    refused(&c, &cfg, WS_EINPUT, "99999 octets a second");
    cfg = rig_config(&c, 0);
    cfg.limits.strangers = 0;
    refused(&c, &cfg, WS_EINPUT, "0 strangers");
    /* The directory. */
    rig_open(&c, 0);
    put_refused(&c, 2, c.public_key[1], c.endpoint[2], "peers 1 and 2 have the same key");
    assert_int_equal(net_find(c.net[0], c.public_key[2]), NET_NOBODY);
    put_refused(&c, 2, c.public_key[0], c.endpoint[2], "peer 2: has this node's own key");
    put_refused(&c, 2, c.public_key[2], "inproc://x", "peer 2: inproc://x");
    put_refused(&c, 2, c.public_key[2], "tcp://no-port", "peer 2: tcp://no-port");
    /* An address that is taken. */
    cfg = rig_config(&c, 1);
    cfg.bind = c.endpoint[0];
    refused(&c, &cfg, WS_EIO, "in use");
    rig_close(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(directory_changes_while_running),
        cmocka_unit_test(late_message_of_a_slot_s_former_peer),
        cmocka_unit_test(bad_configs_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
