/*
 * Options of the sub-commands, on popt. Every option has its own `val` (popt's number for it) so
 * that one given twice is noticed; texts are kept until the program ends.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "common/error.h"

#include <popt.h>
#include <stdio.h>

typedef struct cli_command {
    const char *name;
    const char *arguments; /* "[FILTER]": what may follow the options; NULL: nothing */
    const char *summary;   /* one line */
    const char *notes;     /* paragraphs under the options in --help, or NULL */
    const struct poptOption *options;
    qs_status (*run)(const char *argument); /* the one argument, or NULL */
} cli_command;

/* The options that several commands share; their values. */
typedef struct cli_shared {
    char *model, *precision, *device, *variant, *scheduler, *size, *decoder;
    char **loras; /* ended by NULL, or NULL */
    int quiet, no_matrix, no_tune, offload;
} cli_shared;
extern cli_shared cli_shared_options;
extern struct poptOption cli_model_options[];  /* --model, --precision, ... */
extern struct poptOption cli_device_options[]; /* --device, --quiet */
extern struct poptOption cli_help_options[];   /* --help, last in every table */

#define CLI_INCLUDE(table)                                                                         \
    {                                                                                              \
        NULL, '\0', POPT_ARG_INCLUDE_TABLE, table, 0, NULL, NULL                                   \
    }
#define CLI_END                                                                                    \
    {                                                                                              \
        NULL, '\0', 0, NULL, 0, NULL, NULL                                                         \
    }

/* Every option's value is below 80. */
enum { CLI_SHARED_FIRST = 40, CLI_HELP = 63, CLI_SHARED_MORE = 64, CLI_OPTIONS_MAX = 80 };

/* Reads the options of a command into their variables and runs it; --help prints its help. */
qs_status cli_run(const cli_command *command, int argc, char **argv);
void cli_print_help(const cli_command *command);

/* A whole number from min to max. QS_ERROR_USAGE names the option. */
qs_status cli_number(const char *option, const char *text, uint64_t min, uint64_t max,
                     uint64_t *number);
/* The same where the option may be absent: text NULL leaves *number as it is. */
qs_status cli_count(const char *option, const char *text, uint32_t min, uint32_t max,
                    uint32_t *number);

/* Text NULL leaves *number as it is. */
qs_status cli_real(const char *option, const char *text, double min, double max, float *number);

/* The candidate nearest to `word` if it is near enough for a slip of the finger, or NULL. */
typedef struct cli_nearest {
    const char *word, *best;
    size_t distance;
} cli_nearest;
void cli_nearest_try(cli_nearest *nearest, const char *candidate);

#endif
