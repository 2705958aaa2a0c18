#include "program/state.h"

#include "program/layout.h"

#include <assert.h>
#include <string.h>

const state *states_find(const state_set *set, const char *name)
{
    for (uint32_t i = 0; i < set->count; ++i)
        if (strcmp(set->states[i].name, name) == 0)
            return &set->states[i];
    return NULL;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

void states_want_copies(state_set *set, const char *name, uint32_t upload_slots,
                        uint32_t readback_slots)
{
    for (uint32_t i = 0; i < set->count; ++i) {
        state *s = &set->states[i];
        if (strcmp(s->name, name) != 0)
            continue;
        s->upload_slots = larger(s->upload_slots, upload_slots);
        s->readback_slots = larger(s->readback_slots, readback_slots);
    }
}

static qs_status add(state_set *set, const tensor *t, const state_place *places,
                     uint32_t place_count)
{
    const state *known = states_find(set, t->name);
    if (known && (known->tensor.type != t->type || known->tensor.bytes != t->bytes))
        return qs_error(QS_ERROR_OTHER,
                        "the state %s has %llu bytes in one program and %llu in "
                        "another",
                        t->name, (unsigned long long)known->tensor.bytes,
                        (unsigned long long)t->bytes);
    if (known)
        return QS_OK;
    if (set->count == STATES_MAX)
        return qs_error(QS_ERROR_OTHER, "more than %d states", STATES_MAX);
    state *added = &set->states[set->count++];
    *added = (state){ .name = t->name, .tensor = *t, .memory = GPU_DEVICE, .slots = 1 };
    for (uint32_t i = 0; i < place_count; ++i)
        if (strcmp(places[i].name, t->name) == 0) {
            added->memory = places[i].memory;
            added->slots = places[i].slots;
        }
    return QS_OK;
}

qs_status states_add(state_set *set, const graph *g, const state_place *places,
                     uint32_t place_count)
{
    qs_status status = QS_OK;
    for (tensor_id id = 0; id < g->tensor_count && status == QS_OK; ++id)
        if (graph_tensor(g, id)->kind == TENSOR_STATE)
            status = add(set, graph_tensor(g, id), places, place_count);
    return status;
}

static void place(gpu_slice *first, uint32_t slots, const gpu_buffer *buffer, uint64_t bytes,
                  uint64_t *used)
{
    if (slots == 0)
        return;
    *first = (gpu_slice){ buffer, *used, bytes };
    *used += slots * gpu_align(bytes);
}

/* used: by gpu_memory. */
static void place_all(state_set *set, uint64_t used[GPU_READBACK + 1])
{
    memset(used, 0, (GPU_READBACK + 1) * sizeof *used);
    for (uint32_t i = 0; i < set->count; ++i) {
        state *s = &set->states[i];
        const uint64_t bytes = s->tensor.bytes;
        place(&s->slice, s->slots, &set->memory[s->memory], bytes, &used[s->memory]);
        place(&s->upload, s->upload_slots, &set->memory[GPU_UPLOAD], bytes, &used[GPU_UPLOAD]);
        place(&s->readback, s->readback_slots, &set->memory[GPU_READBACK], bytes,
              &used[GPU_READBACK]);
    }
}

uint64_t states_bytes(state_set *set)
{
    uint64_t used[GPU_READBACK + 1];
    place_all(set, used);
    return used[GPU_DEVICE] + used[GPU_UPLOAD] + used[GPU_READBACK];
}

qs_status states_allocate(state_set *set, qs_device *device)
{
    static const char *const names[] = {
        [GPU_DEVICE] = "state",
        [GPU_UPLOAD] = "state that the host writes",
        [GPU_READBACK] = "state that the host reads",
    };
    uint64_t used[GPU_READBACK + 1];
    qs_status status = QS_OK;
    place_all(set, used);
    for (uint32_t memory = 0; memory <= GPU_READBACK; ++memory)
        if (used[memory] > 0)
            TRY(gpu_buffer_create(device, (gpu_memory)memory, used[memory], names[memory],
                                  &set->memory[memory]));
fail:
    return status;
}

void states_finish(state_set *set, qs_device *device)
{
    for (uint32_t memory = 0; memory <= GPU_READBACK; ++memory)
        gpu_buffer_destroy(device, &set->memory[memory]);
    *set = (state_set){ 0 };
}

gpu_slice state_slot(const gpu_slice *first, uint32_t slot)
{
    return (gpu_slice){ first->buffer, first->offset + slot * gpu_align(first->size), first->size };
}

void *state_mapped(const gpu_slice *first, uint32_t slot)
{
    return (char *)first->buffer->mapped + state_slot(first, slot).offset;
}

void *states_upload(const state_set *set, const char *name, uint32_t slot)
{
    const state *s = states_find(set, name);
    return s ? state_mapped(&s->upload, slot) : NULL;
}

void states_bind(const state_set *set, const graph *g, uint32_t slot, gpu_slice *slices)
{
    for (uint32_t i = 0; i < set->count; ++i) {
        const state *s = &set->states[i];
        const tensor_id id = graph_find_state(g, s->name);
        if (id != NO_TENSOR)
            slices[id] = state_slot(&s->slice, slot < s->slots ? slot : 0);
    }
}

void state_write(const state *s, uint32_t slot, const float *values)
{
    const tensor *t = &s->tensor;
    assert(t->type != DTYPE_U32 && slot < s->upload_slots);
    layout_to_device(values, t->n, t->c, t->h, t->w, t->type, state_mapped(&s->upload, slot));
}

void state_read(const state *s, uint32_t slot, float *values)
{
    const tensor *t = &s->tensor;
    assert(t->type != DTYPE_U32 && slot < s->readback_slots);
    layout_from_device(state_mapped(&s->readback, slot), t->type, t->stride, 0, t->n, t->c, t->h,
                       t->w, values);
}
