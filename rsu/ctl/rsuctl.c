/* rsuctl: the operator's and the researcher's hand tool. Here only the table of what there is; each noun has
 * a file of its own. Exit codes: 0 done, 1 the answer is no, 2 usage, 3 cannot reach or read. */
#include "rsu/ctl/ctl.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct ctl_verb *const verbs[] = {
    &ctl_cell_init,
    &ctl_cell_join,
    &ctl_cell_status,
    &ctl_cell_validators,
    &ctl_cell_report,
    &ctl_cell_beacon,
    &ctl_map_import,
    &ctl_map_export,
    &ctl_map_diff,
    &ctl_map_watch,
    &ctl_map_snapshot,
    &ctl_map_net,
    &ctl_map_tile,
    &ctl_map_verify,
    &ctl_map_order,
    &ctl_map_evidence,
    &ctl_map_feedback,
    &ctl_model_new,
    &ctl_model_roots,
    &ctl_model_show,
    &ctl_model_export,
    &ctl_model_test,
    &ctl_model_order,
    &ctl_model_stop,
    &ctl_model_round,
    &ctl_model_verify,
    &ctl_policy_check,
    &ctl_policy_try,
    &ctl_policy_deploy,
    &ctl_policy_show,
    &ctl_port_list,
    &ctl_port_stop,
    &ctl_port_start,
    &ctl_sensor_send,
    &ctl_block_show,
    &ctl_block_verify,
    &ctl_ledger_snapshot,
    &ctl_ledger_diff,
    &ctl_ledger_bundle,
    &ctl_ledger_rollback,
    &ctl_ledger_replay,
    &ctl_trust_show,
    &ctl_trust_add,
    &ctl_trust_explain,
    &ctl_replay,
};
enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };

static void help(FILE *to, const char *noun) {
    (void)fprintf(to,
        noun == NULL ? "usage: rsuctl NOUN VERB [...]\n\n" : "usage: rsuctl %s VERB [...]\n\n",
        noun);
    for (size_t i = 0; i < VERBS; i++) {
        const struct ctl_verb *v = verbs[i];
        char name[40];
        if (noun != NULL && strcmp(noun, v->noun) != 0)
            continue;
        (void)snprintf(name, sizeof(name), "%s %s", v->noun, v->verb == NULL ? "" : v->verb);
        (void)fprintf(to, "  %-18s %s\n", name, v->brief);
    }
    if (noun != NULL && strcmp(noun, "ledger") == 0)
        (void)fputs(ctl_ledger_help, to);
    (void)fprintf(to,
        "\n--help behind each of them says more; so does rsuctl(1). --version prints the version.\n"
        "Exit codes: 0 done, 1 the answer is no, 2 usage, 3 cannot reach or read.\n");
}

static bool is_help(const char *word) {
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

int main(int argc, char **argv) {
    (void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error to report, not a death */
    if (argc < 2) {
        help(stderr, NULL);
        return CTL_USAGE;
    }
    if (is_help(argv[1])) {
        help(stdout, NULL);
        return CTL_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("rsuctl 0.1.0\n");
        return CTL_DONE;
    }
    bool noun_known = false;
    for (size_t i = 0; i < VERBS; i++) {
        const struct ctl_verb *v = verbs[i];
        if (strcmp(argv[1], v->noun) != 0)
            continue;
        noun_known = true;
        if (v->verb == NULL)
            return v->run(v, argc - 2, argv + 2);
        if (argc > 2 && strcmp(argv[2], v->verb) == 0)
            return v->run(v, argc - 3, argv + 3);
    }
    if (!noun_known) {
        (void)fprintf(stderr, "rsuctl: there is no '%.60s'\n\n", argv[1]);
        help(stderr, NULL);
        return CTL_USAGE;
    }
    if (argc > 2 && is_help(argv[2])) {
        help(stdout, argv[1]);
        return CTL_DONE;
    }
    if (argc > 2)
        (void)fprintf(stderr, "rsuctl: %s has no '%.60s'\n\n", argv[1], argv[2]);
    help(stderr, argv[1]);
    return CTL_USAGE;
}
