/*
 * A program is a graph, its plan, its weights, and its recorded commands. What runs on a device is
 * a list of programs over named state: begin, step and decode of a session, its network alone, one
 * direction of an autoencoder. Each is a row of a table:
 *
 *     name       of its commands, and in messages
 *     build      appends its nodes to an empty graph; NULL: it only copies states
 *     component  whose weights its graph has
 *     recordings how many times it is recorded, each with its own slots of the states that have
 *                some (program/state.h)
 *     uploads    states that are copied from the host's memory before its nodes run,
 *     readbacks  and to the host's memory afterwards; those that no graph has are left out
 *
 * The programs of a set share one arena, since each opens with a full barrier and leaves nothing in
 * it.
 */
#ifndef QS_PROGRAM_PROGRAM_H
#define QS_PROGRAM_PROGRAM_H

#include "plan/record.h"
#include "program/state.h"
#include "weights/component.h"

enum { PROGRAMS_MAX = 10, PROGRAM_RECORDINGS_MAX = 3, PROGRAM_COPIES_MAX = 8 };

typedef struct program_row {
    const char *name;
    void (*build)(graph *g, const void *context);
    uint32_t component;  /* index of program_options::stores */
    uint32_t recordings; /* 0: one */
    bool timed;          /* with program_options::timestamps a time for every node */
    const char *uploads[PROGRAM_COPIES_MAX], *readbacks[PROGRAM_COPIES_MAX];
} program_row;

typedef struct program {
    const program_row *row;
    graph graph;
    plan plan;
    gpu_slice *slices; /* [tensor_count], of the last recording */
    gpu_commands *commands[PROGRAM_RECORDINGS_MAX];
} program;

typedef struct program_options {
    const char *what;    /* "the model": needs so much memory, a message says */
    const void *context; /* of the rows' build */
    uint32_t pictures; /* as graph::pictures */
    dtype storage;
    uint32_t float32_components;   /* bits by the rows' component: float32 in place of storage */
    const struct chooser *chooser; /* as graph::chooser */
    bool keep_activations;         /* no two share memory */
    bool read_arena;               /* for program_set_read_arena */
    bool timestamps;
    weight_store *const *stores; /* by the rows' component; NULL: no graph has weights of it */
    const state_place *places;   /* [place_count] */
    uint32_t place_count;
} program_options;

typedef struct program_set {
    qs_device *device;
    program_options options;
    program programs[PROGRAMS_MAX];
    uint32_t count;
    state_set states;
    gpu_buffer arena, arena_readback;
    gpu_commands *read_arena; /* arena -> arena_readback */
} program_set;

/* The storage type of a precision, which the device must have; matrix units that float16 would use
 * are tried before (program/matrix_trial.h). QS_ERROR_USAGE, QS_ERROR_DEVICE. */
qs_status program_storage(qs_device *device, qs_precision precision, dtype *storage);

/* Builds the graphs of rows [count]. What options and rows point to outlives the set. After an
 * error, too, program_set_finish is due; it takes what is all zero. */
qs_status program_set_build(program_set *set, qs_device *device, const program_row *rows,
                            uint32_t count, const program_options *options);

/* Plans alone, and what the set then takes of the device; weights: those that are not there yet. */
typedef struct program_need {
    uint64_t weights_bytes, arena_bytes, state_bytes;
} program_need;
qs_status program_set_plan(program_set *set);
program_need program_set_need(program_set *set);
uint64_t program_set_missing_weights(const program_set *set, uint32_t component);

/* Plans, and holds what it takes against the device (QS_ERROR_MEMORY, QS_ERROR_DEVICE: before
 * anything is allocated); loads the weights while the pipelines are made; allocates and records. */
qs_status program_set_make(program_set *set);
void program_set_finish(program_set *set); /* waits for what runs */

/* Submits a recording and waits. */
qs_status program_run(program_set *set, uint32_t program, uint32_t recording);

/* Waits for everything submitted, and copies the arena to the host, for program_read_activation.
 * Only with options.read_arena. */
qs_status program_set_read_arena(program_set *set);

/* The values [n, c, h, w] of an activation that is still there: the last node's output, or any with
 * keep_activations. */
void program_read_activation(const program_set *set, uint32_t program, tensor_id id, float *nchw);

/* Of everything that is allocated: arena, states, what else the host reads. */
uint64_t program_set_arena_bytes(const program_set *set);
uint64_t program_set_state_bytes(const program_set *set);

#endif
