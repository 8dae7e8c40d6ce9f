#include "tests/fuzz/link_mutate.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/net/link.pb-c.h"

#include <stdlib.h>

enum { OCTETS_MAX = 4096, ENTRIES_MAX = 16 };

static uint64_t some_number(struct ws_random *r, uint64_t was) {
    static const uint64_t ends[] = {0, 1, 31, 32, 33, 63, 64, 127, 128, INT32_MAX,
        (uint64_t)INT32_MAX + 1, UINT32_MAX, INT64_MAX, UINT64_MAX};
    switch (ws_random_below(r, 6)) {
    case 0:
        return was + 1;
    case 1:
        return was - 1;
    case 2:
        return was ^ (uint64_t)1 << ws_random_below(r, 64);
    case 3:
        return ws_random_below(r, 1024);
    case 4:
        return ws_random_u64(r);
    default:
        return ends[ws_random_below(r, ARRAY_LEN(ends))];
    }
}

static void change_octets(struct ws_random *r, ProtobufCBinaryData *b) {
    size_t n = b->len;
    size_t at = n == 0 ? 0 : ws_random_below(r, n);
    switch (ws_random_below(r, 6)) {
    case 0: /* cut */
        b->len = at;
        return;
    case 1: /* grown */
        n += 1 + ws_random_below(r, 64);
        break;
    case 2: { /* a length that means something */
        static const size_t lengths[] = {0, 1, 4, 5, 8, 31, 32, 33, 64, 65};
        n = lengths[ws_random_below(r, ARRAY_LEN(lengths))];
        break;
    }
    default:
        break;
    }
    n = n > OCTETS_MAX ? OCTETS_MAX : n;
    if (n > b->len || b->data == NULL) {
        uint8_t *p = ws_alloc(n == 0 ? 1 : n);
        if (b->data != NULL && b->len > 0)
            memcpy(p, b->data, b->len < n ? b->len : n);
        free(b->data);
        b->data = p;
    }
    b->len = n;
    if (n == 0)
        return;
    at = ws_random_below(r, n);
    if (ws_random_below(r, 3) == 0) { /* a copy of another part */
        size_t from = ws_random_below(r, n);
        size_t count = ws_random_below(r, n - (from > at ? from : at)) + 1;
        memmove(b->data + at, b->data + from, count);
    } else {
        b->data[at] ^= (uint8_t)(1U << ws_random_below(r, 8));
    }
}

static void change_text(struct ws_random *r, char **text) {
    size_t n = ws_random_below(r, 80);
    char *s = ws_alloc(n + 1);
    for (size_t i = 0; i < n; i++)
        s[i] = (char)(1 + ws_random_below(r, 255));
    if (*text != NULL && *text != (char *)protobuf_c_empty_string)
        free(*text);
    *text = s;
}

static void change_list(struct ws_random *r, size_t *n, ProtobufCBinaryData **list) {
    uint64_t what = ws_random_below(r, 3);
    if (what == 0 && *n > 0) {
        (*n)--;
        free((*list)[*n].data);
    } else if (what == 1 && *n < ENTRIES_MAX) {
        *list = ws_realloc(*list, (*n + 1) * sizeof(**list));
        (*list)[*n] = (ProtobufCBinaryData){0, NULL};
        if (*n > 0) { /* the same again */
            const ProtobufCBinaryData *first = &(*list)[ws_random_below(r, *n)];
            (*list)[*n].len = first->len;
            (*list)[*n].data = first->len == 0 ? NULL : ws_memdup(first->data, first->len);
        }
        (*n)++;
    } else if (*n > 0) {
        change_octets(r, &(*list)[ws_random_below(r, *n)]);
    }
}

static void change_numbers(struct ws_random *r, size_t *n, uint32_t **list) {
    if (*n < ENTRIES_MAX && ws_random_below(r, 2) == 0) {
        *list = ws_realloc(*list, (*n + 1) * sizeof(**list));
        (*list)[(*n)++] = 0;
    }
    if (*n > 0) {
        uint32_t *v = &(*list)[ws_random_below(r, *n)];
        *v = (uint32_t)some_number(r, *v);
    }
}

