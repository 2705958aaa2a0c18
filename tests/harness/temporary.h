/* A folder for one test's files. Include it first: nftw needs _GNU_SOURCE. */
#ifndef QS_TESTS_HARNESS_TEMPORARY_H
#define QS_TESTS_HARNESS_TEMPORARY_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Path of a new folder, to be given to temporary_remove. */
static inline char *temporary_create(void)
{
    const char *base = getenv("TMPDIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/quickstep-test-XXXXXX", base && base[0] ? base : "/tmp");
    if (!mkdtemp(path)) {
        perror(path);
        exit(1);
    }
    return strdup(path);
}

static inline int temporary_remove_entry(const char *path, const struct stat *info, int type,
                                         struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

static inline void temporary_remove(char *folder)
{
    nftw(folder, temporary_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(folder);
}

static inline void temporary_write(const char *path, const void *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, count, file) != count || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

/* The path FOLDER/name, in a buffer that lives until the fourth call from here. */
static inline const char *temporary_path(const char *folder, const char *name)
{
    static char paths[4][4352];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

#endif
