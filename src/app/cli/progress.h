/*
 * One line on standard error that is rewritten while pictures are drawn; nothing where standard
 * error is no terminal. No colours and no escape sequences: carriage return and spaces.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

void cli_progress_init(void);
void cli_progress_off(void); /* --quiet */

/* What the next steps belong to: "pictures 9 to 16 of 20"; "" for nothing. */
void cli_progress_title(const char *title);

/* A qs_progress_fn: shows the step, and cancels when a signal came. */
bool cli_progress_step(void *user, uint32_t steps_done, uint32_t steps);

/* A qs_prepare_fn: says so where it takes longer than half a second. */
void cli_progress_prepare(void *user, uint32_t done, uint32_t total);

/* Any other text in place of the step. */
void cli_progress_show(const char *text);
/* The same for what takes minutes: where nobody sees a moving line, a line of its own every
 * 10 seconds, with how much is done. */
void cli_progress_slow(const char *text, unsigned done);

/* Wipes the line, if there is one. */
void cli_progress_clear(void);

#endif
