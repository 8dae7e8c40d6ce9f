/* Small pieces of text for outputs. Any thread. */
#ifndef WAYSIDE_RSU_CELL_TEXT_H
#define WAYSIDE_RSU_CELL_TEXT_H

#include "base/bytes.h"

/* Appends s with & < > and quotes escaped. */
void text_html(struct buf *b, const char *s);

#endif
