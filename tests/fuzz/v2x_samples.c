#include "tests/fuzz/v2x_samples.h"

static void fill(struct buf *b, uint8_t v, size_t n) {
    memset(buf_grow(b, n), v, n);
}

/* y is odd, so the compressed form has the tag of odd y. */
static void put_point(struct buf *b, size_t n, bool uncompressed) {
    buf_u8(b, uncompressed ? 0x84 : 0x83);
    fill(b, 0x11, n);
    if (uncompressed)
        fill(b, 0x23, n);
}

static void put_open(struct buf *b, struct buf *inner) {
    coer_put_octets(b, buf_span(inner));
    buf_free(inner);
}

static void put_curve_choice(struct buf *b, enum ec_curve curve, struct buf *value) {
    buf_u8(b, (uint8_t)(0x80 + curve));
    if (curve >= CURVE_BP384) {
        put_open(b, value);
        return;
    }
    buf_put(b, value->p, value->n);
    buf_free(value);
}

static void put_issuer(struct buf *b, enum cert_issuer_kind kind) {
    buf_u8(b, (uint8_t)(0x80 + kind));
    if (kind == ISSUER_SELF) {
        buf_u8(b, CERT_HASH_SHA256);
        return;
    }
    if (kind != ISSUER_SHA256)
        buf_u8(b, 8);
    buf_u64(b, 0x0102030405060708);
}

static void put_id(struct buf *b, const struct sample_shape *shape) {
    buf_u8(b, (uint8_t)(0x80 + shape->id));
    switch (shape->id) {
    case CERT_ID_LINKAGE:
        buf_u8(b, shape->group ? 0x80 : 0);
        buf_u16(b, 77);
        fill(b, 0x31, 9);
        if (shape->group)
            fill(b, 0x32, 4 + 9);
        break;
    case CERT_ID_NAME:
        coer_put_octets(b, span_of("sample", 6));
        break;
    case CERT_ID_BINARY:
        coer_put_octets(b, span_of("\x00\xff", 2));
        break;
    case CERT_ID_OTHER:
        coer_put_octets(b, span_of("\x01\x02", 2));
        break;
    case CERT_ID_NONE:
        break;
    }
}

static void put_place(struct buf *b, int32_t lat, int32_t lon) {
    buf_i32(b, lat);
    buf_i32(b, lon);
}

static void put_region(struct buf *b, int kind) {
    buf_u8(b, (uint8_t)(0x80 + kind));
    switch (kind) {
    case 0:
        put_place(b, 450000000, 76000000);
        buf_u16(b, 2000);
        break;
    case 1:
        coer_put_count(b, 2);
        put_place(b, 460000000, 70000000);
        put_place(b, 440000000, 80000000);
        put_place(b, 10000000, 1790000000);
        put_place(b, -10000000, -1790000000);
        break;
    case 2:
        coer_put_count(b, 4);
        put_place(b, 440000000, 70000000);
        put_place(b, 460000000, 70000000);
        put_place(b, 460000000, 80000000);
        put_place(b, 440000000, 80000000);
        break;
    default:
        coer_put_count(b, 3);
        buf_u8(b, 0x80);
        buf_u16(b, 380);
        buf_u8(b, 0x81);
        buf_u16(b, 276);
        coer_put_count(b, 2);
        buf_u16(b, 0x0102);
        buf_u8(b, 0x82);
        buf_u16(b, 250);
        coer_put_count(b, 1);
        buf_u8(b, 9);
        coer_put_count(b, 2);
        buf_u16(b, 1000);
        buf_u16(b, 1001);
    }
}

static void put_app_permissions(struct buf *b) {
    coer_put_count(b, 3);
    buf_u8(b, 0);
    coer_put_uint(b, 32);
    buf_u8(b, 0x80);
    coer_put_uint(b, 38);
    buf_u8(b, 0x80);
    coer_put_octets(b, span_of("opaque", 6));
    buf_u8(b, 0x80);
    coer_put_uint(b, 36);
    buf_u8(b, 0x81);
    coer_put_length(b, 4);
    coer_put_octets(b, span_of("\x01\x80\x00", 3));
}

static void put_issue_permissions(struct buf *b) {
    coer_put_count(b, 2);
    buf_u8(b, 0xe0);
    buf_u8(b, 0x81);
    coer_put_int(b, 3);
    coer_put_int(b, -1);
    buf_u8(b, 0xc0);
    buf_u8(b, 0);
    buf_u8(b, 0x80);
    coer_put_count(b, 4);
    buf_u8(b, 0);
    coer_put_uint(b, 32);
    buf_u8(b, 0x80);
    coer_put_uint(b, 35);
    buf_u8(b, 0x81);
    buf_u8(b, 0x80);
    coer_put_uint(b, 38);
    buf_u8(b, 0x80);
    coer_put_count(b, 2);
    coer_put_octets(b, span_of("opaque", 6));
    coer_put_octets(b, (struct span){NULL, 0});
    buf_u8(b, 0x80);
    coer_put_uint(b, 36);
    buf_u8(b, 0x82);
    coer_put_length(b, 8);
    coer_put_octets(b, span_of("\x01\x00\x00", 3));
    coer_put_octets(b, span_of("\xff\x00\x01", 3));
}

