/* bench_fl_learn try: a federation on anybody's tables against anybody's mix of attackers, with the judge's and the score's constants as
 * the regions' policies ship them. */
#include "base/bytes.h"
#include "base/fileio.h"
#include "tests/bench/fl_federate.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ATTACKERS_MAX = 16, TABLE_MAX = 1 << 28 };

static const char usage[] =
    "usage: bench_fl_learn try --schema FILE --data FILE... [OPTION...]\n"
    "  --schema FILE        what a row means (fedlearn/vehicle/features.h)\n"
    "  --data FILE...       tables; each FILE may also have a --data of its own\n"
    "  --hidden N           values of the hidden layer, 0: none (32)\n"
    "  --vehicles N         1 to 512 (128); three contiguous pieces of the training rows each\n"
    "  --group N            vehicles of a group, 2 to 64 (8)\n"
    "  --absent PERCENT     of each round (10)\n"
    "  --rounds N           20 to 10000 (120), of 20 local steps; the last 20 models count\n"
    "  --attack KIND        sign-flip | random | label-flip | inside | boost=K; any number of "
    "times\n"
    "  --share PERCENT      of the vehicles attack (5)\n"
    "  --seeds N            1 to 16 (5)\n"
    "  --rate R             of local training (0.2)\n"
    "  --quarantine NATS    score of quarantine, 1 to 100 (13)\n"
    "For each attack: accuracy, and against that without attackers; attackers caught; honest "
    "vehicles quarantined.\n";

struct attacker {
    enum attack kind;
    double boost;
};
struct options {
    const char *schema;
    struct attacker attacker[ATTACKERS_MAX];
    size_t n_attackers;
    unsigned hidden, vehicles, group, absent, rounds, share, seeds, quarantine;
    double rate;
};

static bool number(const char *text, unsigned least, unsigned most, unsigned *ret) {
    char *end = NULL;
    const unsigned long v = strtoul(text, &end, 10);
    if (end == text || *end != '\0' || text[0] == '-' || v < least || v > most)
        return false;
    *ret = (unsigned)v;
    return true;
}

static bool attacker_of(const char *text, struct attacker *ret) {
    static const struct {
        const char *name;
        enum attack kind;
    } kinds[] = {
        {"sign-flip", SIGN_FLIP}, {"random", RANDOM}, {"label-flip", LABELS}, {"inside", INSIDE}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(text, kinds[i].name) == 0) {
            ret->kind = kinds[i].kind;
            return true;
        }
    char *end = NULL;
    if (strncmp(text, "boost=", 6) != 0)
        return false;
    *ret = (struct attacker){BOOST, strtod(text + 6, &end)};
    return end != text + 6 && *end == '\0' && ret->boost >= -1e6 && ret->boost <= 1e6;
}

static bool add_table(struct fl_dataset *set, const struct fl_schema *schema, const char *path) {
    struct buf table = {0};
    struct ws_err err = {0};
    int rc = file_read(path, TABLE_MAX, &table, &err);
    if (rc == WS_OK)
        rc = fl_dataset_read(set, schema, buf_span(&table), &err);
    if (rc != WS_OK)
        (void)fprintf(stderr, "%s: %s\n", path, err.text);
    buf_free(&table);
    return rc == WS_OK;
}

static bool read_schema(const char *path, struct fl_schema *ret) {
    struct buf text = {0};
    struct ws_err err = {0};
    int rc = file_read(path, 1 << 20, &text, &err);
    if (rc == WS_OK)
        rc = fl_schema_read(buf_span(&text), ret, &err);
    if (rc != WS_OK)
        (void)fprintf(stderr, "%s: %s\n", path, err.text);
    buf_free(&text);
    return rc == WS_OK;
}

static void tell_data(
    const struct fl_dataset *set, const struct world *w, const struct options *o) {
    size_t with_rows = 0;
    size_t of_class[FL_MAX_CLASSES] = {0};
    size_t most = 0;
    for (size_t v = 0; v < w->vehicles; v++)
        with_rows += w->own[v].n > 0;
    for (size_t i = 0; i < w->test.n; i++)
        of_class[w->test.y[i]]++;
    for (size_t k = 0; k < set->classes; k++)
        most = of_class[k] > most ? of_class[k] : most;
    (void)printf("%zu rows of %u inputs and %u classes", set->n, (unsigned)set->inputs,
        (unsigned)set->classes);
    for (int b = 0; b < FL_BAD_ROW_COUNT; b++)
        if (set->bad[b] > 0)
            (void)printf(", %zu left out (%s)", set->bad[b], fl_bad_row_name((enum fl_bad_row)b));
    (void)printf("; %zu to learn from; the largest class is %.3f of the others\n", w->train.n,
        w->test.n > 0 ? (double)most / (double)w->test.n : 0);
    (void)printf(
        "%zu vehicles, %zu with rows, %u %% absent, groups of %u, %u rounds, %u seeds, %zu "
        "parameters\n",
        w->vehicles, with_rows, o->absent, o->group, o->rounds, o->seeds, w->d);
}

