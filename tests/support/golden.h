/* Digests that every compiler, every level of optimisation and every platform must come to: tests/vectors/golden.txt, a name
 * and 64 hex digits a line. Who changes on purpose what is digested writes them anew, each test its own lines:
 *
 *   WAYSIDE_GOLDEN=write ctest --test-dir build/debug -R 'mapsvc_golden|mapsvc_traffic|obusim_run'
 *
 * and says in the commit why. Run from the project's root, as ctest does. */
#ifndef WAYSIDE_TESTS_SUPPORT_GOLDEN_H
#define WAYSIDE_TESTS_SUPPORT_GOLDEN_H

#include "base/fileio.h"
#include "tests/support/cm.h"

#define GOLDEN_FILE "tests/vectors/golden.txt"

/* The line of this name, or NULL; *ret_end: where it ends. */
static inline char *golden_line(char *text, const char *name, char **ret_end) {
    size_t n = strlen(name);
    for (char *p = text; *p != '\0'; p = *ret_end) {
        *ret_end = p + strcspn(p, "\n");
        *ret_end += **ret_end == '\n' ? 1 : 0;
        if (strncmp(p, name, n) == 0 && p[n] == ' ')
            return p;
    }
    return NULL;
}

static inline void golden_write(char *text, const char *name, const char *hex) {
    char *end = NULL;
    char *line = golden_line(text, name, &end);
    struct buf b = {0};
    struct ws_err err;
    if (line != NULL)
        buf_put(&b, text, (size_t)(line - text));
    else
        buf_printf(&b, "%s", text);
    buf_printf(&b, "%s %s\n%s", name, hex, line != NULL ? end : "");
    if (file_write(GOLDEN_FILE, buf_span(&b), 0644, &err) != WS_OK)
        fail_msg("%s", err.text);
    buf_free(&b);
}

static inline void golden_check(const char *name, const uint8_t digest[static 32]) {
    struct buf b = {0};
    struct ws_err err;
    char hex[65];
    char *end = NULL;
    const char *how = getenv("WAYSIDE_GOLDEN");
    hex_encode(hex, digest, 32);
    if (file_read(GOLDEN_FILE, 1 << 16, &b, &err) != WS_OK)
        fail_msg("%s", err.text);
    buf_u8(&b, 0);
    char *text = (char *)b.p;
    const char *line = golden_line(text, name, &end);
    if (how != NULL && strcmp(how, "write") == 0)
        golden_write(text, name, hex);
    else if (line == NULL || strncmp(line + strlen(name) + 1, hex, 64) != 0)
        fail_msg("%s is %s, not as in %s; %s tells how to write it anew", name, hex, GOLDEN_FILE,
            "tests/support/golden.h");
    buf_free(&b);
}

#endif
