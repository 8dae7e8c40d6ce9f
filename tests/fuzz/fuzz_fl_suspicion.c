/* Octets as a score table: what is taken is written the same way, and can go on. */
#include "base/assert.h"
#include "fedlearn/round/suspicion.h"
#include "fedlearn/vehicle/standing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fl_suspicion_rules rules = FL_SUSPICION_DEFAULT;
    struct fl_suspicion s = fl_suspicion_new(&rules, 64);
    uint8_t any[FL_TOKEN] = {0};
    struct fl_suspect own;
    memcpy(any, data, size < FL_TOKEN ? size : FL_TOKEN);
    const int found = fl_standing_find((struct span){data, size}, any, &own, NULL);
    WS_ASSERT(found == WS_OK || found == WS_EINPUT);
    if (fl_suspicion_decode(&s, (struct span){data, size}, NULL) == 0) {
        for (size_t i = 0; i < s.n; i++) {
            const int rc = fl_standing_find((struct span){data, size}, s.all[i].token, &own, NULL);
            WS_ASSERT(rc == WS_OK && own.standing == s.all[i].standing);
        }
        struct buf b = {0};
        fl_suspicion_encode(&s, &b);
        WS_ASSERT(span_equal(buf_span(&b), (struct span){data, size}));
        buf_free(&b);
        struct fl_sighting g = {.group_size = 8, .flagged = true, .evidence = 1};
        if (s.n != 0)
            memcpy(g.token, s.all[s.n / 2].token, FL_TOKEN);
        for (unsigned i = 0; i < 20; i++)
            (void)fl_suspicion_round(&s, &g, 1, 0, NULL);
        uint8_t root[32];
        fl_suspicion_root(&s, root);
    }
    fl_suspicion_free(&s);
    return 0;
}
