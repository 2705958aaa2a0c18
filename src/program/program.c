#include "program/program.h"

#include "program/layout.h"
#include "program/matrix_trial.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

qs_status program_storage(qs_device *device, qs_precision precision, dtype *storage)
{
    if (precision != QS_F32 && precision != QS_F16)
        return qs_error(QS_ERROR_USAGE, "precision %d is neither QS_F32 nor QS_F16",
                        (int)precision);
    if (precision == QS_F16 && !gpu_device_limits(device)->f16)
        return qs_error(QS_ERROR_DEVICE, "this device has no 16-bit floats: use float32");
    *storage = precision == QS_F16 ? DTYPE_F16 : DTYPE_F32;
    return precision == QS_F16 ? matrix_trial(device) : QS_OK;
}

/* ---- what: the graphs and their states ------------------------------------------------------- */

static uint32_t recordings(const program_row *row)
{
    assert(row->recordings <= PROGRAM_RECORDINGS_MAX);
    return row->recordings ? row->recordings : 1;
}

qs_status program_set_build(program_set *set, qs_device *device, const program_row *rows,
                            uint32_t count, const program_options *options)
{
    assert(count <= PROGRAMS_MAX);
    set->device = device;
    set->options = *options;
    set->count = count;
    for (uint32_t i = 0; i < count; ++i) {
        program *p = &set->programs[i];
        const bool float32 = options->float32_components >> rows[i].component & 1;
        p->row = &rows[i];
        graph_init(&p->graph, gpu_device_limits(device), float32 ? DTYPE_F32 : options->storage);
        p->graph.pictures = options->pictures;
        p->graph.chooser = options->chooser;
        if (p->row->build)
            p->row->build(&p->graph, options->context);
        if (graph_status(&p->graph) != QS_OK)
            return graph_status(&p->graph);
    }
    return QS_OK;
}

static void want_copies(program_set *set, const program_row *row)
{
    for (uint32_t i = 0; i < PROGRAM_COPIES_MAX; ++i) {
        if (row->uploads[i])
            states_want_copies(&set->states, row->uploads[i], recordings(row), 0);
        if (row->readbacks[i])
            states_want_copies(&set->states, row->readbacks[i], 0, recordings(row));
    }
}

static qs_status collect_states(program_set *set)
{
    const program_options *o = &set->options;
    qs_status status = QS_OK;
    for (uint32_t i = 0; i < set->count; ++i)
        TRY(states_add(&set->states, &set->programs[i].graph, o->places, o->place_count));
    for (uint32_t i = 0; i < set->count; ++i)
        want_copies(set, set->programs[i].row);
fail:
    return status;
}

static qs_status plan_all(program_set *set)
{
    qs_status status = QS_OK;
    for (uint32_t i = 0; i < set->count; ++i) {
        program *p = &set->programs[i];
        TRY(plan_create(&p->graph, set->options.keep_activations, &p->plan));
        p->slices = calloc((size_t)p->graph.tensor_count + 1, sizeof *p->slices);
        if (!p->slices)
            TRY(qs_error(QS_ERROR_MEMORY, "no host memory for %u tensors", p->graph.tensor_count));
    }
fail:
    return status;
}

/* ---- where: memory --------------------------------------------------------------------------- */

static uint64_t arena_bytes(const program_set *set)
{
    uint64_t bytes = GPU_ALIGNMENT;
    for (uint32_t i = 0; i < set->count; ++i)
        if (set->programs[i].plan.arena_bytes > bytes)
            bytes = set->programs[i].plan.arena_bytes;
    return bytes;
}

static weight_store *store_of(const program_set *set, const program *p)
{
    return p->row->build ? set->options.stores[p->row->component] : NULL;
}

