/* obusim: drives simulated vehicles past what really stands on the road and writes the frames their OBUs
 * would send; or hears a capture as a vehicle does that follows the cell by radio. */
#include "rsu/obus/obusim.h"
#include "rsu/obus/listen.h"

#include <stdio.h>

enum { EXIT_USAGE = 2, EXIT_UNREADABLE = 3 };

int main(int argc, char **argv) {
    struct sim_options o;
    enum sim_asked asked = SIM_RUN;
    struct ws_err err;
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
