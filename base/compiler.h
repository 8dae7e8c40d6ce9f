/* Compiler contracts used by every header. No code; may be included anywhere. */
#ifndef WAYSIDE_BASE_COMPILER_H
#define WAYSIDE_BASE_COMPILER_H

/* The result of the call must be looked at. */
#define WARN_UNUSED __attribute__((warn_unused_result))
/* printf-style checking: argument numbers of the format and of the first value. */
#define PRINTF_LIKE(fmt_arg, first_value) __attribute__((format(printf, fmt_arg, first_value)))
#define NORETURN __attribute__((noreturn))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CACHE_LINE 64
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#endif
