/* A network card, as far as it can be known without one: the kernel's files are imitated in a folder, and each thing that
 * may be wrong is told by name. DPDK's command line, too. */
#include "tests/support/cm.h"

#include "pktio/eal.h"
#include "pktio/port_check.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define ADDRESS "0000:03:00.0"
#define DEVICES "/sys/bus/pci/devices/"

struct machine {
    char root[256];
};

static void path_in(const struct machine *m, const char *name, char *dst, size_t size) {
    (void)snprintf(dst, size, "%s%s", m->root, name);
}

static void make_folders(const struct machine *m, const char *name) {
    char path[512];
    path_in(m, name, path, sizeof(path));
    for (char *p = path + strlen(m->root) + 1; *p != '\0'; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        (void)mkdir(path, 0700);
        *p = '/';
    }
}

static void make_file(const struct machine *m, const char *name, const char *text) {
    char path[512];
    make_folders(m, name);
    path_in(m, name, path, sizeof(path));
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void make_link(const struct machine *m, const char *name, const char *to) {
    char path[512];
    make_folders(m, name);
    path_in(m, name, path, sizeof(path));
    (void)unlink(path);
    assert_int_equal(symlink(to, path), 0);
}

static int setup(void **state) {
    struct machine *m = calloc(1, sizeof(*m));
    const char *tmp = getenv("TMPDIR");
    if (m == NULL)
        return -1;
    (void)snprintf(m->root, sizeof(m->root), "%s/wayside-XXXXXX", tmp != NULL ? tmp : P_tmpdir);
    assert_non_null(mkdtemp(m->root));
    *state = m;
    return 0;
}

static int teardown(void **state) {
    struct machine *m = *state;
    char line[300];
    (void)snprintf(line, sizeof(line), "rm -rf '%s'", m->root);
    /* NOLINTNEXTLINE(cert-env33-c): our own folder */
    int rc = system(line);
    free(m);
    return rc;
}

static void says(const struct machine *m, const char *address, int code, const char *words) {
    struct ws_err err = {0};
    int rc = port_check_nic(m->root, address, &err);
    if (rc != code || strstr(err.text, words) == NULL)
        fail_msg("%d, '%s' instead of %d, '%s'", rc, err.text, code, words);
}

static void test_addresses(void **state) {
    const struct machine *m = *state;
    static const char *const wrong[] = {"", "03:00.0", "0000:03:00.8", "0000:03:00",
        "0000:03:00.0 ", "0000-03-00.0", "000g:03:00.0", "0000:03:00.0,x=1", "--no-huge..."};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_false(port_is_pci_address(wrong[i]));
        says(m, wrong[i], WS_EINPUT, "0000:03:00.0");
    }
    assert_false(port_is_pci_address(NULL));
    says(m, NULL, WS_EINPUT, "0000:03:00.0");
    assert_true(port_is_pci_address("0000:03:00.0"));
    assert_true(port_is_pci_address("00fF:aB:1f.7"));
}

/* From an empty slot to a card that may be taken, each step with what is said before it. */
static void test_steps(void **state) {
    const struct machine *m = *state;
    char path[512];
    says(m, ADDRESS, WS_ENOTFOUND, "no such PCI device");
    make_file(m, DEVICES ADDRESS "/class", "0x010802\n");
    says(m, ADDRESS, WS_EINPUT, "no network card (PCI class 010802)");
    make_file(m, DEVICES ADDRESS "/class", "0x020000\n");
    says(m, ADDRESS, WS_EBUSY, "no driver has it");
    says(m, ADDRESS, WS_EBUSY, "dpdk-devbind.py -b vfio-pci " ADDRESS);
    make_link(m, DEVICES ADDRESS "/driver", "../../../../bus/pci/drivers/ixgbe");
    says(m, ADDRESS, WS_EBUSY, "the kernel's driver has it: ixgbe");
    make_link(m, DEVICES ADDRESS "/driver", "../../../../bus/pci/drivers/vfio-pci");
    says(m, ADDRESS, WS_EIO, "no IOMMU group");
    make_link(m, DEVICES ADDRESS "/iommu_group", "../../../../kernel/iommu_groups/12");
    says(m, ADDRESS, WS_ENOTFOUND, "IOMMU group 12 is not accessible");
    says(m, ADDRESS, WS_ENOTFOUND, "every device of the group");
    make_file(m, "/dev/vfio/12", "");
    assert_int_equal(port_check_nic(m->root, ADDRESS, NULL), WS_OK);
    path_in(m, "/dev/vfio/12", path, sizeof(path));
    assert_int_equal(unlink(path), 0);
    make_file(m, "/dev/vfio/noiommu-12", "");
    assert_int_equal(port_check_nic(m->root, ADDRESS, NULL), WS_OK);
    if (geteuid() != 0) { /* root may open what it likes */
        path_in(m, "/dev/vfio/noiommu-12", path, sizeof(path));
        assert_int_equal(chmod(path, 0), 0);
        says(m, ADDRESS, WS_EIO, "give it to the daemon's user");
    }
}

