/* Threads for jobs: each job runs once, writes do not wait behind what computes, nothing is lost at the end. */
#include "rsu/host/jobs.h"
#include "tests/support/cm.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

struct probe {
    struct node_job job;
    atomic_int *gate; /* NULL, or what it waits for */
    atomic_int *ran;
    atomic_int *dropped;
};

static void run(struct node_job *job) {
    struct probe *p = (struct probe *)job;
    while (p->gate != NULL && atomic_load(p->gate) == 0)
        (void)usleep(100);
    atomic_fetch_add(p->ran, 1);
}

static void drop(struct node_job *job) {
    struct probe *p = (struct probe *)job;
    atomic_fetch_add(p->dropped, 1);
    free(p);
}

static struct probe *probe(bool writes, atomic_int *gate, atomic_int *ran, atomic_int *dropped) {
    struct probe *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    *p = (struct probe){{.run = run, .drop = drop, .writes = writes}, gate, ran, dropped};
    return p;
}

static struct node_job *wait_for_one(struct jobs *j) {
    for (;;) {
        struct node_job *job = jobs_take(j);
        if (job != NULL)
            return job;
        struct pollfd p = {.fd = jobs_fd(j), .events = POLLIN};
        assert_int_equal(poll(&p, 1, 120000), 1);
    }
}

static void every_job_runs_once_and_comes_back(void **state) {
    (void)state;
    struct jobs *j = NULL;
    assert_int_equal(jobs_new(3, &j, NULL), WS_OK);
    atomic_int ran = 0;
    atomic_int dropped = 0;
    enum { N = 300 };
    bool seen[N] = {false};
    struct probe *all[N];
    for (int i = 0; i < N; i++) {
        all[i] = probe(i % 3 == 0, NULL, &ran, &dropped);
        jobs_give(j, &all[i]->job);
    }
    for (int i = 0; i < N; i++) {
        struct node_job *job = wait_for_one(j);
        int at = 0;
        while (at < N && &all[at]->job != job)
            at++;
        assert_true(at < N);
        assert_false(seen[at]);
        seen[at] = true;
    }
    assert_null(jobs_take(j));
    assert_int_equal(atomic_load(&ran), N);
    for (int i = 0; i < N; i++)
        free(all[i]);
    jobs_free(j);
    assert_int_equal(atomic_load(&dropped), 0);
}

static void writes_pass_what_computes(void **state) {
    (void)state;
    struct jobs *j = NULL;
    assert_int_equal(jobs_new(1, &j, NULL), WS_OK);
    atomic_int gate = 0;
    atomic_int ran = 0;
    atomic_int dropped = 0;
    struct probe *slow = probe(false, &gate, &ran, &dropped);
    struct probe *write = probe(true, NULL, &ran, &dropped);
    jobs_give(j, &slow->job);
    jobs_give(j, &write->job);
    assert_ptr_equal(wait_for_one(j), &write->job);
    atomic_store(&gate, 1);
    jobs_settle(j);
    assert_int_equal(atomic_load(&ran), 2);
    assert_ptr_equal(wait_for_one(j), &slow->job);
    free(slow);
    free(write);
    jobs_free(j);
}

static void what_nobody_took_is_dropped_after_it_ran(void **state) {
    (void)state;
    struct jobs *j = NULL;
    assert_int_equal(jobs_new(2, &j, NULL), WS_OK);
    atomic_int ran = 0;
    atomic_int dropped = 0;
    for (int i = 0; i < 20; i++)
        jobs_give(j, &probe(i % 2 == 0, NULL, &ran, &dropped)->job);
    jobs_free(j);
    assert_int_equal(atomic_load(&ran), 20);
    assert_int_equal(atomic_load(&dropped), 20);
    jobs_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_runs_once_and_comes_back),
        cmocka_unit_test(writes_pass_what_computes),
        cmocka_unit_test(what_nobody_took_is_dropped_after_it_ran),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
