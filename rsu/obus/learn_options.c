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

/* Cuts the text, which is argv's: "HTTP,INTERFACE[,UPLOAD]". */
static int read_unit(void *ctx, char *text, struct ws_err *err) {
    struct learn_options *o = ctx;
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

static int read_poison(void *ctx, char *text, struct ws_err *err) {
    struct learn_options *o = ctx;
    for (int p = LEARN_SIGN_FLIP; p <= LEARN_BOOST; p++)
        if (strcmp(text, learn_poison_name((enum learn_poison)p)) == 0) {
            o->poison = (enum learn_poison)p;
            return WS_OK;
        }
    return ws_fail(
        err, WS_EINPUT, "--poison %.40s: neither sign-flip nor random, label-flip or boost", text);
}

/* A table: the value of --data, or a word behind it. */
static int read_table(void *ctx, char *text, struct ws_err *err) {
    struct learn_options *o = ctx;
    if (o->n_data == LEARN_TABLES_MAX)
        return ws_fail(err, WS_ELIMIT, "more than %d --data", LEARN_TABLES_MAX);
    o->data[o->n_data++] = text;
    return WS_OK;
}

static int read_word(void *ctx, char *text, struct ws_err *err) {
    const struct learn_options *o = ctx;
    return o->n_data > 0 ? read_table(ctx, text, err)
                         : ws_fail(err, WS_EINPUT, "\"%.60s\" belongs to no option", text);
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
        .train = {.steps = 20, .batch = 32},
        .train_percent = 80,
        .split = 1,
        .pieces = 3,
        .seed = 1};
    uint32_t rate_ppm = 200000;
    bool learn = false;
    bool help = false;
    bool stopped = false;
    const struct command_option options[] = {
        {"learn", COMMAND_FLAG, .to = &learn},
        {"prepare", COMMAND_FLAG, .to = &o.prepare},
        {"json", COMMAND_FLAG, .to = &o.json},
        {"help", COMMAND_STOP, .to = &help},
        {"unit", COMMAND_OWN, .to = &o, .take = read_unit},
        {"genesis", COMMAND_TEXT, .to = (void *)&o.genesis},
        {"fingerprint", COMMAND_TEXT, .to = (void *)&o.fingerprint},
        {"pki", COMMAND_TEXT, .to = (void *)&o.pki},
        {"schema", COMMAND_TEXT, .to = (void *)&o.schema},
        {"data", COMMAND_OWN, .to = &o, .take = read_table},
        {"poison", COMMAND_OWN, .to = &o, .take = read_poison},
        {"seed", COMMAND_SEED, .to = &o.seed},
        {"split", COMMAND_SEED, .to = &o.split},
        {"vehicles", COMMAND_SIZE, &o.vehicles, 0, .lo = 1, .hi = LEARN_VEHICLES_MAX},
        {"rounds", COMMAND_U64, &o.rounds, 0, .lo = 0, .hi = 1000000000},
        {"within", COMMAND_U64, &o.within_us, 6, .lo = 0, .hi = INT64_C(31536000000000)},
        {"absent", COMMAND_U32, &o.absent_ppm, 6, .lo = 0, .hi = 1000000},
        {"vanish", COMMAND_U32, &o.vanish_ppm, 6, .lo = 0, .hi = 1000000},
        {"poison-share", COMMAND_U32, &o.poison_ppm, 6, .lo = 0, .hi = 1000000},
        {"boost", COMMAND_U32, &o.boost_milli, 3, .lo = 1, .hi = 1000000000},
        {"dp", COMMAND_U32, &o.epsilon_milli, 3, .lo = 1, .hi = 1000000},
        {"steps", COMMAND_U32, &o.train.steps, 0, .lo = 1, .hi = 1000000},
        {"batch", COMMAND_U32, &o.train.batch, 0, .lo = 1, .hi = 65536},
        {"rate", COMMAND_U32, &rate_ppm, 6, .lo = 1, .hi = 100000000},
        {"train", COMMAND_U32, &o.train_percent, 0, .lo = 1, .hi = 99, .note = ": it is percent"},
        {"pieces", COMMAND_U32, &o.pieces, 0, .lo = 1, .hi = 1000},
    };
    int rc = command_line_read(
        options, ARRAY_LEN(options), "--learn", read_word, &o, argc, argv, &stopped, err);
    if (rc == WS_OK && stopped) {
        *ret_asked = LEARN_HELP;
        return WS_OK;
    }
    if (rc == WS_OK)
        rc = check(&o, err);
    if (rc != WS_OK)
        return rc;
    o.train.rate = (float)(rate_ppm / 1e6);
    *ret_asked = o.prepare ? LEARN_PREPARE : LEARN_RUN;
    *ret_options = o;
    return WS_OK;
}
