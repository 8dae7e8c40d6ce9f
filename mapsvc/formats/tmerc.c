#include "mapsvc/formats/tmerc.h"

#include "mapsvc/model/ieee.h"
#include "mapsvc/model/text.h"

#include <stdio.h>
#include <string.h>

static const double a = 6378137.0;
static const double e2 = 0.0066943799901413165;

static double sine(double x) {
    double s = 0.0;
    double c = 0.0;
    ieee_sincos(x, &s, &c);
    return s;
}

/* Length of the meridian from the equator (3-21). */
static double meridian(double lat) {
    double e4 = e2 * e2;
    double e6 = e4 * e2;
    return a * ((1.0 - e2 / 4.0 - 3.0 * e4 / 64.0 - 5.0 * e6 / 256.0) * lat -
                   (3.0 * e2 / 8.0 + 3.0 * e4 / 32.0 + 45.0 * e6 / 1024.0) * sine(2.0 * lat) +
                   (15.0 * e4 / 256.0 + 45.0 * e6 / 1024.0) * sine(4.0 * lat) -
                   (35.0 * e6 / 3072.0) * sine(6.0 * lat));
}

/* Latitude whose meridian length is m (3-24, 3-26). */
static double footpoint(double m) {
    double e4 = e2 * e2;
    double mu = m / (a * (1.0 - e2 / 4.0 - 3.0 * e4 / 64.0 - 5.0 * e4 * e2 / 256.0));
    double root = ieee_sqrt(1.0 - e2);
    double e1 = (1.0 - root) / (1.0 + root);
    double e1_2 = e1 * e1;
    double e1_3 = e1_2 * e1;
    double e1_4 = e1_2 * e1_2;
    return mu + (3.0 * e1 / 2.0 - 27.0 * e1_3 / 32.0) * sine(2.0 * mu) +
           (21.0 * e1_2 / 16.0 - 55.0 * e1_4 / 32.0) * sine(4.0 * mu) +
           (151.0 * e1_3 / 96.0) * sine(6.0 * mu) + (1097.0 * e1_4 / 512.0) * sine(8.0 * mu);
}

bool tmerc_inverse(const struct tmerc *t, double x, double y, int64_t *ret_lat, int64_t *ret_lon) {
    double m = meridian(t->lat0) + (y - t->y0) / t->k;
    if (!(m > -1.0e7 && m < 1.0e7))
        return false;
    double phi = footpoint(m);
    double s = 0.0;
    double c = 0.0;
    ieee_sincos(phi, &s, &c);
    if (c < 1e-3)
        return false;
    double ep2 = e2 / (1.0 - e2);
    double c1 = ep2 * c * c;
    double t1 = s * s / (c * c);
    double w2 = 1.0 - e2 * s * s;
    double w = ieee_sqrt(w2);
    double n1 = a / w;
    double r1 = a * (1.0 - e2) / (w2 * w);
    double d = (x - t->x0) / (n1 * t->k);
    if (!(d > -0.19 && d < 0.19))
        return false;
    double d2 = d * d;
    double lat =
        phi -
        n1 * (s / c) / r1 *
            (d2 / 2.0 - (5.0 + 3.0 * t1 + 10.0 * c1 - 4.0 * c1 * c1 - 9.0 * ep2) * d2 * d2 / 24.0 +
                (61.0 + 90.0 * t1 + 298.0 * c1 + 45.0 * t1 * t1 - 252.0 * ep2 - 3.0 * c1 * c1) *
                    d2 * d2 * d2 / 720.0);
    double lon =
        t->lon0 + (d - (1.0 + 2.0 * t1 + c1) * d2 * d / 6.0 +
                      (5.0 - 2.0 * c1 + 28.0 * t1 - 3.0 * c1 * c1 + 8.0 * ep2 + 24.0 * t1 * t1) *
                          d2 * d2 * d / 120.0) /
                      c;
    const double unit = 180.0 / IEEE_PI * 1e10;
    const int64_t turn = 3600000000000;
    if (!ieee_round(lat * unit, ret_lat) || !ieee_round(lon * unit, ret_lon))
        return false;
    if (*ret_lon > turn / 2)
        *ret_lon -= turn;
    if (*ret_lon < -turn / 2)
        *ret_lon += turn;
    return true;
}

