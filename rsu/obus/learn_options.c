/* The command line of obusim --learn. */
#include "rsu/obus/command_line.h"
#include "rsu/obus/learn.h"

#include <string.h>

const char learn_usage[] =
    "Usage: obusim --learn --unit HTTP,INTERFACE[,UPLOAD]... --genesis FILE --pki DIR\n"
    "              --schema FILE --data FILE... [--vehicles N] [options]\n"
    "       obusim --learn --prepare --pki DIR [--seed N]\n"
    "\n"
    "Vehicles that learn: each has a slice of the tables' rows, trains on it in every round of the "
    "cell, and sends what it\n"
    "learnt under a key of its own: a signed message as a frame on the interface that the unit "
    "hears, the rest by UDP.\n"
    "What units say is believed as far as the genesis proves it. --prepare makes the vehicles' "
    "issuers, whose certificates\n"
    "a cell is founded on (rsuctl cell init --trust DIR).\n"
    "\n"
    "  --unit H,I[,U]     a unit: its HTTP address; the interface it hears (kind tap: by its "
    "name); where it takes\n"
    "                     uploads, if not where it says itself. Vehicles share the units and "
    "change when one is silent\n"
    "  --genesis FILE     of the cell, where trust begins\n"
    "  --fingerprint HEX  what the genesis must be\n"
    "  --pki DIR          the vehicles' issuers, as --prepare left them; keys are in DIR.issuers\n"
    "  --schema FILE      what a row of the tables means\n"
    "  --data FILE        a table; again, or further words behind it, for more of them\n"
    "  --vehicles N       1 to 4096 (64)\n"
    "  --rounds N         stop behind N rounds; 0: never (0)\n"
    "  --within S         give up after so many seconds; 0: never (0)\n"
    "  --absent F         share of the vehicles that stays away, each round anew (0)\n"
    "  --vanish F         share that stops in the middle of its upload, each round anew (0)\n"
    "  --poison KIND      what bad vehicles do: sign-flip, random, label-flip, boost\n"
    "  --poison-share F   of the vehicles, the same ones in all rounds (0.05)\n"
    "  --boost F          length of a bad update (not of label-flip) over that of an honest one, "
    "beyond what the round\n"
    "                     allows; 1: as it allows (10)\n"
    "  --dp EPSILON       a vehicle stays away from a round that would take its account of privacy "
    "beyond this, at\n"
    "                     delta 0.00001; from rounds without noise always (no bound)\n"
    "  --steps N          minibatches that a vehicle trains with in a round (20)\n"
    "  --batch N          rows of a minibatch (32)\n"
    "  --rate F           of learning (0.2)\n"
    "  --train PERCENT    of the blocks of rows are to train with, the others held out to tell the "
    "accuracy (80)\n"
    "  --split N          which blocks those are; both as in rsuctl model roots, or vehicles train "
    "on its rows (1)\n"
    "  --pieces N         runs of neighbouring rows in a vehicle's slice (3)\n"
    "  --seed N           what everything but the encryption's secrets is drawn from (1)\n"
    "  --json             a line of JSON for each round\n"
    "  --help             this text\n"
    "\n"
    "Exit: 0 done, 1 out of time, 2 usage, 3 something cannot be read, reached or believed. The "
    "clock of the cell must be\n"
    "this machine's; frames need CAP_NET_RAW.\n";

enum option_id {
    OPT_LEARN = 1,
    OPT_PREPARE,
    OPT_JSON,
    OPT_HELP,
    OPT_UNIT,
    OPT_GENESIS,
    OPT_FINGERPRINT,
    OPT_PKI,
    OPT_SCHEMA,
    OPT_DATA,
    OPT_POISON,
    OPT_SEED,
    OPT_SPLIT,
    OPT_NUMBERS, /* from here on */
    OPT_VEHICLES = OPT_NUMBERS,
    OPT_ROUNDS,
    OPT_WITHIN,
    OPT_ABSENT,
    OPT_VANISH,
    OPT_POISON_SHARE,
    OPT_BOOST,
    OPT_DP,
    OPT_STEPS,
    OPT_BATCH,
    OPT_RATE,
    OPT_TRAIN,
    OPT_PIECES,
};

