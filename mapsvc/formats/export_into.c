#include "mapsvc/formats/export_into.h"

#include "base/fileio.h"
#include "ledger/exec/hash.h"
#include "mapsvc/formats/import.h"
#include "mapsvc/formats/xml_encoding.h"

typedef int into_fn(const struct mapset *m, const char *base_path, struct span base, struct buf *b,
    struct map_report *unsaid, struct ws_err *err);

/* Edits are made in UTF-8 and its like; a file in UTF-16 is one again afterwards. */
static int write_into(into_fn *into, const struct mapset *m, const char *base_path,
    struct span base, struct buf *b, struct map_report *unsaid, struct ws_err *err) {
    struct utf16_form form;
    if (!utf16_is(base, &form))
        return into(m, base_path, base, b, unsaid, err);
    struct buf plain = {0};
    struct buf out = {0};
    int rc = WS_OK;
    if (!utf16_to_utf8(base, form, &plain))
        rc = ws_fail(err, WS_EINPUT, "%s: not well-formed UTF-16", base_path);
    if (rc == WS_OK)
        rc = into(m, base_path, buf_span(&plain), &out, unsaid, err);
    if (rc == WS_OK)
        utf16_from_utf8(buf_span(&out), form, b);
    buf_free(&plain);
    buf_free(&out);
    return rc;
}

int map_export_into(const struct mapset *m, const char *base_path, struct buf *b,
    struct map_report *unsaid, struct ws_err *err) {
    struct buf base = {0};
    uint8_t digest[32];
    char root[64] = "";
    *unsaid = (struct map_report){0};
    int rc = file_read(base_path, MAP_FILE_OCTETS_MAX, &base, err);
    if (rc == WS_OK) {
        exec_sha256_one(buf_span(&base), digest);
        if (memcmp(digest, m->base_digest, sizeof(digest)) != 0)
            rc = ws_fail(err, WS_EINPUT,
                "%s: not the file that the map was imported from: its digest is another",
                base_path);
    }
    if (rc == WS_OK)
        rc = map_xml_root(base_path, buf_span(&base), root, err);
    if (rc == WS_OK && strcmp(root, "osm") == 0)
        rc = write_into(lanelet2_export_into, m, base_path, buf_span(&base), b, unsaid, err);
    else if (rc == WS_OK && strcmp(root, "OpenDRIVE") == 0)
        rc = write_into(opendrive_export_into, m, base_path, buf_span(&base), b, unsaid, err);
    else if (rc == WS_OK)
        rc = ws_fail(err, WS_ENOTSUP, "%s: changes are written into Lanelet2 and OpenDRIVE files",
            base_path);
    buf_free(&base);
    return rc;
}
