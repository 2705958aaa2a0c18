/* What pclose returns is a program's exit status itself. */
#ifndef QS_WINDOWS_WAIT_H
#define QS_WINDOWS_WAIT_H

#define WIFEXITED(status) ((status) >= 0)
#define WEXITSTATUS(status) (status)

#endif
