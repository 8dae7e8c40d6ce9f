/* Questions from many threads to one owner. Run under TSan too. */
#include "tests/support/cm.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "rsu/host/mailbox.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

static uint64_t now_ms(void) {
    struct ws_clock c = {.kind = WS_CLOCK_SYSTEM};
    return ws_clock_now(&c).mono_us / 1000;
}

static void sleep_ms(unsigned ms) {
    struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&t, NULL);
}

struct owner {
    struct mailbox *m;
    atomic_bool stop;
    unsigned served; /* owner's thread only */
    pthread_t thread;
};

static void *serve(void *arg) {
    struct owner *o = arg;
    while (!o->stop) {
        struct pollfd p = {.fd = mailbox_fd(o->m), .events = POLLIN};
        (void)poll(&p, 1, 20);
        mailbox_serve(o->m, o);
    }
    return NULL;
}

static void start_owner(struct owner *o, size_t capacity) {
    memset(o, 0, sizeof(*o));
    o->m = mailbox_new(capacity);
    assert_int_equal(pthread_create(&o->thread, NULL, serve, o), 0);
}

static void stop_owner(struct owner *o) {
    o->stop = true;
    assert_int_equal(pthread_join(o->thread, NULL), 0);
    mailbox_free(o->m);
}

static void add_one(void *owner, void *ctx) {
    struct owner *o = owner;
    if (o != NULL)
        o->served++;
    ++*(unsigned *)ctx; /* the asker's own memory: TSan knows if it is touched after the answer */
}

static void the_owner_answers(void **state) {
    (void)state;
    struct owner o;
    start_owner(&o, 4);
    unsigned n = 0;
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(mailbox_ask(o.m, add_one, &n, 120000), WS_OK);
    assert_int_equal(n, 100);
    stop_owner(&o);
}

static void nobody_answers_in_time(void **state) {
    (void)state;
    struct mailbox *m = mailbox_new(4);
    unsigned n = 0;
    uint64_t start = now_ms();
    assert_int_equal(mailbox_ask(m, add_one, &n, 60), WS_EBUSY);
    assert_in_range(now_ms() - start, 55, 300000); /* a busy machine comes back to it late */
    assert_int_equal(mailbox_ask(m, add_one, &n, 0), WS_EBUSY);
    /* What was given up does not run later. */
    mailbox_serve(m, NULL);
    assert_int_equal(n, 0);
    mailbox_free(m);
}

struct asker {
    struct mailbox *m;
    mailbox_fn fn;
    unsigned timeout_ms, n;
    bool insist; /* asks again until it has an answer */
    int rc;
    uint64_t took_ms;
    pthread_t thread;
};

static void *ask(void *arg) {
    struct asker *a = arg;
    uint64_t start = now_ms();
    do {
        a->rc = mailbox_ask(a->m, a->fn, &a->n, a->timeout_ms);
        if (a->insist && a->rc != WS_OK)
            sleep_ms(1);
    } while (a->insist && a->rc != WS_OK);
    a->took_ms = now_ms() - start;
    return NULL;
}

static void start_asker(
    struct asker *a, struct mailbox *m, mailbox_fn fn, unsigned timeout_ms, bool insist) {
    *a = (struct asker){.m = m, .fn = fn, .timeout_ms = timeout_ms, .insist = insist};
    assert_int_equal(pthread_create(&a->thread, NULL, ask, a), 0);
}

enum { PATIENCE_MS = 1000, SLOW_MS = 1500 }; /* a busy owner takes it up within the first */

static void slow(void *owner, void *ctx) {
    (void)owner;
    sleep_ms(SLOW_MS);
    ++*(unsigned *)ctx;
}

/* Once it runs it is waited for, however long: the owner uses the asker's memory. */
static void a_slow_answer_is_waited_for(void **state) {
    (void)state;
    struct owner o;
    start_owner(&o, 4);
    struct asker a;
    start_asker(&a, o.m, slow, PATIENCE_MS, false);
    assert_int_equal(pthread_join(a.thread, NULL), 0);
    assert_int_equal(a.rc, WS_OK);
    assert_int_equal(a.n, 1);
    assert_true(a.took_ms >= SLOW_MS - 10);
    stop_owner(&o);
}

static void a_full_box_says_so_at_once(void **state) {
    (void)state;
    struct mailbox *m = mailbox_new(2);
    struct asker a[2];
    for (size_t i = 0; i < 2; i++)
        start_asker(&a[i], m, add_one, 10000, true);
    unsigned n = 0;
    /* Until both wait; each try that still finds room is given up at once. */
    uint64_t start = now_ms();
    bool full = false;
    while (!full && now_ms() - start < 120000) {
        uint64_t before = now_ms();
        assert_int_equal(mailbox_ask(m, add_one, &n, 40), WS_EBUSY);
        full = now_ms() - before < 30;
        if (!full)
            sleep_ms(20); /* leaves the place to the asker that has none yet */
    }
    assert_true(full);
    mailbox_serve(m, NULL);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(a[i].thread, NULL), 0);
        assert_int_equal(a[i].rc, WS_OK);
        assert_int_equal(a[i].n, 1);
    }
    assert_int_equal(n, 0);
    mailbox_free(m);
}

