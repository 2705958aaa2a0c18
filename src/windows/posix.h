/*
 * What Quickstep uses of POSIX and mingw-w64 does not have, by POSIX's names: put in front of every
 * file of a Windows build (-include), so that the code is written once, for POSIX. Paths are UTF-8
 * (the programs' manifest says so) and may have either slash. The rest of this folder are the
 * headers that are missing altogether.
 */
#ifndef QS_WINDOWS_POSIX_H
#define QS_WINDOWS_POSIX_H

#define _CRT_RAND_S /* for getrandom */

#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

#define O_CLOEXEC _O_NOINHERIT
#define O_NONBLOCK 0 /* there is nothing in a folder that an open would wait for */
#define O_NOCTTY 0
#define S_ISSOCK(mode) 0
#define S_ISLNK(mode) 0
#define lstat stat

/* A file that is there is replaced, as POSIX has it. */
int posix_rename(const char *from, const char *to);
#define rename posix_rename

int posix_mkdir(const char *path, int mode);
#define mkdir posix_mkdir

/* A pipe, like a file, is bytes; the command is cmd.exe's, not a shell's. */
#undef popen
#undef pclose
#define popen(command, mode) _popen(command, mode "b")
#define pclose _pclose

/* Bytes in memory, there from fflush or fclose on. */
FILE *open_memstream(char **bytes, size_t *size);
int posix_fflush(FILE *file);
int posix_fclose(FILE *file);
#define fflush posix_fflush
#define fclose posix_fclose

enum { _SC_PHYS_PAGES, _SC_PAGESIZE };
long sysconf(int name);

ssize_t pread(int file, void *bytes, size_t count, off_t offset);
int fsync(int file);
int mkostemp(char *name, int flags);
char *realpath(const char *path, char *resolved); /* with forward slashes */
char *strndup(const char *text, size_t length);
char *stpcpy(char *to, const char *text);
char *strsep(char **text, const char *separators);
void *memmem(const void *bytes, size_t size, const void *part, size_t part_size);

#ifdef __cplusplus
}
#endif
#endif
