#include "tensors.h"

#include "common/output.h"
#include "common/signals.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *cli_shape_text(const qs_tensor *tensor)
{
    static char text[QS_RANK_MAX * 24 + 2];
    size_t used = (size_t)snprintf(text, sizeof text, "[");
    for (uint32_t i = 0; i < tensor->rank; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%" PRIu64, i ? ", " : "",
                                 tensor->shape[i]);
    snprintf(text + used, sizeof text - used, "]");
    return text;
}

qs_status cli_read_values(const qs_safetensors *file, const qs_tensor *tensor, size_t count,
                          float **values)
{
    float *numbers = calloc(count, sizeof *numbers);
    if (!numbers)
        return app_error(QS_ERROR_MEMORY, "no memory for %zu numbers", count);
    const qs_status status = app_library(qs_safetensors_read_floats(file, tensor, numbers));
    if (status == QS_OK)
        *values = numbers;
    else
        free(numbers);
    return status;
}

qs_status cli_read_latents(const cli_engine *engine, const char *path, const qs_safetensors *file,
                           const char *name, uint32_t channels, uint32_t count_max, float **values,
                           uint32_t *count)
{
    const qs_model_info *info = &engine->info;
    const qs_tensor *tensor = qs_safetensors_find(file, name);
    if (!tensor)
        return app_error(QS_ERROR_USAGE, "%s has no tensor \"%s\"", path, name);
    if (tensor->rank != 4 || tensor->shape[0] < 1 || tensor->shape[0] > count_max ||
        tensor->shape[1] != channels || tensor->shape[2] != info->latent_height ||
        tensor->shape[3] != info->latent_width)
        return app_error(QS_ERROR_USAGE,
                         "%s: \"%s\" is %s, the model %s wants [1 to %u, %u, %u, %u]", path, name,
                         cli_shape_text(tensor), info->name, count_max, channels,
                         info->latent_height, info->latent_width);
    *count = (uint32_t)tensor->shape[0];
    return cli_read_values(
        file, tensor, (size_t)*count * channels * info->latent_height * info->latent_width, values);
}

qs_status cli_read_step_latents(const cli_engine *engine, const char *path,
                                const qs_safetensors *file, const char *name, uint32_t steps,
                                uint32_t count, float **values)
{
    const qs_model_info *info = &engine->info;
    const uint64_t wanted[] = { steps, count, info->latent_channels, info->latent_height,
                                info->latent_width };
    const qs_tensor *tensor = qs_safetensors_find(file, name);
    if (!tensor)
        return QS_OK;
    if (tensor->rank != 5 || memcmp(tensor->shape, wanted, sizeof wanted) != 0)
        return app_error(QS_ERROR_USAGE, "%s: \"%s\" is %s, wanted is [%u, %u, %u, %u, %u]", path,
                         name, cli_shape_text(tensor), steps, count, info->latent_channels,
                         info->latent_height, info->latent_width);
    return cli_read_values(file, tensor,
                           (size_t)steps * count * info->latent_channels * info->latent_height *
                               info->latent_width,
                           values);
}

qs_status cli_read_vector(const char *path, const qs_safetensors *file, const char *name,
                          bool required, uint32_t count, float **values)
{
    const qs_tensor *tensor = qs_safetensors_find(file, name);
    if (!tensor && !required)
        return QS_OK;
    if (!tensor)
        return app_error(QS_ERROR_USAGE, "%s has no tensor \"%s\"", path, name);
    const bool is_one = tensor->rank == 0 || (tensor->rank == 1 && tensor->shape[0] == 1);
    if (!is_one && (tensor->rank != 1 || tensor->shape[0] != count))
        return app_error(QS_ERROR_USAGE, "%s: \"%s\" is %s, not [%u] or one number", path, name,
                         cli_shape_text(tensor), count);
    const qs_status status = cli_read_values(file, tensor, count, values);
    for (uint32_t i = 1; status == QS_OK && is_one && i < count; i++)
        (*values)[i] = (*values)[0];
    return status;
}

qs_status cli_write_pictures(const char *path, const char *name, const float *values, uint32_t n,
                             uint32_t c, uint32_t h, uint32_t w, const char *const *metadata)
{
    const qs_tensor tensor = {
        .name = name,
        .dtype = QS_DTYPE_F32,
        .rank = 4,
        .shape = { n, c, h, w },
        .data = values,
        .size_bytes = (size_t)n * c * h * w * sizeof(float),
    };
    const qs_status status = app_output_check(path);
    if (status != QS_OK)
        return status;
    app_signals_block();
    const qs_status written = app_library(qs_safetensors_write(path, &tensor, 1, metadata));
    app_signals_unblock();
    return written;
}