/* Of all programs whose weights are in this program's store, counted at the first of them. */
static uint64_t missing_weights(const program_set *set, uint32_t first)
{
    const graph *graphs[PROGRAMS_MAX];
    uint32_t count = 0;
    const weight_store *store = store_of(set, &set->programs[first]);
    for (uint32_t i = 0; i < set->count; ++i)
        if (store_of(set, &set->programs[i]) == store) {
            if (i < first)
                return 0;
            graphs[count++] = &set->programs[i].graph;
        }
    return store ? weight_store_missing_bytes(store, graphs, count) : 0;
}

uint64_t program_set_missing_weights(const program_set *set, uint32_t component)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < set->count; ++i)
        if (set->programs[i].row->component == component)
            bytes += missing_weights(set, i);
    return bytes;
}

program_need program_set_need(program_set *set)
{
    program_need need = { .arena_bytes = arena_bytes(set),
                          .state_bytes = states_bytes(&set->states) };
    for (uint32_t i = 0; i < set->count; ++i)
        need.weights_bytes += missing_weights(set, i);
    return need;
}

/* Said before anything is allocated; what other programs hold is gpu_buffer_create's to notice. */
static qs_status check_memory(program_set *set)
{
    const program_need need = program_set_need(set);
    const uint64_t all = need.weights_bytes + need.arena_bytes + need.state_bytes,
                   have = gpu_device_limits(set->device)->memory_bytes;
    if (all <= have)
        return QS_OK;
    return qs_error(QS_ERROR_MEMORY,
                    "%s needs %.1f MiB on the device (weights %.1f, activations %.1f, state %.1f), "
                    "there are %.1f",
                    set->options.what, (double)all / 1048576, (double)need.weights_bytes / 1048576,
                    (double)need.arena_bytes / 1048576, (double)need.state_bytes / 1048576,
                    (double)have / 1048576);
}

static qs_status load_weights(program_set *set)
{
    qs_status status = QS_OK;
    for (uint32_t i = 0; i < set->count; ++i) {
        program *p = &set->programs[i];
        if (store_of(set, p))
            TRY(weight_store_load(store_of(set, p), &p->graph, p->slices));
    }
fail:
    return status;
}

/* The weights come in while other cores make the pipelines. */
static qs_status load_and_compile(program_set *set)
{
    const graph *graphs[PROGRAMS_MAX];
    gpu_pipeline_batch *batch = NULL;
    for (uint32_t i = 0; i < set->count; ++i)
        graphs[i] = &set->programs[i].graph;
    const qs_status begun = record_begin_pipelines(set->device, graphs, set->count, &batch);
    if (begun != QS_OK)
        return begun;
    const qs_status loaded = load_weights(set);
    const qs_status compiled = gpu_pipelines_end(set->device, batch);
    return compiled == QS_OK ? loaded : compiled;
}

static qs_status allocate(program_set *set)
{
    const uint64_t bytes = arena_bytes(set);
    qs_status status = QS_OK;
    TRY(gpu_buffer_create(set->device, GPU_DEVICE, bytes, "activations", &set->arena));
    if (set->options.read_arena)
        TRY(gpu_buffer_create(set->device, GPU_READBACK, bytes, "activations on the host",
                              &set->arena_readback));
    TRY(states_allocate(&set->states, set->device));
fail:
    return status;
}

/* ---- when: recording, once ------------------------------------------------------------------- */

/* names: [PROGRAM_COPIES_MAX], a row's uploads or readbacks. Returns how many copies there are. */
static uint32_t record_copies(const program_set *set, const char *const *names, bool up,
                              uint32_t slot, gpu_commands *commands)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < PROGRAM_COPIES_MAX; ++i) {
        const state *s = names[i] ? states_find(&set->states, names[i]) : NULL;
        if (!s)
            continue;
        const gpu_slice there = state_slot(&s->slice, slot < s->slots ? slot : 0);
        const gpu_slice host = state_slot(up ? &s->upload : &s->readback, slot);
        gpu_record_copy(commands, up ? &host : &there, up ? &there : &host);
        ++count;
    }
    return count;
}

