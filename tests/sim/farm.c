#include "tests/sim/farm.h"

#include "base/assert.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TOLD_MAX = 3 };

/* Of one worker; in shared memory. */
struct desk {
    uint64_t seed; /* in hand */
    struct cover cover;
};

struct worker {
    pid_t pid;
    int fd;
    struct desk *desk;
};

struct total {
    uint64_t runs, failed, forks, heights, delivered, txs, sim_us, worst_heal_us;
    int32_t highest_round;
    struct work_most work;
    uint64_t bad[TOLD_MAX];
};

static double wall(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void farm_limit_cpu(void) {
    const struct itimerval most = {.it_value = {.tv_sec = FARM_CPU_SECONDS}};
    (void)setitimer(ITIMER_PROF, &most, NULL);
}

static bool done(const struct farm *f, uint64_t seed) {
    return f->seeds != 0 && seed >= f->from + f->seeds;
}

static void work(const struct farm *f, struct desk *desk, uint64_t seed, int fd) {
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    (void)dup2(null, STDERR_FILENO); /* nodes that stop say so; here that is nothing new */
    struct town town;
    town_build(&town, 1);
    cover_use(&desk->cover);
    for (; !done(f, seed); seed += f->jobs) {
        struct sim_plan plan;
        struct sim_result r;
        desk->seed = seed;
        farm_limit_cpu();
        plan_draw(&plan, seed, &f->sim);
        sim_run(&plan, &town, NULL, NULL, &r);
        plan_free(&plan);
        if (write(fd, &r, sizeof(r)) != (ssize_t)sizeof(r))
            _exit(1);
    }
    _exit(0);
}

static void start(const struct farm *f, struct worker *w, uint64_t seed) {
    int fds[2];
    int rc = pipe2(fds, O_CLOEXEC);
    WS_ASSERT(rc == 0);
    (void)fflush(NULL);
    w->pid = fork();
    WS_ASSERT(w->pid >= 0);
    if (w->pid == 0)
        work(f, w->desk, seed, fds[1]);
    (void)close(fds[1]);
    w->fd = fds[0];
}

static void note(struct total *t, const struct sim_result *r) {
    t->runs++;
    t->forks += r->forked;
    t->heights += r->heights;
    t->delivered += r->delivered;
    t->txs += r->txs;
    t->sim_us += r->sim_us;
    t->work.us = r->work.us > t->work.us ? r->work.us : t->work.us;
    if (r->work.log_octets > t->work.log_octets)
        t->work.log_octets = r->work.log_octets;
    /* Blocks whose time is ahead of the mended clocks have to be waited for. */
    uint64_t heal_us = r->healed_us > r->waited_us ? r->healed_us - r->waited_us : 0;
    t->worst_heal_us = heal_us > t->worst_heal_us ? heal_us : t->worst_heal_us;
    t->highest_round = r->highest_round > t->highest_round ? r->highest_round : t->highest_round;
    if (!r->bad)
        return;
    if (t->failed < TOLD_MAX)
        t->bad[t->failed] = r->seed;
    t->failed++;
    (void)printf("seed %" PRIu64 " FAILED: %s\n", r->seed, r->text);
    (void)fflush(stdout);
}

/* One result, or the end of a process: in the middle of a run that is a failure, and the next seed goes on. */
static bool hear(const struct farm *f, struct worker *w, struct total *t) {
    struct sim_result r;
    ssize_t n = read(w->fd, &r, sizeof(r));
    if (n < 0 && errno == EINTR)
        return true;
    if (n == (ssize_t)sizeof(r)) {
        note(t, &r);
        return true;
    }
    int status = 0;
    (void)close(w->fd);
    while (waitpid(w->pid, &status, 0) < 0)
        continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return false;
    r = (struct sim_result){.seed = w->desk->seed, .bad = true};
    (void)snprintf(r.text, sizeof(r.text), "the process ended with signal %d%s",
        WIFSIGNALED(status) ? WTERMSIG(status) : 0,
        WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF ? ": it took too long" : "");
    note(t, &r);
    if (done(f, w->desk->seed + f->jobs))
        return false;
    start(f, w, w->desk->seed + f->jobs);
    return true;
}

static void run_all(const struct farm *f, struct worker *w, struct total *t) {
    struct pollfd p[FARM_JOBS_MAX];
    size_t alive = f->jobs;
    double said = wall();
    for (size_t i = 0; i < f->jobs; i++)
        start(f, &w[i], f->from + i);
    while (alive > 0) {
        alive = 0;
        for (size_t i = 0; i < f->jobs; i++)
            p[i] = (struct pollfd){.fd = w[i].fd, .events = POLLIN};
        if (poll(p, f->jobs, -1) < 0 && errno != EINTR)
            break;
        for (size_t i = 0; i < f->jobs; i++) {
            if (w[i].fd >= 0 && (p[i].revents & (POLLIN | POLLHUP)) != 0 && !hear(f, &w[i], t))
                w[i].fd = -1;
            alive += w[i].fd >= 0;
        }
        if (wall() - said > 60) {
            said = wall();
            (void)printf("%" PRIu64 " runs, %" PRIu64 " failed\n", t->runs, t->failed);
            (void)fflush(stdout);
        }
    }
}

static void report(const struct farm *f, const struct total *t, double seconds) {
    (void)printf("%" PRIu64 " runs, %" PRIu64 " failed", t->runs, t->failed);
    if (f->sim.traitors)
        (void)printf(", %" PRIu64 " forked, each with its makers named", t->forks);
    (void)printf("\n%" PRIu64 " blocks, %" PRIu64 " transactions, %" PRIu64
                 " messages; highest round %d; longest way back to progress %.1f s\n",
        t->heights, t->txs, t->delivered, t->highest_round, (double)t->worst_heal_us / 1e6);
    (void)printf("most that one peer cost beyond its budgets: %" PRIu64 " us and %" PRIu64
                 " octets of log at once\n",
        t->work.us, t->work.log_octets);
    struct rusage used;
    (void)getrusage(RUSAGE_CHILDREN, &used);
    double cpu = (double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec +
                 1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
    double simulated = (double)t->sim_us / 1e6;
    (void)printf("%.0f simulated cell-seconds in %.1f s: %.0f a second; %.0f a second of a core\n",
        simulated, seconds, simulated / seconds, simulated / (cpu > 0 ? cpu : 1));
}

static void explain(const struct farm *f, uint64_t seed, const char *trace) {
    struct sim_cut cut = {0};
    if (f->shrink) {
        (void)printf("making seed %" PRIu64 " smaller ...\n", seed);
        (void)fflush(stdout);
        shrink_run(f, seed, &cut);
    }
    story_tell(f, seed, &cut, trace);
}

int farm_run(const struct farm *f) {
    if (f->one) {
        struct sim_result r;
        story_run(f, f->from, NULL, &r);
        if (r.bad && f->shrink)
            explain(f, f->from, f->trace);
        else
            story_tell(f, f->from, NULL, f->trace);
        return r.bad ? 1 : 0;
    }
    struct worker w[FARM_JOBS_MAX] = {0};
    struct total t = {0};
    struct cover all = {0};
    size_t octets = FARM_JOBS_MAX * sizeof(struct desk);
    struct desk *desks =
        mmap(NULL, octets, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    WS_ASSERT(desks != MAP_FAILED);
    for (size_t i = 0; i < f->jobs; i++)
        w[i].desk = &desks[i];
    double from = wall();
    run_all(f, w, &t);
    double seconds = wall() - from;
    for (size_t i = 0; i < f->jobs; i++)
        cover_sum(&all, &desks[i].cover);
    (void)munmap(desks, octets);
    size_t missing = f->sim.plain || f->sim.traitors ? 0 : cover_print(&all, stdout);
    report(f, &t, seconds);
    for (uint64_t i = 0; i < t.failed && i < TOLD_MAX; i++)
        explain(f, t.bad[i], i == 0 ? f->trace : NULL);
    bool fork_missing = f->sim.traitors && t.forks == 0;
    if (fork_missing)
        (void)printf("no run forked: traitors are not looked for well\n");
    if (f->must && missing > 0)
        (void)printf("%zu rows that must be reached are zero\n", missing);
    return t.failed > 0 || fork_missing || (f->must && missing > 0) ? 1 : 0;
}
