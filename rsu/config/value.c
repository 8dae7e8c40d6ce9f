#include "rsu/config/value.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>
#include <time.h>

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool value_u64(const char *text, uint64_t lo, uint64_t hi, uint64_t *ret) {
    uint64_t v = 0;
    if (*text == '\0')
        return false;
    for (const char *p = text; *p != '\0'; p++) {
        if (!is_digit(*p) || v > (UINT64_MAX - (uint64_t)(*p - '0')) / 10)
            return false;
        v = v * 10 + (uint64_t)(*p - '0');
    }
    if (v < lo || v > hi)
        return false;
    *ret = v;
    return true;
}

/* Digits, perhaps a point and 1 to `places` digits, in units of 10^-places; stops behind them. */
static bool fixed(const char **text, unsigned places, uint64_t *ret) {
    const char *p = *text;
    uint64_t v = 0;
    unsigned n = 0;
    for (; is_digit(*p); p++, n++) {
        if (n == 9)
            return false;
        v = v * 10 + (uint64_t)(*p - '0');
    }
    if (n == 0)
        return false;
    unsigned after = 0;
    if (*p == '.') {
        p++;
        for (; is_digit(*p); p++, after++) {
            if (after == places)
                return false;
            v = v * 10 + (uint64_t)(*p - '0');
        }
        if (after == 0)
            return false;
    }
    for (; after < places; after++)
        v *= 10;
    *text = p;
    *ret = v;
    return true;
}

bool value_ppm(const char *text, uint64_t *ret_ppm) {
    uint64_t v;
    if (!fixed(&text, 6, &v) || *text != '\0' || v < 1000 || v > 1000000000)
        return false;
    *ret_ppm = v;
    return true;
}

static bool two(const char *p, int lo, int hi, int *ret) {
    if (!is_digit(p[0]) || !is_digit(p[1]))
        return false;
    *ret = (p[0] - '0') * 10 + (p[1] - '0');
    return *ret >= lo && *ret <= hi;
}

bool value_time(const char *text, uint64_t *ret_its_us) {
    if (value_u64(text, 1, UINT64_C(1) << 60, ret_its_us))
        return true;
    int century;
    int year;
    struct tm tm = {0};
    if (strlen(text) < strlen("2026-11-21T09:30:00Z") || !two(text, 20, 99, &century) ||
        !two(text + 2, 0, 99, &year) || text[4] != '-' || !two(text + 5, 1, 12, &tm.tm_mon) ||
        text[7] != '-' || !two(text + 8, 1, 31, &tm.tm_mday) || text[10] != 'T' ||
        !two(text + 11, 0, 23, &tm.tm_hour) || text[13] != ':' ||
        !two(text + 14, 0, 59, &tm.tm_min) || text[16] != ':')
        return false;
    const char *p = text + 17;
    uint64_t us;
    if (!is_digit(p[0]) || !is_digit(p[1]) || is_digit(p[2]) || !fixed(&p, 6, &us) ||
        us >= 60000000 || strcmp(p, "Z") != 0)
        return false;
    tm.tm_year = century * 100 + year - 1900;
    tm.tm_mon--;
    int day = tm.tm_mday;
    time_t s = timegm(&tm);
    /* 31 April is no day: timegm makes it 1 May. */
    if (tm.tm_mday != day || tm.tm_year < 117)
        return false;
    *ret_its_us = its_from_unix_us((int64_t)s * 1000000 + (int64_t)us);
    return true;
}

static bool degrees(const char **text, uint64_t most, int32_t *ret) {
    bool minus = **text == '-';
    *text += minus ? 1 : 0;
    uint64_t v;
    if (!fixed(text, 7, &v) || v > most * 10000000)
        return false;
    *ret = minus ? -(int32_t)v : (int32_t)v;
    return true;
}

bool value_place(const char *text, int32_t *ret_lat, int32_t *ret_lon) {
    int32_t lat;
    int32_t lon;
    if (!degrees(&text, 90, &lat) || *text++ != ',' || !degrees(&text, 180, &lon) || *text != '\0')
        return false;
    *ret_lat = lat;
    *ret_lon = lon;
    return true;
}

/* Splits at the last colon; the port is 1 to 65535. */
static bool host_and_port(const char *text, char *host, size_t size) {
    const char *colon = strrchr(text, ':');
    uint64_t port;
    if (colon == NULL || colon == text || (size_t)(colon - text) >= size ||
        !value_u64(colon + 1, 1, 65535, &port))
        return false;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    return true;
}

static bool address6(const char *host) {
    size_t n = strlen(host);
    char inner[64];
    struct in6_addr a;
    if (n < 4 || n >= sizeof(inner) || host[0] != '[' || host[n - 1] != ']')
        return false;
    memcpy(inner, host + 1, n - 2);
    inner[n - 2] = '\0';
    return inet_pton(AF_INET6, inner, &a) == 1;
}

bool value_endpoint(const char *text, bool bind) {
    static const char scheme[] = "tcp://";
    char host[256];
    if (strncmp(text, scheme, sizeof(scheme) - 1) != 0 ||
        !host_and_port(text + sizeof(scheme) - 1, host, sizeof(host)))
        return false;
    if (address6(host))
        return true;
    if (bind && strcmp(host, "*") == 0)
        return true;
    for (const char *p = host; *p != '\0'; p++) {
        bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');
        if (!letter && !is_digit(*p) && *p != '.' && *p != '-' && *p != '_')
            return false;
    }
    return true;
}

bool value_listen(const char *text) {
    char host[256];
    struct in_addr a;
    return host_and_port(text, host, sizeof(host)) &&
           (address6(host) || inet_pton(AF_INET, host, &a) == 1);
}

bool value_interface(const char *text) {
    size_t n = strlen(text);
    if (n == 0 || n >= IF_NAMESIZE || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
        return false;
    for (const char *p = text; *p != '\0'; p++) {
        if ((unsigned char)*p <= ' ' || *p == '/' || *p == ':' || *p == 0x7f)
            return false;
    }
    return true;
}
