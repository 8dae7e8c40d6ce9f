/* What is found out about a port before DPDK is asked, and how it is said. The kernel's part needs root, a network name
 * space and XDP; it is skipped, with the reason, where the machine has them not. */
#include "tests/support/cm.h"

#include "pktio/port_check.h"
#include "pktio/port_link.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *no_kernel; /* why the kernel's part is skipped; NULL: it is not */

static void says(const struct port_config *cfg, enum ws_code code, const char *word) {
    struct ws_err err = {0};
    int rc = port_check(cfg, &err);
    if (rc != (int)code || strstr(err.text, word) == NULL)
        fail_msg("%d, '%s' instead of %d, '%s'", rc, err.text, (int)code, word);
}

static void test_names(void **state) {
    (void)state;
    assert_string_equal(port_kind_name(PORT_CAPTURE), "capture");
    assert_string_equal(port_kind_name(PORT_AF_PACKET), "af_packet");
    assert_string_equal(port_kind_name(PORT_AF_XDP), "af_xdp");
    assert_string_equal(port_kind_name(PORT_TAP), "tap");
    assert_string_equal(port_kind_name(PORT_RING), "ring");
    assert_string_equal(port_kind_name(PORT_NIC), "nic");
}

static void test_interfaces(void **state) {
    (void)state;
    for (enum port_kind k = PORT_AF_PACKET; k <= PORT_AF_XDP; k++) {
        says(&(struct port_config){.kind = k}, WS_EINPUT, "no interface");
        says(&(struct port_config){.kind = k, .interface = ""}, WS_EINPUT, "no interface");
        says(&(struct port_config){.kind = k, .interface = "a,b"}, WS_EINPUT, "a,b");
        says(&(struct port_config){.kind = k, .interface = "absent0"}, WS_ENOTFOUND, "absent0");
    }
    assert_int_equal(port_check(&(struct port_config){.kind = PORT_CAPTURE}, NULL), WS_OK);
}

static void test_sizes(void **state) {
    (void)state;
    static const unsigned wrong[] = {1, 512, 1023, 1025, 32768};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        says(&(struct port_config){.kind = PORT_RING, .ring_frames = wrong[i]}, WS_EINPUT,
            "power of two from 1024 to 16384");
    for (unsigned n = 1024; n <= 16384; n *= 2)
        assert_int_equal(
            port_check(&(struct port_config){.kind = PORT_RING, .ring_frames = n}, NULL), WS_OK);
    says(&(struct port_config){.kind = PORT_TAP, .interface = "t0", .mbufs = 255}, WS_EINPUT,
        "tap needs at least 256");
    says(&(struct port_config){.kind = PORT_NIC, .device = "0000:00:00.0", .mbufs = 4095},
        WS_EINPUT, "nic needs at least 4096");
    says(&(struct port_config){.kind = PORT_AF_PACKET, .interface = "lo", .mbufs = 2000000},
        WS_EINPUT, "1048576 are the most");
    assert_int_equal(port_check(&(struct port_config){.kind = PORT_RING}, NULL), WS_OK);
}

static void test_memory(void **state) {
    (void)state;
    const struct port_config packet = {.kind = PORT_AF_PACKET, .interface = "lo"};
    const struct port_config more = {.kind = PORT_TAP, .interface = "t", .mbufs = 8191};
    assert_int_equal(port_memory(&packet, false), (1023 + 511) * 4096);
    assert_int_equal(port_memory(&packet, true), (1023 + 511) * 2432);
    assert_int_equal(port_memory(&more, false), (8191 + 511) * 4096);
    assert_int_equal(
        port_memory(&(struct port_config){.kind = PORT_NIC}, true), (8191 + 511) * 2432);
    assert_int_equal(port_memory(&(struct port_config){.kind = PORT_RING}, false), 511 * 4096);
    assert_int_equal(port_memory(&(struct port_config){.kind = PORT_AF_XDP}, false), 511 * 4096);
    assert_int_equal(port_memory(&(struct port_config){.kind = PORT_CAPTURE}, false), 0);
}

static void test_tap(void **state) {
    (void)state;
    says(&(struct port_config){.kind = PORT_TAP}, WS_EINPUT, "no interface");
    says(&(struct port_config){.kind = PORT_TAP, .interface = "a=b"}, WS_EINPUT, "a=b");
    says(&(struct port_config){.kind = PORT_TAP, .interface = "sixteen-letters-"}, WS_EINPUT,
        "at most 15");
    says(&(struct port_config){.kind = PORT_TAP, .interface = "lo"}, WS_EEXIST, "there already");
}

