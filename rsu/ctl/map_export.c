/* rsuctl map export. */
#include "rsu/ctl/map.h"

#include "base/fileio.h"
#include "base/mem.h"
#include "mapsvc/formats/export.h"
#include "mapsvc/formats/export_into.h"

#include <stdlib.h>
#include <string.h>

static int export_into(const struct mapset *m, const char *base, struct buf *b, size_t *ret_unsaid,
    struct ws_err *err) {
    struct map_report *unsaid = ws_alloc(sizeof(*unsaid));
    int rc = map_export_into(m, base, b, unsaid, err);
    *ret_unsaid = rc == WS_OK ? unsaid->skipped : 0;
    if (rc == WS_OK)
        ctl_map_tell(unsaid, "not said");
    free(unsaid);
    return rc;
}

static int run_export(const struct ctl_verb *v, int argc, char **argv) {
    const char *format = NULL;
    const char *base = NULL;
    const char *out = NULL;
    struct ctl_tnits how_tnits = {.provider = "wayside"};
    struct ctl_place origin = {0};
    struct ctl_list words = {0};
    const struct ctl_option options[] = {
        {"time", CTL_TEXT, (void *)&how_tnits.time, 0, 0},
        {"provider", CTL_TEXT, (void *)&how_tnits.provider, 0, 0},
        {"format", CTL_TEXT, (void *)&format, 0, 0},
        {"to", CTL_TEXT, (void *)&format, 0, 0},
        {"base", CTL_TEXT, (void *)&base, 0, 0},
        {"out", CTL_TEXT, (void *)&out, 0, 0},
        {"origin", CTL_PLACE, &origin, 0, 0},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 1, 1, &code))
        return code;
    bool osm = format != NULL && (strcmp(format, "osm") == 0 || strcmp(format, "lanelet2") == 0);
    bool xodr = format != NULL && strcmp(format, "opendrive") == 0;
    bool tnits = format != NULL && strcmp(format, "tnits") == 0;
    if (!osm && !xodr && !tnits && (format == NULL || strcmp(format, "geojsonseq") != 0))
        return ctl_misuse(v, "--to: geojsonseq, lanelet2, opendrive or tnits");
    if (base != NULL && !osm && !xodr)
        return ctl_misuse(v, "--base goes with --to lanelet2 or opendrive");
    if (xodr && base == NULL)
        return ctl_misuse(v, "--to opendrive needs --base");
    if (!ctl_tnits_read(&how_tnits))
        return ctl_misuse(
            v, "--time: '%.80s' is not a time like 2026-11-21T09:30:00Z", how_tnits.time);
    struct map_import_options how = {
        .has_origin = origin.given, .lat0 = origin.lat, .lon0 = origin.lon};
    struct mapset m = {0};
    struct ws_err err = {0};
    if (ctl_map_load(words.v[0], &how, &m, NULL, &err) != WS_OK)
        return ctl_fail(v, CTL_UNREACHABLE, &err);
    if (base != NULL && strcmp(m.ns, osm ? "lanelet2" : "opendrive") != 0) {
        mapset_free(&m);
        return ctl_misuse(
            v, "--base: changes are written into the language that the map came from");
    }
    struct buf b = {0};
    size_t unsaid = 0;
    int rc = WS_OK;
    if (base != NULL)
        rc = export_into(&m, base, &b, &unsaid, &err);
    else if (osm)
        export_lanelet2(&m, &b);
    else if (tnits)
        ctl_tnits_snapshot(&m, &how_tnits, &b);
    else
        export_geojsonseq_map(&m, &b);
    mapset_free(&m);
    if (rc == WS_OK && out != NULL)
        rc = file_write(out, buf_span(&b), 0644, &err);
    code = rc != WS_OK   ? ctl_fail(v, CTL_UNREACHABLE, &err)
           : out == NULL ? ctl_print(v, buf_span(&b))
                         : CTL_DONE;
    buf_free(&b);
    return code == CTL_DONE && unsaid > 0 ? CTL_NO : code;
}

const struct ctl_verb ctl_map_export = {"map", "export",
    "write a map in a format that other tools read",
    "FILE --to geojsonseq|lanelet2|opendrive|tnits [--base FILE] [--out FILE]\n"
    "\n"
    "FILE is a map in the cell's own form (.wmap, or .wmsn as map snapshot writes it), Lanelet2, "
    "OpenDRIVE or TN-ITS.\n"
    "\n"
    "  --to geojsonseq       a GeoJSON text sequence (RFC 8142), a feature for each element\n"
    "  --to lanelet2         Lanelet2 in OSM XML (--format is another word for --to, osm for "
    "lanelet2)\n"
    "  --to opendrive        the OpenDRIVE file it was imported from, given with --base\n"
    "  --to tnits            a TN-ITS data set (Snapshot) of limits, signs and crosswalks; what is "
    "left out is "
    "counted\n"
    "                        on standard error\n"
    "  --provider NAME       providerId in a TN-ITS data set; wayside unless given\n"
    "  --time TIME           when a TN-ITS data set was made, like 2026-11-21T09:30:00Z; unless "
    "given, "
    "the latest\n"
    "                        time from which something in the map is valid, as the map has no time "
    "of its own\n"
    "  --base FILE           the file that the map was imported from: what has changed is written "
    "into it, the "
    "rest\n"
    "                        stays octet for octet; what cannot be said is told on standard error, "
    "exit code "
    "1\n"
    "  --out FILE            instead of standard output\n"
    "  --origin LAT,LON      place of (0,0) of a map with local coordinates only\n",
    run_export};