/* What each "+key=value" says. */
struct proj {
    double lat0, lon0, k, x0, y0;
    int64_t zone;
    bool tmerc, utm, south;
};

static bool one_of(const char *v, const char *x, const char *y) {
    return strcmp(v, x) == 0 || strcmp(v, y) == 0;
}

static bool is_zero_list(const char *v) {
    for (; *v != '\0'; v++)
        if (*v != '0' && *v != '.' && *v != ',')
            return false;
    return true;
}

/* False: not understood, or understood and another plane than this code's. */
static bool apply(struct proj *p, const char *key, const char *v) {
    if (strcmp(key, "proj") == 0) {
        p->tmerc = strcmp(v, "tmerc") == 0;
        p->utm = strcmp(v, "utm") == 0;
        return p->tmerc || p->utm;
    }
    if (strcmp(key, "lat_0") == 0)
        return text_to_double(v, &p->lat0) && p->lat0 >= -90.0 && p->lat0 <= 90.0;
    if (strcmp(key, "lon_0") == 0)
        return text_to_double(v, &p->lon0) && p->lon0 >= -180.0 && p->lon0 <= 180.0;
    if (one_of(key, "k", "k_0"))
        return text_to_double(v, &p->k) && p->k > 0.9 && p->k < 1.1;
    if (strcmp(key, "x_0") == 0)
        return text_to_double(v, &p->x0);
    if (strcmp(key, "y_0") == 0)
        return text_to_double(v, &p->y0);
    if (strcmp(key, "zone") == 0)
        return text_to_i64(v, &p->zone) && p->zone >= 1 && p->zone <= 60;
    if (strcmp(key, "south") == 0)
        return p->south = true;
    if (one_of(key, "ellps", "datum"))
        return one_of(v, "WGS84", "GRS80");
    if (strcmp(key, "towgs84") == 0)
        return is_zero_list(v);
    if (one_of(key, "units", "vunits"))
        return strcmp(v, "m") == 0;
    if (one_of(key, "to_meter", "vto_meter"))
        return strspn(v, "1.0") == strlen(v) && v[0] == '1' && (v[1] == '\0' || v[1] == '.') &&
               strchr(v + 1, '1') == NULL;
    if (strcmp(key, "axis") == 0)
        return strcmp(v, "enu") == 0;
    if (strcmp(key, "pm") == 0)
        return one_of(v, "0", "greenwich");
    static const char *const harmless[] = {
        "no_defs", "geoidgrids", "type", "wktext", "over", "approx", "title", "geoid_crs"};
    for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
        if (strcmp(key, harmless[i]) == 0)
            return true;
    return false;
}

/* Grids of one country on GRS 80, whose datum is WGS 84 within decimetres. */
static bool national(struct proj *p, int64_t code) {
    static const struct {
        int64_t code;
        double lat0, lon0, k, x0, y0;
    } grids[] = {{3006, 0, 15, 0.9996, 500000, 0}, /* SWEREF99 TM */
        {3067, 0, 27, 0.9996, 500000, 0}, /* ETRS-TM35FIN */
        {2180, 0, 19, 0.9993, 500000, -5300000}}; /* Poland CS92 */
    /* Japan's plane rectangular systems I to XIX on JGD2011, 6669 on: origins in minutes */
    static const int16_t japan[][2] = {{1980, 7770}, {1980, 7860}, {2160, 7930}, {1980, 8010},
        {2160, 8060}, {2160, 8160}, {2160, 8230}, {2160, 8310}, {2160, 8390}, {2400, 8450},
        {2640, 8415}, {2640, 8535}, {2640, 8655}, {1560, 8520}, {1560, 7650}, {1560, 7440},
        {1560, 7860}, {1200, 8160}, {1560, 9240}};
    for (size_t i = 0; i < sizeof(grids) / sizeof(grids[0]); i++) {
        if (grids[i].code != code)
            continue;
        p->lat0 = grids[i].lat0;
        p->lon0 = grids[i].lon0;
        p->k = grids[i].k;
        p->x0 = grids[i].x0;
        p->y0 = grids[i].y0;
        return p->tmerc = true;
    }
    if (code < 6669 || code >= 6669 + (int64_t)(sizeof(japan) / sizeof(japan[0])))
        return false;
    p->lat0 = japan[code - 6669][0] / 60.0;
    p->lon0 = japan[code - 6669][1] / 60.0;
    p->k = 0.9999;
    return p->tmerc = true;
}

