/* cmocka with its prerequisites, once. */
#ifndef WAYSIDE_TESTS_SUPPORT_CM_H
#define WAYSIDE_TESTS_SUPPORT_CM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/mem.h"

/* Exit code of a test program in which every test needed data that is not there. */
#define TEST_SKIPPED 77

/* Folder of the real data: WAYSIDE_DATA, default ../shared/data; NULL if absent. */
static inline const char *test_data_dir(void) {
    const char *dir = getenv("WAYSIDE_DATA");
    return dir != NULL && dir[0] != '\0' ? dir : "../shared/data";
}

/* Octets from hex, in a buffer the caller frees. Asserts on bad hex. */
static inline struct buf test_unhex(const char *hex) {
    struct buf b = {0};
    size_t n = strlen(hex) / 2;
    assert_true(hex_decode(buf_grow(&b, n), n, hex));
    return b;
}

#endif
