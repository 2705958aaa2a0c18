/* libFuzzer: a JSON file, read as each of those that a model has. */
#include "model/config_reader.h"
#include "weights/file.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void check(bool good)
{
    if (!good)
        abort();
}

static bool accepted(qs_status status)
{
    check(status == QS_OK || (status == QS_ERROR_MODEL && qs_last_error()[0]));
    return status == QS_OK;
}

static void read_index(json_t *root)
{
    model_config config = { .unet = {
                                .num_class_embeds = 5, .in_channels = 4, .out_channels = 4 } };
    if (accepted(config_parse_index("index", root, &config)))
        for (uint32_t i = 0; i < config.label_count; i++)
            check(config.labels[i] != NULL);
    model_config_finish(&config);
}

static void read_scheduler(json_t *root)
{
    model_config config = { 0 };
    scheduler_config *s = &config.scheduler;
    if (accepted(config_parse_scheduler("scheduler", root, &config.arena, s))) {
        check(scheduler_steps_max(s) >= 1);
        check(scheduler_default_steps(s, false) >= 1);
    }
    model_config_finish(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    unet_config unet;
    text_encoder_config text_encoder;
    autoencoder_config autoencoder;
    json_t *root = NULL;
    if (file_parse_json("json", (const char *)bytes, count, &root) != QS_OK)
        return 0;
    accepted(config_parse_unet("unet", root, &unet));
    accepted(config_parse_text_encoder("text_encoder", root, &text_encoder));
    accepted(config_parse_autoencoder("vae", root, &autoencoder));
    read_scheduler(root);
    read_index(root);
    json_decref(root);
    return 0;
}
