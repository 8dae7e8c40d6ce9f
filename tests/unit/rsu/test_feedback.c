/* Answers of receivers: kept over a start, bounded, the oldest going first, and told which versions and elements they mean. */
#include "tests/support/cm.h"

#include "base/fileio.h"
#include "base/mem.h"
#include "mapsvc/tnits/tnits.h"
#include "rsu/feedback/feedback_desk.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const uint8_t cell[32] = {0x12, 0x34, 0xab};

struct rig {
    char dir[64], folder[80];
    struct feedback *f;
};

static void open_rig(struct rig *r) {
    struct ws_err err = {0};
    feedback_close(r->f);
    r->f = NULL;
    if (feedback_open(r->folder, cell, &r->f, &err) != WS_OK)
        fail_msg("%s", err.text);
}

static int setup(void **state) {
    struct rig *r = ws_alloc(sizeof(*r));
    (void)snprintf(r->dir, sizeof(r->dir), "feedback-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    (void)snprintf(r->folder, sizeof(r->folder), "%s/kept", r->dir);
    open_rig(r);
    *state = r;
    return 0;
}

/* How many files there are; takes them away when asked. */
static size_t files(const struct rig *r, bool away) {
    size_t n = 0;
    DIR *d = opendir(r->folder);
    if (d == NULL)
        return 0;
    for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        if (e->d_name[0] == '.')
            continue;
        n++;
        if (away)
            (void)unlinkat(dirfd(d), e->d_name, 0);
    }
    (void)closedir(d);
    return n;
}

static int teardown(void **state) {
    struct rig *r = *state;
    feedback_close(r->f);
    (void)files(r, true);
    (void)rmdir(r->folder);
    (void)rmdir(r->dir);
    free(r);
    return 0;
}

static void put_event(struct buf *b, const char *id, const char *code) {
    buf_printf(b,
        "<events><RoadFeatureEvent><featureId><RoadFeatureId><providerId>P</providerId><id>%s</id>"
        "</RoadFeatureId></featureId><eventCode href='c/%s'/></RoadFeatureEvent></events>",
        id, code);
}

static int add(struct rig *r, const char *dataset, const char *events, uint64_t *ret_number,
    struct ws_err *err) {
    struct buf b = {0};
    buf_printf(&b,
        "<FeedbackDataset><feedbackInfo><FeedbackInformation><datasetIdentifier>%s"
        "</datasetIdentifier><log><FeedbackLog>%s</FeedbackLog></log></FeedbackInformation>"
        "</feedbackInfo></FeedbackDataset>",
        dataset, events);
    int rc = feedback_add(r->f, buf_span(&b), 700 + *ret_number, ret_number, err);
    buf_free(&b);
    return rc;
}

struct seen {
    size_t n;
    uint64_t number[FEEDBACK_KEPT_MAX + 2], from[FEEDBACK_KEPT_MAX + 2], to[FEEDBACK_KEPT_MAX + 2];
    uint64_t received;
    size_t events, failures_first;
};

static bool see(void *ctx, const struct feedback_kept *k) {
    struct seen *s = ctx;
    s->number[s->n] = k->number;
    s->from[s->n] = k->from;
    s->to[s->n++] = k->to;
    s->received = k->received;
    s->events = k->answer.n_events;
    s->failures_first = 0;
    while (s->failures_first < k->answer.n_events &&
           strcmp(k->answer.events[s->failures_first].code, "success") != 0)
        s->failures_first++;
    return true;
}

