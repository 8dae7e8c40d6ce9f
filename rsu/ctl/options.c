#include "rsu/config/value.h"
#include "rsu/ctl/ctl.h"

#include <stdio.h>
#include <string.h>

static int take(const struct ctl_verb *v, const struct ctl_option *o, const char *value) {
    switch (o->kind) {
    case CTL_FLAG:
        *(bool *)o->to = true;
        return CTL_DONE;
    case CTL_TEXT:
        *(const char **)o->to = value;
        if (value[0] == '\0')
            return ctl_misuse(v, "--%s: nothing given", o->name);
        return CTL_DONE;
    case CTL_NUMBER:
        if (!value_u64(value, o->lo, o->hi, o->to))
            return ctl_misuse(v, "--%s: '%.60s' is not a number from %llu to %llu", o->name, value,
                (unsigned long long)o->lo, (unsigned long long)o->hi);
        return CTL_DONE;
    case CTL_LIST: {
        struct ctl_list *list = o->to;
        if (list->n == CTL_LIST_MAX)
            return ctl_misuse(v, "--%s: more than %d times", o->name, CTL_LIST_MAX);
        list->v[list->n++] = value;
        return CTL_DONE;
    }
    case CTL_FACE:
        ((struct ctl_face *)o->to)->address = value;
        if (value[0] == '\0')
            return ctl_misuse(v, "--%s: nothing given", o->name);
        return CTL_DONE;
    case CTL_PLACE: {
        struct ctl_place *p = o->to;
        p->given = value_place(value, &p->lat, &p->lon);
        if (!p->given)
            return ctl_misuse(
                v, "--%s: '%.60s' is not a place like 48.7651234,11.4231234", o->name, value);
        return CTL_DONE;
    }
    }
    return CTL_USAGE;
}

static const struct ctl_option *named(
    const struct ctl_option *options, size_t n, const char *name, size_t len) {
    for (size_t i = 0; i < n; i++)
        if (strlen(options[i].name) == len && strncmp(options[i].name, name, len) == 0)
            return &options[i];
    return NULL;
}

static struct ctl_face *face_among(const struct ctl_option *options, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (options[i].kind == CTL_FACE)
            return options[i].to;
    return NULL;
}

/* What comes along with a face. `key` is an authority's where orders are signed. */
static bool tls_option(
    struct ctl_face *face, const char *name, size_t len, struct ctl_option *ret) {
    const struct ctl_option all[] = {
        {"cacert", CTL_TEXT, (void *)&face->cacert, 0, 0},
        {"cert", CTL_TEXT, (void *)&face->cert, 0, 0},
        {"key", CTL_TEXT, (void *)&face->key, 0, 0},
        {"cert-key", CTL_TEXT, (void *)&face->key, 0, 0},
    };
    const struct ctl_option *o = named(all, ARRAY_LEN(all), name, len);
    if (o != NULL)
        *ret = *o;
    return o != NULL;
}

static void tell_tls(const struct ctl_option *options, size_t n) {
    if (face_among(options, n) == NULL)
        return;
    (void)printf(
        "\nWith https://HOST[:PORT][/PATH] instead of HOST:PORT, for a unit behind a proxy:\n"
        "  --cacert FILE       who signs its certificate, instead of whom the system trusts (PEM)\n"
        "  --cert FILE         our own certificate, where it wants one (PEM)\n"
        "  %s FILE %s    and its key, which others may not read\n",
        named(options, n, "key", 3) == NULL ? "--key" : "--cert-key",
        named(options, n, "key", 3) == NULL ? "     " : "");
}

static int check_face(const struct ctl_verb *v, const struct ctl_option *options, size_t n) {
    static const char https[] = "https://";
    const struct ctl_face *f = face_among(options, n);
    if (f == NULL)
        return CTL_DONE;
    if (f->key != NULL && f->cert == NULL)
        return ctl_misuse(v, "a key goes with its certificate: --cert");
    bool secure = f->address != NULL && strncmp(f->address, https, sizeof(https) - 1) == 0;
    /* A witness may be spoken to over https, whatever the unit is. */
    if ((f->cacert != NULL || f->cert != NULL) && !secure &&
        named(options, n, "witness", 7) == NULL)
        return ctl_misuse(v, "--cacert and --cert go with --http https://...");
    return CTL_DONE;
}

/* One "--name" at argv[*at]; moves *at behind its value. */
static int take_option(const struct ctl_verb *v, int argc, char **argv,
    const struct ctl_option *options, size_t n, int *at) {
    const char *name = argv[*at] + 2;
    size_t len = strcspn(name, "=");
    const struct ctl_option *o = named(options, n, name, len);
    struct ctl_face *face = face_among(options, n);
    struct ctl_option along;
    if (o == NULL && face != NULL && tls_option(face, name, len, &along))
        o = &along;
    if (o == NULL)
        return ctl_misuse(v, "there is no option --%.*s", (int)(len > 60 ? 60 : len), name);
    bool joined = name[len] == '=';
    if (o->kind == CTL_FLAG) {
        if (joined)
            return ctl_misuse(v, "--%s takes no value", o->name);
        return take(v, o, "");
    }
    if (!joined && *at + 1 >= argc)
        return ctl_misuse(v, "--%s needs a value", o->name);
    if (!joined)
        ++*at;
    return take(v, o, joined ? name + len + 1 : argv[*at]);
}

/* The usage's first lines name what is missing. */
static int missing(const struct ctl_verb *v, size_t n, size_t least) {
    char name[CTL_NAME];
    const char *end = strstr(v->usage, "\n\n");
    ctl_name(v, name);
    (void)fprintf(stderr, "%s: ", name);
    if (n == 0)
        (void)fprintf(stderr, "nothing is named");
    else
        (void)fprintf(stderr, "%zu of at least %zu words", n, least);
    (void)fprintf(stderr, "\nusage: %s %.*s\nTry '%s --help'.\n", name,
        (int)(end == NULL ? strlen(v->usage) : (size_t)(end - v->usage)), v->usage, name);
    return CTL_USAGE;
}

bool ctl_options(const struct ctl_verb *v, int argc, char **argv, const struct ctl_option *options,
    size_t n_options, struct ctl_list *words, size_t least, size_t most, int *ret_code) {
    bool only_words = false;
    size_t n = 0;
    *ret_code = CTL_DONE;
    for (int i = 0; i < argc && *ret_code == CTL_DONE; i++) {
        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
        } else if (!only_words && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            char name[64];
            ctl_name(v, name);
            (void)printf("usage: %s %s", name, v->usage);
            tell_tls(options, n_options);
            return false;
        } else if (!only_words && strncmp(argv[i], "--", 2) == 0) {
            *ret_code = take_option(v, argc, argv, options, n_options, &i);
        } else if (!only_words && argv[i][0] == '-' && argv[i][1] != '\0') {
            *ret_code = ctl_misuse(v, "there is no option %.60s", argv[i]);
        } else if (n == most || n == CTL_LIST_MAX) {
            *ret_code = ctl_misuse(v, "'%.200s' is one word too many", argv[i]);
        } else {
            words->v[n++] = argv[i];
        }
    }
    if (words != NULL)
        words->n = n;
    if (*ret_code == CTL_DONE && n < least)
        *ret_code = missing(v, n, least);
    if (*ret_code == CTL_DONE)
        *ret_code = check_face(v, options, n_options);
    return *ret_code == CTL_DONE;
}
