#ifndef QS_WINDOWS_RANDOM_H
#define QS_WINDOWS_RANDOM_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

ssize_t getrandom(void *bytes, size_t count, unsigned flags);

#ifdef __cplusplus
}
#endif
#endif
