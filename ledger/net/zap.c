#include "ledger/net/zap.h"

#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

enum {
    PARTS = 7, /* version, request id, domain, address, identity, mechanism, key */
    /* An honest peer shakes hands once for each lane, and again after each loss of a link. */
    HANDSHAKES = 32,
    HANDSHAKES_MS = 10000,
    EVENTS_EACH_TURN = 256,
};

struct entry {
    bool used;
    uint8_t key[32];
    uint32_t generation;
    unsigned handshakes; /* since */
    uint64_t since_ms;
};

struct zap {
    void *socket; /* REP at the address that libzmq asks */
    void *stop; /* PAIR: a message from zap_stop ends the thread */
    void *stopper; /* its other end */
    void *events; /* PAIR: what happens on the socket that peers dial; "" tells of it */
    struct guard *guard;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock;
    struct entry entry[NET_PEERS_MAX];
    atomic_uint_fast64_t refused, refused_often;
};

struct request {
    size_t n;
    size_t size[PARTS];
    uint8_t part[PARTS][256];
};

uint64_t zap_now_ms(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool read_request(void *socket, struct request *q) {
    memset(q, 0, sizeof(*q));
    for (;;) {
        zmq_msg_t m;
        (void)zmq_msg_init(&m);
        int got = zmq_msg_recv(&m, socket, 0);
        if (got < 0) {
            (void)zmq_msg_close(&m);
            if (zmq_errno() == EINTR)
                continue;
            return false;
        }
        size_t size = zmq_msg_size(&m);
        if (q->n < PARTS && size <= sizeof(q->part[0])) {
            memcpy(q->part[q->n], zmq_msg_data(&m), size);
            q->size[q->n] = size;
        }
        q->n++;
        bool more = zmq_msg_more(&m) != 0;
        (void)zmq_msg_close(&m);
        if (!more)
            return true;
    }
}

/* A handshake costs us curve arithmetic, so a peer may have only so many of them. */
static bool too_often(struct entry *e) {
    uint64_t now = zap_now_ms();
    if (e->since_ms == 0 || now - e->since_ms > HANDSHAKES_MS) {
        e->since_ms = now;
        e->handshakes = 0;
    }
    return ++e->handshakes > HANDSHAKES;
}

/* The name a message carries from then on; false: refused and counted. */
static bool judge(struct zap *z, const struct request *q, char *ret_user, size_t size) {
    atomic_uint_fast64_t *why = &z->refused;
    bool good = false;
    if (q->n == PARTS && q->size[5] == 5 && memcmp(q->part[5], "CURVE", 5) == 0 &&
        q->size[6] == 32) {
        (void)pthread_mutex_lock(&z->lock);
        for (size_t i = 0; i < NET_PEERS_MAX && !good; i++) {
            struct entry *e = &z->entry[i];
            if (!e->used || memcmp(e->key, q->part[6], 32) != 0)
                continue;
            if (too_often(e)) {
                why = &z->refused_often;
                break;
            }
            (void)snprintf(ret_user, size, "%zu.%" PRIu32, i, e->generation);
            good = true;
        }
        (void)pthread_mutex_unlock(&z->lock);
    }
    if (!good)
        (void)atomic_fetch_add_explicit(why, 1, memory_order_relaxed);
    return good;
}

static void answer(struct zap *z, const struct request *q) {
    char user[32] = "";
    bool good = judge(z, q, user, sizeof(user));
    const char *code = good ? "200" : "400";
    const char *text = good ? "OK" : "unknown key";
    (void)zmq_send(z->socket, "1.0", 3, ZMQ_SNDMORE);
    (void)zmq_send(z->socket, q->part[1], q->size[1], ZMQ_SNDMORE);
    (void)zmq_send(z->socket, code, 3, ZMQ_SNDMORE);
    (void)zmq_send(z->socket, text, strlen(text), ZMQ_SNDMORE);
    (void)zmq_send(z->socket, user, strlen(user), ZMQ_SNDMORE);
    (void)zmq_send(z->socket, "", 0, 0);
}

/* First part: event number (16 bits, host order) and value (32 bits), here the descriptor; second: the endpoint. */
static void take_event(struct zap *z, zmq_msg_t *m) {
    uint16_t event;
    uint32_t fd;
    if (zmq_msg_size(m) < sizeof(event) + sizeof(fd))
        return;
    const uint8_t *p = zmq_msg_data(m);
    memcpy(&event, p, sizeof(event));
    memcpy(&fd, p + sizeof(event), sizeof(fd));
    if (event == ZMQ_EVENT_ACCEPTED)
        guard_opened(z->guard, (int)fd, GUARD_IN, zap_now_ms());
    else if (event == ZMQ_EVENT_DISCONNECTED)
        guard_closed(z->guard, (int)fd);
}

static void take_events(struct zap *z) {
    for (unsigned i = 0; i < EVENTS_EACH_TURN; i++) {
        zmq_msg_t m;
        (void)zmq_msg_init(&m);
        if (zmq_msg_recv(&m, z->events, ZMQ_DONTWAIT) < 0) {
            (void)zmq_msg_close(&m);
            return;
        }
        if (zmq_msg_more(&m))
            take_event(z, &m);
        (void)zmq_msg_close(&m);
    }
}

static void *serve(void *arg) {
    struct zap *z = arg;
    struct request *q = ws_alloc(sizeof(*q));
    long wait = -1;
    for (;;) {
        zmq_pollitem_t items[] = {{z->socket, 0, ZMQ_POLLIN, 0}, {z->stop, 0, ZMQ_POLLIN, 0},
            {z->events, 0, ZMQ_POLLIN, 0}};
        if (zmq_poll(items, 3, wait) < 0 && zmq_errno() == EINTR)
            continue;
        if ((items[1].revents & ZMQ_POLLIN) != 0)
            break;
        if ((items[2].revents & ZMQ_POLLIN) != 0)
            take_events(z);
        if ((items[0].revents & ZMQ_POLLIN) != 0) {
            if (!read_request(z->socket, q))
                break;
            answer(z, q);
        }
        wait = guard_scan(z->guard, zap_now_ms());
    }
    free(q);
    return NULL;
}

bool zap_watch(struct zap *z, void *socket) {
    /* The thread has the other end since before it ran. */
    return zmq_socket_monitor(
               socket, "inproc://gate", ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED) == 0 &&
           z->running;
}

int zap_start(void *context, struct guard *guard, struct zap **ret_zap, struct ws_err *err) {
    struct zap *z = ws_alloc(sizeof(*z));
    int linger = 0;
    z->guard = guard;
    (void)pthread_mutex_init(&z->lock, NULL);
    z->socket = zmq_socket(context, ZMQ_REP);
    z->stop = zmq_socket(context, ZMQ_PAIR);
    z->stopper = zmq_socket(context, ZMQ_PAIR);
    z->events = zmq_socket(context, ZMQ_PAIR);
    bool ok = z->socket != NULL && z->stop != NULL && z->stopper != NULL && z->events != NULL &&
              zmq_setsockopt(z->socket, ZMQ_LINGER, &linger, sizeof(linger)) == 0 &&
              zmq_setsockopt(z->events, ZMQ_LINGER, &linger, sizeof(linger)) == 0 &&
              zmq_bind(z->socket, "inproc://zeromq.zap.01") == 0 &&
              zmq_bind(z->stop, "inproc://zap-stop") == 0 &&
              zmq_connect(z->stopper, "inproc://zap-stop") == 0 &&
              zmq_connect(z->events, "inproc://gate") == 0;
    /* Signals belong to the threads of the program. */
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    ok = ok && pthread_create(&z->thread, NULL, serve, z) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    z->running = ok;
    if (!ok) {
        zap_stop(z);
        return ws_fail(err, WS_EIO, "links: authenticator: %s", zmq_strerror(zmq_errno()));
    }
    *ret_zap = z;
    return WS_OK;
}

void zap_stop(struct zap *z) {
    if (z == NULL)
        return;
    if (z->running) {
        (void)zmq_send(z->stopper, "", 0, 0);
        (void)pthread_join(z->thread, NULL);
    }
    void *sockets[] = {z->socket, z->stop, z->stopper, z->events};
    for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++) {
        if (sockets[i] != NULL)
            (void)zmq_close(sockets[i]);
    }
    (void)pthread_mutex_destroy(&z->lock);
    free(z);
}

void zap_put(struct zap *z, size_t peer, const uint8_t key[static 32], uint32_t generation) {
    (void)pthread_mutex_lock(&z->lock);
    z->entry[peer] = (struct entry){.used = true, .generation = generation};
    memcpy(z->entry[peer].key, key, 32);
    (void)pthread_mutex_unlock(&z->lock);
}

void zap_remove(struct zap *z, size_t peer) {
    (void)pthread_mutex_lock(&z->lock);
    z->entry[peer] = (struct entry){.used = false};
    (void)pthread_mutex_unlock(&z->lock);
}

uint64_t zap_refused(const struct zap *z) {
    return atomic_load_explicit(&z->refused, memory_order_relaxed);
}

uint64_t zap_refused_often(const struct zap *z) {
    return atomic_load_explicit(&z->refused_often, memory_order_relaxed);
}
