/* quickstep metadata: the recipe of a PNG. */
#include "commands.h"
#include "common/png_file.h"
#include "common/recipe_files.h"

#include <stdlib.h>

static struct {
    int command;
} flags;

static const struct poptOption options[] = {
    { "command", 'c', POPT_ARG_NONE, &flags.command, 1,
      "Print the command that draws the picture again", NULL },
    CLI_INCLUDE(cli_help_options),
    CLI_END,
};

static const char notes[] =
    "Prints the recipe as JSON. The command that --command prints draws the same picture on the\n"
    "same device, into repeat.png; it names the model, not where the model lies, and LoRAs as\n"
    "they were given. A picture that it was begun from, or a mask, is warned of if it is not there\n"
    "or has changed since.\n";

static qs_status run_metadata(const char *path)
{
    if (!path)
        return app_error(QS_ERROR_USAGE, "'metadata' wants the name of a PNG file");
    char *json = NULL, *text = NULL;
    app_recipe recipe;
    qs_status status = QS_OK;
    TRY(app_png_read_recipe(path, &json));
    TRY(app_recipe_from_json(json, &recipe));
    app_recipe_warn_of_files(&recipe);
    text = flags.command ? app_recipe_command(&recipe) : app_recipe_to_json(&recipe);
    if (text)
        puts(text);
    else
        status = app_error(QS_ERROR_MEMORY, "no memory");
fail:
    free(text);
    free(json);
    return status;
}

const cli_command cli_metadata = {
    .name = "metadata",
    .arguments = "FILE.png",
    .summary = "print the recipe of a picture",
    .notes = notes,
    .options = options,
    .run = run_metadata,
};
