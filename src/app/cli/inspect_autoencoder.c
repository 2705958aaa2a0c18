#include "coder.h"
#include "inspect.h"
#include "options.h"

#include <inttypes.h>
#include <stdlib.h>

enum { SIDE = 512 }; /* of the square picture that is planned for, about */

bool cli_is_autoencoder(void)
{
    const char *name = cli_shared_options.model ? cli_shared_options.model : QS_DEFAULT_MODEL;
    char path[QS_PATH_SIZE];
    return qs_model_find(name, path) == QS_OK && qs_autoencoder_probe(path);
}

static void print_info(const qs_autoencoder_info *info)
{
    printf("model       %s, %s: see 'quickstep help encode'\n", info->name, info->class_name);
    printf("picture     any multiple of %u pixels a side, %u channels\n", info->factor,
           info->image_channels);
    printf("latent      a side %u times smaller, %u channels\n", info->factor,
           info->latent_channels);
    printf("halves      %s%s%s\n", info->has_encoder ? "encoder" : "",
           info->has_encoder && info->has_decoder ? ", " : "", info->has_decoder ? "decoder" : "");
    if (info->force_upcast)
        printf("precision   f32 only: its config.json has force_upcast\n");
    printf("parameters  %" PRIu64 "\n", info->parameter_count);
}

static qs_status print_direction(cli_coder *coder, qs_direction direction)
{
    const uint32_t factor = coder->info.factor, side = (SIDE + factor - 1) / factor * factor;
    qs_session_memory memory;
    const qs_status status = cli_coder_start(coder, direction, side, side);
    if (status != QS_OK)
        return status;
    qs_coder_get_memory(coder->coder, &memory);
    printf("\n%s      a picture of %u x %u\n", direction == QS_DECODE ? "decode" : "encode", side,
           side);
    cli_print_plan(&memory);
    return QS_OK;
}

qs_status cli_inspect_autoencoder(void)
{
    cli_coder coder = { 0 };
    qs_status status = QS_OK;
    TRY(cli_coder_open(&coder, "inspect"));
    print_info(&coder.info);
    if (coder.info.has_encoder)
        TRY(print_direction(&coder, QS_ENCODE));
    if (coder.info.has_decoder)
        TRY(print_direction(&coder, QS_DECODE));
fail:
    cli_coder_close(&coder);
    return status;
}