/* "EPSG:32632", "epsg:25832+5783", "urn:ogc:def:crs:EPSG::32632": UTM on WGS 84 (326zz north, 327zz south) or ETRS 89
 * (258zz). */
static bool apply_epsg(struct proj *p, const char *v) {
    static const char name[] = "EPSG:";
    if (strncmp(v, "urn:ogc:def:crs:", 16) == 0)
        v += 16;
    for (size_t i = 0; i < sizeof(name) - 1; i++, v++)
        if (*v != name[i] && (name[i] == ':' || *v != name[i] + ('a' - 'A')))
            return false;
    const char *version = strchr(v, ':');
    if (version != NULL)
        v = version + 1;
    char text[16] = "";
    int64_t code = 0;
    size_t n = strcspn(v, "+"); /* behind it is a system of heights */
    if (n >= sizeof(text))
        return false;
    memcpy(text, v, n);
    text[n] = '\0';
    if (!text_to_i64(text, &code))
        return false;
    if (national(p, code))
        return true;
    p->zone = code % 100;
    p->south = code / 100 == 327;
    p->utm = (code / 100 == 326 || code / 100 == 327) ? p->zone >= 1 && p->zone <= 60
                                                      : code >= 25828 && code <= 25838;
    return p->utm;
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool tmerc_parse(const char *text, struct tmerc *ret_t, char *why, size_t why_size) {
    struct proj p = {.k = 1.0};
    while (is_space(*text))
        text++;
    if ((*text >= 'A' && *text <= 'Z') && strchr(text, '[') != NULL)
        return tmerc_parse_wkt(text, ret_t, why, why_size);
    while (*text != '\0') {
        char word[128] = "";
        size_t n = 0;
        while (is_space(*text))
            text++;
        for (; *text != '\0' && !is_space(*text); text++)
            if (n < sizeof(word) - 1)
                word[n++] = *text;
        word[n] = '\0';
        if (n == 0)
            break;
        char *eq = strchr(word, '=');
        const char *value = eq == NULL ? "" : eq + 1;
        if (eq != NULL)
            *eq = '\0';
        bool epsg = strcmp(word, "+init") == 0;
        bool good = word[0] != '+' || epsg ? apply_epsg(&p, epsg ? value : word)
                                           : apply(&p, word + 1, value);
        if (!good) {
            (void)snprintf(why, why_size, "%.40s%s%.40s", word, eq == NULL ? "" : "=", value);
            return false;
        }
    }
    if (!p.tmerc && (!p.utm || p.zone == 0)) {
        (void)snprintf(why, why_size, "%s", p.utm ? "utm without a zone" : "no projection");
        return false;
    }
    const double unit = IEEE_PI / 180.0;
    if (p.utm)
        *ret_t = (struct tmerc){0.0, ((double)p.zone * 6.0 - 183.0) * unit, 0.9996, 500000.0,
            p.south ? 10000000.0 : 0.0};
    else
        *ret_t = (struct tmerc){p.lat0 * unit, p.lon0 * unit, p.k, p.x0, p.y0};
    return true;
}
