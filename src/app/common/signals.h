/*
 * SIGINT and SIGTERM end the program within a second (a window 3), with status 128 + signal and
 * without a half-written file. While a picture is drawn the signal is handed to the progress
 * callback, which cancels between two steps, and while a window is open to its loop, which ends as
 * if it had been closed; a step that takes longer than that is abandoned. SIGPIPE and SIGXFSZ are
 * ignored: a closed pipe or a full quota is an error of the write.
 */
#ifndef APP_SIGNALS_H
#define APP_SIGNALS_H

#include <stdbool.h>

void app_signals_init(void);

enum { APP_SIGNALS_SOON_MS = 500 };

/* Around what looks whether one is pending: a signal is only noted, and ends the program so much
 * later if nothing else has. */
void app_signals_defer(unsigned ms);
void app_signals_resume(void);

/* Was a signal noted? The progress callback returns !app_signals_pending(). */
bool app_signals_pending(void);

/* 128 + the signal that was noted, 130 if there was none. */
int app_signals_exit_status(void);

/* Around the writing of a file: signals wait. */
void app_signals_block(void);
void app_signals_unblock(void);

#endif