/* What a process without rights is told; in a child, which does not come back. */
static int without_rights(void) {
    const struct port_config packet = {.kind = PORT_AF_PACKET, .interface = "lo"};
    const struct port_config xdp = {.kind = PORT_AF_XDP, .interface = "lo"};
    struct ws_err err = {0};
    if (setresuid(65534, 65534, 65534) != 0)
        return 1;
    if (port_check(&packet, &err) != WS_EIO || strstr(err.text, "CAP_NET_RAW") == NULL)
        return 2;
    if (port_check(&xdp, &err) != WS_EIO || strstr(err.text, "CAP_NET_RAW") == NULL)
        return 3;
    const struct port_config tap = {.kind = PORT_TAP, .interface = "wstap0"};
    if (port_check(&tap, &err) != WS_EIO || strstr(err.text, "CAP_NET_ADMIN") == NULL)
        return 4;
    return 0;
}

static void test_rights(void **state) {
    (void)state;
    if (getuid() != 0)
        skip();
    pid_t child = fork();
    if (child == 0)
        _exit(without_rights());
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_buffers(void **state) {
    (void)state;
    if (no_kernel != NULL)
        skip();
    says(&(struct port_config){.kind = PORT_AF_XDP, .interface = "ws0", .mbufs = 4095}, WS_EINPUT,
        "at least 4096");
    assert_int_equal(
        port_check(
            &(struct port_config){.kind = PORT_AF_XDP, .interface = "ws0", .mbufs = 4096}, NULL),
        WS_OK);
}

/* ---- XDP ---- */

static int attach(const char *interface, const char *name) {
    static const struct bpf_insn pass[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
        {.code = BPF_JMP | BPF_EXIT},
    };
    union bpf_attr attr;
    memset(&attr, 0, sizeof(attr));
    attr.prog_type = BPF_PROG_TYPE_XDP;
    attr.insns = (uintptr_t)pass;
    attr.insn_cnt = ARRAY_LEN(pass);
    attr.license = (uintptr_t) "GPL";
    (void)snprintf(attr.prog_name, sizeof(attr.prog_name), "%s", name);
    int prog = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
    if (prog < 0)
        return -1;
    memset(&attr, 0, sizeof(attr));
    attr.link_create.prog_fd = (uint32_t)prog;
    attr.link_create.target_ifindex = if_nametoindex(interface);
    attr.link_create.attach_type = BPF_XDP;
    int link = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
    (void)close(prog);
    return link; /* it stays attached until this is closed */
}

static void test_program(void **state) {
    (void)state;
    struct xdp_program p;
    if (no_kernel != NULL)
        skip();
    const struct port_config cfg = {.kind = PORT_AF_XDP, .interface = "ws0"};
    assert_int_equal(xdp_program_of(if_nametoindex("ws0"), &p), 0);
    assert_int_equal(p.id, 0);
    assert_int_equal(xdp_program_of(123456, &p), -ENODEV);
    int link = attach("ws0", "somebody_elses");
    assert_true(link >= 0);
    assert_int_equal(xdp_program_of(if_nametoindex("ws0"), &p), 0);
    assert_int_not_equal(p.id, 0);
    assert_string_equal(p.name, "somebody_elses");
    assert_false(p.ours);
    says(&cfg, WS_EBUSY, "(somebody_elses)");
    assert_int_equal(xdp_program_of(if_nametoindex("ws1"), &p), 0);
    assert_int_equal(p.id, 0); /* the other end has none */
    (void)close(link);
    link = attach("ws0", "xsk_def_prog"); /* as one that was killed leaves it */
    assert_true(link >= 0);
    assert_int_equal(xdp_program_of(if_nametoindex("ws0"), &p), 0);
    assert_true(p.ours);
    assert_int_equal(port_check(&cfg, NULL), WS_OK);
    (void)close(link);
    assert_int_equal(port_check(&cfg, NULL), WS_OK);
}

static int await_queue(int want) {
    int rc = xdp_try_queue(if_nametoindex("ws0"), 0);
    for (unsigned i = 0; rc != want && i < 6000; i++) {
        (void)usleep(10000);
        rc = xdp_try_queue(if_nametoindex("ws0"), 0);
    }
    return rc;
}

static void test_queue(void **state) {
    (void)state;
    if (no_kernel != NULL)
        skip();
    int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    void *area = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(area != MAP_FAILED);
    const struct xdp_umem_reg reg = {.addr = (uintptr_t)area, .len = 16384, .chunk_size = 4096};
    const struct sockaddr_xdp at = {
        .sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY, .sxdp_ifindex = if_nametoindex("ws0")};
    const int n = 4;
    assert_int_equal(setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)), 0);
    assert_int_equal(setsockopt(fd, SOL_XDP, XDP_UMEM_FILL_RING, &n, sizeof(n)), 0);
    assert_int_equal(setsockopt(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &n, sizeof(n)), 0);
    assert_int_equal(setsockopt(fd, SOL_XDP, XDP_RX_RING, &n, sizeof(n)), 0);
    assert_int_equal(await_queue(0), 0);
    int rc = bind(fd, (const struct sockaddr *)&at, sizeof(at));
    for (unsigned i = 0; rc != 0 && i < 6000; i++) { /* it is let go of a moment later */
        (void)usleep(10000);
        rc = bind(fd, (const struct sockaddr *)&at, sizeof(at));
    }
    assert_int_equal(rc, 0);
    assert_int_equal(xdp_try_queue(if_nametoindex("ws0"), 0), -EBUSY);
    (void)close(fd);
    assert_int_equal(await_queue(0), 0);
    assert_int_equal(xdp_try_queue(if_nametoindex("ws0"), 77), -EINVAL);
    (void)munmap(area, 16384);
}

