#include "coder.h"

#include "engine.h"
#include "options.h"

#include <stdlib.h>

struct poptOption cli_coder_options[] = {
    { "model", 'm', POPT_ARG_STRING, &cli_shared_options.model, CLI_SHARED_FIRST,
      "The folder of an autoencoder, or of a model with one in vae/", "DIR" },
    { "precision", 'p', POPT_ARG_STRING, &cli_shared_options.precision, CLI_SHARED_FIRST + 1,
      "How numbers are stored on the device: f32 (default) or f16", "f32|f16" },
    CLI_END,
};

qs_status cli_coder_open(cli_coder *coder, const char *command)
{
    if (!cli_shared_options.model)
        return app_error(QS_ERROR_USAGE, "'%s' wants --model, the folder of an autoencoder",
                         command);
    const qs_status status =
        app_library(qs_autoencoder_open(cli_shared_options.model, &coder->autoencoder));
    if (status == QS_OK)
        qs_autoencoder_get_info(coder->autoencoder, &coder->info);
    return status;
}

qs_status cli_coder_start(cli_coder *coder, qs_direction direction, uint32_t width, uint32_t height)
{
    const qs_device_options device = { .select = cli_shared_options.device };
    qs_coder_options options = { .direction = direction, .width = width, .height = height };
    qs_status status = QS_OK;
    TRY(cli_precision(&options.precision));
    if (!coder->device)
        QS(qs_device_create(&device, &coder->device));
    qs_coder_destroy(coder->coder);
    coder->coder = NULL;
    QS(qs_coder_create(coder->device, coder->autoencoder, &options, &coder->coder));
fail:
    return status;
}

void cli_coder_close(cli_coder *coder)
{
    qs_coder_destroy(coder->coder);
    qs_autoencoder_destroy(coder->autoencoder);
    qs_device_destroy(coder->device);
    *coder = (cli_coder){ 0 };
}
