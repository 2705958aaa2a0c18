/* Pictures to files: one PNG, a PNG per picture, safetensors. */
#ifndef CLI_PICTURE_H
#define CLI_PICTURE_H

#include "common/png_file.h"
#include "common/recipe.h"
#include "engine.h"

typedef enum cli_format { CLI_PNG, CLI_SAFETENSORS } cli_format;

typedef struct cli_target {
    const char *path; /* "-": PNG to standard output */
    cli_format format;
    bool numbered; /* the name has %d or %03d: one file per picture, from 0 */
} cli_target;

/* From the file's name. QS_ERROR_USAGE: no such format; QS_ERROR_WRITE: cannot be written. */
qs_status cli_target_init(cli_target *target, const char *path);

/* The name with the number in the place of its %d; to be freed by the caller, NULL without memory.
 */
char *cli_numbered_path(const char *pattern, uint32_t number);

/* Writes `count` pictures, of one file in a near-square grid. The recipe's seed is the first
 * picture's; its count is set to the file's. */
qs_status cli_write_png(const cli_target *target, const cli_engine *engine,
                        const app_recipe *recipe, const uint8_t *pixels, uint32_t count);
qs_status cli_write_safetensors(const cli_target *target, const cli_engine *engine,
                                const app_recipe *recipe, const float *floats, uint32_t count);

#endif
