/*
 * What the viewer's files share: what the person asked for (controls), what is known about the
 * pictures (readings), and rectangles. Plain structs, also read by the C++ files.
 */
#ifndef VIEWER_H
#define VIEWER_H

#include <quickstep/quickstep.h>

/* The step slider: every number up to 16, then larger ones: the diffusion limit of a model that has
 * one, or what a plain diffusion model needs. No more than the model can run. */
enum { NOTCHES_MAX = 24, NOTCHES_FEW = 16 };

typedef struct viewer_slider {
    uint32_t count, few;         /* notches; how many of them before the larger numbers */
    uint32_t steps[NOTCHES_MAX]; /* of each notch */
    bool tuned[NOTCHES_MAX];     /* its model's authors trained or tuned it for so many */
} viewer_slider;

/* A model that can be chosen. */
typedef struct viewer_model {
    char *name, *path;
    qs_model *model; /* NULL: it was never chosen */
    int32_t label;   /* as it was left, at first its default */
    qs_sampler sampler;
} viewer_model;

/* One value per widget; a change acts on the next picture. */
typedef struct viewer_controls {
    uint32_t model; /* of viewer_readings.models */
    uint32_t notch; /* of the slider, from 0 */
    uint64_t seed;  /* picture i of the batch has seed + i */
    bool seed_locked;
    int32_t label; /* -1: the model has none */
    uint32_t batch;
    qs_sampler sampler; /* of the notches below the diffusion limit */
    qs_precision precision;
    bool animate; /* draw picture after picture, each from a new seed */
    bool profile; /* the section with the times of the ops is open */
    bool smooth;  /* how a picture is enlarged: by a cubic filter, or every pixel a square */
} viewer_controls;

/* What keys and buttons ask for beside the values above: bits. */
typedef enum viewer_request {
    REQUEST_PLAY = 1 << 0,
    REQUEST_NEW_SEED = 1 << 1,
    REQUEST_SAVE = 1 << 2,
    REQUEST_BATCH = 1 << 3, /* the next of the row */
    REQUEST_PRECISION = 1 << 4,
    REQUEST_SMOOTH = 1 << 5,
    /* for the user interface itself */
    REQUEST_PANEL = 1 << 16, /* shows or hides the panel */
    REQUEST_MODEL_LIST = 1 << 17,
    REQUEST_LABEL_LIST = 1 << 18,
    REQUEST_SAMPLER_LIST = 1 << 19,
    REQUEST_SEED_FIELD = 1 << 20,
    REQUEST_HELP = 1 << 21,
} viewer_request;

typedef struct viewer_requests {
    uint32_t bits;         /* of viewer_request */
    const char *complaint; /* what was typed and cannot be, or NULL */
} viewer_requests;

typedef struct viewer_readings {
    const viewer_model *models;
    uint32_t model_count;
    qs_device_info device;

    qs_model_info model;    /* of the chosen one, like what follows */
    const qs_model *labels; /* for qs_model_label_name */
    viewer_slider slider;
    bool sampler_allowed[QS_SAMPLER_DPMSOLVER + 1];
    qs_sampler diffusion_sampler; /* of the last notches; QS_SAMPLER_DEFAULT: the chosen one's */

    qs_frame frame;        /* the picture on the screen; serial 0: none yet; pixels NULL:
                              its session is gone */
    uint32_t frame_number; /* counts the pictures that were shown, over all sessions */
    qs_sampler frame_sampler;
    qs_progress progress;
    bool preparing; /* a session is being made, for longer than a moment: */
    uint32_t prepared, to_prepare; /* so many of its pipelines are there */
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

/* The sampler of a notch: the last ones are the diffusion model where the model can be run so. */
static inline qs_sampler notch_sampler(const viewer_readings *readings, uint32_t notch,
                                       qs_sampler chosen)
{
    const bool diffusion = notch >= readings->slider.few &&
                           readings->diffusion_sampler != QS_SAMPLER_DEFAULT &&
                           chosen != QS_SAMPLER_DDIM && chosen != QS_SAMPLER_ADDIM;
    return diffusion ? readings->diffusion_sampler : chosen;
}

#endif
