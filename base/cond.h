/* Conditions of threads whose waits end by ws_clock_deadline. */
#ifndef WAYSIDE_BASE_COND_H
#define WAYSIDE_BASE_COND_H

#include <pthread.h>

/* Instants of its timed waits are those of CLOCK_MONOTONIC. Stops the process when the machine cannot make one. */
void ws_cond_init(pthread_cond_t *c);

#endif
