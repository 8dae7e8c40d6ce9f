#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int ws_fail(struct ws_err *err, enum ws_code code, const char *fmt, ...) {
    if (err != NULL) {
        va_list ap;
        va_start(ap, fmt);
        (void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
        va_end(ap);
        err->code = code;
    }
    return code;
}

int ws_fail_in(struct ws_err *err, const char *fmt, ...) {
    if (err == NULL)
        return WS_EINPUT;
    char inner[WS_ERR_TEXT];
    (void)snprintf(inner, sizeof(inner), "%s", err->text);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof(err->text))
        (void)snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": %s", inner);
    return err->code;
}
