/* Whether a network card can be taken, read from the kernel's files. */
#include "pktio/port_check.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_OCTETS = 512 };

/* ---- huge pages ---- */

static unsigned long number_in(const char *path, int base) {
    char line[64] = "";
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return 0;
    if (fgets(line, sizeof(line), f) == NULL)
        line[0] = '\0';
    (void)fclose(f);
    return strtoul(line, NULL, base);
}

uint64_t port_huge_pages(const char *root) {
    char path[PATH_OCTETS];
    uint64_t octets = 0;
    (void)snprintf(path, sizeof(path), "%s/sys/kernel/mm/hugepages", root);
    DIR *dir = opendir(path);
    if (dir == NULL)
        return 0;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (strncmp(e->d_name, "hugepages-", 10) != 0)
            continue;
        (void)snprintf(
            path, sizeof(path), "%s/sys/kernel/mm/hugepages/%s/free_hugepages", root, e->d_name);
        octets += (uint64_t)strtoul(e->d_name + 10, NULL, 10) * 1024 * number_in(path, 10);
    }
    (void)closedir(dir);
    return octets;
}

int port_check_huge_pages(const char *root, unsigned memory_mb, struct ws_err *err) {
    uint64_t have = port_huge_pages(root) >> 20;
    if (have >= memory_mb)
        return WS_OK;
    return ws_fail(err, WS_ELIMIT,
        "a network card needs %u MB (memory_mb) in huge pages, and %llu MB are free: write %u into "
        "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages, or start the kernel with "
        "hugepages=%u",
        memory_mb, (unsigned long long)have, (memory_mb + 1) / 2, (memory_mb + 1) / 2);
}

/* ---- the card ---- */

bool port_is_pci_address(const char *text) {
    static const char form[] = "xxxx:xx:xx.d";
    if (text == NULL || strlen(text) != sizeof(form) - 1)
        return false;
    for (size_t i = 0; i < sizeof(form) - 1; i++) {
        unsigned char c = (unsigned char)text[i];
        bool ok = form[i] == 'x'   ? isxdigit(c) != 0
                  : form[i] == 'd' ? c >= '0' && c <= '7'
                                   : c == (unsigned char)form[i];
        if (!ok)
            return false;
    }
    return true;
}

/* The last part of where a link leads; empty: there is none. */
static void link_name(const char *path, char *dst, size_t size) {
    char to[PATH_OCTETS];
    ssize_t n = readlink(path, to, sizeof(to) - 1);
    to[n < 0 ? 0 : n] = '\0';
    const char *slash = strrchr(to, '/');
    (void)snprintf(dst, size, "%s", slash == NULL ? to : slash + 1);
}

static bool among(const char *name, const char *const *list, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (strcmp(name, list[i]) == 0)
            return true;
    }
    return false;
}

static int check_group(const char *root, const char *address, struct ws_err *err) {
    char path[PATH_OCTETS];
    char group[32];
    (void)snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s/iommu_group", root, address);
    link_name(path, group, sizeof(group));
    if (group[0] == '\0')
        return ws_fail(err, WS_EIO,
            "device %s: it is in no IOMMU group, so vfio cannot hand it out: switch the IOMMU on "
            "(firmware, and intel_iommu=on or amd_iommu=on for the kernel)",
            address);
    /* Without an IOMMU, at the administrator's risk, the file has another name. */
    (void)snprintf(path, sizeof(path), "%s/dev/vfio/noiommu-%s", root, group);
    if (access(path, F_OK) != 0)
        (void)snprintf(path, sizeof(path), "%s/dev/vfio/%s", root, group);
    if (access(path, R_OK | W_OK) == 0)
        return WS_OK;
    return ws_fail(err, errno == ENOENT ? WS_ENOTFOUND : WS_EIO,
        "device %s: its IOMMU group %s is not accessible: %s: %s%s", address, group, path,
        strerror(errno),
        errno == ENOENT ? " (every device of the group has to be bound to vfio-pci)"
                        : " (give it to the daemon's user)");
}

int port_check_nic(const char *root, const char *address, struct ws_err *err) {
    static const char *const own[] = {"vfio-pci", "igb_uio", "uio_pci_generic"};
    static const char *const shared[] = {"mlx4_core", "mlx5_core"}; /* DPDK works through these */
    char path[PATH_OCTETS];
    char driver[64];
    if (!port_is_pci_address(address))
        return ws_fail(err, WS_EINPUT, "device %.40s: not a PCI address like 0000:03:00.0",
            address == NULL ? "" : address);
    (void)snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s", root, address);
    if (access(path, F_OK) != 0)
        return ws_fail(
            err, WS_ENOTFOUND, "device %s: this machine has no such PCI device", address);
    (void)snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s/class", root, address);
    unsigned long class = number_in(path, 16);
    if (class >> 16 != 0x02)
        return ws_fail(
            err, WS_EINPUT, "device %s: it is no network card (PCI class %06lx)", address, class);
    (void)snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s/driver", root, address);
    link_name(path, driver, sizeof(driver));
    if (among(driver, shared, ARRAY_LEN(shared)))
        return WS_OK;
    if (!among(driver, own, ARRAY_LEN(own)))
        return ws_fail(err, WS_EBUSY,
            "device %s: %s%s; it has to be bound to vfio-pci (driverctl set-override %s vfio-pci, "
            "or "
            "dpdk-devbind.py -b vfio-pci %s), which takes it away from the kernel",
            address,
            driver[0] == '\0' ? "no driver has it" : "the kernel's driver has it: ", driver,
            address, address);
    return strcmp(driver, "vfio-pci") == 0 ? check_group(root, address, err) : WS_OK;
}
