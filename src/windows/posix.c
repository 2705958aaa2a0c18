#include <dlfcn.h>
#include <errno.h>
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