/* The limit counts only for who may not lock what he likes; root may, so a child gives that right away first. */
static int with_little_memory(void) {
    struct __user_cap_header {
        uint32_t version;
        int pid;
    } head = {0x20080522, 0};
    struct {
        uint32_t effective, permitted, inheritable;
    } data[2] = {0};
    const struct rlimit little = {64 << 10, 64 << 10};
    const struct port_config cfg = {.kind = PORT_AF_XDP, .interface = "ws0"};
    struct ws_err err = {0};
    if (syscall(SYS_capget, &head, data) != 0)
        return 1;
    data[0].effective &= ~(1U << 14); /* CAP_IPC_LOCK */
    if (syscall(SYS_capset, &head, data) != 0 || setrlimit(RLIMIT_MEMLOCK, &little) != 0)
        return 2;
    if (port_check(&cfg, &err) != WS_ELIMIT || strstr(err.text, "64 kB") == NULL)
        return 3;
    const struct port_config packet = {.kind = PORT_AF_PACKET, .interface = "ws0"};
    if (port_check(&packet, NULL) != WS_OK || !port_ring_is_cut(&packet, &err))
        return 4;
    if (strstr(err.text, "4096 frames lock 16 MB") == NULL || strstr(err.text, "64 kB") == NULL)
        return 5;
    return 0;
}

static void test_locked_memory(void **state) {
    (void)state;
    if (no_kernel != NULL)
        skip();
    assert_false(port_ring_is_cut(
        &(struct port_config){.kind = PORT_AF_PACKET, .interface = "ws0"}, NULL)); /* root */
    pid_t child = fork();
    if (child == 0)
        _exit(with_little_memory());
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_down(void **state) {
    (void)state;
    if (no_kernel != NULL)
        skip();
    /* A pair is made switched off. */
    assert_true(port_is_down(&(struct port_config){.kind = PORT_AF_PACKET, .interface = "ws0"}));
    assert_true(port_is_down(&(struct port_config){.kind = PORT_AF_XDP, .interface = "ws0"}));
    assert_false(port_is_down(&(struct port_config){.kind = PORT_AF_XDP, .interface = "absent0"}));
    assert_false(port_is_down(&(struct port_config){.kind = PORT_TAP, .interface = "ws0"}));
    assert_false(port_is_down(&(struct port_config){.kind = PORT_RING}));
    /* NOLINTNEXTLINE(cert-env33-c): a fixed command line */
    assert_int_equal(system("ip link set ws0 up"), 0);
    assert_false(port_is_down(&(struct port_config){.kind = PORT_AF_PACKET, .interface = "ws0"}));
}

static const char *kernel(void) {
    if (getuid() != 0)
        return "not root";
    if (unshare(CLONE_NEWNET) != 0)
        return "no network name space";
    /* NOLINTNEXTLINE(cert-env33-c): a fixed command line */
    if (system("ip link add ws0 type veth peer name ws1 2>/dev/null") != 0)
        return "no veth pair";
    int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return "a kernel without AF_XDP";
    (void)close(fd);
    return NULL;
}

int main(void) {
    no_kernel = kernel();
    if (no_kernel != NULL)
        (void)printf("the kernel's part is skipped: %s\n", no_kernel);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_interfaces),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_tap),
        cmocka_unit_test(test_rights),
        cmocka_unit_test(test_buffers),
        cmocka_unit_test(test_program),
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_locked_memory),
        cmocka_unit_test(test_down),
    };
    return cmocka_run_group_tests_name("ports before DPDK", tests, NULL, NULL);
}
