/* The judge of live histories sees what it is there to see. */
#include "tests/support/cm.h"

#include "tests/integration/live_history.h"

#define ID1 "1111111111111111111111111111111111111111111111111111111111111111"
#define ID2 "2222222222222222222222222222222222222222222222222222222222222222"

static void judged(const char *history, const char *want) {
    struct live_verdict v;
    FILE *f = fmemopen((void *)history, strlen(history), "r");
    assert_non_null(f);
    live_judge(f, &v);
    (void)fclose(f);
    if (want == NULL ? v.why[0] != '\0' : strstr(v.why, want) == NULL)
        fail_msg("'%s', not '%s'", v.why, want == NULL ? "" : want);
}

static void good_histories_pass(void **state) {
    (void)state;
    judged("E 1\n", NULL);
    judged("S 1 1 aa 1 ok\nS 2 2 bb 2 dead\nS 5 2 bb 3 ok\n"
           "B 10 1 1 " ID1 "\nT 10 1 1 0 aa 1\nR 10 1 1 1\n"
           "B 11 1 2 " ID2 "\nT 11 1 2 0 bb 2\nT 11 1 2 1 cc 0\nR 11 1 2 1\nR 12 1 2 2\n"
           "B 13 2 1 " ID1 "\nT 13 2 1 0 aa 1\nK 14 2\nR 15 2 1 0\nR 15 2 1 1\nE 20\n",
        NULL);
    /* Overtaken by a later one. */
    judged("S 1 1 aa 1 ok\nS 1 2 bb 1 ok\nB 2 1 1 " ID1 "\nT 2 1 1 0 bb 2\nE 3\n", NULL);
}

static void bad_histories_do_not(void **state) {
    (void)state;
    judged("S 1 1 aa 1 ok\n", "no end");
    judged("X 1\nE 1\n", "line 1 makes no sense");
    judged("E 2\nE 1\n", "line 2 makes no sense");
    judged("B 1 1 1 " ID1 "\nB 2 2 1 " ID2 "\nE 3\n", "node 2 shows block 2222222222222222");
    judged("B 1 1 1 " ID1 "\nB 2 1 3 " ID2 "\nE 3\n", "asked for block 3 after 1");
    judged("T 1 1 1 0 aa 0\nT 2 1 2 0 aa 0\nE 3\n", "stands at 1:0 and, on node 1, at 2:0");
    judged("T 1 1 1 0 aa 0\nT 2 2 1 1 aa 0\nE 3\n", "stands at 1:0 and, on node 2, at 1:1");
    judged("T 1 1 1 0 aa 0\nT 2 1 1 0 aa 0\nE 3\n", "shows transaction aa twice");
    judged("T 1 1 1 0 aa 7\nE 3\n", "nobody handed it in");
    judged("S 1 1 aa 1 ok\nE 3\n", "order 1 was acknowledged and is lost");
    judged("S 1 1 aa 1 no\nE 3\n", NULL);
    judged("S 1 1 aa 1 ok\nS 1 2 bb 1 ok\nT 2 1 1 0 bb 2\nT 2 1 1 1 aa 1\nE 3\n",
        "before one with a lower sequence");
    /* Seen at 2, handed in at 3, and before it on the chain. */
    judged("S 1 2 aa 1 ok\nT 2 1 5 0 aa 2\nS 3 1 bb 1 ok\nT 4 1 4 0 bb 1\nE 5\n",
        "order 2 was seen committed before order 1 was handed in");
    judged("R 1 1 5 0\nR 2 1 4 0\nE 3\n", "node 1 went back from height 5");
    judged("R 1 1 5 3\nR 2 1 5 2\nE 3\n", "node 1 went back");
    judged("S 1 1 aa 1 ok\nB 1 1 1 " ID1 "\nT 1 1 1 0 aa 1\nB 1 1 2 " ID2 "\nR 2 1 2 0\nE 3\n",
        "said 0 orders at height 2, whose blocks say 1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_histories_pass),
        cmocka_unit_test(bad_histories_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
