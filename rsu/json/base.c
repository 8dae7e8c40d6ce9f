#include "rsu/json/base.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"

#include <stdlib.h>

/* Enough for 1e-7 degrees and for thousandths of 10^9; one digit more would show what binary cannot hold. */
enum { DIGITS = 12 };

json_t *json_hex(const uint8_t *p, size_t n) {
    char *text = ws_alloc(2 * n + 1);
    hex_encode(text, p, n);
    json_t *v = json_stringn_nocheck(text, 2 * n);
    free(text);
    return v;
}

json_t *json_count(uint64_t v) {
    return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

json_t *json_instant(uint64_t its_us) {
    char text[32];
    its_format(text, its_us);
    return json_string(text);
}

json_t *json_words(struct span s) {
    if (s.n == 0)
        return json_string("");
    json_t *v = json_stringn((const char *)s.p, s.n);
    if (v != NULL)
        return v;
    char *text = ws_memdup(s.p, s.n);
    for (size_t i = 0; i < s.n; i++) {
        if ((s.p[i] & 0x80U) != 0)
            text[i] = '?';
    }
    v = json_stringn(text, s.n);
    free(text);
    return v;
}

json_t *json_milli(int64_t thousandths) {
    if (thousandths % 1000 == 0)
        return json_integer(thousandths / 1000);
    return json_real((double)thousandths / 1000.0);
}

json_t *json_degrees(int32_t e7) {
    return json_real((double)e7 / 1e7);
}

json_t *json_bits(int64_t q16) {
    int64_t half = q16 < 0 ? -32768 : 32768;
    return json_milli((q16 / 65536) * 1000 + ((q16 % 65536) * 1000 + half) / 65536);
}

void json_put(json_t *object, const char *key, json_t *value) {
    WS_ASSERT(json_object_set_new(object, key, value) == 0);
}

void json_add(json_t *array, json_t *value) {
    WS_ASSERT(json_array_append_new(array, value) == 0);
}

void json_print(json_t *value, enum json_shape shape, struct buf *b) {
    size_t flags = JSON_REAL_PRECISION(DIGITS) | JSON_ENCODE_ANY |
                   (shape == JSON_LINE ? JSON_COMPACT : JSON_INDENT(2));
    char *text = json_dumps(value, flags);
    json_decref(value);
    WS_ASSERT(text != NULL);
    buf_put(b, text, strlen(text));
    buf_u8(b, '\n');
    free(text);
}
