#include "rsu/json/decide.h"

#include <string.h>

/* Degrees clockwise from north, as people say directions. */
static json_t *direction(uint16_t heading) {
    return json_integer((450 - (json_int_t)((uint32_t)heading * 360 / 65536)) % 360);
}

static json_t *ranges(const struct decide_decision *s) {
    json_t *all = json_object();
    for (unsigned i = 0; i < DECIDE_QUANTITY_COUNT; i++) {
        const enum decide_quantity q = (enum decide_quantity)i;
        if ((s->needs >> i & 1) == 0)
            continue;
        json_t *o = json_object();
        json_put(o, "least", json_milli(s->least[i]));
        json_put(o, "greatest", json_milli(s->greatest[i]));
        json_put(o, "unit", json_string(decide_quantity_unit(q)));
        json_put(all, decide_quantity_name(q), o);
    }
    return all;
}

json_t *json_decision(const struct decide_decision *s) {
    json_t *place = json_object();
    json_put(place, "lat", json_degrees(s->lat));
    json_put(place, "lon", json_degrees(s->lon));
    json_t *o = json_object();
    json_put(o, "number", json_count(s->number));
    json_put(o, "place", place);
    json_put(o, "direction_deg", direction(s->heading));
    json_put(o, "class", json_count(s->threshold));
    json_put(o, "class_name", json_words(span_of(s->class_name, strnlen(s->class_name, FL_NAME))));
    json_put(o, "highest_class", json_count(s->class));
    json_put(o, "vehicles", json_count(s->vehicles));
    json_put(o, "judged", json_count(s->judged));
    json_put(o, "since", json_instant(s->since_us));
    json_put(o, "until", s->until_us == 0 ? json_null() : json_instant(s->until_us));
    json_put(
        o, "end", s->end == DECIDE_GOES_ON ? json_null() : json_string(decide_end_name(s->end)));
    json_put(o, "model_version", json_count(s->model_version));
    json_put(o, "model_hash", json_hex(s->model_hash, sizeof(s->model_hash)));
    json_put(o, "inputs", ranges(s));
    json_put(o, "observations", json_count(s->filings));
    json_put(o, "observation", s->filings == 0 ? json_null() : json_hex(s->tx, sizeof(s->tx)));
    return o;
}
