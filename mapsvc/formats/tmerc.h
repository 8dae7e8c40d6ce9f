/* The transverse Mercator projection backwards, as map files name it in PROJ's notation. Inverse series
 * of J. P. Snyder, Map Projections: A Working Manual (USGS Professional Paper 1395), equations 3-21, 3-24,
 * 3-26, 8-17, 8-18; better than 1 mm within 300 km of the central meridian. WGS 84 or GRS 80 (which
 * differ by 0.1 mm). IEEE basic operations only; any thread. */
#ifndef WAYSIDE_MAPSVC_FORMATS_TMERC_H
#define WAYSIDE_MAPSVC_FORMATS_TMERC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tmerc {
    double lat0, lon0; /* radians */
    double k, x0, y0; /* scale on the central meridian; false easting and northing, metres */
};

/* "+proj=tmerc ...", "+proj=utm +zone=... [+south]", the EPSG code of a UTM zone on WGS 84 or ETRS 89 or of a national grid
 * that is a transverse Mercator on one of those (also as a URN, also with a height's code behind it), or a projected
 * system in WKT, version 1 or 2; false with the reason for anything that would put the map somewhere else than
 * this code does (other projections, datums, units, axes). */
bool tmerc_parse(const char *proj, struct tmerc *ret_t, char *why, size_t why_size);
/* The last of them: WKT begins with its keyword. */
bool tmerc_parse_wkt(const char *text, struct tmerc *ret_t, char *why, size_t why_size);
/* Metres on the plane to 1e-10 degree; false beyond 1200 km of the central meridian or off the globe. */
bool tmerc_inverse(const struct tmerc *t, double x, double y, int64_t *ret_lat, int64_t *ret_lon);

#endif