static void compare(const struct world *worlds, const struct options *o) {
    struct plan p = plan_usual();
    p.group = o->group;
    p.absent_percent = o->absent;
    p.rounds = o->rounds;
    p.suspicion.quarantine = (int32_t)o->quarantine * FL_NAT;
    p.train.rate = (float)o->rate;
    const struct outcome clean = row("no attackers", worlds, o->seeds, p);
    p.bad = (unsigned)(worlds[0].vehicles * o->share + 50) / 100;
    for (size_t i = 0; i < o->n_attackers; i++) {
        char name[64];
        p.attack = o->attacker[i].kind;
        p.boost = o->attacker[i].boost;
        int n = snprintf(name, sizeof(name), "%s", attack_names[p.attack]);
        if (p.attack == BOOST)
            n += snprintf(name + n, sizeof(name) - (size_t)n, " x%g", p.boost);
        (void)snprintf(
            name + n, sizeof(name) - (size_t)n, ", %u of %zu", p.bad, worlds[0].vehicles);
        const struct outcome hurt = row(name, worlds, o->seeds, p);
        (void)printf("    %+.4f against clean; %u of %u caught; %u honest quarantined\n",
            hurt.accuracy - clean.accuracy, hurt.caught, p.bad * o->seeds, hurt.honest_caught);
    }
}

static int run(const struct options *o, char *const *tables, size_t n_tables) {
    static struct world worlds[SEEDS_MAX];
    static struct fl_schema schema;
    struct fl_dataset set = {0};
    bool good = read_schema(o->schema, &schema);
    for (size_t i = 0; i < n_tables && good; i++)
        good = add_table(&set, &schema, tables[i]);
    if (good && set.n < 8) {
        (void)fprintf(stderr, "%zu rows are too few\n", set.n);
        good = false;
    }
    for (unsigned s = 0; s < o->seeds && good; s++)
        world_make(&worlds[s], &set, (uint16_t)o->hidden, o->vehicles, 1 + s);
    if (good) {
        tell_data(&set, &worlds[0], o);
        const struct outcome all = central(&worlds[0], 100);
        (void)print_row("central, all rows, seed 1", worlds, &all, 1, 0);
        compare(worlds, o);
        for (unsigned s = 0; s < o->seeds; s++)
            world_free(&worlds[s]);
    }
    fl_dataset_free(&set);
    return good ? 0 : 3;
}

enum which {
    SCHEMA = 256,
    DATA,
    HIDDEN,
    N_VEHICLES,
    GROUP,
    ABSENT,
    ROUNDS,
    ATTACK,
    SHARE,
    SEEDS,
    RATE,
    QUARANTINE,
    HELP
};

static bool take(struct options *o, int option, const char *text) {
    char *end = NULL;
    switch (option) {
    case HIDDEN:
        return number(text, 0, FL_MAX_HIDDEN, &o->hidden);
    case N_VEHICLES:
        return number(text, 1, VEHICLES_MAX, &o->vehicles);
    case GROUP:
        return number(text, 2, 64, &o->group);
    case ABSENT:
        return number(text, 0, 99, &o->absent);
    case ROUNDS:
        return number(text, LAST, 10000, &o->rounds);
    case SHARE:
        return number(text, 0, 100, &o->share);
    case SEEDS:
        return number(text, 1, SEEDS_MAX, &o->seeds);
    case QUARANTINE:
        return number(text, 1, 100, &o->quarantine);
    case RATE:
        o->rate = strtod(text, &end);
        return end != text && *end == '\0' && o->rate > 0 && o->rate < 100;
    case ATTACK:
        return o->n_attackers < ATTACKERS_MAX && attacker_of(text, &o->attacker[o->n_attackers++]);
    default:
        return false;
    }
}

int try_main(int argc, char **argv) {
    static const struct option names[] = {{"schema", 1, NULL, SCHEMA}, {"data", 1, NULL, DATA},
        {"hidden", 1, NULL, HIDDEN}, {"vehicles", 1, NULL, N_VEHICLES}, {"group", 1, NULL, GROUP},
        {"absent", 1, NULL, ABSENT}, {"rounds", 1, NULL, ROUNDS}, {"attack", 1, NULL, ATTACK},
        {"share", 1, NULL, SHARE}, {"seeds", 1, NULL, SEEDS}, {"rate", 1, NULL, RATE},
        {"quarantine", 1, NULL, QUARANTINE}, {"help", 0, NULL, HELP}, {0}};
    struct options o = {.hidden = 32,
        .vehicles = 128,
        .group = 8,
        .absent = 10,
        .rounds = 120,
        .share = 5,
        .seeds = 5,
        .rate = 0.2,
        .quarantine = 13};
    char *tables[64];
    size_t n = 0;
    int c = 0;
    /* "-": what is no option belongs to the --data before it. */
    while ((c = getopt_long(argc, argv, "-", names, NULL)) != -1) {
        if (c == HELP) {
            (void)fputs(usage, stdout);
            return 0;
        }
        const bool is_table = c == DATA || (c == 1 && n > 0);
        if (is_table && n < sizeof(tables) / sizeof(tables[0]))
            tables[n++] = optarg;
        else if (c == SCHEMA)
            o.schema = optarg;
        else if (is_table || !take(&o, c, optarg)) {
            (void)fprintf(stderr, "'%s' means nothing there\n%s",
                optarg != NULL ? optarg : argv[optind - 1], usage);
            return 2;
        }
    }
    if (o.schema == NULL || n == 0) {
        (void)fputs(usage, stderr);
        return 2;
    }
    return run(&o, tables, n);
}