static void change(struct ws_random *r, ProtobufCMessage *m);

static void change_field(
    struct ws_random *r, ProtobufCMessage *m, const ProtobufCFieldDescriptor *f) {
    void *at = (uint8_t *)m + f->offset;
    if (f->label == PROTOBUF_C_LABEL_REPEATED) {
        if (f->type != PROTOBUF_C_TYPE_BYTES) {
            change_numbers(r, (size_t *)(void *)((uint8_t *)m + f->quantifier_offset), at);
            return;
        }
        change_list(r, (size_t *)(void *)((uint8_t *)m + f->quantifier_offset), at);
        return;
    }
    switch (f->type) {
    case PROTOBUF_C_TYPE_BYTES:
        change_octets(r, at);
        return;
    case PROTOBUF_C_TYPE_STRING:
        change_text(r, at);
        return;
    case PROTOBUF_C_TYPE_MESSAGE:
        if (*(ProtobufCMessage **)at != NULL)
            change(r, *(ProtobufCMessage **)at);
        return;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)at = !*(protobuf_c_boolean *)at;
        return;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_UINT32: {
        uint32_t v;
        memcpy(&v, at, sizeof(v));
        v = (uint32_t)some_number(r, v);
        memcpy(at, &v, sizeof(v));
        return;
    }
    default: {
        WS_ASSERT(f->type == PROTOBUF_C_TYPE_UINT64);
        uint64_t v;
        memcpy(&v, at, sizeof(v));
        v = some_number(r, v);
        memcpy(at, &v, sizeof(v));
    }
    }
}

static void change(struct ws_random *r, ProtobufCMessage *m) {
    const ProtobufCMessageDescriptor *d = m->descriptor;
    if (d->n_fields == 0)
        return;
    change_field(r, m, &d->fields[ws_random_below(r, d->n_fields)]);
}

/* An empty message of some kind. */
static Wayside__Link__Link *make(struct ws_random *r) {
    const ProtobufCMessageDescriptor *d = &wayside__link__link__descriptor;
    Wayside__Link__Link *link = ws_alloc(sizeof(*link));
    wayside__link__link__init(link);
    const ProtobufCFieldDescriptor *f = &d->fields[ws_random_below(r, d->n_fields)];
    link->body_case = (Wayside__Link__Link__BodyCase)f->id;
    if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
        const ProtobufCMessageDescriptor *sub = f->descriptor;
        ProtobufCMessage *m = ws_alloc(sub->sizeof_message);
        sub->message_init(m);
        *(ProtobufCMessage **)(void *)((uint8_t *)link + f->offset) = m;
    } else {
        link->vote = (ProtobufCBinaryData){0, NULL};
    }
    return link;
}

void link_mutate(struct ws_random *r, struct span msg, struct buf *ret) {
    Wayside__Link__Link *link = wayside__link__link__unpack(NULL, msg.n, msg.p);
    if (link == NULL || link->body_case == WAYSIDE__LINK__LINK__BODY__NOT_SET ||
        ws_random_below(r, 50) == 0) {
        if (link != NULL)
            wayside__link__link__free_unpacked(link, NULL);
        link = make(r);
    }
    const ProtobufCMessageDescriptor *d = &wayside__link__link__descriptor;
    for (uint64_t n = 1 + ws_random_below(r, 3); n > 0; n--) {
        for (unsigned i = 0; i < d->n_fields; i++) {
            if (d->fields[i].id == (uint32_t)link->body_case)
                change_field(r, &link->base, &d->fields[i]);
        }
    }
    (void)wayside__link__link__pack(
        link, buf_grow(ret, wayside__link__link__get_packed_size(link)));
    wayside__link__link__free_unpacked(link, NULL);
}
