/* obusim: drives simulated vehicles past what really stands on the road and writes the frames their OBUs
 * would send; or hears a capture as a vehicle does that follows the cell by radio; or is vehicles that learn with a running cell. */
#include "rsu/obus/obusim.h"
#include "rsu/obus/learn_fleet.h"
#include "rsu/obus/listen.h"

#include <stdio.h>
#include <string.h>

enum { EXIT_OUT_OF_TIME = 1, EXIT_USAGE = 2, EXIT_UNREADABLE = 3 };

static int learn(int argc, char **argv) {
    struct learn_options o;
    enum learn_asked asked = LEARN_RUN;
    struct ws_err err;
    if (learn_options_read(argc, argv, &o, &asked, &err) != WS_OK) {
        (void)fprintf(stderr, "obusim: %s; see obusim --learn --help\n", err.text);
        return EXIT_USAGE;
    }
    if (asked == LEARN_HELP) {
        (void)fputs(learn_usage, stdout);
        return 0;
    }
    const int rc = asked == LEARN_PREPARE ? learn_prepare(&o, &err) : learn_run(&o, &err);
    if (rc == WS_OK)
        return 0;
    (void)fprintf(stderr, "obusim: %s\n", err.text);
    return rc == WS_EBUSY ? EXIT_OUT_OF_TIME : EXIT_UNREADABLE;
}

int main(int argc, char **argv) {
    struct sim_options o;
    enum sim_asked asked = SIM_RUN;
    struct ws_err err;
    if (argc > 1 && strcmp(argv[1], "--learn") == 0)
        return learn(argc, argv);
    if (sim_options_read(argc, argv, &o, &asked, &err) != WS_OK) {
        (void)fprintf(stderr, "obusim: %s; see obusim --help\n", err.text);
        return EXIT_USAGE;
    }
    if (asked == SIM_HELP) {
        (void)fputs(sim_usage, stdout);
        return 0;
    }
    if (asked == SIM_VERSION) {
        (void)printf("obusim 0.1.0\n");
        return 0;
    }
    struct buf notes = {0};
    struct buf summary = {0};
    int rc = asked == SIM_LISTEN ? sim_listen(o.listen, o.genesis, o.no_clock, &summary, &err)
                                 : sim_run(&o, &notes, &summary, &err);
    (void)fprintf(stderr, "%.*s", (int)notes.n, notes.n > 0 ? (const char *)notes.p : "");
    if (rc == WS_OK)
        (void)printf("%.*s", (int)summary.n, summary.n > 0 ? (const char *)summary.p : "");
    else
        (void)fprintf(stderr, "obusim: %s\n", err.text);
    buf_free(&notes);
    buf_free(&summary);
    if (rc != WS_OK)
        return EXIT_UNREADABLE;
    return fflush(stdout) == 0 ? 0 : EXIT_UNREADABLE;
}
