/* Unaligned PER (ITU-T X.691) as far as ITS facility messages need it: a bit reader with a sticky
 * failure and a bit writer. The reader borrows its octets, never reads past them, and after the first
 * failure yields lower bounds. One thread per object; the reader allocates nothing. */
#ifndef WAYSIDE_V2X_UPER_H
#define WAYSIDE_V2X_UPER_H

#include "base/bytes.h"

enum uper_fail {
    UPER_OK = 0,
    UPER_TRUNCATED, /* a field runs past the end */
    UPER_VALUE, /* a number above its upper bound */
    UPER_FORM, /* an encoding that is legal PER but not read: fragments, long bitmaps */
};

struct uper {
    const uint8_t *p;
    size_t bits; /* of the input; bounded by SIZE_MAX / 8 octets */
    size_t at; /* next bit */
    enum uper_fail fail;
};

struct uper uper_of(struct span s);
uint64_t uper_bits(struct uper *r, unsigned n); /* n <= 64 */
bool uper_flag(struct uper *r);
/* Constrained INTEGER (lo..hi): the fewest bits that hold hi - lo, value minus lo. */
int64_t uper_int(struct uper *r, int64_t lo, int64_t hi);
void uper_skip(struct uper *r, size_t bits);
/* Length in octets of an open type, which follows. */
size_t uper_open_type(struct uper *r);
/* Extension additions behind the root of a SEQUENCE whose extension bit was 1 (X.691, 19.7 to 19.9);
 * up to 64 of them, each as an open type. */
void uper_skip_additions(struct uper *r);

/* Appends to b; values must fit (asserted). uper_put_end pads the last octet with zeros. */
struct uper_out {
    struct buf *b;
    unsigned used; /* bits used of b's last octet; 0: none open */
};
void uper_put_bits(struct uper_out *w, unsigned n, uint64_t v);
void uper_put_int(struct uper_out *w, int64_t lo, int64_t hi, int64_t v);
void uper_put_end(struct uper_out *w);

#endif
