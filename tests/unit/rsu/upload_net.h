/* Vehicles and units on a network in virtual time that loses, repeats and reorders, with somebody on the way. One thread. */
#ifndef WAYSIDE_TESTS_UNIT_RSU_UPLOAD_NET_H
#define WAYSIDE_TESTS_UNIT_RSU_UPLOAD_NET_H

#include "rsu/learning/uploads.h"
#include "tests/unit/fedlearn/upload_rig.h"

enum { NET_VEHICLES = 6, NET_FLIGHTS = 8192, NET_WIRE = 200000 };
#define NET_START_US UINT64_C(700000000000000)

struct net;
struct net_unit {
    struct net *net;
    size_t i; /* whose key it signs with */
    struct uploads *uploads;
    bool down; /* hears and says nothing */
    bool full; /* its disk */
    bool busy; /* who writes to it has no room */
    struct uploads_whole *writing[NET_VEHICLES]; /* oldest first */
    uint64_t written_us[NET_VEHICLES];
    size_t n_writing;
    size_t kept[NET_VEHICLES]; /* how often it wrote down the material of this vehicle */
    struct uploads_round round;
    bool changed;
};
struct net_vehicle {
    struct upload_vehicle made;
    struct fl_upload send;
    size_t unit; /* that it talks to */
    bool active, excluded, unknown /* to the ledger */;
    uint8_t token[32]; /* on the ledger; that of made, unless a test says otherwise */
};
/* A datagram on its way; to or from the unit `unit`. */
struct net_flight {
    uint64_t at_us;
    bool up;
    size_t vehicle, unit;
    uint16_t port; /* of the sender, up */
    size_t n;
    uint8_t octets[FL_UPLOAD_DATAGRAM_MAX + 16];
};
struct net {
    struct upload_world world;
    struct uploads_limits limits;
    struct net_unit unit[UPLOAD_UNITS];
    struct net_vehicle vehicle[NET_VEHICLES];
    struct ws_now now;
    unsigned loss, twice; /* in a hundred */
    uint64_t trip_us, jitter_us; /* one way */
    uint64_t
        disk_us; /* a write takes so long, beside the receiver; 0: it is waited for, in no time. Before net_restart */
    struct net_flight *flight; /* NET_FLIGHTS places */
    size_t n_flights;
    uint64_t sent_up, sent_down, answers_elsewhere; /* datagrams; to a port that is no vehicle's */
    uint64_t octets_elsewhere;
    /* Sees everything that is sent, and may put in its own. */
    void (*eavesdropper)(struct net *n, const struct net_flight *f);
};

struct net *net_open(uint64_t seed);
void net_close(struct net *n);
/* Vehicle i makes something, and it is on the ledger. */
void net_vehicle(struct net *n, size_t i, size_t unit, uint64_t within_us);
/* The process of a unit starts again. */
void net_restart(struct net *n, size_t unit);
void net_inject(struct net *n, const struct net_flight *f);
void net_run(struct net *n, uint64_t us); /* or until nobody has anything to send any more */
bool net_all_done(const struct net *n);

#endif
