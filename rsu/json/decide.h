/* What the decision service says, as JSON: for HTTP and for its log. */
#ifndef WAYSIDE_RSU_JSON_DECIDE_H
#define WAYSIDE_RSU_JSON_DECIDE_H

#include "rsu/decide/decide.h"
#include "rsu/json/base.h"

/* A new reference. */
json_t *json_decision(const struct decide_decision *s);

#endif
