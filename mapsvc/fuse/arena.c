#include "mapsvc/fuse/arena.h"

static void *arena_alloc(void *self, size_t n) {
    struct arena *a = self;
    const size_t align = alignof(max_align_t);
    if (n > ARENA_OCTETS - a->used)
        return NULL;
    void *p = a->octets + a->used;
    size_t step = (n + align - 1) / align * align;
    a->used += step < ARENA_OCTETS - a->used ? step : ARENA_OCTETS - a->used;
    return p;
}

static void arena_free(void *self, void *p) {
    (void)self;
    (void)p;
}

ProtobufCAllocator arena_allocator(struct arena *a) {
    a->used = 0;
    return (ProtobufCAllocator){arena_alloc, arena_free, a};
}
