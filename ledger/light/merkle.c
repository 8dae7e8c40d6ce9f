#include "ledger/light/merkle.h"

static const uint8_t tag_leaf = 0;
static const uint8_t tag_inner = 1;

static void inner(light_hash_fn h, const uint8_t *l, const uint8_t *r, uint8_t *ret) {
    struct span parts[] = {{&tag_inner, 1}, {l, 32}, {r, 32}};
    h(parts, 3, ret);
}

void list_leaf(light_hash_fn h, struct span data, hash32 ret_leaf) {
    struct span parts[] = {{&tag_leaf, 1}, data};
    h(parts, 2, ret_leaf);
}

/* Level by level: pairing neighbours and carrying an odd last node up gives the same tree as splitting
 * at the largest power of two. */
void list_root(light_hash_fn h, const hash32 *leaves, size_t n, hash32 *scratch, hash32 ret_root) {
    if (n == 0) {
        h(NULL, 0, ret_root);
        return;
    }
    if (scratch != leaves)
        memcpy(scratch, leaves, n * sizeof(hash32));
    while (n > 1) {
        size_t half = 0;
        for (size_t i = 0; i + 1 < n; i += 2)
            inner(h, scratch[i], scratch[i + 1], scratch[half++]);
        if (n % 2 == 1)
            memmove(scratch[half++], scratch[n - 1], sizeof(hash32));
        n = half;
    }
    memcpy(ret_root, scratch[0], sizeof(hash32));
}

void list_prove(light_hash_fn h, const hash32 *leaves, size_t n, size_t index, hash32 *scratch,
    struct list_proof *ret_proof) {
    ret_proof->total = n;
    ret_proof->index = index;
    ret_proof->n = 0;
    if (scratch != leaves)
        memcpy(scratch, leaves, n * sizeof(hash32));
    size_t at = index;
    while (n > 1) {
        size_t mate = at ^ 1U;
        if (mate < n)
            memcpy(ret_proof->aunts[ret_proof->n++], scratch[mate], sizeof(hash32));
        size_t half = 0;
        for (size_t i = 0; i + 1 < n; i += 2)
            inner(h, scratch[i], scratch[i + 1], scratch[half++]);
        if (n % 2 == 1)
            memmove(scratch[half++], scratch[n - 1], sizeof(hash32));
        n = half;
        at /= 2;
    }
}

bool list_verify(
    light_hash_fn h, const struct list_proof *p, const hash32 leaf, const hash32 root) {
    if (p->total == 0 || p->index >= p->total || p->n > LIST_PROOF_MAX)
        return false;
    hash32 node;
    memcpy(node, leaf, sizeof(node));
    uint64_t at = p->index;
    uint64_t last = p->total - 1;
    size_t used = 0;
    while (last > 0) {
        if (at % 2 == 1 || at < last) {
            if (used == p->n)
                return false;
            if (at % 2 == 1)
                inner(h, p->aunts[used], node, node);
            else
                inner(h, node, p->aunts[used], node);
            used++;
        }
        at /= 2;
        last /= 2;
    }
    return used == p->n && memcmp(node, root, sizeof(node)) == 0;
}

void contract_leaf(light_hash_fn h, uint8_t contract, const hash32 root, hash32 ret_leaf) {
    struct span parts[] = {{&tag_leaf, 1}, {&contract, 1}, {root, 32}};
    h(parts, 3, ret_leaf);
}

void sparse_leaf(light_hash_fn h, const hash32 key_hash, const hash32 value_hash, hash32 ret_leaf) {
    struct span parts[] = {{&tag_leaf, 1}, {key_hash, 32}, {value_hash, 32}};
    h(parts, 3, ret_leaf);
}

void sparse_inner(light_hash_fn h, const hash32 left, const hash32 right, hash32 ret_inner) {
    inner(h, left, right, ret_inner);
}

static unsigned bit_of(const uint8_t *k, size_t i) {
    return (unsigned)k[i / 8] >> (7 - i % 8) & 1U;
}

bool sparse_verify(light_hash_fn h, const struct sparse_proof *p, const hash32 key_hash,
    const uint8_t *value_hash, const hash32 root) {
    if (p->n > SPARSE_PROOF_MAX)
        return false;
    hash32 node;
    if (p->end == SPARSE_LEAF) {
        bool own = memcmp(p->leaf_key, key_hash, 32) == 0;
        if (own != (value_hash != NULL))
            return false;
        if (own && memcmp(p->leaf_value, value_hash, 32) != 0)
            return false;
        /* Another key's leaf proves absence only where that key really shares the path. */
        for (size_t i = 0; i < p->n; i++) {
            if (bit_of(p->leaf_key, i) != bit_of(key_hash, i))
                return false;
        }
        sparse_leaf(h, p->leaf_key, p->leaf_value, node);
    } else {
        if (value_hash != NULL)
            return false;
        memset(node, 0, sizeof(node));
    }
    for (size_t i = p->n; i-- > 0;) {
        if (bit_of(key_hash, i) == 0)
            inner(h, node, p->siblings[i], node);
        else
            inner(h, p->siblings[i], node, node);
    }
    return memcmp(node, root, sizeof(node)) == 0;
}
