#include "rsu/host/sign_command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { WAIT_MS = 10000, ANSWER_MAX = 64 };

/* What it prints until it closes its output; false: too long, or too much. */
static bool hear(int fd, char answer[static ANSWER_MAX]) {
    size_t n = 0;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, WAIT_MS) <= 0 || n == ANSWER_MAX - 1)
            return false;
        ssize_t got = read(fd, answer + n, ANSWER_MAX - 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        answer[n + (size_t)got] = '\0';
        n += (size_t)got;
        if (got == 0)
            return n > 0;
    }
}

static int start(char *program, char *verb, int out, pid_t *ret_pid) {
    char *argv[] = {program, verb, NULL};
    sigset_t none;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    (void)sigemptyset(&none);
    (void)posix_spawn_file_actions_init(&files);
    (void)posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    (void)posix_spawnattr_init(&attr);
    (void)posix_spawnattr_setsigmask(&attr, &none); /* the daemon blocks its own signals */
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
    int rc = posix_spawn(ret_pid, program, &files, &attr, argv, environ);
    (void)posix_spawn_file_actions_destroy(&files);
    (void)posix_spawnattr_destroy(&attr);
    return rc;
}

static int ask(char *program, const char *word, uint64_t *ret_value, struct ws_err *err) {
    int pipe_fd[2];
    char answer[ANSWER_MAX] = "";
    char verb[16] = "";
    pid_t pid = 0;
    memcpy(verb, word, strlen(word) + 1);
    if (pipe2(pipe_fd, O_CLOEXEC) != 0)
        return ws_fail(err, WS_EIO, "%s", strerror(errno));
    int bad = start(program, verb, pipe_fd[1], &pid);
    (void)close(pipe_fd[1]);
    if (bad != 0) {
        (void)close(pipe_fd[0]);
        return ws_fail(err, WS_EIO, "%s: %s", program, strerror(bad));
    }
    bool heard = hear(pipe_fd[0], answer);
    (void)close(pipe_fd[0]);
    if (!heard)
        (void)kill(pid, SIGKILL); /* ours, and not waited for yet: the number is still its own */
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    char *end = NULL;
    *ret_value = strtoull(answer, &end, 10);
    if (heard && WIFEXITED(status) && WEXITSTATUS(status) == 0 && end != answer &&
        (*end == '\0' || *end == '\n'))
        return WS_OK;
    return ws_fail(err, WS_EIO, "%s %s gave no number", program, word);
}

int sign_command_read(void *ctx, uint64_t *ret_value, struct ws_err *err) {
    return ask(ctx, "read", ret_value, err);
}

int sign_command_advance(void *ctx, uint64_t *ret_value, struct ws_err *err) {
    return ask(ctx, "advance", ret_value, err);
}
