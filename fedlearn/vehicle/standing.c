#include "fedlearn/vehicle/standing.h"

#include <string.h>

enum { VERSION = 1, HEAD = 1 + 8 + 4, ENTRY = FL_TOKEN + 4 + 4 * 2 + 1 + 8 };

static void read_entry(const uint8_t *at, struct fl_suspect *ret) {
    struct rd r = rd_of(span_of(at, ENTRY));
    rd_copy(&r, ret->token, FL_TOKEN);
    ret->score = rd_i32(&r);
    ret->flagged = rd_u16(&r);
    ret->clean = rd_u16(&r);
    ret->failed = rd_u16(&r);
    ret->passed = rd_u16(&r);
    ret->standing = (enum fl_standing)rd_u8(&r);
    ret->evidence = rd_u64(&r);
}

int fl_standing_find(struct span table, const uint8_t token[static FL_TOKEN],
    struct fl_suspect *ret, struct ws_err *err) {
    *ret = (struct fl_suspect){0};
    memcpy(ret->token, token, FL_TOKEN);
    if (table.n < HEAD || table.p[0] != VERSION || (table.n - HEAD) % ENTRY != 0 ||
        (table.n - HEAD) / ENTRY != be32(table.p + 9))
        return ws_fail(err, WS_EINPUT, "%zu octets are no table of scores", table.n);
    size_t low = 0;
    size_t high = (table.n - HEAD) / ENTRY;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const uint8_t *at = table.p + HEAD + middle * ENTRY;
        const int c = memcmp(at, token, FL_TOKEN);
        if (c == 0) {
            read_entry(at, ret);
            if ((unsigned)ret->standing < FL_STANDING_COUNT)
                return WS_OK;
            return ws_fail(
                err, WS_EINPUT, "token %zu of the table has an unknown standing", middle);
        }
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return WS_OK;
}
