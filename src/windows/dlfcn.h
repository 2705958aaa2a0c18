/* Which file holds an address. */
#ifndef QS_WINDOWS_DLFCN_H
#define QS_WINDOWS_DLFCN_H

typedef struct Dl_info {
    const char *dli_fname;
} Dl_info;

int dladdr(const void *address, Dl_info *info);

#endif
