/*
 * A preload library that makes one call of the C library fail: call number $FAULT_CALL (from 1) of
 * the function $FAULT_FUNCTION, with errno $FAULT_ERROR; 0: read and write do half of what they
 * should, and no error.
 *
 * "malloc" stands for all that takes memory. Only calls that come from this program count: from
 * the executable, libquickstep, libpng, libjpeg and libexif. Others do not survive, whatever we do:
 * Mesa and the loader do not look at every result, popt ends the process, and jansson 2.14 aborts
 * or leaves out a letter (findings/jansson_memory.sh).
 *
 * To $FAULT_LOG goes a line "NAME CALLS" a function when the program ends, and at once "failed NAME
 * CALL FILE+OFFSET"; with $FAULT_LIST also a line "called NAME CALL FILE+OFFSET" a call.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#undef _FILE_OFFSET_BITS /* or open would be open64, and be there twice */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define CALLER __builtin_return_address(0)

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

/* ---- whose call it is ------------------------------------------------------------------------ */

enum { OBJECTS_MAX = 16 };

static struct {
    uintptr_t begin, end;
} objects[OBJECTS_MAX];
static int object_count;

static bool is_ours(const char *path)
{
    static const char *const names[] = { "libquickstep", "libpng", "libjpeg", "libexif" };
    if (path[0] == '\0') /* the executable */
        return true;
    const char *slash = strrchr(path, '/');
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i)
        if (strncmp(slash ? slash + 1 : path, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static int add_object(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size, (void)unused;
    if (!is_ours(info->dlpi_name) || object_count == OBJECTS_MAX)
        return 0;
    uintptr_t end = 0;
    for (int i = 0; i < info->dlpi_phnum; ++i)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X)
            end = info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
    objects[object_count].begin = info->dlpi_addr;
    objects[object_count++].end = info->dlpi_addr + end;
    return 0;
}

static bool from_us(const void *caller)
{
    for (int i = 0; i < object_count; ++i)
        if ((uintptr_t)caller >= objects[i].begin && (uintptr_t)caller < objects[i].end)
            return true;
    return false;
}

/* ---- which call fails ------------------------------------------------------------------------ */

typedef struct function {
    const char *name;
    atomic_ulong calls;
    bool wanted;
} function;

static function memory = { .name = "malloc" }, opens = { .name = "open" },
                reads = { .name = "read" }, writes = { .name = "write" },
                syncs = { .name = "fsync" }, renames = { .name = "rename" },
                maps = { .name = "mmap" };
static function *const functions[] = { &memory, &opens, &reads, &writes, &syncs, &renames, &maps };
enum { FUNCTION_COUNT = sizeof functions / sizeof *functions };

static unsigned long wanted_call;
static int wanted_error;
static bool list;
static int log_file = -1;

static void note(const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (log_file >= 0 && length > 0 && syscall(SYS_write, log_file, line, (size_t)length) < 0)
        log_file = -1;
}

__attribute__((constructor)) static void start(void)
{
    const char *name = getenv("FAULT_FUNCTION"), *call = getenv("FAULT_CALL"),
               *error = getenv("FAULT_ERROR"), *path = getenv("FAULT_LOG");
    wanted_call = call ? strtoul(call, NULL, 10) : 0;
    wanted_error = error ? atoi(error) : 0;
    log_file = path ? (int)syscall(SYS_openat, AT_FDCWD, path,
                                   O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)
                    : -1;
    list = getenv("FAULT_LIST") != NULL;
    for (int i = 0; i < FUNCTION_COUNT; ++i)
        functions[i]->wanted = name && strcmp(name, functions[i]->name) == 0;
    dl_iterate_phdr(add_object, NULL);
}

__attribute__((destructor)) static void end(void)
{
    for (int i = 0; i < FUNCTION_COUNT; ++i)
        note("%s %lu\n", functions[i]->name, atomic_load(&functions[i]->calls));
}

static void note_call(const char *what, const function *f, unsigned long call, const void *caller)
{
    Dl_info where = { 0 };
    dladdr(caller, &where);
    note("%s %s %lu %s+%#lx\n", what, f->name, call, where.dli_fname ? where.dli_fname : "?",
         (unsigned long)((uintptr_t)caller - (uintptr_t)where.dli_fbase));
}

/* Is this call the one that fails? errno is set then. */
static bool fails(function *f, const void *caller)
{
    if (!from_us(caller))
        return false;
    const unsigned long call = atomic_fetch_add(&f->calls, 1) + 1;
    if (list)
        note_call("called", f, call, caller);
    if (!f->wanted || call != wanted_call)
        return false;
    note_call("failed", f, call, caller);
    errno = wanted_error;
    return true;
}

/* ---- memory ---------------------------------------------------------------------------------- */

EXPORT void *malloc(size_t size)
{
    return fails(&memory, CALLER) ? NULL : __libc_malloc(size);
}

EXPORT void *calloc(size_t count, size_t size)
{
    return fails(&memory, CALLER) ? NULL : __libc_calloc(count, size);
}

EXPORT void *realloc(void *old, size_t size)
{
    return fails(&memory, CALLER) ? NULL : __libc_realloc(old, size);
}

static char *copy(const char *text, size_t length)
{
    char *copied = __libc_malloc(length + 1);
    if (copied) {
        memcpy(copied, text, length);
        copied[length] = '\0';
    }
    return copied;
}

EXPORT char *strdup(const char *text)
{
    return fails(&memory, CALLER) ? NULL : copy(text, strlen(text));
}

EXPORT char *strndup(const char *text, size_t most)
{
    return fails(&memory, CALLER) ? NULL : copy(text, strnlen(text, most));
}

EXPORT int vasprintf(char **out, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    const int length = vsnprintf(NULL, 0, format, args);
    *out = length < 0 || fails(&memory, CALLER) ? NULL : __libc_malloc((size_t)length + 1);
    if (*out)
        vsnprintf(*out, (size_t)length + 1, format, again);
    va_end(again);
    return *out ? length : -1;
}

EXPORT int asprintf(char **out, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int length = vsnprintf(NULL, 0, format, args);
    *out = length < 0 || fails(&memory, CALLER) ? NULL : __libc_malloc((size_t)length + 1);
    if (*out)
        vsnprintf(*out, (size_t)length + 1, format, again);
    va_end(again);
    va_end(args);
    return *out ? length : -1;
}

/* The real function, of which there is no other name. Meson builds everything with 64-bit file
 * offsets: the names are those of such programs. */
#define REAL(type, name, ...)                                                                      \
    static type (*real)(__VA_ARGS__);                                                              \
    if (!real)                                                                                     \
    *(void **)&real = dlsym(RTLD_NEXT, name)

EXPORT FILE *fopen(const char *path, const char *mode)
{
    REAL(FILE *, "fopen", const char *, const char *);
    return fails(&opens, CALLER) ? NULL : real(path, mode);
}

EXPORT FILE *fopen64(const char *path, const char *mode)
{
    REAL(FILE *, "fopen64", const char *, const char *);
    return fails(&opens, CALLER) ? NULL : real(path, mode);
}

EXPORT FILE *open_memstream(char **buffer, size_t *size)
{
    REAL(FILE *, "open_memstream", char **, size_t *);
    return fails(&memory, CALLER) ? NULL : real(buffer, size);
}

EXPORT char *realpath(const char *path, char *resolved)
{
    REAL(char *, "realpath", const char *, char *);
    return fails(&memory, CALLER) ? NULL : real(path, resolved);
}

/* ---- files ----------------------------------------------------------------------------------- */

EXPORT int open64(const char *path, int flags, ...)
{
    REAL(int, "open64", const char *, int, ...);
    va_list args;
    va_start(args, flags);
    const mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    return fails(&opens, CALLER) ? -1 : real(path, flags, mode);
}

/* What is done of `size`: -1 an error, half of it, or all. */
static ssize_t part(function *f, const void *caller, size_t size)
{
    if (!fails(f, caller))
        return (ssize_t)size;
    return wanted_error ? -1 : (ssize_t)((size + 1) / 2);
}

EXPORT ssize_t read(int file, void *bytes, size_t size)
{
    REAL(ssize_t, "read", int, void *, size_t);
    const ssize_t wanted = part(&reads, CALLER, size);
    return wanted < 0 ? -1 : real(file, bytes, (size_t)wanted);
}

EXPORT ssize_t pread64(int file, void *bytes, size_t size, off64_t offset)
{
    REAL(ssize_t, "pread64", int, void *, size_t, off64_t);
    const ssize_t wanted = part(&reads, CALLER, size);
    return wanted < 0 ? -1 : real(file, bytes, (size_t)wanted, offset);
}

EXPORT ssize_t write(int file, const void *bytes, size_t size)
{
    REAL(ssize_t, "write", int, const void *, size_t);
    const ssize_t wanted = part(&writes, CALLER, size);
    return wanted < 0 ? -1 : real(file, bytes, (size_t)wanted);
}

EXPORT int fsync(int file)
{
    REAL(int, "fsync", int);
    return fails(&syncs, CALLER) ? -1 : real(file);
}

EXPORT int rename(const char *from, const char *to)
{
    REAL(int, "rename", const char *, const char *);
    return fails(&renames, CALLER) ? -1 : real(from, to);
}

EXPORT void *mmap64(void *address, size_t size, int protection, int flags, int file, off64_t offset)
{
    REAL(void *, "mmap64", void *, size_t, int, int, int, off64_t);
    return fails(&maps, CALLER) ? MAP_FAILED : real(address, size, protection, flags, file, offset);
}