static void test_ranges(void **state) {
    struct rig *r = *state;
    struct ws_err err = {0};
    static const struct {
        const char *dataset;
        uint64_t from, to;
    } cases[] = {{"wayside.1234ab0000000000/3-17", 3, 17}, {"wayside.1234ab0000000000/3-", 0, 0},
        {"wayside.1234ab0000000000/-3", 0, 0}, {"wayside.1234ab0000000000/5-4", 0, 0},
        {"wayside.1234ab0000000000/0-4", 0, 0}, {"wayside.1234ab0000000000/1-2x", 0, 0},
        {"wayside.1234ab0000000001/3-17", 0, 0}, {"else/3-17", 0, 0},
        {"wayside.1234ab0000000000/11111111111111111111111111-2", 0, 0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t number = 0;
        assert_int_equal(add(r, cases[i].dataset, "", &number, &err), WS_OK);
        assert_int_equal(number, i + 1);
        struct seen s = {0};
        feedback_each(r->f, see, &s);
        assert_int_equal(s.number[0], i + 1); /* the newest first */
        assert_int_equal(s.from[0], cases[i].from);
        assert_int_equal(s.to[0], cases[i].to);
    }
}

static void test_kept(void **state) {
    struct rig *r = *state;
    struct ws_err err = {0};
    uint64_t number = 4;
    assert_int_equal(add(r, "D1", "", &number, &err), WS_OK);
    assert_int_equal(add(r, "D1", "", &number, &err), WS_EBUSY);
    assert_non_null(strstr(err.text, "kept already, as number 1"));
    open_rig(r);
    struct seen s = {0};
    feedback_each(r->f, see, &s);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.received, 704);
    assert_int_equal(add(r, "D1", "", &number, &err), WS_EBUSY);
    /* One more than there is room for: the first goes, and its file. */
    for (size_t i = 0; i < FEEDBACK_KEPT_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "E%zu", i);
        number = 0;
        assert_int_equal(add(r, name, "", &number, &err), WS_OK);
        assert_int_equal(number, i + 2);
    }
    for (int turn = 0; turn < 2; turn++) {
        s = (struct seen){0};
        feedback_each(r->f, see, &s);
        assert_int_equal(s.n, FEEDBACK_KEPT_MAX);
        assert_int_equal(s.number[0], FEEDBACK_KEPT_MAX + 1);
        assert_int_equal(s.number[s.n - 1], 2);
        assert_int_equal(files(r, false), FEEDBACK_KEPT_MAX);
        open_rig(r);
    }
    number = 0;
    assert_int_equal(add(r, "again", "", &number, &err), WS_OK);
    assert_int_equal(number, FEEDBACK_KEPT_MAX + 2);
}

/* What is no answer is not kept; what lies in the folder and is none is left out, and stays. */
static void test_refused(void **state) {
    struct rig *r = *state;
    struct ws_err err = {0};
    uint64_t number = 0;
    assert_int_equal(feedback_add(r->f, span_of("<a/>", 4), 1, &number, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "no TN-ITS feedback"));
    uint8_t *large = ws_alloc(FEEDBACK_OCTETS_MAX + 1);
    memset(large, ' ', FEEDBACK_OCTETS_MAX + 1);
    assert_int_equal(
        feedback_add(r->f, span_of(large, FEEDBACK_OCTETS_MAX + 1), 1, &number, &err), WS_ELIMIT);
    free(large);
    assert_int_equal(files(r, false), 0);
    assert_int_equal(add(r, "D", "", &number, &err), WS_OK);
    char path[120];
    static const char *const odd[] = {
        "000007-5.xml", "x-5.xml", "1.xml", "000009-.xml", "-1-5.xml", "000009-5.xml.tmp.7"};
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", r->folder, odd[i]);
        assert_int_equal(file_write(path, span_of("nonsense", 8), 0644, &err), WS_OK);
    }
    open_rig(r);
    struct seen s = {0};
    feedback_each(r->f, see, &s);
    assert_int_equal(s.n, 1);
    assert_int_equal(files(r, false), 1 + ARRAY_LEN(odd));
}

static void test_events(void **state) {
    struct rig *r = *state;
    struct ws_err err = {0};
    struct buf b = {0};
    uint64_t number = 0;
    for (size_t i = 0; i < FEEDBACK_EVENTS_MAX + 50; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "%zu", i);
        put_event(&b, id, i % 100 == 99 ? "decodeLocationError" : "success");
    }
    buf_u8(&b, 0);
    assert_int_equal(add(r, "D", (const char *)b.p, &number, &err), WS_OK);
    buf_free(&b);
    struct seen s = {0};
    feedback_each(r->f, see, &s);
    assert_int_equal(s.events, FEEDBACK_EVENTS_MAX);
    assert_int_equal(s.failures_first, (FEEDBACK_EVENTS_MAX + 50) / 100);
}

/* ---- the desk ---- */

static struct buf answer_about(const char *dataset) {
    struct buf b = {0};
    buf_printf(&b,
        "<FeedbackDataset><feedbackInfo><FeedbackInformation><datasetIdentifier>%s"
        "</datasetIdentifier></FeedbackInformation></feedbackInfo></FeedbackDataset>",
        dataset);
    return b;
}

