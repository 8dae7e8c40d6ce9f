/* rsu/directory: slots stay with their keys while sets and configuration change. */
#include "tests/support/cm.h"

#include "rsu/daemon/directory.h"

#include <stdio.h>

static struct validator_set set_of(const char *names) {
    struct validator_set s = {.n = strlen(names)};
    for (size_t i = 0; i < s.n; i++) {
        memset(s.v[i].curve_key, names[i], 32);
        memset(s.v[i].address, names[i], 32);
    }
    return s;
}

static struct config config_of(const char *names, const char *followers) {
    struct config c = {.n_peers = strlen(names), .n_followers = strlen(followers)};
    for (size_t i = 0; i < c.n_peers; i++) {
        uint8_t address[32];
        char text[65];
        char endpoint[32];
        memset(address, names[i], 32);
        hex_encode(text, address, 32);
        (void)snprintf(endpoint, sizeof(endpoint), "tcp://%c:1", names[i]);
        c.peers[i].address = ws_strdup(text);
        c.peers[i].endpoint = ws_strdup(endpoint);
    }
    for (size_t i = 0; i < c.n_followers; i++) {
        memset(c.followers[i].key, followers[i], 32);
        c.followers[i].endpoint = ws_strdup("tcp://follower:1");
    }
    return c;
}

/* The slots as text: their names, '.' where none is. */
static void slots(const struct directory *d, const char *want) {
    char got[NODE_PEERS_MAX + 1] = "";
    for (size_t i = 0; i < d->peers.n; i++)
        got[i] = d->peers.curve_key[i][0] == 0 ? '.' : (char)d->peers.curve_key[i][0];
    assert_string_equal(got, want);
}

static void slots_stay(void **state) {
    (void)state;
    struct directory d;
    struct validator_set genesis = set_of("abcd");
    uint8_t own[32];
    memset(own, 'b', 32);
    directory_begin(&d, &genesis, own);
    slots(&d, "abcd");
    assert_int_equal(d.peers.me, 1);
    struct config c = config_of("acd", "");
    const struct validator_set *one[] = {&genesis};
    assert_true(directory_fill(&d, one, 1, &c, own)); /* endpoints */
    assert_false(directory_fill(&d, one, 1, &c, own));
    slots(&d, "abcd");
    assert_string_equal(d.endpoint[3], "tcp://d:1");
    assert_null(d.endpoint[1]);
    /* c goes, e comes: for a while both sets are in force. */
    struct validator_set next = set_of("eabd");
    const struct validator_set *two[] = {&genesis, &next};
    assert_true(directory_fill(&d, two, 2, &c, own));
    slots(&d, "abcde");
    assert_null(d.endpoint[4]);
    const struct validator_set *after[] = {&next};
    assert_true(directory_fill(&d, after, 1, &c, own));
    slots(&d, "ab.de");
    /* A follower takes the free slot; the new validator gets an endpoint by a reload. */
    struct config c2 = config_of("acde", "f");
    assert_true(directory_fill(&d, after, 1, &c2, own));
    slots(&d, "abfde");
    assert_string_equal(d.endpoint[2], "tcp://follower:1");
    assert_string_equal(d.endpoint[4], "tcp://e:1");
    /* We leave the committee and stay in the directory. */
    struct validator_set without = set_of("aed");
    const struct validator_set *last[] = {&without};
    assert_false(directory_fill(&d, last, 1, &c2, own));
    assert_int_equal(d.peers.me, 1);
    /* A validator that is also named a follower has one slot, as a validator. */
    struct config c3 = config_of("ade", "af");
    (void)directory_fill(&d, last, 1, &c3, own);
    slots(&d, "abfde");
    assert_string_equal(d.endpoint[0], "tcp://a:1");
    config_free(&c);
    config_free(&c2);
    config_free(&c3);
}

/* A peer with a key is one before any committee knows it, and keeps its slot when one does. */
static void peers_with_keys_come_first(void **state) {
    (void)state;
    struct directory d;
    struct validator_set genesis = set_of("ab");
    uint8_t own[32];
    memset(own, 'x', 32);
    directory_begin(&d, &genesis, own);
    struct config c = config_of("k", "");
    c.peers[0].has_key = true;
    memset(c.peers[0].key, 'k', 32);
    const struct validator_set *one[] = {&genesis};
    assert_true(directory_fill(&d, one, 1, &c, own));
    slots(&d, "abxk");
    assert_string_equal(d.endpoint[3], "tcp://k:1");
    struct validator_set later = set_of("k");
    const struct validator_set *two[] = {&later};
    assert_true(directory_fill(&d, two, 1, &c, own));
    slots(&d, "..xk");
    assert_string_equal(d.endpoint[3], "tcp://k:1");
    config_free(&c);
}

/* An observer, whose key is nobody's, has a slot for itself behind the validators'. */
static void observer_has_a_slot(void **state) {
    (void)state;
    struct directory d;
    struct validator_set genesis = set_of("ab");
    uint8_t own[32];
    memset(own, 'x', 32);
    directory_begin(&d, &genesis, own);
    assert_true(d.peers.me == NODE_NO_SLOT);
    struct config c = config_of("ab", "");
    const struct validator_set *one[] = {&genesis};
    assert_true(directory_fill(&d, one, 1, &c, own));
    slots(&d, "abx");
    assert_int_equal(d.peers.me, 2);
    config_free(&c);
}

static void links_follow(void **state) {
    (void)state;
    struct directory d;
    uint8_t secret[32];
    struct net_config cfg = {
        .secret = secret, .bind = "tcp://127.0.0.1:*", .limits = net_limits_default(100000)};
    memset(secret, 9, 32);
    net_curve_public(secret, cfg.public_key);
    struct net *net = NULL;
    assert_int_equal(net_open(&cfg, &net, NULL), WS_OK);
    struct validator_set set = set_of("abcd");
    memcpy(set.v[1].curve_key, cfg.public_key, 32);
    directory_begin(&d, &set, cfg.public_key);
    struct config c = config_of("ac", "");
    for (size_t i = 0; i < c.n_peers; i++) {
        free(c.peers[i].endpoint);
        c.peers[i].endpoint = ws_strdup("tcp://127.0.0.1:1");
    }
    const struct validator_set *one[] = {&set};
    (void)directory_fill(&d, one, 1, &c, cfg.public_key);
    directory_link(&d, net);
    for (size_t i = 0; i < 4; i++)
        assert_true(net_find(net, set.v[i].curve_key) == (i == 1 ? NET_NOBODY : i));
    /* a goes, and the others stay where they are, c without its endpoint, too. */
    struct validator_set next = {.n = 3};
    memcpy(next.v, set.v + 1, 3 * sizeof(next.v[0]));
    const struct validator_set *two[] = {&next};
    struct config none = config_of("", "");
    (void)directory_fill(&d, two, 1, &none, cfg.public_key);
    directory_link(&d, net);
    assert_true(net_find(net, set.v[0].curve_key) == NET_NOBODY);
    assert_int_equal(net_find(net, set.v[2].curve_key), 2);
    assert_int_equal(net_find(net, set.v[3].curve_key), 3);
    net_close(net);
    config_free(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_stay),
        cmocka_unit_test(observer_has_a_slot),
        cmocka_unit_test(peers_with_keys_come_first),
        cmocka_unit_test(links_follow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
