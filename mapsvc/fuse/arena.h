/* Memory for decoding one protobuf message of a vehicle or a roadside unit: hands out octets in order, takes nothing
 * back, and has an end, so that no message makes the library ask the heap for anything. Private to mapsvc. */
#ifndef WAYSIDE_MAPSVC_FUSE_ARENA_H
#define WAYSIDE_MAPSVC_FUSE_ARENA_H

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

/* What protobuf-c needs for the largest good payload is under 24 KiB; a message that makes it ask for more (by
 * thousands of unknown fields, say) is refused. */
#define ARENA_OCTETS ((size_t)48 * 1024)

struct arena {
    size_t used;
    alignas(max_align_t) uint8_t octets[ARENA_OCTETS];
};

/* The allocator borrows a, whose memory is valid until a goes. Empties a. */
ProtobufCAllocator arena_allocator(struct arena *a);

#endif
