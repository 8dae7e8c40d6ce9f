#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void ws_assert_failed(const char *expr, const char *file, int line) {
    (void)fprintf(stderr, "wayside: bug: %s:%d: %s does not hold; stopping\n", file, line, expr);
    abort();
}
