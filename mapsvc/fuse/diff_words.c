/* What a change says to people. */
#include "mapsvc/fuse/associate.h"
#include "mapsvc/fuse/diff.h"
#include "mapsvc/fuse/fusion.h"
#include "mapsvc/model/text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHAT_OCTETS = ELEMENT_MAX_TEXT + 512 };
static_assert(WHAT_OCTETS + ELEMENT_MAX_TEXT + 200 <= CHANGE_WORDS_OCTETS, "the longest fits");

/* What was cut to its room is cut between characters. */
static void end_whole(char *s) {
    size_t n = strlen(s);
    size_t tail = 0; /* octets of the last character behind its first */
    while (tail < n && tail < 3 && ((uint8_t)s[n - 1 - tail] & 0xc0) == 0x80)
        tail++;
    uint8_t first = tail < n ? (uint8_t)s[n - 1 - tail] : 0;
    size_t want = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
    if (want > tail)
        s[n - 1 - tail] = '\0';
}

static void kind_in_words(enum element_kind k, char *dst, size_t size) {
    (void)snprintf(dst, size, "%s", element_kind_name(k));
    for (char *p = dst; *p != '\0'; p++)
        if (*p == '_')
            *p = ' ';
}

/* " 50", " de205", or nothing for what has neither figure nor code. */
static void value_in_words(const struct element *e, char *dst, size_t size) {
    const char *code = element_attr(e, "code");
    dst[0] = '\0';
    if (e->has_value) {
        (void)snprintf(dst, size, " %" PRId32, e->value);
    } else if (code != NULL) {
        char *whole = text_clean(code, size - 2); /* cut between characters */
        (void)snprintf(dst, size, " %s", whole);
        free(whole);
    }
}

/* Tenths of a bit, rounded towards zero, without floating point. */
static void bits_in_words(int64_t q16, char *dst, size_t size) {
    int64_t tenths = q16 / 65536 * 10 + q16 % 65536 * 10 / 65536;
    uint64_t u = tenths < 0 ? 0 - (uint64_t)tenths : (uint64_t)tenths;
    if (u % 10 == 0)
        (void)snprintf(dst, size, "%s%" PRIu64, tenths < 0 ? "-" : "", u / 10);
    else
        (void)snprintf(dst, size, "%s%" PRIu64 ".%" PRIu64, tenths < 0 ? "-" : "", u / 10, u % 10);
}

/* How far the farthest point of one line is from the other. */
static uint64_t farthest2(const struct element *a, const struct element *b) {
    uint64_t worst = 0;
    for (size_t i = 0; i < a->n_points; i++) {
        size_t segment = 0;
        uint64_t d =
            distance2_line(b->points, b->n_points, a->points[i].x, a->points[i].y, &segment);
        worst = d > worst ? d : worst;
    }
    return worst;
}

enum { DESCRIBED_MAX = 2048 }; /* points of a line that are looked at one against all others */

/* Metres and tenths, without floating point. */
static void distance_in_words(
    const struct element *a, const struct element *b, char *dst, size_t size) {
    int32_t ax = 0;
    int32_t ay = 0;
    int32_t bx = 0;
    int32_t by = 0;
    element_anchor(a, &ax, &ay);
    element_anchor(b, &bx, &by);
    uint64_t d2 = distance2(ax, ay, bx, by);
    if (a->n_points > 1 && b->n_points > 1 && a->n_points <= DESCRIBED_MAX &&
        b->n_points <= DESCRIBED_MAX) {
        d2 = farthest2(a, b);
        uint64_t back = farthest2(b, a);
        d2 = back > d2 ? back : d2;
    }
    uint32_t tenths = (fusion_sqrt(d2) + 50) / 100;
    (void)snprintf(dst, size, "%" PRIu32 ".%" PRIu32 " m", tenths / 10, tenths % 10);
}

/* " -> dashed", with what is not there as none; long values are cut between characters. */
static void put_value(const char *before, const char *value, char *dst, size_t size) {
    enum { VALUE_OCTETS = 40 };
    char *clean = text_clean(value == NULL || value[0] == '\0' ? "none" : value, VALUE_OCTETS);
    (void)snprintf(dst, size, "%s%s", before, clean);
    free(clean);
}

/* "subtype solid -> dashed, color none -> white and 2 more". Returns how many attributes differ. */
static size_t attrs_in_words(
    const struct element *was, const struct element *is, char *dst, size_t size) {
    enum { TOLD_MAX = 3 };
    size_t n = 0;
    size_t at = 0;
    size_t i = 0;
    size_t k = 0;
    dst[0] = '\0';
    while (i < was->n_attrs || k < is->n_attrs) {
        int c = i == was->n_attrs  ? 1
                : k == is->n_attrs ? -1
                                   : strcmp(was->attrs[i].key, is->attrs[k].key);
        const char *name = c <= 0 ? was->attrs[i].key : is->attrs[k].key;
        const char *from = c <= 0 ? was->attrs[i++].value : NULL;
        const char *to = c >= 0 ? is->attrs[k++].value : NULL;
        if (attr_is_derived(name) || (from != NULL && to != NULL && strcmp(from, to) == 0))
            continue;
        if (n++ >= TOLD_MAX)
            continue;
        char key[64];
        char old[64];
        char new[64];
        put_value("", name, key, sizeof(key));
        put_value(" ", from, old, sizeof(old));
        put_value(" -> ", to, new, sizeof(new));
        int put = snprintf(dst + at, size - at, "%s%s%s%s", n > 1 ? ", " : "", key, old, new);
        at += put > 0 && (size_t)put < size - at ? (size_t)put : size - at - 1;
    }
    if (n > TOLD_MAX)
        (void)snprintf(dst + at, size - at, " and %zu more", n - TOLD_MAX);
    return n;
}

