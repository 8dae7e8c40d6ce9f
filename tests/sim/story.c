/* A run once more, told line by line: the last lines on the terminal, all of them in a file. The lines are in memory that
 * is shared with the process that runs, so that they are there when it crashes. */
#include "tests/sim/farm.h"

#include "base/assert.h"
#include "base/mem.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LINES = 400, LINE = 240 };

struct shared {
    struct sim_result result;
    bool done;
    uint64_t n;
    char line[LINES][LINE];
};

struct teller {
    struct shared *shared;
    FILE *file;
};

static void tell(void *ctx, const char *line) {
    struct teller *t = ctx;
    (void)snprintf(t->shared->line[t->shared->n++ % LINES], LINE, "%s", line);
    if (t->file != NULL)
        (void)fprintf(t->file, "%s\n", line);
}

static struct shared *share(void) {
    void *p = mmap(
        NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    WS_ASSERT(p != MAP_FAILED);
    return p;
}

static void child(const struct farm *f, uint64_t seed, const struct sim_cut *cut,
    struct shared *shared, bool loud, const char *file) {
    farm_limit_cpu();
    struct teller t = {shared, file == NULL ? NULL : fopen(file, "we")};
    struct sim_plan plan;
    struct town town;
    if (!loud) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void)dup2(null, STDERR_FILENO);
    }
    plan_draw(&plan, seed, &f->sim);
    if (cut != NULL)
        plan_cut(&plan, cut);
    if (loud)
        plan_print(&plan, stdout);
    if (t.file != NULL)
        plan_print(&plan, t.file);
    (void)fflush(NULL);
    town_build(&town, 1);
    sim_run(&plan, &town, loud ? tell : NULL, &t, &shared->result);
    shared->done = true;
    (void)fflush(NULL);
    _exit(0);
}

static void run(const struct farm *f, uint64_t seed, const struct sim_cut *cut, bool loud,
    const char *file, struct shared *shared) {
    (void)fflush(NULL);
    pid_t pid = fork();
    WS_ASSERT(pid >= 0);
    if (pid == 0)
        child(f, seed, cut, shared, loud, file);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        continue;
    if (!shared->done) {
        shared->result.bad = true;
        shared->result.seed = seed;
        (void)snprintf(shared->result.text, sizeof(shared->result.text),
            "the process ended with signal %d", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    }
}

void story_run(
    const struct farm *f, uint64_t seed, const struct sim_cut *cut, struct sim_result *ret) {
    struct shared *shared = share();
    run(f, seed, cut, false, NULL, shared);
    *ret = shared->result;
    (void)munmap(shared, sizeof(*shared));
}

void story_tell(const struct farm *f, uint64_t seed, const struct sim_cut *cut, const char *file) {
    struct shared *shared = share();
    (void)printf("---- the story of seed %" PRIu64 " ----\n", seed);
    run(f, seed, cut, true, file, shared);
    uint64_t first = shared->n > LINES ? shared->n - LINES : 0;
    if (first > 0)
        (void)printf("... %" PRIu64 " lines before these (--trace FILE writes all)\n", first);
    for (uint64_t i = first; i < shared->n; i++)
        (void)printf("%s\n", shared->line[i % LINES]);
    (void)printf("---- seed %" PRIu64 ": %s ----\n", seed,
        shared->result.bad ? shared->result.text : "clean");
    (void)munmap(shared, sizeof(*shared));
}
