#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <stdint.h>
#include <windows.h>

/* Files are bytes: no line ends are translated, not even on standard output. */
__attribute__((constructor)) static void set_binary(void)
{
    _fmode = _O_BINARY;
    for (int file = 0; file < 3; file++)
        _setmode(file, _O_BINARY);
}

/* errno for GetLastError(). */
static int fail(void)
{
    static const struct {
        DWORD windows;
        int posix;
    } known[] = {
        { ERROR_FILE_NOT_FOUND, ENOENT },
        { ERROR_PATH_NOT_FOUND, ENOENT },
        { ERROR_ACCESS_DENIED, EACCES },
        { ERROR_SHARING_VIOLATION, EACCES },
        { ERROR_ALREADY_EXISTS, EEXIST },
        { ERROR_DISK_FULL, ENOSPC },
        { ERROR_NOT_ENOUGH_MEMORY, ENOMEM },
        { ERROR_COMMITMENT_LIMIT, ENOMEM },
        { ERROR_FILENAME_EXCED_RANGE, ENAMETOOLONG },
    };
    const DWORD error = GetLastError();
    errno = EIO;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].windows == error)
            errno = known[i].posix;
    return -1;
}

/* ---- names --------------------------------------------------------------------------------- */

int posix_rename(const char *from, const char *to)
{
    return MoveFileExA(from, to, MOVEFILE_REPLACE_EXISTING) ? 0 : fail();
}

int posix_mkdir(const char *path, int mode)
{
    (void)mode; /* what lies in a user's folder is the user's */
    return CreateDirectoryA(path, NULL) ? 0 : fail();
}

int mkostemp(char *name, int flags)
{
    char *end = name + strlen(name) - 6;
    for (int i = 0; i < 100; i++) {
        unsigned bits = 0;
        if (getrandom(&bits, sizeof bits, 0) < 0)
            return -1;
        for (int k = 0; k < 6; k++, bits /= 36)
            end[k] = "abcdefghijklmnopqrstuvwxyz0123456789"[bits % 36];
        const int file = open(name, O_RDWR | O_CREAT | O_EXCL | flags, 0600);
        if (file >= 0 || errno != EEXIST)
            return file;
    }
    return -1;
}

char *realpath(const char *path, char *resolved)
{
    char *full = _fullpath(resolved, path, resolved ? PATH_MAX : 0);
    for (char *c = full; c && *c; c++)
        *c = *c == '\\' ? '/' : *c;
    return full;
}

int dladdr(const void *address, Dl_info *info)
{
    static char name[MAX_PATH];
    HMODULE module;
    const DWORD flags =
        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
    if (!GetModuleHandleExA(flags, address, &module) ||
        GetModuleFileNameA(module, name, sizeof name) == 0)
        return 0;
    info->dli_fname = name;
    return 1;
}

/* ---- files ---------------------------------------------------------------------------------- */

ssize_t pread(int file, void *bytes, size_t count, off_t offset)
{
    OVERLAPPED place = { .Offset = (DWORD)offset, .OffsetHigh = (DWORD)((uint64_t)offset >> 32) };
    const DWORD most = count < 1u << 30 ? (DWORD)count : 1u << 30;
    DWORD got = 0;
    if (!ReadFile((HANDLE)_get_osfhandle(file), bytes, most, &got, &place) &&
        GetLastError() != ERROR_HANDLE_EOF)
        return fail();
    return got;
}

int fsync(int file)
{
    return _commit(file);
}

void *mmap(void *address, size_t size, int protection, int flags, int file, off_t offset)
{
    (void)address, (void)size, (void)protection, (void)flags;
    const HANDLE mapping =
        CreateFileMappingA((HANDLE)_get_osfhandle(file), NULL, PAGE_READONLY, 0, 0, NULL);
    void *map = mapping ? MapViewOfFile(mapping, FILE_MAP_READ, (DWORD)((uint64_t)offset >> 32),
                                        (DWORD)offset, size)
                        : NULL;
    if (!map)
        fail();
    if (mapping)
        CloseHandle(mapping); /* the view keeps it */
    return map ? map : MAP_FAILED;
}