static const struct option long_options[] = {
    {"learn", no_argument, NULL, OPT_LEARN},
    {"prepare", no_argument, NULL, OPT_PREPARE},
    {"json", no_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, OPT_HELP},
    {"unit", required_argument, NULL, OPT_UNIT},
    {"genesis", required_argument, NULL, OPT_GENESIS},
    {"fingerprint", required_argument, NULL, OPT_FINGERPRINT},
    {"pki", required_argument, NULL, OPT_PKI},
    {"schema", required_argument, NULL, OPT_SCHEMA},
    {"data", required_argument, NULL, OPT_DATA},
    {"poison", required_argument, NULL, OPT_POISON},
    {"seed", required_argument, NULL, OPT_SEED},
    {"split", required_argument, NULL, OPT_SPLIT},
    {"vehicles", required_argument, NULL, OPT_VEHICLES},
    {"rounds", required_argument, NULL, OPT_ROUNDS},
    {"within", required_argument, NULL, OPT_WITHIN},
    {"absent", required_argument, NULL, OPT_ABSENT},
    {"vanish", required_argument, NULL, OPT_VANISH},
    {"poison-share", required_argument, NULL, OPT_POISON_SHARE},
    {"boost", required_argument, NULL, OPT_BOOST},
    {"dp", required_argument, NULL, OPT_DP},
    {"steps", required_argument, NULL, OPT_STEPS},
    {"batch", required_argument, NULL, OPT_BATCH},
    {"rate", required_argument, NULL, OPT_RATE},
    {"train", required_argument, NULL, OPT_TRAIN},
    {"pieces", required_argument, NULL, OPT_PIECES},
    {NULL, 0, NULL, 0},
};

/* Decimals, and least and greatest in units of the last one. */
static const struct {
    unsigned digits;
    int64_t lo, hi;
} ranges[] = {
    [OPT_VEHICLES - OPT_NUMBERS] = {0, 1, LEARN_VEHICLES_MAX},
    [OPT_ROUNDS - OPT_NUMBERS] = {0, 0, 1000000000},
    [OPT_WITHIN - OPT_NUMBERS] = {0, 0, 31536000},
    [OPT_ABSENT - OPT_NUMBERS] = {6, 0, 1000000},
    [OPT_VANISH - OPT_NUMBERS] = {6, 0, 1000000},
    [OPT_POISON_SHARE - OPT_NUMBERS] = {6, 0, 1000000},
    [OPT_BOOST - OPT_NUMBERS] = {3, 1, 1000000000},
    [OPT_DP - OPT_NUMBERS] = {3, 1, 1000000},
    [OPT_STEPS - OPT_NUMBERS] = {0, 1, 1000000},
    [OPT_BATCH - OPT_NUMBERS] = {0, 1, 65536},
    [OPT_RATE - OPT_NUMBERS] = {6, 1, 100000000},
    [OPT_TRAIN - OPT_NUMBERS] = {0, 1, 99},
    [OPT_PIECES - OPT_NUMBERS] = {0, 1, 1000},
};

static int read_number(int opt, const char *text, struct learn_options *o, struct ws_err *err) {
    const char *name = long_options[opt - 1].name;
    int64_t v = 0;
    int rc = command_line_number(name, text, ranges[opt - OPT_NUMBERS].digits,
        ranges[opt - OPT_NUMBERS].lo, ranges[opt - OPT_NUMBERS].hi, &v, err);
    if (rc != WS_OK && opt == OPT_TRAIN)
        return ws_fail(
            err, rc, "--train %.40s: not percent, a number from 1 to 99 without decimals", text);
    if (rc != WS_OK)
        return rc;
    switch (opt) {
    case OPT_VEHICLES:
        o->vehicles = (size_t)v;
        break;
    case OPT_ROUNDS:
        o->rounds = (uint64_t)v;
        break;
    case OPT_WITHIN:
        o->within_us = (uint64_t)v * 1000000;
        break;
    case OPT_ABSENT:
        o->absent_ppm = (uint32_t)v;
        break;
    case OPT_VANISH:
        o->vanish_ppm = (uint32_t)v;
        break;
    case OPT_POISON_SHARE:
        o->poison_ppm = (uint32_t)v;
        break;
    case OPT_BOOST:
        o->boost_milli = (uint32_t)v;
        break;
    case OPT_DP:
        o->epsilon_milli = (uint32_t)v;
        break;
    case OPT_STEPS:
        o->train.steps = (uint32_t)v;
        break;
    case OPT_BATCH:
        o->train.batch = (uint32_t)v;
        break;
    case OPT_RATE:
        o->train.rate = (float)((double)v / 1e6);
        break;
    case OPT_TRAIN:
        o->train_percent = (unsigned)v;
        break;
    default:
        o->pieces = (unsigned)v;
        break;
    }
    return WS_OK;
}

