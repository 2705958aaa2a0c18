/* quickstep encode: a picture to a latent. */
#include "coder.h"
#include "commands.h"
#include "common/picture_file.h"
#include "picture.h"
#include "tensors.h"

#include <stdlib.h>
#include <string.h>

static char *output, *fit_name;

static const struct poptOption options[] = {
    { "output", 'o', POPT_ARG_STRING, &output, 1,
      "Where to: the tensor \"latent\" [1, c, h / 8, w / 8]", "FILE.safetensors" },
    { "fit", '\0', POPT_ARG_STRING, &fit_name, 2,
      "What to do with a picture whose sides are no multiples of 8: crop (its middle) or resize "
      "(to the nearest); otherwise it is an error",
      "crop|resize" },
    CLI_INCLUDE(cli_coder_options),
    CLI_INCLUDE(cli_device_options),
    CLI_INCLUDE(cli_help_options),
    CLI_END,
};

static const char notes[] =
    "--model is the folder of an autoencoder (diffusers' AutoencoderKL or AutoencoderTiny: TAESD, "
    "TAEF2), or\n"
    "that of a model with one in vae/; tools/convert_taesd.py makes one of its author's files.\n"
    "The picture's width and height are multiples of 8 (or of what 'quickstep inspect' says), or "
    "made\n"
    "so by --fit. It is turned as its EXIF orientation says; a colour profile is not applied.\n"
    "The latent is as the network gives it: not scaled, not rounded; of AutoencoderKL the mean.\n";

static qs_status encode(cli_coder *coder, const float *picture, uint32_t width, uint32_t height)
{
    const qs_autoencoder_info *info = &coder->info;
    const uint32_t w = width / info->factor, h = height / info->factor;
    qs_status status = QS_OK;
    float *latent = calloc((size_t)info->latent_channels * h * w, sizeof *latent);
    if (!latent)
        return app_error(QS_ERROR_MEMORY, "no memory for the latent");
    QS(qs_coder_encode(coder->coder, picture, latent));
    TRY(cli_write_pictures(output, "latent", latent, 1, info->latent_channels, h, w, NULL));
    printf("%s: latent [1, %u, %u, %u]\n", output, info->latent_channels, h, w);
fail:
    free(latent);
    return status;
}

static qs_status run_encode(const char *path)
{
    cli_coder coder = { 0 };
    cli_target target;
    app_fit fit;
    float *picture = NULL;
    uint32_t width = 0, height = 0;
    qs_status status = QS_OK;
    if (!path || !output)
        return app_error(QS_ERROR_USAGE,
                         "'encode' wants a picture and --output: quickstep encode -m DIR photo.png "
                         "-o latent.safetensors");
    TRY(cli_target_init(&target, output));
    if (target.format != CLI_SAFETENSORS || target.numbered)
        TRY(app_error(QS_ERROR_USAGE, "-o %s: a latent is one .safetensors file", output));
    TRY(app_fit_parse(fit_name, &fit));
    TRY(cli_coder_open(&coder, "encode"));
    TRY(app_picture_read(path, coder.info.image_channels, fit, coder.info.factor, &picture, &width,
                         &height));
    TRY(cli_coder_start(&coder, QS_ENCODE, width, height));
    TRY(encode(&coder, picture, width, height));
fail:
    free(picture);
    cli_coder_close(&coder);
    return status;
}

const cli_command cli_encode = {
    .name = "encode",
    .arguments = "PICTURE",
    .summary = "a PNG or JPEG to a latent, with an autoencoder",
    .notes = notes,
    .options = options,
    .run = run_encode,
};
