#include "mapsvc/formats/xml.h"

#include "mapsvc/formats/xml_encoding.h"

#include <expat.h>
#include <stdarg.h>
#include <stdio.h>

struct xml {
    XML_Parser parser;
    const char *file;
    const struct xml_handler *h;
    unsigned depth;
    int rc;
    bool stopped;
    struct ws_err err;
};

unsigned xml_line(const struct xml *x) {
    return (unsigned)XML_GetCurrentLineNumber(x->parser);
}

size_t xml_at(const struct xml *x) {
    XML_Index at = XML_GetCurrentByteIndex(x->parser);
    return at < 0 ? 0 : (size_t)at;
}

size_t xml_octets(const struct xml *x) {
    int n = XML_GetCurrentByteCount(x->parser);
    return n < 0 ? 0 : (size_t)n;
}

unsigned xml_depth(const struct xml *x) {
    return x->depth;
}

void xml_stop(struct xml *x) {
    if (!x->stopped) {
        x->stopped = true;
        (void)XML_StopParser(x->parser, XML_FALSE);
    }
}

void xml_fail(struct xml *x, enum ws_code code, const char *fmt, ...) {
    if (x->rc != WS_OK)
        return;
    char text[WS_ERR_TEXT];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    x->rc = ws_fail(&x->err, code, "%s:%u: %s", x->file, xml_line(x), text);
    xml_stop(x);
}

const char *xml_attr(const char **attrs, const char *name) {
    for (size_t i = 0; attrs[i] != NULL; i += 2)
        if (strcmp(attrs[i], name) == 0)
            return attrs[i + 1];
    return NULL;
}

static void on_start(void *user, const XML_Char *name, const XML_Char **attrs) {
    struct xml *x = user;
    if (x->stopped)
        return;
    if (x->depth == XML_DEPTH_MAX) {
        xml_fail(x, WS_ELIMIT, "element %.64s: nested more than %d deep", name, XML_DEPTH_MAX);
        return;
    }
    x->depth++;
    if (x->h->start != NULL)
        x->h->start(x, x->h->user, name, attrs);
}

static void on_end(void *user, const XML_Char *name) {
    struct xml *x = user;
    if (x->stopped)
        return;
    if (x->h->end != NULL)
        x->h->end(x, x->h->user, name);
    x->depth--;
}

static void on_text(void *user, const XML_Char *s, int n) {
    struct xml *x = user;
    if (!x->stopped && n > 0 && x->h->text != NULL)
        x->h->text(x, x->h->user, s, (size_t)n);
}

static void on_doctype(void *user, const XML_Char *name, const XML_Char *system_id,
    const XML_Char *public_id, int has_subset) {
    (void)system_id;
    (void)public_id;
    (void)has_subset;
    xml_fail(user, WS_EINPUT, "document type declaration (%.64s): refused in map files", name);
}

static int on_encoding(void *user, const XML_Char *name, XML_Encoding *e) {
    (void)user;
    e->data = NULL;
    e->convert = NULL;
    e->release = NULL;
    return xml_single_octets(name, e->map) ? XML_STATUS_OK : XML_STATUS_ERROR;
}

/* A mark says more than a declaration that was not changed when the file was written anew. */
static bool is_marked_utf8(struct span data) {
    return data.n >= 3 && memcmp(data.p, "\xef\xbb\xbf", 3) == 0;
}

int xml_parse(const char *file, struct span data, const struct xml_handler *h, struct ws_err *err) {
    struct xml x = {.file = file, .h = h};
    x.parser = XML_ParserCreate(is_marked_utf8(data) ? "UTF-8" : NULL);
    if (x.parser == NULL)
        return ws_fail(err, WS_ENOMEM, "%s: no memory for the XML parser", file);
    XML_SetUserData(x.parser, &x);
    XML_SetElementHandler(x.parser, on_start, on_end);
    XML_SetCharacterDataHandler(x.parser, on_text);
    XML_SetUnknownEncodingHandler(x.parser, on_encoding, NULL);
    XML_SetStartDoctypeDeclHandler(x.parser, on_doctype);
    enum { CHUNK = 1 << 20 };
    enum XML_Status st = XML_STATUS_OK;
    size_t at = 0;
    do {
        size_t n = data.n - at < CHUNK ? data.n - at : CHUNK;
        st = XML_Parse(x.parser, n == 0 ? "" : (const char *)data.p + at, (int)n, at + n == data.n);
        at += n;
    } while (st == XML_STATUS_OK && at < data.n);
    if (st != XML_STATUS_OK && !x.stopped)
        x.rc = ws_fail(&x.err, WS_EINPUT, "%s:%u: not well-formed XML: %s", file, xml_line(&x),
            XML_ErrorString(XML_GetErrorCode(x.parser)));
    XML_ParserFree(x.parser);
    if (x.rc != WS_OK && err != NULL)
        *err = x.err;
    return x.rc;
}
