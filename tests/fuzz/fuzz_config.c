/* libFuzzer: one of a model's four JSON files, chosen by the first byte. */
#include "model/config_reader.h"
#include "weights/file.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (count == 0)
        return 0;
    json_t *root = NULL;
    if (file_parse_json("json", (const char *)bytes + 1, count - 1, &root) != QS_OK)
        return 0;
    model_config config = { .unet = {
                                .num_class_embeds = 5, .in_channels = 4, .out_channels = 4 } };
    qs_status status = QS_OK;
    switch (bytes[0] % 4) {
    case 0: status = config_parse_unet("unet", root, &config.unet); break;
    case 1:
        status = config_parse_scheduler("scheduler", root, &config.arena, &config.scheduler);
        break;
    case 2: status = config_parse_index("index", root, &config); break;
    case 3: status = config_parse_autoencoder("vae", root, &config.autoencoder); break;
    }
    if (status != QS_OK && status != QS_ERROR_MODEL)
        abort();
    for (uint32_t i = 0; status == QS_OK && i < config.label_count; i++)
        if (!config.labels[i])
            abort();
    model_config_finish(&config);
    json_decref(root);
    return 0;
}
