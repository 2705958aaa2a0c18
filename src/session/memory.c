#include "session/session.h"

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void qs_session_get_memory(const qs_session *s, qs_session_memory *memory)
{
    if (!s || !memory)
        return;
    const program *step = &s->programs.programs[PROGRAM_STEP];
    const program *decode = &s->programs.programs[PROGRAM_DECODE];
    const weight_store *vae = s->stores[COMPONENT_VAE];
    uint64_t weights = 0;
    for (uint32_t i = 0; i < COMPONENT_COUNT; ++i)
        weights += weight_store_bytes(s->stores[i]);
    *memory = (qs_session_memory){
        .weights_bytes = weights,
        .arena_bytes = program_set_arena_bytes(&s->programs) + program_set_arena_bytes(&s->forward),
        .activation_sum_bytes = step->plan.activation_sum_bytes + decode->plan.activation_sum_bytes,
        .live_max_bytes = larger(step->plan.live_max_bytes, decode->plan.live_max_bytes),
        .state_bytes = program_set_state_bytes(&s->programs) + program_set_state_bytes(&s->forward),
        .node_count = step->graph.node_count,
        .barrier_count = step->plan.barrier_count,
        .allocation_count = gpu_device_allocation_count(s->device),
        .decoder_weights_bytes = weight_store_bytes(vae),
        .decode_arena_bytes = decode->plan.arena_bytes,
        .decode_node_count = vae ? decode->graph.node_count : 0,
        .decode_barrier_count = decode->plan.barrier_count,
    };
}
