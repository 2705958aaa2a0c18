#include "init.h"

#include "common/picture_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INIT_FIRST = 12 };

static struct {
    char *init, *strength, *mask, *fit;
    int colour;
} texts;

static app_fit fit; /* of texts.fit, once cli_init_numbers has read it */

struct poptOption cli_init_options[] = {
    { "init", 'i', POPT_ARG_STRING, &texts.init, INIT_FIRST,
      "Draw from this picture (PNG or JPEG), not from noise alone", "FILE" },
    { "strength", '\0', POPT_ARG_STRING, &texts.strength, INIT_FIRST + 1,
      "How far from that picture: above 0 to 1, where next to nothing is left of it (default: 0.8, "
      "with a mask or --colour 1)",
      "S" },
    { "mask", '\0', POPT_ARG_STRING, &texts.mask, INIT_FIRST + 2,
      "Where to draw: that picture is kept exactly where this one is black or clear, and drawn "
      "anew where it is white",
      "FILE" },
    { "fit", '\0', POPT_ARG_STRING, &texts.fit, INIT_FIRST + 3,
      "What to do with a picture or mask of another size than the model's: crop (its middle, "
      "scaled) or resize (stretched); otherwise it is an error",
      "crop|resize" },
    { "colour", '\0', POPT_ARG_NONE, &texts.colour, INIT_FIRST + 5,
      "Colour it: that picture's luminance is kept, where a mask is black or everywhere, and its "
      "colours are drawn anew; for a model that draws RGB pixels, not latents",
      NULL },
    CLI_END,
};

const char *cli_init_path(void)
{
    return texts.init;
}

static qs_status read_strength(float *strength)
{
    char *end = texts.strength;
    const double value = texts.strength               ? strtod(texts.strength, &end)
                         : texts.mask || texts.colour ? 1
                                                      : 0.8;
    if (texts.strength && (end == texts.strength || *end || !(value >= 1e-6 && value <= 1)))
        return app_error(QS_ERROR_USAGE, "--strength wants a number above 0, up to 1, not '%s'",
                         texts.strength);
    *strength = (float)value;
    return QS_OK;
}

qs_status cli_init_numbers(cli_job *job)
{
    const char *alone = texts.mask       ? "--mask"
                        : texts.strength ? "--strength"
                        : texts.fit      ? "--fit"
                        : texts.colour   ? "--colour"
                                         : NULL;
    if (!texts.init && alone)
        return app_error(QS_ERROR_USAGE, "%s is for --init, and there is none", alone);
    if (!texts.init)
        return QS_OK;
    const qs_status status = read_strength(&job->strength);
    return status == QS_OK ? app_fit_parse(texts.fit, &fit) : status;
}

qs_status cli_init_read(const cli_engine *engine, cli_init *init, cli_job *job)
{
    const qs_model_info *info = &engine->info;
    qs_status status = QS_OK;
    if (!texts.init)
        return QS_OK;
    if (!info->reads_pictures)
        return app_error(QS_ERROR_USAGE,
                         "--init: the autoencoder of the model %s has no encoder: its files hold "
                         "the decoder only",
                         info->name);
    TRY(app_photo_read(texts.init, info->channels, fit, info->width, info->height, &init->pixels));
    if (texts.mask)
        TRY(app_mask_read(texts.mask, fit, info->width, info->height, &init->mask));
    job->init = init->pixels;
    job->mask = init->mask;
    job->keep_luminance = texts.colour;
fail:
    return status;
}

void cli_init_free(cli_init *init)
{
    free(init->pixels);
    free(init->mask);
    *init = (cli_init){ 0 };
}

qs_status cli_init_describe(app_recipe *recipe)
{
    qs_status status = QS_OK;
    if (!texts.init)
        return QS_OK;
    snprintf(recipe->init, sizeof recipe->init, "%s", texts.init);
    snprintf(recipe->mask, sizeof recipe->mask, "%s", texts.mask ? texts.mask : "");
    snprintf(recipe->fit, sizeof recipe->fit, "%s", texts.fit ? texts.fit : "");
    TRY(app_file_hash(texts.init, recipe->init_hash));
    if (texts.mask)
        TRY(app_file_hash(texts.mask, recipe->mask_hash));
fail:
    return status;
}
