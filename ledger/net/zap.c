#include "ledger/net/zap.h"

#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { PARTS = 7 }; /* version, request id, domain, address, identity, mechanism, key */

struct zap {
    void *socket; /* REP at the address that libzmq asks */
    void *stop; /* PAIR: a message from zap_stop ends the thread */
    void *stopper; /* its other end */
    pthread_t thread;
    bool running;
    size_t n, me;
    uint8_t key[NET_PEERS_MAX][32];
    atomic_uint_fast64_t refused;
};

struct request {
    size_t n;
    size_t size[PARTS];
    uint8_t part[PARTS][256];
};

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

static int find_key(const struct zap *z, const struct request *q) {
    if (q->n != PARTS || q->size[5] != 5 || memcmp(q->part[5], "CURVE", 5) != 0 || q->size[6] != 32)
        return -1;
    for (size_t i = 0; i < z->n; i++) {
        /* Nobody but us has our key, and we do not dial ourselves: a second box with a copy of it stays out. */
        if (i != z->me && memcmp(z->key[i], q->part[6], 32) == 0)
            return (int)i;
    }
    return -1;
}

static void answer(struct zap *z, const struct request *q, int who) {
    char user[16] = "";
    if (who >= 0)
        (void)snprintf(user, sizeof(user), "%d", who);
    const char *code = who >= 0 ? "200" : "400";
    const char *text = who >= 0 ? "OK" : "unknown key";
    (void)zmq_send(z->socket, "1.0", 3, ZMQ_SNDMORE);
    (void)zmq_send(z->socket, q->part[1], q->size[1], ZMQ_SNDMORE);
    (void)zmq_send(z->socket, code, 3, ZMQ_SNDMORE);
    (void)zmq_send(z->socket, text, strlen(text), ZMQ_SNDMORE);
    (void)zmq_send(z->socket, user, strlen(user), ZMQ_SNDMORE);
    (void)zmq_send(z->socket, "", 0, 0);
}

static void *serve(void *arg) {
    struct zap *z = arg;
    struct request *q = ws_alloc(sizeof(*q));
    for (;;) {
        zmq_pollitem_t items[] = {{z->socket, 0, ZMQ_POLLIN, 0}, {z->stop, 0, ZMQ_POLLIN, 0}};
        if (zmq_poll(items, 2, -1) < 0 && zmq_errno() == EINTR)
            continue;
        if ((items[1].revents & ZMQ_POLLIN) != 0)
            break;
        if ((items[0].revents & ZMQ_POLLIN) == 0)
            continue;
        if (!read_request(z->socket, q))
            break;
        int who = find_key(z, q);
        if (who < 0)
            (void)atomic_fetch_add_explicit(&z->refused, 1, memory_order_relaxed);
        answer(z, q, who);
    }
    free(q);
    return NULL;
}

int zap_start(
    void *context, const struct net_config *cfg, struct zap **ret_zap, struct ws_err *err) {
    struct zap *z = ws_alloc(sizeof(*z));
    int linger = 0;
    z->n = cfg->n_peers;
    z->me = cfg->me;
    for (size_t i = 0; i < z->n; i++)
        memcpy(z->key[i], cfg->peers[i].curve_key, 32);
    z->socket = zmq_socket(context, ZMQ_REP);
    z->stop = zmq_socket(context, ZMQ_PAIR);
    z->stopper = zmq_socket(context, ZMQ_PAIR);
    bool ok = z->socket != NULL && z->stop != NULL && z->stopper != NULL &&
              zmq_setsockopt(z->socket, ZMQ_LINGER, &linger, sizeof(linger)) == 0 &&
              zmq_bind(z->socket, "inproc://zeromq.zap.01") == 0 &&
              zmq_bind(z->stop, "inproc://zap-stop") == 0 &&
              zmq_connect(z->stopper, "inproc://zap-stop") == 0;
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
    if (z->socket != NULL)
        (void)zmq_close(z->socket);
    if (z->stop != NULL)
        (void)zmq_close(z->stop);
    if (z->stopper != NULL)
        (void)zmq_close(z->stopper);
    free(z);
}

uint64_t zap_refused(const struct zap *z) {
    return atomic_load_explicit(&z->refused, memory_order_relaxed);
}
