/* The machine that the program runs on. */
#ifndef QS_CORE_HOST_H
#define QS_CORE_HOST_H

#include <stdint.h>

uint32_t host_core_count(void);   /* that this process may use */
uint64_t host_memory_bytes(void); /* 0: unknown */

#endif