/* Two of twelve known or unknown additions. */
static void put_additions(struct buf *b) {
    buf_put(b, "\x03\x04\x40\x10", 4);
    coer_put_octets(b, span_of("\x01\x02", 2));
    coer_put_octets(b, span_of("\x03", 1));
}

static void put_key(struct buf *b, const struct sample_shape *shape) {
    struct buf point = {0};
    if (shape->type == CERT_IMPLICIT) {
        buf_u8(b, 0x81);
        put_point(b, 32, shape->uncompressed);
        return;
    }
    buf_u8(b, 0x80);
    put_point(&point, ec_octets(shape->key), shape->uncompressed);
    put_curve_choice(b, shape->key, &point);
}

const struct sample_shape SAMPLE_EVERYTHING = {.id = CERT_ID_LINKAGE,
    .group = true,
    .region = 3,
    .permissions = true,
    .encryption_key = true,
    .additions = true};

void sample_cert(struct buf *b, const struct sample_shape *shape) {
    bool is_implicit = shape->type == CERT_IMPLICIT;
    buf_u8(b, is_implicit ? 0 : 0x80);
    buf_u8(b, 3);
    buf_u8(b, (uint8_t)shape->type);
    put_issuer(b, shape->issuer);
    buf_u8(b, (uint8_t)((shape->additions ? 0x80 : 0) | (shape->region >= 0 ? 0x40 : 0) | 0x20 |
                        (shape->permissions ? 0x1e : 0) | (shape->encryption_key ? 1 : 0)));
    put_id(b, shape);
    buf_put(b, "\x01\x02\x03\x00\x04", 5);
    buf_u32(b, 650000000);
    buf_u8(b, 0x86);
    buf_u16(b, 3);
    if (shape->region >= 0)
        put_region(b, shape->region);
    buf_u8(b, 0x40);
    if (shape->permissions) {
        put_app_permissions(b);
        put_issue_permissions(b);
        put_issue_permissions(b);
    }
    if (shape->encryption_key) {
        buf_put(b, "\x00\x81", 2);
        put_point(b, 32, shape->uncompressed);
    }
    put_key(b, shape);
    if (shape->additions)
        put_additions(b);
    if (is_implicit)
        return;
    struct buf value = {0};
    size_t n = ec_octets(shape->signature);
    buf_u8(&value, shape->uncompressed ? 0x82 : 0x80);
    fill(&value, 0x41, n);
    fill(&value, 0x42, n);
    put_curve_choice(b, shape->signature, &value);
}

void sample_header(struct buf *b, enum ec_form key, struct span requested_cert) {
    buf_u8(b, 0xfe);
    coer_put_uint(b, 36);
    buf_u64(b, 700000000000000);
    buf_u64(b, 700000060000000);
    put_place(b, 450000000, 76000000);
    buf_u16(b, 0xf000);
    buf_put(b, "\x0a\x0b\x0c", 3);
    buf_put(b, "\x80\x01\x02\x03\x00\x04", 6); /* missingCrlIdentifier, extended */
    put_additions(b);
    if (key == EC_FILL) {
        buf_put(b, "\x81\x80", 2);
        fill(b, 0x51, 16);
    } else {
        buf_put(b, "\x80\x00\x80", 3);
        put_point(b, 32, key == EC_UNCOMPRESSED);
    }
    /* All three known additions and one that is not. */
    buf_put(b, "\x03\x04\xe0\x10", 4);
    coer_put_octets(b, span_of("\x01\x02\x01\x02\x03\x04\x05\x06", 8));
    coer_put_octets(b, requested_cert);
    coer_put_octets(b, span_of("\x02", 1));
    coer_put_octets(b, span_of("later", 5));
}

static void put_ciphertext(struct buf *b) {
    buf_u8(b, 0x80);
    fill(b, 0x61, 12);
    coer_put_octets(b, span_of("ciphertext and tag", 18));
}

void sample_encrypted(struct buf *b) {
    buf_put(b, "\x03\x82", 2);
    coer_put_count(b, 5);
    for (unsigned kind = 0; kind < 5; kind++) {
        buf_u8(b, (uint8_t)(0x80 + kind));
        fill(b, 0x71, 8);
        if (kind == 1) {
            put_ciphertext(b);
        } else if (kind > 1) {
            buf_u8(b, (uint8_t)(0x80 + kind % 2));
            put_point(b, 32, false);
            fill(b, 0x72, 16 + 16);
        }
    }
    put_ciphertext(b);
}
