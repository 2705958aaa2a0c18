#include "session/session.h"

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* What the plans say. */
static qs_session_memory planned(const qs_session *s)
{
    const program *step = &s->programs.programs[PROGRAM_STEP];
    const program *decode = &s->programs.programs[PROGRAM_DECODE];
    const bool decodes = s->stores[COMPONENT_VAE] != NULL;
    return (qs_session_memory){
        .activation_sum_bytes = step->plan.activation_sum_bytes + decode->plan.activation_sum_bytes,
        .live_max_bytes = larger(step->plan.live_max_bytes, decode->plan.live_max_bytes),
        .node_count = step->graph.node_count,
        .barrier_count = step->plan.barrier_count,
        .decode_arena_bytes = decode->plan.arena_bytes,
        .decode_node_count = decodes ? decode->graph.node_count : 0,
        .decode_barrier_count = decode->plan.barrier_count,
        .available_bytes = gpu_device_limits(s->device)->memory_bytes,
    };
}

void qs_session_get_memory(const qs_session *s, qs_session_memory *memory)
{
    if (!s || !memory)
        return;
    *memory = planned(s);
    for (uint32_t i = 0; i < COMPONENT_COUNT; ++i)
        memory->weights_bytes += weight_store_bytes(s->stores[i]);
    memory->decoder_weights_bytes = weight_store_bytes(s->stores[COMPONENT_VAE]);
    memory->arena_bytes =
        program_set_arena_bytes(&s->programs) + program_set_arena_bytes(&s->forward);
    memory->state_bytes =
        program_set_state_bytes(&s->programs) + program_set_state_bytes(&s->forward);
    memory->allocation_count = gpu_device_allocation_count(s->device);
}

qs_status qs_session_plan(qs_device *device, qs_model *model, const qs_session_options *options,
                          qs_session_memory *memory)
{
    qs_status status = QS_OK;
    qs_session *s = NULL;
    if (!device || !model || !memory)
        return qs_error(QS_ERROR_USAGE,
                        "qs_session_plan: device, model and memory must not be NULL");
    TRY(session_open(device, model, options, &s));
    TRY(session_build_programs(s));
    TRY(program_set_plan(&s->programs));
    const program_need need = program_set_need(&s->programs);
    *memory = planned(s);
    memory->weights_bytes = need.weights_bytes;
    memory->decoder_weights_bytes = program_set_missing_weights(&s->programs, COMPONENT_VAE);
    memory->arena_bytes = need.arena_bytes;
    memory->state_bytes = need.state_bytes;
fail:
    qs_session_destroy(s);
    return status;
}
