/* Four processes with DPDK at the same time, as an ordinary machine runs them: no huge pages, nothing shared. */
#include "tests/unit/pktio/worker_support.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { PROCESSES = 4, FRAMES = 200 };

/* Says on standard output that DPDK runs, waits until told to go on, replays, says how many were verified. */
static int child(void) {
    struct ws_err err;
    if (pktio_start(32, &err) != WS_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    char go;
    if (write(STDOUT_FILENO, "r", 1) != 1 || read(STDIN_FILENO, &go, 1) != 1)
        return 2;
    struct bench *b = bench_new();
    bench_capture(b, b->path, FRAMES, 1000);
    struct port_config cfg = {.kind = PORT_CAPTURE, .mbufs = 256};
    struct worker *w = bench_start(b, &cfg);
    struct worker_counters c;
    bench_wait(w, &c);
    bool good = c.pipe.verdict[PKT_VERIFIED] == FRAMES && bench_drain(b) == FRAMES;
    worker_free(w);
    bench_free(b);
    pktio_stop();
    return good ? 0 : 3;
}

struct process {
    pid_t pid;
    int to, from;
};

static void start(struct process *p) {
    int in[2];
    int out[2];
    char *argv[] = {(char *)"wayside-test", (char *)"child", NULL};
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    posix_spawn_file_actions_t a;
    assert_int_equal(posix_spawn_file_actions_init(&a), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&a, in[0], STDIN_FILENO), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&a, out[1], STDOUT_FILENO), 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(posix_spawn_file_actions_addclose(&a, in[i]), 0);
        assert_int_equal(posix_spawn_file_actions_addclose(&a, out[i]), 0);
    }
    assert_int_equal(posix_spawn(&p->pid, "/proc/self/exe", &a, NULL, argv, environ), 0);
    (void)posix_spawn_file_actions_destroy(&a);
    (void)close(in[0]);
    (void)close(out[1]);
    p->to = in[1];
    p->from = out[0];
}

static void side_by_side(void **state) {
    (void)state;
    struct process p[PROCESSES];
    for (unsigned i = 0; i < PROCESSES; i++)
        start(&p[i]);
    for (unsigned i = 0; i < PROCESSES; i++) { /* all of them have started before any goes on */
        char ready = 0;
        struct pollfd fd = {.fd = p[i].from, .events = POLLIN};
        assert_int_equal(poll(&fd, 1, 30000), 1);
        assert_int_equal(read(p[i].from, &ready, 1), 1);
        assert_int_equal(ready, 'r');
    }
    for (unsigned i = 0; i < PROCESSES; i++)
        assert_int_equal(write(p[i].to, "g", 1), 1);
    for (unsigned i = 0; i < PROCESSES; i++) {
        int status = -1;
        assert_int_equal(waitpid(p[i].pid, &status, 0), p[i].pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        (void)close(p[i].to);
        (void)close(p[i].from);
    }
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "child") == 0)
        return child();
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {cmocka_unit_test(side_by_side)};
    return cmocka_run_group_tests_name("processes with DPDK", tests, NULL, NULL);
}
