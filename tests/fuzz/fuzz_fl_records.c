/* Bodies of learning on the ledger: the first octet chooses the decoder. What is accepted has one form. */
#include "base/assert.h"
#include "base/mem.h"
#include "fedlearn/round/rounds.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TRY(type, name)                                                                            \
    do {                                                                                           \
        __typeof__(type) *v = ws_alloc(sizeof(*v));                                                \
        if (name##_decode(octets, v))                                                              \
            name##_encode(v, &out);                                                                \
        else                                                                                       \
            refused = true;                                                                        \
        free(v);                                                                                   \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    struct span octets = span_of(data + 1, size - 1);
    struct buf out = {0};
    bool refused = false;
    switch (data[0] % 8) {
    case 0:
        TRY(struct fl_submit, fl_submit);
        break;
    case 1:
        TRY(struct fl_key_record, fl_key_record);
        break;
    case 2:
        TRY(struct fl_attest, fl_attest);
        break;
    case 3:
        TRY(struct fl_complaint_record, fl_complaint_record);
        break;
    case 4:
        TRY(struct fl_shares_record, fl_shares_record);
        break;
    case 5:
        TRY(struct fl_outcome, fl_outcome);
        break;
    case 6:
        TRY(struct fl_model_order, fl_model_order);
        break;
    default:
        TRY(struct fl_open, fl_open);
        break;
    }
    WS_ASSERT(refused || (out.n == octets.n && memcmp(out.p, octets.p, out.n) == 0));
    buf_free(&out);
    return 0;
}
