/* A picture to begin from: --init, --strength, --mask, --fit, --colour. */
#ifndef CLI_INIT_H
#define CLI_INIT_H

#include "common/recipe.h"
#include "render.h"

extern struct poptOption cli_init_options[];

/* The files as the model takes them. */
typedef struct cli_init {
    uint8_t *pixels, *mask; /* NULL: none */
} cli_init;

/* What can be told without the model, into the job; first of all. QS_ERROR_USAGE. */
qs_status cli_init_numbers(cli_job *job);
/* Reads the files; the job points to them until cli_init_free. */
qs_status cli_init_read(const cli_engine *engine, cli_init *init, cli_job *job);
void cli_init_free(cli_init *init);

/* Into a recipe: the files' names, and what was in them. */
qs_status cli_init_describe(app_recipe *recipe);
const char *cli_init_path(void); /* NULL: none */

#endif
