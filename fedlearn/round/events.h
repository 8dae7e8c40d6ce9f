/* What the learning contract says of rounds in its events (docs/formats/learning.md, Rounds, Events), out of their octets: for whoever
 * reads a chain, or a proof of one event, without the contract. Form alone is looked at; what is borrowed is of the octets. Pure; any
 * thread. */
#ifndef WAYSIDE_FEDLEARN_ROUND_EVENTS_H
#define WAYSIDE_FEDLEARN_ROUND_EVENTS_H

#include "fedlearn/round/rounds.h"

struct fl_event_body {
    enum fl_event type;
    uint64_t round; /* 0: of no round (FL_EVENT_MODEL) */
    union {
        struct fl_open open;
        uint8_t seed[32];
        struct {
            uint32_t included;
            uint8_t root[32]; /* over their ids, ascending */
            uint64_t draw_height;
        } cut_off;
        struct {
            uint16_t n, n_free; /* 1 <= n_free <= n; those of suspects come last */
            uint64_t height; /* whose randomness drew them */
            uint8_t draw[32]; /* that randomness */
            uint8_t root[32]; /* over fl_group_leaf */
        } groups;
        struct {
            uint16_t n;
            struct span hashes; /* n times 32: of each group's key sum */
        } opened;
        struct {
            uint64_t model_version; /* in force from then on */
            uint8_t parent[32]; /* hash of the model that the round was opened with */
            struct fl_outcome outcome;
        } closed;
        enum fl_abort aborted;
        struct {
            uint8_t address[32];
            enum fl_fault fault;
            uint32_t what; /* group or submission */
        } fault;
        struct {
            uint8_t token[32];
            enum fl_exclusion reason;
            uint32_t submission;
        } excluded;
        struct {
            uint64_t version;
            struct fl_model_order order;
        } model;
        struct {
            uint8_t root[32]; /* fl_suspicion_root */
            uint32_t scored; /* tokens in the table */
            uint32_t n; /* whose standing the round changed; fl_event_suspect */
            struct span changed;
        } suspects;
    };
};

/* 25 kB: not for a small stack. False: it is none of that type. */
WARN_UNUSED bool fl_event_decode(uint16_t type, struct span body, struct fl_event_body *ret);

/* Of an FL_EVENT_SUSPECT, i below suspects.n: token, standing, score and evidence; the rest is zero. */
void fl_event_suspect(const struct fl_event_body *e, size_t i, struct fl_suspect *ret);

/* "unknown" for what is none. */
const char *fl_event_name(enum fl_event type); /* "open", "seed", "cut_off" ... */
const char *fl_fault_name(enum fl_fault fault);
const char *fl_exclusion_name(enum fl_exclusion reason);
const char *fl_standing_name(enum fl_standing standing); /* "free", "quarantined", "excluded" */

#endif
