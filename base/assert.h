/* WS_ASSERT: our own bug stops the process, in every build; recovery is a restart from the log.
 * Bad input is never asserted on: it gets a ws_err. Any thread. */
#ifndef WAYSIDE_BASE_ASSERT_H
#define WAYSIDE_BASE_ASSERT_H

#include "base/compiler.h"

NORETURN void ws_assert_failed(const char *expr, const char *file, int line);

#define WS_ASSERT(expr) ((expr) ? (void)0 : ws_assert_failed(#expr, __FILE__, __LINE__))

#endif