static void shutting_wakes_those_who_wait(void **state) {
    (void)state;
    struct mailbox *m = mailbox_new(8);
    struct asker a[4];
    for (size_t i = 0; i < 4; i++)
        start_asker(&a[i], m, add_one, 600000, false);
    sleep_ms(30);
    mailbox_shut(m);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(a[i].thread, NULL), 0);
        assert_int_equal(a[i].rc, WS_EBUSY);
        assert_true(a[i].took_ms < 400000);
    }
    unsigned n = 0;
    assert_int_equal(mailbox_ask(m, add_one, &n, 1000), WS_EBUSY);
    mailbox_serve(m, NULL);
    assert_int_equal(n, 0);
    mailbox_free(m);
}

/* The owner is running a question while somebody shuts the box. */
static void shutting_does_not_cut_an_answer_short(void **state) {
    (void)state;
    struct owner o;
    start_owner(&o, 4);
    struct asker a;
    start_asker(&a, o.m, slow, 10000, false);
    sleep_ms(60);
    mailbox_shut(o.m);
    assert_int_equal(pthread_join(a.thread, NULL), 0);
    assert_true((a.rc == WS_OK && a.n == 1) || (a.rc == WS_EBUSY && a.n == 0));
    stop_owner(&o);
}

enum { ASKERS = 6, QUESTIONS = 400 };

struct crowd {
    struct mailbox *m;
    uint64_t seed;
    unsigned yes, ran;
    pthread_t thread;
};

static void *ask_often(void *arg) {
    struct crowd *c = arg;
    struct ws_random rnd = ws_random_seeded(c->seed);
    for (unsigned i = 0; i < QUESTIONS; i++) {
        unsigned n = 0;
        int rc = mailbox_ask(c->m, add_one, &n, (unsigned)ws_random_below(&rnd, 3));
        c->yes += rc == WS_OK;
        c->ran += n;
        if ((rc == WS_OK) != (n == 1))
            return arg; /* ran although given up, or not although answered */
    }
    return NULL;
}

static void a_crowd_gets_each_answer_once_or_none(void **state) {
    (void)state;
    struct owner o;
    start_owner(&o, 3);
    struct crowd c[ASKERS];
    for (size_t i = 0; i < ASKERS; i++) {
        c[i] = (struct crowd){.m = o.m, .seed = i};
        assert_int_equal(pthread_create(&c[i].thread, NULL, ask_often, &c[i]), 0);
    }
    unsigned yes = 0;
    for (size_t i = 0; i < ASKERS; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(c[i].thread, &wrong), 0);
        assert_null(wrong);
        assert_int_equal(c[i].yes, c[i].ran);
        yes += c[i].yes;
    }
    o.stop = true;
    assert_int_equal(pthread_join(o.thread, NULL), 0);
    assert_int_equal(o.served, yes);
    assert_true(yes > 0);
    mailbox_free(o.m);
}

struct pest {
    struct mailbox *m;
    atomic_bool *stop;
    pthread_t thread;
};

static void *ask_again_and_again(void *arg) {
    struct pest *p = arg;
    unsigned n = 0;
    while (!*p->stop)
        (void)!mailbox_ask(p->m, add_one, &n, 1000);
    return NULL;
}

static void linger(void *owner, void *ctx) {
    struct owner *o = owner;
    (void)ctx;
    o->served++;
    sleep_ms(2);
}

static void *ask_lingering(void *arg) {
    struct pest *p = arg;
    unsigned n = 0;
    for (unsigned i = 0; i < 200 && !*p->stop; i++)
        (void)!mailbox_ask(p->m, linger, &n, 1000);
    return ask_again_and_again(arg);
}

/* Askers that come back at once must not keep the owner from its own work. */
static void serving_ends_although_questions_keep_coming(void **state) {
    (void)state;
    struct owner o = {.m = mailbox_new(4)};
    struct pest p[4];
    for (size_t i = 0; i < 4; i++) {
        p[i] = (struct pest){.m = o.m, .stop = &o.stop};
        assert_int_equal(pthread_create(&p[i].thread, NULL, ask_lingering, &p[i]), 0);
    }
    for (unsigned i = 0; i < 10; i++) {
        struct pollfd fd = {.fd = mailbox_fd(o.m), .events = POLLIN};
        assert_int_equal(poll(&fd, 1, 120000), 1);
        unsigned before = o.served;
        mailbox_serve(o.m, &o);
        assert_in_range(o.served - before, 0, 4);
    }
    o.stop = true;
    mailbox_shut(o.m);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_join(p[i].thread, NULL), 0);
    mailbox_free(o.m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_owner_answers),
        cmocka_unit_test(nobody_answers_in_time),
        cmocka_unit_test(a_slow_answer_is_waited_for),
        cmocka_unit_test(a_full_box_says_so_at_once),
        cmocka_unit_test(shutting_wakes_those_who_wait),
        cmocka_unit_test(shutting_does_not_cut_an_answer_short),
        cmocka_unit_test(a_crowd_gets_each_answer_once_or_none),
        cmocka_unit_test(serving_ends_although_questions_keep_coming),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
