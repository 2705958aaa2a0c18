/* Clocks that never go back, for latencies and watchdogs. */
#ifndef QS_CORE_CLOCK_H
#define QS_CORE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_of_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t clock_ns(void)
{
    return clock_of_ns(CLOCK_MONOTONIC);
}

/* What all threads of this process have computed. */
static inline uint64_t clock_process_ns(void)
{
    return clock_of_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static inline double clock_ms(void)
{
    return (double)clock_ns() * 1e-6;
}

#endif
