#include "common/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

qs_status app_input_open(const char *path, FILE **file)
{
    struct stat info;
    qs_status status = QS_OK;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &info) != 0)
        TRY(app_error(QS_ERROR_USAGE, "%s: %s", path, strerror(errno)));
    if (!S_ISREG(info.st_mode))
        TRY(app_error(QS_ERROR_USAGE, "%s is not a file", path));
    *file = fdopen(fd, "rb");
    if (!*file)
        TRY(app_error(QS_ERROR_USAGE, "%s: %s", path, strerror(errno)));
    return QS_OK;
fail:
    if (fd >= 0)
        close(fd);
    return status;
}
