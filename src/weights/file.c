#include "weights/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { JSON_BYTES_MAX = 16 * 1024 * 1024 };

static const char *kind_name(mode_t mode)
{
    if (S_ISDIR(mode))
        return "a directory";
    if (S_ISFIFO(mode))
        return "a FIFO";
    if (S_ISSOCK(mode))
        return "a socket";
    return "a device";
}

/* The files of a Hugging Face cache are links to blobs, of which one may be missing. */
static qs_status refuse_open(const char *path, int error)
{
    struct stat info;
    if (error == ENOENT && lstat(path, &info) == 0)
        return qs_error(QS_ERROR_MODEL,
                        "%s: is a link to a file that is not there: an incomplete download?", path);
    return qs_error(QS_ERROR_MODEL, "%s: cannot open: %s", path, strerror(error));
}

qs_status file_open(const char *path, int *fd, uint64_t *size_bytes)
{
    /* O_NONBLOCK: a FIFO without a writer would block the open itself. */
    const int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (opened < 0)
        return refuse_open(path, errno);
    struct stat info;
    if (fstat(opened, &info) != 0) {
        const int error = errno;
        close(opened);
        return qs_error(QS_ERROR_MODEL, "%s: cannot stat: %s", path, strerror(error));
    }
    if (!S_ISREG(info.st_mode)) {
        close(opened);
        return qs_error(QS_ERROR_MODEL, "%s: is %s, not a file", path, kind_name(info.st_mode));
    }
    *fd = opened;
    *size_bytes = (uint64_t)info.st_size;
    return QS_OK;
}

qs_status file_read(int fd, const char *path, uint64_t offset, void *bytes, size_t count)
{
    for (size_t done = 0; done < count;) {
        const size_t left = count - done, most = (size_t)1 << 30;
        const ssize_t got =
            pread(fd, (char *)bytes + done, left < most ? left : most, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return qs_error(QS_ERROR_MODEL, "%s: cannot read: %s", path, strerror(errno));
        if (got == 0)
            return qs_error(QS_ERROR_MODEL,
                            "%s: the file has shrunk since it was opened: it ends at byte %llu, "
                            "byte %llu was wanted",
                            path, (unsigned long long)(offset + done),
                            (unsigned long long)(offset + count));
        done += (size_t)got;
    }
    return QS_OK;
}

qs_status file_exists(const char *path, bool *exists)
{
    struct stat info;
    *exists = lstat(path, &info) == 0;
    if (!*exists && errno != ENOENT && errno != ENOTDIR)
        return qs_error(QS_ERROR_MODEL, "%s: cannot open: %s", path, strerror(errno));
    return QS_OK;
}

/* Python's json writes the floats that JSON has no words for; where one begins, its length. */
static size_t python_number(const char *text, size_t size)
{
    static const char *const words[] = { "NaN", "Infinity", "-Infinity" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const size_t length = strlen(words[i]);
        if (length <= size && memcmp(text, words[i], length) == 0)
            return length;
    }
    return 0;
}

/* to: `text` with every such number in quotes; room for twice the size. Returns the length. */
static size_t quote_python_numbers(const char *text, size_t size, char *to)
{
    size_t used = 0;
    bool in_string = false;
    for (size_t i = 0; i < size; i++) {
        const size_t length = in_string ? 0 : python_number(text + i, size - i);
        if (length > 0) {
            to[used++] = '"';
            memcpy(to + used, text + i, length);
            used += length;
            to[used++] = '"';
            i += length - 1;
            continue;
        }
        if (in_string && text[i] == '\\' && i + 1 < size)
            to[used++] = text[i++];
        else if (text[i] == '"')
            in_string = !in_string;
        to[used++] = text[i];
    }
    return used;
}

qs_status file_parse_json(const char *path, const char *text, size_t size, json_t **object)
{
    qs_status status = QS_OK;
    json_error_t error, unused;
    char *quoted = NULL;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        quoted = malloc(2 * size + 1);
        if (!quoted)
            TRY(qs_error(QS_ERROR_MEMORY, "%s: no memory for %zu bytes", path, 2 * size));
        root = json_loadb(quoted, quote_python_numbers(text, size, quoted), JSON_REJECT_DUPLICATES,
                          &unused);
    }
    if (!root)
        TRY(qs_error(QS_ERROR_MODEL, "%s: not valid JSON: %s (line %d, column %d)", path,
                     text_clean(error.text).text, error.line, error.column));
    if (!json_is_object(root))
        TRY(qs_error(QS_ERROR_MODEL, "%s: is a JSON array, an object is needed", path));
    *object = json_incref(root);
fail:
    json_decref(root);
    free(quoted);
    return status;
}

qs_status file_read_json(const char *path, json_t **object)
{
    qs_status status = QS_OK;
    char *text = NULL;
    uint64_t size = 0;
    int fd = -1;

    TRY(file_open(path, &fd, &size));
    if (size > JSON_BYTES_MAX)
        TRY(qs_error(QS_ERROR_MODEL, "%s: has %llu bytes, at most %d are read", path,
                     (unsigned long long)size, JSON_BYTES_MAX));
    text = malloc(size + 1);
    if (!text)
        TRY(qs_error(QS_ERROR_MEMORY, "%s: no memory for %llu bytes", path,
                     (unsigned long long)size));
    TRY(file_read(fd, path, 0, text, size));
    TRY(file_parse_json(path, text, size, object));
fail:
    free(text);
    if (fd >= 0)
        close(fd);
    return status;
}

static bool is_control(const unsigned char *c)
{
    return *c < 0x20 || *c == 0x7f ||
           (*c == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f); /* U+0080 to U+009F in UTF-8 */
}

bool text_has_control(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (is_control(c))
            return true;
    return false;
}

clean_text text_clean(const char *text)
{
    clean_text clean = { "" };
    const size_t room = sizeof clean.text - sizeof "...";
    size_t used = 0;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        const bool starts_character = (*c & 0xc0) != 0x80;
        if (used >= room - 4 && starts_character) { /* the longest character has 4 bytes */
            memcpy(clean.text + used, "...", 4);
            return clean;
        }
        if (used >= room) /* not UTF-8 */
            break;
        const bool control = is_control(c);
        if (control && *c == 0xc2)
            c++;
        clean.text[used++] = control ? '?' : (char)*c;
    }
    return clean;
}
