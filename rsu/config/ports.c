/* The ports of the configuration: which keys each kind has, and their values. */
#include "base/mem.h"
#include "pktio/port_check.h"
#include "rsu/config/internal.h"
#include "rsu/config/value.h"

#include <stdio.h>
#include <string.h>

enum {
    KEY_FILES = 1,
    KEY_PACED = 2,
    KEY_INTERFACE = 4,
    KEY_DEVICE = 8,
    KEY_RING = 16,
    KEY_BUFFERS = 32,
    KEYS = 6,
};

static const char *const names[KEYS] = {
    "files", "paced", "interface", "device", "ring_frames", "buffers"};

static const struct {
    unsigned needs, may;
} kinds[] = {
    [PORT_CAPTURE] = {KEY_FILES, KEY_PACED},
    [PORT_AF_PACKET] = {KEY_INTERFACE, KEY_RING | KEY_BUFFERS},
    [PORT_AF_XDP] = {KEY_INTERFACE, KEY_BUFFERS},
    [PORT_TAP] = {KEY_INTERFACE, KEY_RING | KEY_BUFFERS},
    [PORT_RING] = {0, KEY_RING},
    [PORT_NIC] = {KEY_DEVICE, KEY_RING | KEY_BUFFERS},
};

static unsigned keys_of(const struct yaml_port *y) {
    return (y->files_count > 0 ? KEY_FILES : 0U) | (y->paced != NULL ? KEY_PACED : 0U) |
           (y->interface != NULL ? KEY_INTERFACE : 0U) | (y->device != NULL ? KEY_DEVICE : 0U) |
           (y->ring_frames != NULL ? KEY_RING : 0U) | (y->buffers != NULL ? KEY_BUFFERS : 0U);
}

static void list(struct buf *b, const char *before, unsigned keys) {
    for (unsigned i = 0; i < KEYS; i++) {
        if ((keys >> i & 1) == 0)
            continue;
        buf_printf(b, "%s%s", before, names[i]);
        before = ", ";
    }
}

static int check_keys(const struct config_job *j, size_t i, const struct yaml_port *y) {
    unsigned needs = kinds[y->kind].needs;
    unsigned may = kinds[y->kind].may;
    unsigned has = keys_of(y);
    unsigned wrong = (needs & ~has) != 0 ? needs & ~has : has & ~(needs | may);
    if (wrong == 0)
        return WS_OK;
    struct buf b = {0};
    list(&b, (needs & ~has) != 0 ? " lacks " : " has no ", wrong);
    list(&b, "; needed: ", needs);
    list(&b, "; allowed: ", may);
    buf_printf(&b, "%sworkers", may == 0 ? "; allowed: " : ", ");
    buf_u8(&b, 0);
    int rc = ws_fail(j->err, WS_EINPUT, "%s: ports[%zu]: kind: %s%s", j->path, i + 1,
        port_kind_name(y->kind), (const char *)b.p);
    buf_free(&b);
    return rc;
}

static int take_numbers(const struct config_job *j, size_t i, const struct yaml_port *y) {
    struct config_port *p = &j->c->ports[i];
    bool large = y->kind == PORT_AF_XDP || y->kind == PORT_NIC;
    char group[32];
    uint64_t workers = 1;
    uint64_t buffers = 0;
    uint64_t ring = 0;
    (void)snprintf(group, sizeof(group), "ports[%zu].", i + 1);
    int rc = config_number(j, group, "workers", y->workers, 1, WORKER_THREADS_MAX, &workers);
    if (rc == WS_OK && workers > 1 && p->kind == PORT_CAPTURE && !p->paced)
        rc = ws_fail(j->err, WS_EINPUT,
            "%s: %sworkers: a capture that is not paced has one worker, so that it gives the same "
            "answer every time",
            j->path, group);
    if (rc == WS_OK)
        rc = config_number(j, group, "buffers", y->buffers,
            large ? PORT_XDP_MBUFS_MIN : PORT_MBUFS_MIN, PORT_MBUFS_MAX, &buffers);
    if (rc == WS_OK)
        rc = config_number(
            j, group, "ring_frames", y->ring_frames, PORT_RING_FRAMES, PORT_RING_FRAMES_MAX, &ring);
    if (rc == WS_OK && (ring & (ring - 1)) != 0)
        rc = ws_fail(j->err, WS_EINPUT, "%s: %sring_frames: %llu is not a power of two", j->path,
            group, (unsigned long long)ring);
    p->workers = (unsigned)workers;
    p->mbufs = (unsigned)buffers;
    p->ring_frames = (unsigned)ring;
    return rc;
}

static bool same(const char *a, const char *b) {
    return a != NULL && b != NULL && strcasecmp(a, b) == 0;
}

/* One interface or card, one port: the second would hear everything again, or nothing. */
static int check_places(const struct config_job *j, size_t i) {
    const struct config_port *p = &j->c->ports[i];
    if (p->interface != NULL && !value_interface(p->interface))
        return ws_fail(j->err, WS_EINPUT,
            "%s: ports[%zu].interface: '%.40s' is not the name of an interface (1 to 15 letters)",
            j->path, i + 1, p->interface);
    if (p->device != NULL && !port_is_pci_address(p->device))
        return ws_fail(j->err, WS_EINPUT,
            "%s: ports[%zu].device: '%.40s' is not a PCI address like 0000:03:00.0", j->path, i + 1,
            p->device);
    for (size_t k = 0; k < i; k++) {
        const struct config_port *q = &j->c->ports[k];
        if (same(p->interface, q->interface) || same(p->device, q->device))
            return ws_fail(j->err, WS_EINPUT, "%s: ports[%zu].%s: same as in ports[%zu]", j->path,
                i + 1, p->device != NULL ? "device" : "interface", k + 1);
    }
    return WS_OK;
}

int config_take_port(const struct config_job *j, size_t i, const struct yaml_port *y) {
    struct config_port *p = &j->c->ports[i];
    p->kind = y->kind;
    p->paced = y->kind == PORT_CAPTURE && (y->paced == NULL || *y->paced);
    p->interface = y->interface == NULL ? NULL : ws_strdup(y->interface);
    p->device = y->device == NULL ? NULL : ws_strdup(y->device);
    p->n_captures = y->files_count;
    p->captures = ws_calloc(y->files_count, sizeof(*p->captures));
    for (size_t k = 0; k < y->files_count; k++)
        p->captures[k] = config_resolve(j, y->files[k]);
    int rc = check_keys(j, i, y);
    if (rc == WS_OK)
        rc = take_numbers(j, i, y);
    return rc == WS_OK ? check_places(j, i) : rc;
}
