/*
 * One model on one device at one batch size and precision. The files, in the order of a picture:
 * graphs.c (what the verbs compute), create.c (memory, recording: once), run.c (begin, advance,
 * frame, render: every picture), noise.c (noise that does not come from the device), forward.c (the
 * network alone, activations, times), inspect.c (QUICKSTEP_DEBUG), layout.c (the API's floats and
 * the device's). autoencoder.c is qs_coder, which has no session.
 */
#ifndef QS_SESSION_SESSION_H
#define QS_SESSION_SESSION_H

#include "core/torch_rng.h"
#include "model/model.h"
#include "plan/record.h"
#include "sampler/sampler.h"
#include "tuner/tuner.h"

enum {
    RECIPE_SLOTS = 3, /* recipes that may be on their way to the device */
    FRAME_SLOTS = 3,  /* shown, ready, being written */
    IN_FLIGHT_MAX = 2,
};

/* A verb's graph, its plan and where its tensors are. */
typedef struct verb {
    graph graph;
    plan plan;
    gpu_slice *slices; /* [tensor_count] */
} verb;

/* Named memory that outlives a replay (sampler/state.h), slices of one device buffer. */
typedef struct session_state {
    gpu_slice recipe, cursor, time, segment, labels, latent, sample, start_noise, step_noise;
    gpu_slice picture; /* decoded floats; without an autoencoder the latent itself */
} session_state;

typedef struct frame_slot {
    gpu_slice pixels, report; /* host visible */
    gpu_commands *decode;
    qs_frame frame; /* of the last decode into this slot; pixels and check are filled when taken */
    uint64_t ticket;
    double begin_ms;
} frame_slot;

/* A submission that may still be running. */
typedef struct flight {
    uint64_t ticket, serial;
    uint32_t steps_before; /* the picture's finished steps when it starts to run */
} flight;

struct qs_session {
    qs_device *device;
    qs_model *model;
    qs_session_options options;
    weight_store *weights;
    tuner *tuner; /* NULL: every op's default variant */

    gpu_buffer arena, state_memory, recipe_memory, frame_memory, picture_memory, noise_memory;
    session_state state;
    frame_slot frames[FRAME_SLOTS];

    verb begin, step, decode; /* decode's slices: of the frame slot recorded last */
    gpu_commands *begin_commands[RECIPE_SLOTS], *step_commands;
    gpu_commands *read_picture; /* picture -> picture_memory */
    uint64_t recipe_tickets[RECIPE_SLOTS], start_noise_ticket, step_noise_tickets[STEP_NOISE_SLOTS];

    /* the picture in progress */
    bool begun; /* there is one, perhaps finished */
    uint64_t serial;
    const sampler_recipe *recipe;  /* its slot */
    const float *given_step_noise; /* the caller's, or NULL */
    torch_rng *generators;         /* [batch], QS_RNG_TORCH */
    float *drawn;                  /* [latent_elements]: one picture's noise on its way */
    size_t latent_elements;        /* c * h * w */
    uint32_t noise_steps;          /* the next step that may still have to draw */
    uint32_t steps, steps_submitted;
    bool decode_submitted;
    uint64_t seed;
    double begin_ms;
    flight flights[8]; /* oldest first */
    uint32_t flight_count;
    uint64_t last_ticket, step_ticket;
    int shown_slot, ready_slot, writing_slot; /* -1: none */

    verb forward; /* built by the first qs_session_forward */
    gpu_commands *forward_commands;
    gpu_buffer forward_arena, forward_upload, forward_readback;

    gpu_commands *inspect_commands; /* QUICKSTEP_DEBUG=check,dump=DIR */
    gpu_buffer inspect_readback;
};

/* graphs.c */
typedef struct session_shape {
    uint32_t n, h, w, c;
} session_shape;
session_shape session_latents(const qs_session *s);
session_shape session_pictures(const qs_session *s);
void verb_init(const qs_session *s, verb *v);        /* an empty graph in the session's precision */
qs_status verb_plan(verb *v, bool keep_activations); /* after its graph is built */
void verb_finish(verb *v);
/* Builds and plans begin, step and decode, with the variants that the tuner knows or measures. */
qs_status session_plan(qs_session *s);
/* Builds them only, and measures all that the tuner does not know. */
qs_status session_tune(qs_session *s, qs_tune_fn report, void *user);

/* create.c */
qs_status session_load_weights(qs_session *s, verb *v);
/* The verb's weights come in while the pipelines of the graphs are made. */
qs_status verb_load_and_compile(qs_device *device, weight_store *store, const weight_files *files,
                                verb *v, const graph *const *graphs, uint32_t graph_count);
void session_bind(qs_session *s, verb *v, const gpu_buffer *arena, const frame_slot *frame);
/* The tensor's values [n, c, h, w] out of a copy of the verb's arena on the host. */
void verb_read_activation(const verb *v, tensor_id id, const void *arena, float *nchw);
qs_status session_record_copy(qs_session *s, const char *name, const gpu_slice *from,
                              const gpu_slice *to, gpu_commands **commands);

/* run.c */
/* QS_ERROR_PICTURE, "WHAT has 3 NaN or Inf values", if a decode's report says that its picture is
 * no good. */
qs_status session_check_report(const uint32_t *report, const char *what);
/* A caller's label, -1 being the model's default, as the network's. */
qs_status session_label(const qs_session *s, int32_t label, uint32_t *id);
qs_status session_submit(qs_session *s, const gpu_commands *commands, uint32_t steps_before,
                         uint64_t *ticket);
qs_status session_drain(qs_session *s); /* waits for everything in flight */

/* noise.c */
/* Before the begin of a picture: writes its noise where that comes from the host, and says so in
 * its recipe. */
qs_status session_start_noise(qs_session *s, const qs_recipe *wanted, sampler_recipe *recipe);
/* The same before step `step` of the picture in progress; nothing if that step draws none. */
qs_status session_step_noise(qs_session *s, uint32_t step);

/* inspect.c */
bool session_inspects(void);
qs_status session_inspect_step(qs_session *s); /* the last one, which it waits for */
qs_status session_inspect_decode(qs_session *s);
qs_status session_log_times(qs_session *s); /* of the last picture's last step, and its decode */

/* layout.c: [n, c, h, w] floats of the API <-> [n, h, w, stride] of the device */
void layout_to_device(const float *nchw, uint32_t n, uint32_t c, uint32_t h, uint32_t w,
                      float scale, dtype type, void *device);
void layout_from_device(const void *device, dtype type, uint32_t stride, uint32_t offset,
                        uint32_t n, uint32_t c, uint32_t h, uint32_t w, float *nchw);

#endif