int munmap(void *address, size_t size)
{
    (void)size;
    return UnmapViewOfFile(address) ? 0 : fail();
}

/* ---- a file in memory: a temporary one, read back when it is closed ---------------------------
 */

static struct stream {
    struct stream *next;
    FILE *file;
    char **bytes;
    size_t *size;
} * streams;
static pthread_mutex_t streams_mutex = PTHREAD_MUTEX_INITIALIZER;

FILE *open_memstream(char **bytes, size_t *size)
{
    struct stream *s = malloc(sizeof *s);
    FILE *file = s ? tmpfile() : NULL;
    if (!file) {
        free(s);
        return NULL;
    }
    pthread_mutex_lock(&streams_mutex);
    *bytes = NULL;
    *s = (struct stream){ streams, file, bytes, size };
    streams = s;
    pthread_mutex_unlock(&streams_mutex);
    return file;
}

/* Where the stream of a file is, or would be appended. */
static struct stream **find_stream(FILE *file)
{
    struct stream **at = &streams;
    while (*at && (*at)->file != file)
        at = &(*at)->next;
    return at;
}

#undef fflush
#undef fclose
static bool read_back(const struct stream *s)
{
    const long end = fseek(s->file, 0, SEEK_END) == 0 ? ftell(s->file) : -1;
    char *bytes = end >= 0 ? realloc(*s->bytes, (size_t)end + 1) : NULL;
    if (!bytes)
        return false;
    *s->bytes = bytes;
    rewind(s->file);
    *s->size = fread(bytes, 1, (size_t)end, s->file);
    bytes[*s->size] = '\0';
    return *s->size == (size_t)end && fseek(s->file, 0, SEEK_END) == 0;
}

int posix_fflush(FILE *file)
{
    bool good = fflush(file) == 0;
    pthread_mutex_lock(&streams_mutex);
    struct stream *s = *find_stream(file);
    if (s)
        good = good && read_back(s);
    pthread_mutex_unlock(&streams_mutex);
    return good ? 0 : EOF;
}

int posix_fclose(FILE *file)
{
    const bool good = posix_fflush(file) == 0;
    pthread_mutex_lock(&streams_mutex);
    struct stream **at = find_stream(file), *s = *at;
    if (s)
        *at = s->next;
    pthread_mutex_unlock(&streams_mutex);
    free(s);
    return fclose(file) == 0 && good ? 0 : EOF;
}

/* ---- the rest ------------------------------------------------------------------------------- */

ssize_t getrandom(void *bytes, size_t count, unsigned flags)
{
    (void)flags;
    for (size_t i = 0; i < count; i++) {
        unsigned value;
        if (rand_s(&value) != 0)
            return -1;
        ((unsigned char *)bytes)[i] = (unsigned char)value;
    }
    return (ssize_t)count;
}

long sysconf(int name)
{
    SYSTEM_INFO system;
    MEMORYSTATUSEX memory = { .dwLength = sizeof memory };
    GetSystemInfo(&system);
    if (name == _SC_PAGESIZE)
        return (long)system.dwPageSize;
    return GlobalMemoryStatusEx(&memory) ? (long)(memory.ullTotalPhys / system.dwPageSize) : -1;
}

char *stpcpy(char *to, const char *text)
{
    const size_t length = strlen(text);
    return (char *)memcpy(to, text, length + 1) + length;
}

char *strndup(const char *text, size_t length)
{
    const size_t used = strnlen(text, length);
    char *copy = malloc(used + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, used);
    copy[used] = '\0';
    return copy;
}

char *strsep(char **text, const char *separators)
{
    char *word = *text;
    if (!word)
        return NULL;
    char *end = word + strcspn(word, separators);
    *text = *end ? end + 1 : NULL;
    *end = '\0';
    return word;
}

void *memmem(const void *bytes, size_t size, const void *part, size_t part_size)
{
    for (const char *at = bytes; size >= part_size; at++, size--)
        if (memcmp(at, part, part_size) == 0)
            return (void *)(uintptr_t)at;
    return NULL;
}
