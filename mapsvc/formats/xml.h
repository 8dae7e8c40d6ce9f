/* XML with bounds, for map files: expat underneath, the whole document in memory. A document type
 * declaration is refused (entities are how small files become large ones), as are depth over
 * XML_DEPTH_MAX and what is not well formed; errors name file and line. One thread per object. */
#ifndef WAYSIDE_MAPSVC_FORMATS_XML_H
#define WAYSIDE_MAPSVC_FORMATS_XML_H

#include "base/bytes.h"
#include "base/error.h"

#define XML_DEPTH_MAX 64

struct xml;
struct xml_handler {
    void *user;
    /* attrs: name, value, name, value, ..., NULL; valid during the call. Any may be NULL. */
    void (*start)(struct xml *x, void *user, const char *name, const char **attrs);
    void (*end)(struct xml *x, void *user, const char *name);
    void (*text)(struct xml *x, void *user, const char *s, size_t n);
};

/* file: name for messages, borrowed. */
WARN_UNUSED int xml_parse(
    const char *file, struct span data, const struct xml_handler *h, struct ws_err *err);

/* Inside a handler. */
unsigned xml_line(const struct xml *x);
size_t xml_at(const struct xml *x); /* offset of the tag at hand in the document */
size_t xml_octets(const struct xml *x); /* its length; 0 at the end of <a/> */
unsigned xml_depth(const struct xml *x); /* of the element at hand; the root has 1 */
/* Ends the parse: xml_parse returns code with "file:line: " before the text. Only the first call counts. */
void xml_fail(struct xml *x, enum ws_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Ends the parse without an error. */
void xml_stop(struct xml *x);

/* Value of an attribute, NULL when absent. */
const char *xml_attr(const char **attrs, const char *name);

#endif
