/* Constants of one curve in five limbs of 52 bits, R = 2^260. p, n, a, b, z: FIPS 186-4 D.1.2.3, RFC 5639 3.4. The unit
 * that includes this defines IFMA_CURVE. Private to v2x/bulk/ifma_*. */
#ifndef WAYSIDE_V2X_BULK_IFMA_CONST_H
#define WAYSIDE_V2X_BULK_IFMA_CONST_H

#include <stdint.h>

#define IFMA_P256 0
#define IFMA_BP256 1

#if IFMA_CURVE == IFMA_P256
/* p */
static const uint64_t C_P[5] = {0xfffffffffffff, 0xfffffffffff, 0x0, 0x1000000000, 0xffffffff0000};
/* R */
static const uint64_t C_ONE[5] = {0x10, 0xf000000000000, 0xfffffffffffff, 0xffeffffffffff, 0xfffff};
/* R^3: plain inverse of a Montgomery number to Montgomery number */
static const uint64_t C_R3[5] = {
    0xfd0000000a000, 0xffffff7ffffff, 0xfffcffffffedf, 0x100000005ffff, 0x180000000};
/* z^2 R^2: x in, onto the curve with a = -3 */
static const uint64_t C_X_IN[5] = {
    0x300, 0xffffffff00000, 0xffffefffffffb, 0xfdfffffffffff, 0x4ffffff};
/* z^3 R^2 */
static const uint64_t C_Y_IN[5] = {
    0x300, 0xffffffff00000, 0xffffefffffffb, 0xfdfffffffffff, 0x4ffffff};
/* n z^2 R: the second x that r may stand for */
static const uint64_t C_N[5] = {
    0x69483335f5689, 0x3d3fe99319ad1, 0x2e96b789b1054, 0xfeb0c0166ce65, 0x8648c209fe30};
/* R^2 */
static const uint64_t C_IN[5] = {
    0x300, 0xffffffff00000, 0xffffefffffffb, 0xfdfffffffffff, 0x4ffffff};
/* a R, of the curve itself */
static const uint64_t C_A[5] = {
    0xfffffffffffcf, 0x30fffffffffff, 0x0, 0x31000000000, 0xffffffcf0000};
/* b R */
static const uint64_t C_B[5] = {
    0xdf6229c4bddfd, 0xca8843090d89c, 0x212ed6acf005c, 0x83415a220abf7, 0xc30061dd4874};
/* (p + 1) / 4, from the lowest limb of 64 bits */
static const uint64_t C_ROOT[4] = {0x0, 0x40000000, 0x4000000000000000, 0x3fffffffc0000000};
/* p - n */
static const uint64_t C_P_LESS_N[4] = {0xc46353d039cdaae, 0x4319055358e8617b, 0x0, 0x0};
#endif

#if IFMA_CURVE == IFMA_BP256
/* p */
static const uint64_t C_P[5] = {
    0x3481d1f6e5377, 0x23d5262028201, 0xd838d726e3bf6, 0xa9bc3e660a909, 0xa9fb57dba1ee};
/* R */
static const uint64_t C_ONE[5] = {
    0x13d450da82cd8, 0xa4046cfc3cfe3, 0xbaabd45aa60ec, 0x165a266f02713, 0x106fc368d1a0};
/* R^3: plain inverse of a Montgomery number to Montgomery number */
static const uint64_t C_R3[5] = {
    0xc24715f492f92, 0xfe5b3e1223ef9, 0xbffb806cb1646, 0xce39846585fbd, 0x940243b1b4c4};
/* z^2 R^2: x in, onto the curve with a = -3 */
static const uint64_t C_X_IN[5] = {
    0x2f04a89f419d2, 0xbfaf19e8c8a7, 0xef207b07799da, 0xb802c74f50aa9, 0xe5d9e09b30f};
/* z^3 R^2 */
static const uint64_t C_Y_IN[5] = {
    0xdc5731060e670, 0x99b0927f945db, 0x35f4733b191b5, 0xab7f9564aec4c, 0x972161c8911d};
/* n z^2 R: the second x that r may stand for */
static const uint64_t C_N[5] = {
    0xb380372fffeee, 0x76227bf107207, 0xf00ac7d71bd08, 0x4d331ae92208b, 0xea7747bef20};
