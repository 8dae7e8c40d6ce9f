/* Transverse Mercator systems in well-known text: ISO 19162 (PROJCRS) and the older PROJCS. What matters is looked for by
 * name, wherever it stands; what would put the map elsewhere is refused. */
#include "mapsvc/formats/tmerc.h"
#include "mapsvc/model/ieee.h"
#include "mapsvc/model/text.h"

#include <stdio.h>
#include <string.h>

static char lower(char c) {
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Letters alike but for case, with '_' for ' '. */
static bool same_word(const char *s, const char *word) {
    for (; *word != '\0'; s++, word++)
        if (lower(*s == '_' ? ' ' : *s) != *word)
            return false;
    return *s == '"';
}

/* Where the value begins that follows KEYWORD["name",; NULL: there is none. name NULL: of any name. */
static const char *value_of(const char *text, const char *keyword, const char *name) {
    size_t n = strlen(keyword);
    for (const char *at = strstr(text, keyword); at != NULL; at = strstr(at + n, keyword)) {
        bool begins = at == text || strchr("[,( \n\r\t", at[-1]) != NULL;
        const char *p = at + n + strspn(at + n, " \n\r\t");
        if (!begins || (*p != '[' && *p != '('))
            continue;
        p++;
        p += strspn(p, " \n\r\t");
        if (*p != '"' || (name != NULL && !same_word(p + 1, name)))
            continue;
        p = strchr(p + 1, '"');
        if (p == NULL)
            return NULL;
        p++;
        p += strspn(p, " \n\r\t");
        return *p == ',' ? p + 1 : p;
    }
    return NULL;
}

static bool number_at(const char *p, double *ret) {
    char text[48];
    if (p == NULL)
        return false;
    p += strspn(p, " \n\r\t");
    size_t n = strcspn(p, ",]) \n\r\t");
    if (n == 0 || n >= sizeof(text))
        return false;
    memcpy(text, p, n);
    text[n] = '\0';
    return text_to_double(text, ret);
}

/* A parameter under its name in either version. A missing one is `otherwise`. */
static bool parameter(const char *text, const char *const *names, double otherwise, double *ret) {
    for (size_t i = 0; i < 3 && names[i] != NULL; i++) {
        const char *p = value_of(text, "PARAMETER", names[i]);
        if (p != NULL)
            return number_at(p, ret);
    }
    *ret = otherwise;
    return true;
}

static const char *fault(const char *text, struct tmerc *t) {
    static const char *const lat0[] = {"latitude of origin", "latitude of natural origin", NULL};
    static const char *const lon0[] = {
        "central meridian", "longitude of natural origin", "longitude of origin"};
    static const char *const k0[] = {"scale factor", "scale factor at natural origin", NULL};
    static const char *const x0[] = {"false easting", NULL, NULL};
    static const char *const y0[] = {"false northing", NULL, NULL};
    const char *method = value_of(text, "PROJECTION", "transverse mercator");
    if (method == NULL)
        method = value_of(text, "METHOD", "transverse mercator");
    if (method == NULL)
        return "no Transverse Mercator";
    const char *body = value_of(text, "SPHEROID", NULL);
    if (body == NULL)
        body = value_of(text, "ELLIPSOID", NULL);
    double a = 0.0;
    double f = 0.0;
    const char *flattening = body == NULL ? NULL : strchr(body, ',');
    if (!number_at(body, &a) || flattening == NULL || !number_at(flattening + 1, &f) ||
        a != 6378137.0 || f < 298.2572 || f > 298.2573)
        return "an ellipsoid that is neither WGS 84 nor GRS 80";
    const char *shift = strstr(text, "TOWGS84[");
    for (const char *p = shift == NULL ? "" : shift + 8; *p != '\0' && *p != ']'; p++)
        if (strchr("0.,- \n", *p) == NULL)
            return "a datum that is shifted against WGS 84";
    if (strstr(text, "foot") != NULL || strstr(text, "Foot") != NULL)
        return "units other than metres";
    if (!parameter(text, lat0, 0.0, &t->lat0) || !parameter(text, lon0, 0.0, &t->lon0) ||
        !parameter(text, k0, 1.0, &t->k) || !parameter(text, x0, 0.0, &t->x0) ||
        !parameter(text, y0, 0.0, &t->y0))
        return "a parameter that is no number";
    if (t->lat0 < -90.0 || t->lat0 > 90.0 || t->lon0 < -180.0 || t->lon0 > 180.0 || t->k < 0.9 ||
        t->k > 1.1)
        return "a parameter out of range";
    return NULL;
}

bool tmerc_parse_wkt(const char *text, struct tmerc *ret_t, char *why, size_t why_size) {
    struct tmerc t = {0};
    const char *reason = strncmp(text, "PROJC", 5) == 0 || strncmp(text, "COMPD", 5) == 0 ||
                                 strncmp(text, "COMPOUND", 8) == 0 || strncmp(text, "BOUND", 5) == 0
                             ? fault(text, &t)
                             : "no projected system";
    if (reason != NULL) {
        (void)snprintf(why, why_size, "WKT: %s", reason);
        return false;
    }
    const double unit = IEEE_PI / 180.0;
    t.lat0 *= unit;
    t.lon0 *= unit;
    *ret_t = t;
    return true;
}