/* Cuts the text, which is argv's: "HTTP,INTERFACE[,UPLOAD]". */
static int read_unit(char *text, struct learn_options *o, struct ws_err *err) {
    char *interface = strchr(text, ',');
    char *upload = interface == NULL ? NULL : strchr(interface + 1, ',');
    if (o->n_units == LEARN_UNITS_MAX)
        return ws_fail(err, WS_ELIMIT, "more than %d --unit", LEARN_UNITS_MAX);
    if (interface == NULL || interface == text || interface[1] == '\0' || interface[1] == ',' ||
        (upload != NULL && (upload[1] == '\0' || strchr(upload + 1, ',') != NULL)))
        return ws_fail(
            err, WS_EINPUT, "--unit %.80s: not HTTP,INTERFACE or HTTP,INTERFACE,UPLOAD", text);
    *interface = '\0';
    if (upload != NULL)
        *upload = '\0';
    o->unit[o->n_units++] =
        (struct learn_unit_option){text, interface + 1, upload == NULL ? NULL : upload + 1};
    return WS_OK;
}

static int read_poison(const char *text, struct learn_options *o, struct ws_err *err) {
    for (int p = LEARN_SIGN_FLIP; p <= LEARN_BOOST; p++)
        if (strcmp(text, learn_poison_name((enum learn_poison)p)) == 0) {
            o->poison = (enum learn_poison)p;
            return WS_OK;
        }
    return ws_fail(
        err, WS_EINPUT, "--poison %.40s: neither sign-flip nor random, label-flip or boost", text);
}

/* A table: the value of --data, or a word behind it. */
static int read_table(void *ctx, const char *text, struct ws_err *err) {
    struct learn_options *o = ctx;
    if (o->n_data == LEARN_TABLES_MAX)
        return ws_fail(err, WS_ELIMIT, "more than %d --data", LEARN_TABLES_MAX);
    o->data[o->n_data++] = text;
    return WS_OK;
}

static int read_word(void *ctx, const char *text, struct ws_err *err) {
    const struct learn_options *o = ctx;
    return o->n_data > 0 ? read_table(ctx, text, err)
                         : ws_fail(err, WS_EINPUT, "\"%.60s\" belongs to no option", text);
}

static int read_one(void *ctx, int opt, char *text, struct ws_err *err) {
    struct learn_options *o = ctx;
    if (opt >= OPT_NUMBERS)
        return read_number(opt, text, o, err);
    switch (opt) {
    case OPT_LEARN:
        return WS_OK;
    case OPT_HELP:
        return COMMAND_LINE_ENOUGH;
    case OPT_PREPARE:
        o->prepare = true;
        return WS_OK;
    case OPT_JSON:
        o->json = true;
        return WS_OK;
    case OPT_UNIT:
        return read_unit(text, o, err);
    case OPT_GENESIS:
        o->genesis = text;
        return WS_OK;
    case OPT_FINGERPRINT:
        o->fingerprint = text;
        return WS_OK;
    case OPT_PKI:
        o->pki = text;
        return WS_OK;
    case OPT_SCHEMA:
        o->schema = text;
        return WS_OK;
    case OPT_DATA:
        return read_table(o, text, err);
    case OPT_POISON:
        return read_poison(text, o, err);
    case OPT_SPLIT:
        return command_line_seed("split", text, &o->split, err);
    default:
        return command_line_seed("seed", text, &o->seed, err);
    }
}

static int check(const struct learn_options *o, struct ws_err *err) {
    if (o->pki == NULL)
        return ws_fail(err, WS_EINPUT, "--pki is missing");
    if (o->prepare)
        return o->n_units == 0 && o->n_data == 0
                   ? WS_OK
                   : ws_fail(err, WS_EINPUT, "--prepare goes with --pki and --seed alone");
    if (o->n_units == 0)
        return ws_fail(err, WS_EINPUT, "--unit is missing");
    if (o->genesis == NULL)
        return ws_fail(err, WS_EINPUT, "--genesis is missing");
    if (o->schema == NULL || o->n_data == 0)
        return ws_fail(err, WS_EINPUT, "--schema and --data are needed");
    return WS_OK;
}

int learn_options_read(int argc, char *const *argv, struct learn_options *ret_options,
    enum learn_asked *ret_asked, struct ws_err *err) {
    struct learn_options o = {.vehicles = 64,
        .poison_ppm = 50000,
        .boost_milli = 10000,
        .train = {.steps = 20, .batch = 32, .rate = 0.2F},
        .train_percent = 80,
        .split = 1,
        .pieces = 3,
        .seed = 1};
    const struct command_line line = {.options = long_options,
        .whose = "--learn",
        .option = read_one,
        .word = read_word,
        .ctx = &o};
    int rc = command_line_read(&line, argc, argv, err);
    if (rc == COMMAND_LINE_ENOUGH) {
        *ret_asked = LEARN_HELP;
        return WS_OK;
    }
    if (rc == WS_OK)
        rc = check(&o, err);
    if (rc != WS_OK)
        return rc;
    *ret_asked = o.prepare ? LEARN_PREPARE : LEARN_RUN;
    *ret_options = o;
    return WS_OK;
}