static qs_status record(program_set *set, program *p, uint32_t slot)
{
    qs_device *device = set->device;
    const bool timed = set->options.timestamps && p->row->timed;
    qs_status status = QS_OK;
    gpu_commands **commands = &p->commands[slot];
    record_place_arena(&p->plan, &set->arena, p->slices);
    states_bind(&set->states, &p->graph, slot, p->slices);
    TRY(gpu_commands_create(device, p->row->name, timed ? p->graph.node_count + 1 : 0, commands));
    TRY(gpu_record_begin(*commands));
    if (record_copies(set, p->row->uploads, true, slot, *commands) > 0)
        gpu_record_barrier(*commands);
    TRY(record_plan(device, &p->plan, p->slices, *commands, timed));
    if (p->row->readbacks[0] && p->graph.node_count > 0)
        gpu_record_barrier(*commands);
    record_copies(set, p->row->readbacks, false, slot, *commands);
    TRY(gpu_record_end(*commands));
fail:
    return status;
}

static qs_status record_read_arena(program_set *set)
{
    const gpu_slice from = { &set->arena, 0, set->arena.size };
    const gpu_slice to = { &set->arena_readback, 0, set->arena.size };
    qs_status status = QS_OK;
    TRY(gpu_commands_create(set->device, "read activations", 0, &set->read_arena));
    TRY(gpu_record_begin(set->read_arena));
    gpu_record_copy(set->read_arena, &from, &to);
    TRY(gpu_record_end(set->read_arena));
fail:
    return status;
}

static qs_status record_all(program_set *set)
{
    qs_status status = QS_OK;
    for (uint32_t i = 0; i < set->count; ++i)
        for (uint32_t slot = 0; slot < recordings(set->programs[i].row); ++slot)
            TRY(record(set, &set->programs[i], slot));
    if (set->options.read_arena)
        TRY(record_read_arena(set));
fail:
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

qs_status program_set_plan(program_set *set)
{
    const qs_status status = plan_all(set);
    return status == QS_OK ? collect_states(set) : status;
}

qs_status program_set_make(program_set *set)
{
    qs_status status = QS_OK;
    TRY(program_set_plan(set));
    TRY(check_memory(set));
    TRY(load_and_compile(set));
    TRY(allocate(set));
    TRY(record_all(set));
fail:
    return status;
}

static void finish_program(program *p, qs_device *device)
{
    for (uint32_t i = 0; i < PROGRAM_RECORDINGS_MAX; ++i)
        gpu_commands_destroy(device, p->commands[i]);
    plan_finish(&p->plan);
    graph_finish(&p->graph);
    free(p->slices);
}

void program_set_finish(program_set *set)
{
    if (!set->device)
        return;
    gpu_commands_destroy(set->device, set->read_arena);
    for (uint32_t i = 0; i < set->count; ++i)
        finish_program(&set->programs[i], set->device);
    states_finish(&set->states, set->device);
    gpu_buffer_destroy(set->device, &set->arena);
    gpu_buffer_destroy(set->device, &set->arena_readback);
    *set = (program_set){ 0 };
}

qs_status program_run(program_set *set, uint32_t program, uint32_t recording)
{
    return gpu_run(set->device, set->programs[program].commands[recording]);
}

qs_status program_set_read_arena(program_set *set)
{
    return gpu_run(set->device, set->read_arena);
}

void program_read_activation(const program_set *set, uint32_t program, tensor_id id, float *nchw)
{
    const graph *g = &set->programs[program].graph;
    const tensor *t = graph_tensor(g, id);
    const uint64_t offset = set->programs[program].plan.offsets[graph_root(g, id)];
    layout_from_device((const char *)set->arena_readback.mapped + offset, t->type, t->stride,
                       t->offset, t->n, t->c, t->h, t->w, nchw);
}

uint64_t program_set_arena_bytes(const program_set *set)
{
    return set->arena.size;
}

uint64_t program_set_state_bytes(const program_set *set)
{
    uint64_t bytes = set->arena_readback.size;
    for (uint32_t memory = 0; memory <= GPU_READBACK; ++memory)
        bytes += set->states.memory[memory].size;
    return bytes;
}
