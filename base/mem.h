/* Memory from the heap where running out of it stops the process loudly: no caller of ours can do
 * anything better (decision 8: a broken machine). Sizes that come from outside are bounded by the
 * caller before they get here. Any thread. */
#ifndef WAYSIDE_BASE_MEM_H
#define WAYSIDE_BASE_MEM_H

#include <stddef.h>

void *ws_alloc(size_t n); /* zeroed; n may be 0 */
void *ws_calloc(size_t n, size_t size); /* zeroed, product checked */
void *ws_realloc(void *p, size_t n); /* grown part is not zeroed */
char *ws_strdup(const char *s);
void *ws_memdup(const void *p, size_t n);

#endif