static void test_other_drivers(void **state) {
    const struct machine *m = *state;
    static const char *const good[] = {"igb_uio", "uio_pci_generic", "mlx5_core", "mlx4_core"};
    make_file(m, DEVICES ADDRESS "/class", "0x020000\n");
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        make_link(m, DEVICES ADDRESS "/driver", good[i]);
        assert_int_equal(port_check_nic(m->root, ADDRESS, NULL), WS_OK);
    }
    make_link(m, DEVICES ADDRESS "/driver", "vfio-pci-not-quite");
    says(m, ADDRESS, WS_EBUSY, "vfio-pci-not-quite");
}

static void test_huge_pages(void **state) {
    const struct machine *m = *state;
    struct ws_err err = {0};
    assert_int_equal(port_huge_pages(m->root), 0);
    assert_int_equal(port_check_huge_pages(m->root, 64, &err), WS_ELIMIT);
    assert_non_null(strstr(err.text, "needs 64 MB (memory_mb) in huge pages, and 0 MB are free"));
    assert_non_null(strstr(err.text, "write 32 into"));
    assert_non_null(strstr(err.text, "hugepages=32"));
    make_file(m, "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "31\n");
    assert_int_equal(port_huge_pages(m->root), UINT64_C(62) << 20);
    assert_int_equal(port_check_huge_pages(m->root, 64, &err), WS_ELIMIT);
    assert_non_null(strstr(err.text, "62 MB are free"));
    make_file(m, "/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "1\n");
    assert_int_equal(port_huge_pages(m->root), (UINT64_C(1024) + 62) << 20);
    assert_int_equal(port_check_huge_pages(m->root, 64, &err), WS_OK);
}

/* ---- DPDK's command line ---- */

static void line_is(const struct eal_wish *wish, const char *want) {
    struct buf b = {0};
    unsigned n = eal_line(wish, &b);
    unsigned zeros = 0;
    for (size_t i = 0; i < b.n; i++) {
        zeros += b.p[i] == 0;
        if (b.p[i] == 0 && i + 1 < b.n)
            b.p[i] = ' ';
    }
    assert_int_equal(zeros, n);
    assert_string_equal((const char *)b.p, want);
    buf_free(&b);
}

static void test_line(void **state) {
    (void)state;
    static const char *const nics[] = {"0000:03:00.0", "0000:03:00.1"};
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(1, &cpus);
    line_is(&(struct eal_wish){.memory_mb = 64, .cpus = &cpus},
        "wayside --no-telemetry --no-pci --no-huge --no-shconf -m 64 --lcores 0@(1)");
    CPU_SET(5, &cpus);
    line_is(&(struct eal_wish){.memory_mb = 100, .huge = true, .cpus = &cpus},
        "wayside --no-telemetry --no-pci --in-memory -m 100 --lcores 0@(1,5)");
    line_is(
        &(struct eal_wish){
            .memory_mb = 100, .huge = true, .cpus = &cpus, .nics = nics, .n_nics = 2},
        "wayside --no-telemetry -a 0000:03:00.0 -a 0000:03:00.1 --in-memory -m 100 --lcores "
        "0@(1,5)");
}

/* Refused before DPDK is touched, so that the process can still be started without the card. */
static void test_start(void **state) {
    (void)state;
    static const char *const nics[] = {"ffff:ff:1f.7"};
    struct ws_err err = {0};
    int rc = pktio_start_nics(64, nics, 1, &err);
    assert_true(rc == WS_ENOTFOUND || rc == WS_ELIMIT);
    assert_true(strstr(err.text, "huge pages") != NULL || strstr(err.text, "ffff:ff:1f.7") != NULL);
    assert_int_equal(pktio_start(32, &err), WS_OK);
    pktio_stop();
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_addresses),
        T(test_steps),
        T(test_other_drivers),
        T(test_huge_pages),
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_start),
    };
    return cmocka_run_group_tests_name("network cards", tests, NULL, NULL);
}
