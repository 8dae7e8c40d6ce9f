/* The simulator as a program: many cells of shipped nodes, each bent by its own seed, for as long as one likes.
 *
 * vopr --seeds N [--from S] | --seed S, [--seconds 60] [--validators N | A..B] [--jobs K] [--trace FILE] [--traitors]
 *      [--plain] [--must] [--no-shrink]
 * Exit code: 0 all runs clean, 1 some failed (or, with --must, a row that must be reached was not), 2 usage. */
#include "tests/sim/farm.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int usage(FILE *to) {
    (void)fprintf(to,
        "usage: vopr --seeds N [--from S] | --seed S [--seconds 60] [--validators N | A..B]\n"
        "            [--jobs K] [--trace FILE] [--traitors] [--plain] [--must] [--no-shrink]\n"
        "  --seeds N       that many runs; 0: until it is stopped\n"
        "  --from S        the first seed (1)\n"
        "  --seed S        this run alone, with its story\n"
        "  --seconds T     length of each run, simulated\n"
        "  --validators    4 to 22 of them, as N or A..B (4..22 unless given: most runs have few)\n"
        "  --jobs K        processes at once\n"
        "  --trace FILE    the whole story of the run, or of the first that fails\n"
        "  --traitors      more than a third lie: forks are expected and their makers must be "
        "named\n"
        "  --plain         no faults, lies or load: how fast is the simulator?\n"
        "  --must          fail when a rule, fault, lie or state that must be reached was not\n"
        "  --no-shrink     do not make a failing run smaller\n"
        "Exit codes: 0 all runs clean, 1 some failed (with --must also: a row was not reached), 2 "
        "usage, or --trace\n"
        "cannot be written.\n");
    return to == stdout ? 0 : 2;
}

static bool wrong(const char *option, const char *value) {
    (void)fprintf(stderr, "vopr: --%s: '%.60s' is not what it can be; see --help\n", option, value);
    return false;
}

/* Before hours of runs, not behind them. */
static bool can_write(const char *path) {
    FILE *f = fopen(path, "ae");
    if (f == NULL)
        (void)fprintf(stderr, "vopr: --trace: %s: %s\n", path, strerror(errno));
    else
        (void)fclose(f);
    return f != NULL;
}

enum { VALIDATORS_LEAST = 4 }; /* fewer stand no liar, and stop for one that is down */

static bool number(const char *s, uint64_t *ret) {
    char *end = NULL;
    *ret = strtoull(s, &end, 10);
    return *s >= '0' && *s <= '9' && *end == '\0';
}

static bool range(const char *value, struct sim_options *o) {
    char s[64];
    (void)snprintf(s, sizeof(s), "%s", value);
    char *dots = strstr(s, "..");
    uint64_t lo = 0;
    uint64_t hi = 0;
    if (dots != NULL)
        *dots = '\0';
    if (!number(s, &lo) || !number(dots == NULL ? s : dots + 2, &hi))
        return false;
    o->n_min = lo;
    o->n_max = hi;
    return lo >= VALIDATORS_LEAST && lo <= hi && hi <= NODES_VALIDATORS_MAX;
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"seeds", 1, NULL, 'n'}, {"from", 1, NULL, 'f'},
        {"seed", 1, NULL, 's'}, {"seconds", 1, NULL, 't'}, {"validators", 1, NULL, 'v'},
        {"jobs", 1, NULL, 'j'}, {"trace", 1, NULL, 'o'}, {"traitors", 0, NULL, 'T'},
        {"plain", 0, NULL, 'p'}, {"must", 0, NULL, 'm'}, {"no-shrink", 0, NULL, 'k'},
        {"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};
    struct farm f = {.sim = {.n_min = 4, .n_max = NODES_VALIDATORS_MAX, .seconds = 60},
        .seeds = 1,
        .from = 1,
        .jobs = 1,
        .shrink = true};
    uint64_t jobs = 1;
    bool good = true;
    for (int c; good && (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'n':
            good = (number(optarg, &f.seeds)) || wrong("seeds", optarg);
            break;
        case 'f':
            good = number(optarg, &f.from) || wrong("from", optarg);
            break;
        case 's':
            good = number(optarg, &f.from) || wrong("seed", optarg);
            f.seeds = 1;
            f.one = true;
            break;
        case 't':
            good =
                (number(optarg, &f.sim.seconds) && f.sim.seconds >= 1) || wrong("seconds", optarg);
            break;
        case 'v':
            good = (range(optarg, &f.sim)) || wrong("validators", optarg);
            break;
        case 'j':
            good = (number(optarg, &jobs) && jobs >= 1 && jobs <= FARM_JOBS_MAX) ||
                   wrong("jobs", optarg);
            break;
        case 'o':
            f.trace = optarg;
            good = can_write(optarg);
            break;
        case 'T':
            f.sim.traitors = true;
            break;
        case 'p':
            f.sim.plain = true;
            break;
        case 'm':
            f.must = true;
            break;
        case 'k':
            f.shrink = false;
            break;
        case 'h':
            return usage(stdout);
        default: /* getopt has named it */
            good = false;
            break;
        }
    }
    if (good && optind != argc)
        return usage(stderr);
    if (!good)
        return 2;
    f.jobs = (size_t)jobs;
    (void)printf("seed %" PRIu64 "\n", f.from);
    return farm_run(&f);
}
