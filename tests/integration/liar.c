/* A unit that lies: stands between a client and a unit, both on Unix sockets, and alters what is asked for under one path.
 * usage: liar LISTEN UNIT WORD flip OFFSET | liar LISTEN UNIT WORD other PATH
 * In answers whose path has WORD in it: one bit of the body's octet at OFFSET (from its end when negative) is turned over; or
 * what is under another path is given instead. One client at a time, until it is killed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MOST = 64 << 20 };

static int door(const char *path, int listening) {
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
    if (listening && unlink(path) != 0 && access(path, F_OK) == 0)
        return -1;
    int rc = listening ? bind(fd, (const struct sockaddr *)&sa, sizeof(sa))
                       : connect(fd, (const struct sockaddr *)&sa, sizeof(sa));
    if (rc == 0 && listening)
        rc = listen(fd, 8);
    return rc == 0 ? fd : -1;
}

/* Reads until the blank line, or to the end. */
static size_t hear(int fd, char *to, size_t size, int whole) {
    size_t n = 0;
    while (n + 1 < size) {
        ssize_t got = read(fd, to + n, size - 1 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
        to[n] = '\0';
        if (!whole && strstr(to, "\r\n\r\n") != NULL)
            break;
    }
    to[n] = '\0';
    return n;
}

static void say(int fd, const char *p, size_t n) {
    while (n > 0) {
        ssize_t put = send(fd, p, n, MSG_NOSIGNAL);
        if (put <= 0)
            return;
        p += put;
        n -= (size_t)put;
    }
}

static void serve(int client, char **argv, char *answer) {
    char request[8192];
    char path[4096];
    char ask[5000];
    if (hear(client, request, sizeof(request), 0) == 0 || sscanf(request, "GET %4095s ", path) != 1)
        return;
    int lie = strstr(path, argv[3]) != NULL;
    const char *want = lie && strcmp(argv[4], "other") == 0 ? argv[5] : path;
    int unit = door(argv[2], 0);
    if (unit < 0)
        return;
    (void)snprintf(
        ask, sizeof(ask), "GET %s HTTP/1.1\r\nHost: unit\r\nConnection: close\r\n\r\n", want);
    say(unit, ask, strlen(ask));
    size_t n = hear(unit, answer, MOST, 1);
    (void)close(unit);
    char *blank = memmem(answer, n, "\r\n\r\n", 4);
    if (blank != NULL && lie && strcmp(argv[4], "flip") == 0) {
        size_t body = n - (size_t)(blank + 4 - answer);
        long at = strtol(argv[5], NULL, 10);
        size_t place = at < 0 ? body - (size_t)-at : (size_t)at;
        if (place < body)
            blank[4 + place] ^= 1;
    }
    say(client, answer, n);
}

int main(int argc, char **argv) {
    if (argc != 6)
        return 2;
    int fd = door(argv[1], 1);
    char *answer = malloc(MOST);
    while (fd >= 0 && answer != NULL) {
        int client = accept(fd, NULL, NULL);
        if (client < 0)
            break;
        serve(client, argv, answer);
        (void)close(client);
    }
    free(answer);
    return 1;
}