/* What else differs when neither figure nor place does. */
static void rest_in_words(const struct change_record *c, char *dst, size_t size) {
    const struct element *was = &c->before;
    const struct element *is = &c->after;
    dst[0] = '\0';
    if (attrs_in_words(was, is, dst, size) > 0)
        return;
    bool turned = was->has_heading != is->has_heading || was->heading != is->heading;
    bool valid = was->valid_from_ms != is->valid_from_ms || was->valid_to_ms != is->valid_to_ms;
    bool shape = !element_same_points(was, is);
    (void)snprintf(dst, size, "%s", shape ? "shape" : turned ? "heading" : valid ? "validity" : "");
}

static void modify_in_words(const struct change_record *c, const char *kind, const char *from,
    const char *to, const char *unit, char *dst, size_t size) {
    const char *space = unit[0] == '\0' ? "" : " ";
    char distance[32];
    char rest[400];
    if (strcmp(from, to) != 0) {
        (void)snprintf(dst, size, "%s%s ->%s%s%s", kind, from[0] == '\0' ? " none" : from,
            to[0] == '\0' ? " none" : to, space, unit);
        return;
    }
    bool placed = change_is_geometry(c) && c->before.n_points > 0 && c->after.n_points > 0;
    if (placed)
        distance_in_words(&c->before, &c->after, distance, sizeof(distance));
    if (placed && strcmp(distance, "0.0 m") != 0) {
        size_t n = attrs_in_words(&c->before, &c->after, rest, sizeof(rest));
        (void)snprintf(dst, size, "%s%s%s%s moved %s%s%s", kind, to, space, unit, distance,
            n > 0 ? ", " : "", rest);
    } else {
        rest_in_words(c, rest, sizeof(rest));
        (void)snprintf(dst, size, "%s%s%s%s changed%s%s", kind, to, space, unit,
            rest[0] == '\0' ? "" : ": ", rest);
    }
}

static void what_in_words(const struct change_record *c, char *dst, size_t size) {
    const struct element *e = c->has_after ? &c->after : &c->before;
    char kind[32];
    char from[32];
    char to[32];
    kind_in_words(e->kind, kind, sizeof(kind));
    value_in_words(&c->before, from, sizeof(from));
    value_in_words(&c->after, to, sizeof(to));
    const char *unit = "";
    if (e->has_value && e->kind == EL_SPEED_LIMIT) {
        const char *named = element_attr(e, "unit");
        unit = named != NULL ? named : "km/h";
    }
    const char *space = unit[0] == '\0' ? "" : " ";
    switch (c->op) {
    case MAP_CREATE:
        (void)snprintf(dst, size, "new %s%s%s%s", kind, to, space, unit);
        break;
    case MAP_DELETE:
        (void)snprintf(dst, size, "%s%s%s%s removed", kind, from, space, unit);
        break;
    case MAP_MODIFY:
        modify_in_words(c, kind, from, to, unit, dst, size);
        break;
    }
}

void change_describe_what(const struct change_record *c, char *dst, size_t size) {
    const struct element *e = c->has_after ? &c->after : &c->before;
    char what[WHAT_OCTETS];
    char name[ELEMENT_MAX_TEXT + 1];
    what_in_words(c, what, sizeof(what));
    if (e->n_aliases > 0)
        (void)snprintf(name, sizeof(name), "%s", e->aliases[0]);
    else
        hex_encode(name, e->id, sizeof(e->id));
    (void)snprintf(dst, size, "%s, %s", what, name);
    end_whole(dst);
}

void change_describe(const struct change_record *c, char *dst, size_t size) {
    char what[WHAT_OCTETS + ELEMENT_MAX_TEXT + 4];
    char bits[32];
    char threshold[32];
    change_describe_what(c, what, sizeof(what));
    bits_in_words(c->bits_q16, bits, sizeof(bits));
    bits_in_words(c->threshold_q16, threshold, sizeof(threshold));
    if (c->tier == TIER_ORDER) {
        (void)snprintf(dst, size, "%s: %s", what,
            c->has_withdraws
                ? "as it was before an order of the authority that is over or withdrawn"
                : "by order of the authority");
        return;
    }
    (void)snprintf(dst, size,
        "%s%s: %" PRIu32 " vehicle%s, %" PRIu32 " software famil%s, %s bits of %s",
        c->tier == TIER_ADVISORY ? "advisory: " : "", what, c->vehicles,
        c->vehicles == 1 ? "" : "s", c->families, c->families == 1 ? "y" : "ies", bits, threshold);
    end_whole(dst);
}
