/* A sign counter behind a program of the operator's (a TPM's tool, an HSM's): PROGRAM read and PROGRAM advance print the
 * counter as a decimal number and end with 0. Runs without a shell, waits ten seconds at most. Owner thread. */
#ifndef WAYSIDE_RSU_HOST_SIGN_COMMAND_H
#define WAYSIDE_RSU_HOST_SIGN_COMMAND_H

#include "ledger/store/sign_guard.h"

/* ctx: path of the program. */
WARN_UNUSED int sign_command_read(void *ctx, uint64_t *ret_value, struct ws_err *err);
WARN_UNUSED int sign_command_advance(void *ctx, uint64_t *ret_value, struct ws_err *err);

#endif
