/* Request targets: whatever is accepted lies inside the text, in order, and can be read as every kind of argument. */
#include "base/assert.h"
#include "rsu/http/target.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_as_all(const char *text) {
    uint64_t v = 0;
    struct buf b = {0};
    if (http_number(text, "n", 1000, &v, NULL) == WS_OK)
        WS_ASSERT(v <= 1000);
    if (http_hex(text, "h", 32, &b, NULL) == WS_OK)
        WS_ASSERT(b.n > 0 && b.n <= 32 && b.n * 2 == strlen(text));
    else
        WS_ASSERT(b.n == 0);
    buf_free(&b);
}

static void inside(const struct http_target *t, const char *s) {
    if (s[0] != '\0' || (s >= t->text && s < t->text + sizeof(t->text)))
        WS_ASSERT(s >= t->text && s + strlen(s) < t->text + sizeof(t->text));
    for (; *s != '\0'; s++)
        WS_ASSERT((unsigned char)*s >= 0x20 && *s != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct buf raw = {0};
    buf_put(&raw, data, size);
    buf_u8(&raw, 0);
    struct http_target *t = calloc(1, sizeof(*t));
    WS_ASSERT(t != NULL);
    struct ws_err err = {0};
    if (http_target_parse((const char *)raw.p, t, &err) == WS_OK) {
        WS_ASSERT(t->n_segments >= 1 && t->n_segments <= HTTP_SEGMENTS_MAX);
        for (size_t i = 0; i < t->n_segments; i++) {
            inside(t, t->segment[i]);
            read_as_all(t->segment[i]);
        }
        for (size_t i = 0; i < t->n_args; i++) {
            inside(t, t->arg[i].key);
            inside(t, t->arg[i].value);
            read_as_all(t->arg[i].value);
            WS_ASSERT(http_target_arg(t, t->arg[i].key) == t->arg[i].value);
        }
        (void)http_target_is(t, "/v1/proofs/event/*/*");
    } else {
        WS_ASSERT(err.text[0] != '\0');
    }
    free(t);
    buf_free(&raw);
    return 0;
}
