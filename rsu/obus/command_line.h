/* How obusim's command lines are read, whatever their options are: a table says what there is and where it goes. One thread, as getopt is. */
#ifndef WAYSIDE_RSU_OBUS_COMMAND_LINE_H
#define WAYSIDE_RSU_OBUS_COMMAND_LINE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum command_kind {
    COMMAND_FLAG, /* bool; takes no value */
    COMMAND_STOP, /* the same, and nothing more is read */
    COMMAND_TEXT, /* const char *, borrowed from argv */
    /* A number from lo to hi, in units of 10^-digits. */
    COMMAND_U32,
    COMMAND_U64,
    COMMAND_SIZE,
    COMMAND_SEED, /* uint64_t, any */
    COMMAND_OWN, /* what `take` makes of it */
};
/* The value is argv's and may be cut. WS_EINPUT names the option. */
typedef int (*command_take)(void *ctx, char *value, struct ws_err *err);
struct command_option {
    const char *name; /* without the dashes */
    enum command_kind kind;
    void *to; /* COMMAND_OWN: ctx */
    unsigned digits;
    int64_t lo, hi;
    command_take take;
    const char *note; /* behind the sentence that a number is wrong; NULL: nothing */
};
enum { COMMAND_OPTIONS_MAX = 64 };

/* argv as of main, whose first is passed over. whose: "this program", which has no other options. word: takes what belongs to no option,
 * behind all options; NULL: there is no such thing. ret_stopped: by a COMMAND_STOP. WS_EINPUT with a sentence that names the option or the
 * word. */
WARN_UNUSED int command_line_read(const struct command_option *options, size_t n, const char *whose,
    command_take word, void *ctx, int argc, char *const *argv, bool *ret_stopped,
    struct ws_err *err);
/* The value of a number's option: as the table has it, for a COMMAND_OWN that takes other words, too. */
WARN_UNUSED int command_line_number(
    const struct command_option *o, const char *text, int64_t *ret_v, struct ws_err *err);

#endif
