/* Character encodings of map files. expat reads UTF-8, UTF-16, ISO-8859-1 and US-ASCII itself. Pure; any thread. */
#ifndef WAYSIDE_MAPSVC_FORMATS_XML_ENCODING_H
#define WAYSIDE_MAPSVC_FORMATS_XML_ENCODING_H

#include "base/bytes.h"

/* Of encodings with one octet for a character that map editors write besides: windows-1252, ISO-8859-15. Fills in the
 * code points of octets 0 to 255 (-1: none). False: another encoding. */
bool xml_single_octets(const char *name, int ret_map[static 256]);

/* How a file in UTF-16 was written. */
struct utf16_form {
    bool little_endian, marked; /* marked: begins with a byte order mark */
};
/* A file in UTF-16: by its mark, or by what its first character '<' looks like. */
bool utf16_is(struct span file, struct utf16_form *ret_form);
/* The same text in UTF-8, beginning with a mark, so that an XML reader does not ask the declaration. False: no
 * well-formed UTF-16. */
bool utf16_to_utf8(struct span file, struct utf16_form form, struct buf *b);
/* Back again; utf8: as utf16_to_utf8 made it, with changes in ASCII. */
void utf16_from_utf8(struct span utf8, struct utf16_form form, struct buf *b);

#endif
