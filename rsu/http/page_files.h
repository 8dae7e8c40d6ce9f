/* The page's files, made from rsu/http/page at build time (rsu/http/page.cmake). Constant. */
#ifndef WAYSIDE_RSU_HTTP_PAGE_FILES_H
#define WAYSIDE_RSU_HTTP_PAGE_FILES_H

#include "base/span.h"

struct page_file {
    const char *name; /* "map.js" */
    const char *type; /* with its character set */
    const char *digest; /* 32 hex digits of SHA-256: who has these octets needs them no more */
    struct span octets;
};
extern const struct page_file page_files[]; /* ascending names */
extern const size_t page_n_files;

#endif
