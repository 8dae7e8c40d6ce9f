/* Point in polygon, exact in integers. Any thread. */
#ifndef WAYSIDE_LEDGER_EXEC_REGION_H
#define WAYSIDE_LEDGER_EXEC_REGION_H

#include "ledger/light/types.h"

/* lat, lon in 1e-7 degree. A region without points contains everything. */
bool region_contains(const struct genesis *g, int32_t lat, int32_t lon);

#endif
