/*
 * SIGINT and SIGTERM end the program within a second, with status 128 + signal and without a
 * half-written file. While a picture is drawn the signal is handed to the progress callback, which
 * cancels between two steps; a step that takes longer than that is abandoned. SIGPIPE and
 * SIGXFSZ are ignored: a closed pipe or a full quota is an error of the write.
 */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <stdbool.h>

void cli_signals_init(void);

/* Around a render: a signal is only noted until `finish`. */
void cli_signals_defer(void);
void cli_signals_resume(void);

/* Was a signal noted? The progress callback returns !cli_signals_pending(). */
bool cli_signals_pending(void);

/* 128 + the signal that was noted, 130 if there was none. */
int cli_signals_exit_status(void);

/* Around the writing of a file: signals wait. */
void cli_signals_block(void);
void cli_signals_unblock(void);

#endif
