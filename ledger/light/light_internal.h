/* Shared by the files of the light client. Internal to ledger/light. */
#ifndef WAYSIDE_LEDGER_LIGHT_LIGHT_INTERNAL_H
#define WAYSIDE_LEDGER_LIGHT_LIGHT_INTERNAL_H

#include "ledger/light/trust.h"

/* For printf. */
#define H(height) ((unsigned long long)(height))

/* Writes the sentence and returns the verdict, so that `return light_refuse(...)` reads as one thought. */
enum light_verdict light_refuse(enum light_verdict v, struct ws_err *err, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

#endif