/* R^2 */
static const uint64_t C_IN[5] = {
    0x577a233e8943, 0x67365fdcc796d, 0x4cbe888bb3c45, 0xb6f3d83462f94, 0xb9c6918e6be};
/* a R, of the curve itself */
static const uint64_t C_A[5] = {
    0x25dbc57b97f22, 0xd472d485fd1cf, 0xe7e3c058b9a52, 0x6e00e1f5d0c4f, 0x9070bb06228e};
/* b R */
static const uint64_t C_B[5] = {
    0xe46f1cd329002, 0x551acfb5401cf, 0x42782abcfbcb8, 0x406dcfdd74144, 0xf58a7ad265f};
/* (p + 1) / 4, from the lowest limb of 64 bits */
static const uint64_t C_ROOT[4] = {
    0x804d20747db94de, 0x9b8efd88f549880a, 0xf9982a42760e35c, 0x2a7ed5f6e87baa6f};
/* p - n */
static const uint64_t C_P_LESS_N[4] = {0x8ff5399a8825fcd0, 0xe2027b801fc47930, 0x0, 0x0};
#define C_NEG_INV 0x75590cefd89b9ULL /* -1/p modulo 2^52 */
/* For a number in [q, q + 1) 2^256: the multiple of p that leaves it in (0, 2.52p); [limb][q modulo 16]. */
static const int64_t C_WEAK[5][16] __attribute__((aligned(64))) = {
    {-0x3481d1f6e5377, 0x3481d1f6e5377, 0x9d8575e4afa65, 0xd20747db94ddc, 0x3b0aebc95f4ca,
        0x6f8cbdc044841, 0xd89061ae0ef2f, 0xd1233a4f42a6, -0xaa97a989a3d0b, -0x4194059bd961d,
        -0xd1233a4f42a6, -0xa40e8fb729bb8, -0x6f8cbdc044841, -0x68919d27a153, -0xd20747db94ddc,
        -0x6903a3edca6ee},
    {-0x23d5262028201, 0x23d5262028201, 0x6b7f726078603, 0x8f549880a0804, 0xd6fee4c0f0c07,
        0xfad40ae118e08, 0x427e57216920a, 0x66537d419140c, -0xd1d2efa209a0f, -0x8a28a361b960d,
        -0x66537d419140c, -0x1ea9310141009, -0xfad40ae118e08, -0xb329bea0c8a06, -0x8f549880a0804,
        -0x47aa4c4050402},
    {-0xd838d726e3bf6, 0xd838d726e3bf6, 0x88aa8574ab3e2, 0x60e35c9b8efd8, 0x11550ae9567c4,
        0xe98de2103a3ba, 0x99ff905e01ba7, 0x72386784e579d, -0xfae2ecf990b7f, -0x4a713eabc9393,
        -0x72386784e579d, -0xc1c6b9371dfb1, -0xe98de2103a3ba, -0x391c33c272bce, -0x60e35c9b8efd8,
        -0xb071ae4dc77ec},
    {-0xa9bc3e660a909, 0xa9bc3e660a909, 0xfd34bb321fb1d, 0xa6f0f9982a427, 0xfa6976643f63b,
        0xa425b4ca49f44, 0xf79e31965f158, 0xa15a6ffc69a62, -0x9e8f2b2e8957f, -0x4b16ae627436c,
        -0xa15a6ffc69a62, -0x4de1f3305484e, -0xa425b4ca49f44, -0x50ad37fe34d31, -0xa6f0f9982a427,
        -0x53787ccc15213},
    {-0xa9fb57dba1ee, 0xa9fb57dba1ee, 0x1fdf20792e5cb, 0x2a7ed5f6e87ba, 0x3fbe40f25cb97,
        0x4a5df67016d86, 0x5f9d616b8b163, 0x6a3d16e945352, -0x8a1c37627391e, -0x74dccc66ff541,
        -0x6a3d16e945352, -0x54fdabedd0f75, -0x4a5df67016d86, -0x351e8b74a29a9, -0x2a7ed5f6e87ba,
        -0x153f6afb743dd},
};
#endif
#endif
