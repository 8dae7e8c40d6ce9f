/* Which constants of a round can be computed with. Apart from the rules themselves: who decodes an OPEN record needs this, and a
 * vehicle nothing of the rest. */
#include "fedlearn/round/judge.h"
#include "fedlearn/round/suspicion.h"

int fl_rules_check(const struct fl_rules *rules, struct ws_err *err) {
    if (rules->min_groups == 0 || rules->min_groups > FL_MAX_GROUPS)
        return ws_fail(err, WS_EINPUT, "min_groups of %u; 1 to %d are possible", rules->min_groups,
            FL_MAX_GROUPS);
    if (rules->cosine_thousandths < -1000 || rules->cosine_thousandths > 1000)
        return ws_fail(err, WS_EINPUT, "a cosine of %d / 1000", rules->cosine_thousandths);
    if ((unsigned)rules->location >= FL_LOCATION_COUNT)
        return ws_fail(err, WS_EINPUT, "rule of location %u is not known", rules->location);
    if (rules->trim_thousandths >= 500 || rules->krum_thousandths >= 500)
        return ws_fail(err, WS_EINPUT, "half of the groups or more cannot be left out (%u, %u)",
            rules->trim_thousandths, rules->krum_thousandths);
    if (rules->momentum_thousandths > 990)
        return ws_fail(err, WS_EINPUT, "a momentum of %u / 1000", rules->momentum_thousandths);
    if (rules->clip_thousandths > 1000000 || rules->mad_thousandths > 1000000 ||
        rules->spread_thousandths > 1000000)
        return ws_fail(err, WS_EINPUT, "a multiple above 1000");
    return 0;
}

int fl_suspicion_check(const struct fl_suspicion_rules *r, struct ws_err *err) {
    static const struct {
        const char *name;
        int32_t low, high;
    } ranges[] = {{"bad_ppm", 1000, 400000}, {"flag_bad_ppm", 500000, 999000},
        {"flag_good_ppm", 1000, 400000}, {"quarantine", FL_NAT, 100 * FL_NAT},
        {"floor", -100 * FL_NAT, 0}, {"quarantine_rounds", 1, FL_QUARANTINE_MAX}};
    const int64_t values[] = {r->bad_ppm, r->flag_bad_ppm, r->flag_good_ppm, r->quarantine,
        r->floor, r->quarantine_rounds};
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
        if (values[i] < ranges[i].low || values[i] > ranges[i].high)
            return ws_fail(err, WS_EINPUT, "%s of %lld; %d to %d are possible", ranges[i].name,
                (long long)values[i], ranges[i].low, ranges[i].high);
    return 0;
}
