/*
 * Named memory that outlives a replay, in which programs meet: the union of the states that their
 * graphs name, as large as the graphs have them. A state lies on the device unless its owner says
 * otherwise; one that the host gives or takes has a copy there, too.
 */
#ifndef QS_PROGRAM_STATE_H
#define QS_PROGRAM_STATE_H

#include "gpu/gpu.h"
#include "graph/graph.h"

enum { STATES_MAX = 48 };

/* Where the programs find a state that is not one piece of device memory. */
typedef struct state_place {
    const char *name;
    gpu_memory memory;
    uint32_t slots; /* recording i of a program uses slot i */
} state_place;

typedef struct state {
    const char *name; /* the graph's */
    tensor tensor;    /* its shape and type */
    gpu_memory memory;
    uint32_t slots, upload_slots, readback_slots; /* the last two: of the host's copies, 0: none */
    gpu_slice slice, upload, readback;            /* slot 0 of each */
} state;

typedef struct state_set {
    state states[STATES_MAX];
    uint32_t count;
    gpu_buffer memory[GPU_READBACK + 1]; /* by gpu_memory */
} state_set;

/* Adds the graph's states; places: [place_count], for all graphs the same. */
qs_status states_add(state_set *set, const graph *g, const state_place *places,
                     uint32_t place_count);

const state *states_find(const state_set *set, const char *name); /* NULL: no graph has it */

/* The host's copies of a state have so many slots at least; nothing if no graph has it. */
void states_want_copies(state_set *set, const char *name, uint32_t upload_slots,
                        uint32_t readback_slots);

/* After all graphs were added and the slots of the host's copies are known. */
uint64_t states_bytes(state_set *set); /* of all memory, as it will be allocated */
qs_status states_allocate(state_set *set, qs_device *device);
void states_finish(state_set *set, qs_device *device);

/* slices[id] of every state of the graph, in the given slot (of states that have so many). */
void states_bind(const state_set *set, const graph *g, uint32_t slot, gpu_slice *slices);

/* Slot `slot` of something with its slot 0 here. */
gpu_slice state_slot(const gpu_slice *first, uint32_t slot);
/* Where the host finds what lies in its memory. */
void *state_mapped(const gpu_slice *first, uint32_t slot);

/* Where the host writes the named state for recording `slot`; NULL: no graph has it. */
void *states_upload(const state_set *set, const char *name, uint32_t slot);

/* values [n, c, h, w] <-> the host's copy; only float states. */
void state_write(const state *s, uint32_t slot, const float *values);
void state_read(const state *s, uint32_t slot, float *values);

#endif