/* Hands it in; the caller's end, or -1 when it is not taken. */
static int hand_in(struct feedback_desk *d, struct span xml) {
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    if (feedback_desk_give(d, ends[0], xml, 5))
        return ends[1];
    (void)close(ends[0]);
    (void)close(ends[1]);
    return -1;
}

static void expect_line(int fd, const char *want) {
    char got[256] = {0};
    size_t n = 0;
    for (ssize_t k = 1; k > 0 && n<sizeof(got) - 1; n += k> 0 ? (size_t)k : 0)
        k = recv(fd, got + n, sizeof(got) - 1 - n, 0);
    (void)close(fd);
    if (strncmp(got, want, strlen(want)) != 0)
        fail_msg("told \"%s\" instead of \"%s\"", got, want);
    assert_int_equal(got[n - 1], '\n');
}

static void test_desk(void **state) {
    struct rig *r = *state;
    struct ws_err err = {0};
    struct feedback_desk *d = NULL;
    assert_int_equal(feedback_desk_open(r->f, &d, &err), WS_OK);
    struct buf b = answer_about("D");
    expect_line(hand_in(d, buf_span(&b)), "ok 1\n");
    expect_line(hand_in(d, buf_span(&b)), "no it is kept already, as number 1\n");
    expect_line(hand_in(d, span_of("<a/>", 4)), "no feedback");
    buf_free(&b);
    assert_int_equal(files(r, false), 1);
    feedback_desk_close(d);
}

struct crowd {
    struct feedback_desk *d;
    size_t n;
    int fd[FEEDBACK_WAITING_MAX + 8];
};

/* While the list is read nothing is put into it: so many wait, and one is in hand. */
static bool hand_in_many(void *ctx, const struct feedback_kept *k) {
    struct crowd *c = ctx;
    (void)k;
    for (c->n = 0; c->n < ARRAY_LEN(c->fd); c->n++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "E%zu", c->n);
        struct buf b = answer_about(name);
        c->fd[c->n] = hand_in(c->d, buf_span(&b));
        buf_free(&b);
        if (c->fd[c->n] < 0)
            break;
    }
    return false;
}

static void test_desk_is_bounded(void **state) {
    struct rig *r = *state;
    struct ws_err err = {0};
    struct crowd c = {0};
    uint64_t number = 0;
    assert_int_equal(feedback_desk_open(r->f, &c.d, &err), WS_OK);
    assert_int_equal(add(r, "D", "", &number, &err), WS_OK);
    feedback_each(r->f, hand_in_many, &c);
    assert_true(c.n == FEEDBACK_WAITING_MAX || c.n == FEEDBACK_WAITING_MAX + 1);
    for (size_t i = 0; i < c.n; i++) {
        char want[16];
        (void)snprintf(want, sizeof(want), "ok %zu\n", i + 2);
        expect_line(c.fd[i], want);
    }
    struct seen s = {0};
    feedback_each(r->f, see, &s);
    assert_int_equal(s.n, c.n + 1);
    feedback_desk_close(c.d);
}

static void test_names(void **state) {
    (void)state;
    struct element e = {.kind = EL_SIGN, .id = {0xab, [15] = 1}};
    struct tnits_event by_id = {.provider = "wayside", .id = "AB000000000000000000000000000001"};
    struct tnits_event other = {.provider = "wayside", .id = "ab000000000000000000000000000002"};
    struct tnits_event alias = {.provider = "P", .id = "77"};
    uint8_t id[16];
    assert_true(element_add_alias(&e, "tnits:P/77"));
    assert_true(feedback_names(&by_id, &e));
    assert_false(feedback_names(&other, &e));
    assert_true(feedback_names(&alias, &e));
    assert_true(feedback_element(&by_id, id));
    assert_memory_equal(id, e.id, 16);
    assert_false(feedback_element(&alias, id));
    (void)snprintf(alias.provider, sizeof(alias.provider), "Q");
    assert_false(feedback_names(&alias, &e));
    element_free(&e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ranges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_events, setup, teardown),
        cmocka_unit_test_setup_teardown(test_desk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_desk_is_bounded, setup, teardown),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
