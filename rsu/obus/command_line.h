/* How obusim's command lines are read, whatever their options are. One thread, as getopt is. */
#ifndef WAYSIDE_RSU_OBUS_COMMAND_LINE_H
#define WAYSIDE_RSU_OBUS_COMMAND_LINE_H

#include "base/error.h"

#include <getopt.h>
#include <stdint.h>

/* From an option's taker: nothing more is to be read. */
enum { COMMAND_LINE_ENOUGH = 1 };

struct command_line {
    const struct option *options; /* as getopt_long has them; val is not 0 */
    const char *whose; /* "this program" */
    /* An option with its value, NULL where it has none. WS_OK, COMMAND_LINE_ENOUGH, or a failure. */
    int (*option)(void *ctx, int val, char *text, struct ws_err *err);
    /* A word that belongs to no option, behind all options. NULL: none is taken. */
    int (*word)(void *ctx, const char *text, struct ws_err *err);
    void *ctx;
};
/* argv as of main, whose first is passed over. WS_OK, COMMAND_LINE_ENOUGH, or WS_EINPUT with a sentence that names the option or the word. */
WARN_UNUSED int command_line_read(
    const struct command_line *l, int argc, char *const *argv, struct ws_err *err);

/* Values of the option --name. WS_EINPUT names it. A number between lo and hi, all in units of 10^-digits. */
WARN_UNUSED int command_line_number(const char *name, const char *text, unsigned digits, int64_t lo,
    int64_t hi, int64_t *ret_v, struct ws_err *err);
WARN_UNUSED int command_line_seed(
    const char *name, const char *text, uint64_t *ret_seed, struct ws_err *err);

#endif
