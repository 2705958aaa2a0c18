/* quickstep decode: latents to pictures. */
#include "coder.h"
#include "commands.h"
#include "common/montage.h"
#include "picture.h"
#include "tensors.h"

#include <stdlib.h>
#include <string.h>

static char *output;

static const struct poptOption options[] = {
    { "output", 'o', POPT_ARG_STRING, &output, 1,
      "Where to: FILE.png, FILE.safetensors (the floats, not clipped), or - for a PNG on standard "
      "output",
      "FILE" },
    CLI_INCLUDE(cli_coder_options),
    CLI_INCLUDE(cli_device_options),
    CLI_INCLUDE(cli_help_options),
    CLI_END,
};

static const char notes[] =
    "LATENT is a safetensors file with the tensor \"latent\" [n, c, h, w], as 'encode' writes it "
    "or a\n"
    "latent diffusion model leaves it behind for its VAE. Several latents become one PNG, a grid.\n"
    "--model is the folder of an autoencoder, see 'quickstep help encode'.\n";

typedef struct latents {
    float *values;
    uint32_t count, width, height; /* of a latent */
} latents;

static qs_status read_latents(const cli_coder *coder, const char *path, latents *in)
{
    const qs_autoencoder_info *info = &coder->info;
    const uint64_t side_max = QS_CODER_PIXELS_MAX;
    qs_safetensors *file = NULL;
    qs_status status = QS_OK;
    QS(qs_safetensors_open(path, &file));
    const qs_tensor *t = qs_safetensors_find(file, "latent");
    if (!t)
        TRY(app_error(QS_ERROR_USAGE, "%s has no tensor \"latent\"", path));
    if (t->rank != 4 || t->shape[0] < 1 || t->shape[0] > QS_BATCH_MAX ||
        t->shape[1] != info->latent_channels || t->shape[2] < 1 || t->shape[2] > side_max ||
        t->shape[3] < 1 || t->shape[3] > side_max)
        TRY(app_error(QS_ERROR_USAGE,
                      "%s: \"latent\" is %s, the model %s wants [1 to %u, %u, h, w]", path,
                      cli_shape_text(t), info->name, QS_BATCH_MAX, info->latent_channels));
    in->count = (uint32_t)t->shape[0];
    in->height = (uint32_t)t->shape[2];
    in->width = (uint32_t)t->shape[3];
    TRY(cli_read_values(file, t, (size_t)(t->size_bytes / qs_dtype_size_bytes(t->dtype)),
                        &in->values));
fail:
    qs_safetensors_close(file);
    return status;
}

/* All pictures, as floats or as RGBA8. */
typedef struct pictures {
    float *floats;
    uint8_t *pixels;
    uint32_t width, height;
} pictures;

static qs_status decode_all(cli_coder *coder, const latents *in, bool want_floats, pictures *out)
{
    const qs_autoencoder_info *info = &coder->info;
    const size_t plane = (size_t)out->width * out->height;
    const size_t latent_size = (size_t)info->latent_channels * in->width * in->height;
    if (want_floats)
        out->floats = calloc(in->count, plane * info->image_channels * sizeof(float));
    else
        out->pixels = calloc(in->count, plane * 4);
    if (!out->floats && !out->pixels)
        return app_error(QS_ERROR_MEMORY, "no memory for %u pictures", in->count);
    for (uint32_t i = 0; i < in->count; i++) {
        float *floats = want_floats ? out->floats + i * plane * info->image_channels : NULL;
        uint8_t *pixels = want_floats ? NULL : out->pixels + i * plane * 4;
        const qs_status status = app_library(
            qs_coder_decode(coder->coder, in->values + i * latent_size, floats, pixels));
        if (status != QS_OK)
            return status;
    }
    return QS_OK;
}

static qs_status write_png(const cli_target *target, const qs_autoencoder_info *info,
                           const pictures *drawn, uint32_t count)
{
    app_image image = { .has_alpha = info->image_channels == 4 };
    qs_status status = app_montage(drawn->pixels, count, drawn->width, drawn->height,
                                   app_montage_columns(count), 1, &image);
    if (status == QS_OK)
        status = app_png_write(target->path, &image, NULL);
    app_montage_free(&image);
    return status;
}

static qs_status decode(cli_coder *coder, const cli_target *target, const latents *in)
{
    const qs_autoencoder_info *info = &coder->info;
    pictures drawn = { .width = in->width * info->factor, .height = in->height * info->factor };
    qs_status status = QS_OK;
    TRY(cli_coder_start(coder, QS_DECODE, drawn.width, drawn.height));
    TRY(decode_all(coder, in, target->format == CLI_SAFETENSORS, &drawn));
    if (target->format == CLI_SAFETENSORS)
        TRY(cli_write_pictures(target->path, "sample", drawn.floats, in->count,
                               info->image_channels, drawn.height, drawn.width, NULL));
    else
        TRY(write_png(target, info, &drawn, in->count));
    fprintf(strcmp(target->path, "-") == 0 ? stderr : stdout, "%s: %u x (%u x %u)\n", target->path,
            in->count, drawn.width, drawn.height);
fail:
    free(drawn.floats);
    free(drawn.pixels);
    return status;
}

static qs_status run_decode(const char *path)
{
    cli_coder coder = { 0 };
    cli_target target;
    latents in = { 0 };
    qs_status status = QS_OK;
    if (!path)
        return app_error(QS_ERROR_USAGE, "'decode' wants a latent: quickstep decode -m DIR "
                                         "latent.safetensors -o picture.png");
    TRY(cli_target_init(&target, output));
    if (target.numbered)
        TRY(app_error(QS_ERROR_USAGE, "-o %s: 'decode' writes one file, without a number", output));
    TRY(cli_coder_open(&coder, "decode"));
    TRY(read_latents(&coder, path, &in));
    TRY(decode(&coder, &target, &in));
fail:
    free(in.values);
    cli_coder_close(&coder);
    return status;
}

const cli_command cli_decode = {
    .name = "decode",
    .arguments = "LATENT",
    .summary = "latents to a PNG, with an autoencoder",
    .notes = notes,
    .options = options,
    .run = run_decode,
};
