#include "common/output.h"

#include "common/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void app_output_init(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

static bool is_stdout(const char *path)
{
    return strcmp(path, "-") == 0;
}

/* How much of a path is its folder, with the separator; 0: it is in the current one. */
static int folder_length(const char *path)
{
    size_t length = strlen(path);
    while (length > 0 && !strchr(QS_PATH_SEPARATORS, path[length - 1]))
        length--;
    return (int)length;
}

qs_status app_output_check(const char *path)
{
    if (is_stdout(path))
        return QS_OK;
    struct stat info;
    if (stat(path, &info) == 0) {
        if (!S_ISREG(info.st_mode))
            return app_error(QS_ERROR_WRITE, "%s is not a file", path);
        if (access(path, W_OK) != 0) /* a rename would replace it all the same */
            return app_error(QS_ERROR_WRITE, "%s: %s", path, strerror(errno));
    } else if (errno == ENAMETOOLONG) {
        return app_error(QS_ERROR_WRITE, "cannot write %s: %s", path, strerror(errno));
    }
    char folder[4096] = ".";
    if (folder_length(path) > 0)
        snprintf(folder, sizeof folder, "%.*s", folder_length(path), path);
    if (access(folder, W_OK | X_OK) != 0)
        return app_error(QS_ERROR_WRITE, "cannot write %s: %s", path, strerror(errno));
    return QS_OK;
}

static int write_all(int fd, const char *data, size_t size_bytes)
{
    while (size_bytes > 0) {
        const ssize_t written = write(fd, data, size_bytes);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        data += written;
        size_bytes -= (size_t)written;
    }
    return 0;
}

/* "dir/.NAME.PID.tmp": the same folder, so that the rename stays inside one file system; less than
 * NAME where that leaves no room for the rest. */
static char *temporary_name(const char *path)
{
    const int folder = folder_length(path);
    char *name = NULL;
    if (asprintf(&name, "%.*s.%.200s.%ld.tmp", folder, path, path + folder, (long)getpid()) < 0)
        return NULL;
    return name;
}

/* close reports what a network file system could not store, fsync what a disk could not: a rename
 * without them could leave an empty file under the right name. */
static int write_file(const char *name, const void *data, size_t size_bytes)
{
    const int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return -1;
    if (write_all(fd, data, size_bytes) != 0 || fsync(fd) != 0) {
        const int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return close(fd);
}

qs_status app_output_write(const char *path, const void *data, size_t size_bytes)
{
    if (is_stdout(path)) {
        fflush(stdout);
        if (write_all(STDOUT_FILENO, data, size_bytes) != 0)
            return app_error(QS_ERROR_WRITE, "standard output: %s", strerror(errno));
        return QS_OK;
    }
    qs_status status = app_output_check(path);
    if (status != QS_OK)
        return status;
    char *name = temporary_name(path);
    if (!name)
        return app_error(QS_ERROR_MEMORY, "no memory");
    app_signals_block();
    if (write_file(name, data, size_bytes) != 0 || rename(name, path) != 0) {
        status = app_error(QS_ERROR_WRITE, "cannot write %s: %s", path, strerror(errno));
        unlink(name);
    }
    app_signals_unblock();
    free(name);
    return status;
}
