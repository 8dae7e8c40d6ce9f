#include "ledger/exec/region.h"

bool region_contains(const struct genesis *g, int32_t lat, int32_t lon) {
    if (g->n_region == 0)
        return true;
    bool inside = false;
    for (size_t i = 0, k = g->n_region - 1; i < g->n_region; k = i++) {
        int64_t y1 = g->region[i][0];
        int64_t x1 = g->region[i][1];
        int64_t y2 = g->region[k][0];
        int64_t x2 = g->region[k][1];
        if ((y1 > lat) == (y2 > lat))
            continue;
        /* lon < x1 + (x2 - x1) * (lat - y1) / (y2 - y1), without dividing; differences fit 33 bits. */
        __int128 left = (__int128)(lon - x1) * (y2 - y1);
        __int128 right = (__int128)(x2 - x1) * (lat - y1);
        if (y2 > y1 ? left < right : left > right)
            inside = !inside;
    }
    return inside;
}
