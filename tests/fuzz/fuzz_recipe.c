/* libFuzzer: the recipe that a picture carries, JSON. What is accepted is written as the same text
 * again, and as a command that a shell takes for nothing but words. */
#include "common/recipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void check(bool good, const char *what, const char *text)
{
    if (good)
        return;
    fprintf(stderr, "%s: %s\n", what, text);
    abort();
}

/* Everything special is between single quotes, or is one behind a backslash. */
static void check_command(const char *command)
{
    bool quoted = false;
    for (const char *c = command; *c; ++c) {
        check((unsigned char)*c >= 0x20 && *c != 0x7f, "a control character", command);
        if (*c == '\'')
            quoted = !quoted;
        else if (!quoted && *c == '\\' && c[1] == '\'')
            ++c;
        else
            check(quoted || strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                   "_.,:/-+= ",
                                   *c),
                  "not quoted", command);
    }
    check(!quoted, "an open quote", command);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static app_recipe recipe, again;
    char *text = malloc(count + 1);
    memcpy(text, bytes, count);
    text[count] = '\0';
    const qs_status status = app_recipe_from_json(text, &recipe);
    check(status == QS_OK || status == QS_ERROR_OTHER, "another status", text);
    if (status == QS_OK) {
        char *written = app_recipe_to_json(&recipe);
        check(written && app_recipe_from_json(written, &again) == QS_OK, app_error_message(), text);
        char *rewritten = app_recipe_to_json(&again), *command = app_recipe_command(&recipe);
        check(rewritten && strcmp(written, rewritten) == 0, "another recipe", written);
        check_command(command);
        free(written);
        free(rewritten);
        free(command);
    }
    free(text);
    return 0;
}
