#include "ledger/beacon/tickets.h"

#include "base/assert.h"

#include <stdbool.h>

__extension__ typedef unsigned __int128 u128;

/* Least power that holds exactly k tickets, for each k; then the largest k whose power is less than a third. */
static uint16_t most_of_small(const uint64_t *powers, const struct tickets *t, uint64_t sum) {
    uint64_t least[BEACON_TICKETS_MAX + 1];
    for (size_t k = 0; k <= t->total; k++)
        least[k] = k == 0 ? 0 : UINT64_MAX;
    size_t reach = 0;
    for (size_t i = 0; i < t->n; i++) {
        for (size_t k = reach + 1; k-- > 0 && t->of[i] > 0;) {
            if (least[k] == UINT64_MAX)
                continue;
            uint64_t power = least[k] + powers[i];
            if (power < least[k + t->of[i]])
                least[k + t->of[i]] = power;
        }
        reach += t->of[i];
    }
    size_t most = 0;
    for (size_t k = 0; k <= reach; k++)
        if (least[k] != UINT64_MAX && 3 * least[k] < sum)
            most = k;
    return (uint16_t)most;
}

/* Whether a's next ticket comes before b's: the one with the smaller (k + 2/3) / power. 0: at the same time. */
static int compare_next(uint64_t power_a, uint16_t a, uint64_t power_b, uint16_t b) {
    u128 left = (u128)(3U * a + 2U) * power_b, right = (u128)(3U * b + 2U) * power_a;
    return (left > right) - (left < right);
}

/* One more ticket for each of those whose turn is next. */
static void give(const uint64_t *powers, struct tickets *t) {
    size_t first = 0;
    for (size_t i = 1; i < t->n; i++)
        if (compare_next(powers[i], t->of[i], powers[first], t->of[first]) < 0)
            first = i;
    const uint16_t had = t->of[first];
    for (size_t i = t->n; i-- > 0;) {
        if (i != first && compare_next(powers[i], t->of[i], powers[first], had) == 0) {
            t->of[i]++;
            t->total++;
        }
    }
    t->of[first]++;
    t->total++;
}

void beacon_tickets(const uint64_t *powers, size_t n, struct tickets *ret_tickets) {
    WS_ASSERT(n >= 1 && n <= BEACON_MEMBERS_MAX);
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += powers[i];
    struct tickets t = {.n = n}, weak = {0};
    bool strong = false;
    while (!strong && (t.total < 4 * n || weak.n == 0)) {
        give(powers, &t);
        WS_ASSERT(t.total <= BEACON_TICKETS_MAX);
        if (t.total < n)
            continue;
        t.small = most_of_small(powers, &t, sum);
        strong = 3 * t.small < t.total;
        if (weak.n == 0 && 2 * t.small < t.total)
            weak = t;
    }
    if (!strong)
        t = weak;
    unsigned a = t.small + 1U, b = t.total > 2U * t.small ? t.total - 2U * t.small : 0;
    t.threshold = (uint16_t)(a > b ? a : b);
    t.enough = (uint16_t)(t.total - t.small);
    *ret_tickets = t;
}
