/*
 * What the viewer's files share: what the person asked for (controls), what is known about the
 * pictures (readings), and rectangles. Plain structs, also read by the one C++ file.
 */
#ifndef VIEWER_H
#define VIEWER_H

#include <quickstep/quickstep.h>

/* The step slider: 1 to 16, then the diffusion limit in 32 and in 64 steps. */
enum { NOTCH_COUNT = 18, NOTCH_DIFFUSION = 16 };

/* One value per widget; a change acts on the next picture. */
typedef struct viewer_controls {
    uint32_t notch; /* 0 .. NOTCH_COUNT - 1 */
    uint64_t seed;  /* picture i of the batch has seed + i */
    bool seed_locked;
    int32_t label; /* -1: the model has none */
    uint32_t batch;
    qs_sampler sampler; /* of the notches below the diffusion limit */
    qs_precision precision;
    bool animate; /* draw picture after picture, each from a new seed */
    bool profile; /* the section with the times of the ops is open */
} viewer_controls;

/* What the user interface asks for beside the values above. */
typedef struct viewer_requests {
    bool new_seed, save;
} viewer_requests;

typedef struct viewer_readings {
    qs_model_info model;
    qs_device_info device;
    const qs_model *labels; /* for qs_model_label_name */
    bool sampler_allowed[QS_SAMPLER_CONSISTENCY + 1];
    qs_sampler diffusion_sampler; /* of the last two notches; QS_SAMPLER_DEFAULT: there is none */

    qs_frame frame;        /* the picture on the screen; serial 0: none yet; pixels NULL:
                              its session is gone */
    uint32_t frame_number; /* counts the pictures that were shown, over all sessions */
    qs_sampler frame_sampler;
    qs_progress progress;
    bool preparing; /* a session is being made: the next call takes a while */
    double picture_ms, step_ms, pictures_per_second; /* 0: not known yet */

    const qs_op_time *ops; /* of the last finished step, or NULL */
    size_t op_count;

    const char *note; /* the last message, "" for none */
    bool note_is_error;
} viewer_readings;

/* In pixels of the framebuffer, from its upper left corner. */
typedef struct viewer_rect {
    float x, y, width, height;
} viewer_rect;

static inline uint32_t notch_steps(uint32_t notch)
{
    return notch < NOTCH_DIFFUSION ? notch + 1 : 32u << (notch - NOTCH_DIFFUSION);
}

/* The sampler of a notch: the last two are the diffusion model where the model can be run so. */
static inline qs_sampler notch_sampler(const viewer_readings *readings, uint32_t notch,
                                       qs_sampler chosen)
{
    const bool diffusion = notch >= NOTCH_DIFFUSION &&
                           readings->diffusion_sampler != QS_SAMPLER_DEFAULT &&
                           chosen != QS_SAMPLER_DDIM && chosen != QS_SAMPLER_ADDIM;
    return diffusion ? readings->diffusion_sampler : chosen;
}

#endif
