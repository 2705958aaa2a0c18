/*
 * Does synchronization validation see anything? Some releases of the layer leave shaders out of it
 * unless they are told not to, and their silence is taken for proof. So one shader's result is
 * recorded as the input of another one without a barrier between them, and never submitted.
 */
#include "gpu/internal.h"

#include "core/debug.h"
#include "core/log.h"

/* there and back */
static void record(gpu_commands *commands, const gpu_pipeline *copy, const gpu_buffer *memory)
{
    const gpu_slice half[] = { { memory, 0, memory->size / 2 },
                               { memory, memory->size / 2, memory->size / 2 } };
    for (int back = 0; back < 2; ++back)
        gpu_record_dispatch(commands, &(gpu_dispatch){
                                          .pipeline = copy,
                                          .label = "planted",
                                          .bindings = (gpu_slice[]){ half[back], half[!back] },
                                          .binding_count = 2,
                                          .groups = { 1, 1, 1 },
                                      });
}

qs_status gpu_plant_missing_barrier(qs_device *device)
{
    qs_status status = QS_OK;
    gpu_instance *instance = &device->instance;
    gpu_buffer memory = { 0 };
    gpu_commands *commands = NULL;
    const gpu_pipeline *copy = NULL;
    if (!debug_get()->sync)
        return QS_OK;
    TRY(gpu_buffer_create(device, GPU_DEVICE, 2 * GPU_ALIGNMENT, "planted", &memory));
    TRY(gpu_pipeline_get(device, SHADER_roofline_copy, NULL, 0, &copy));
    TRY(gpu_commands_create(device, "planted", 0, &commands));
    TRY(gpu_record_begin(commands));
    atomic_store(&instance->planted, true);
    record(commands, copy, &memory);
    status = gpu_record_end(commands);
    atomic_store(&instance->planted, false);
    if (status == QS_OK && atomic_load(&instance->planted_messages) == 0)
        log_line(QS_LOG_WARNING,
                 "QUICKSTEP_DEBUG=sync: this validation layer does not see a planted "
                 "missing barrier between two shaders: its silence proves nothing");
fail:
    gpu_commands_destroy(device, commands);
    gpu_buffer_destroy(device, &memory);
    return status;
}
