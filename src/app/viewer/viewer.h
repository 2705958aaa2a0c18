/*
 * What the viewer's files share: what the person asked for (controls), what is known about the
 * pictures (readings), and rectangles. Plain structs, also read by the C++ files.
 */
#ifndef VIEWER_H
#define VIEWER_H

#include "common/guidance.h"

#include <quickstep/quickstep.h>
#include <string.h>

/* The step slider: every number up to 16, then larger ones: the diffusion limit of a model that has
 * one, or what a plain diffusion model needs. No more than the model can run. */
enum { NOTCHES_MAX = 24, NOTCHES_FEW = 16 };

typedef struct viewer_slider {
    uint32_t count, few;         /* notches; how many of them before the larger numbers */
    uint32_t steps[NOTCHES_MAX]; /* of each notch */
    bool tuned[NOTCHES_MAX];     /* its model's authors trained or tuned it for so many */
} viewer_slider;

/* What a model that reads is told, and how far every model is led from it, or from a label. */
enum { WORDS_SIZE = 512 };
typedef struct viewer_words {
    char prompt[WORDS_SIZE], negative[WORDS_SIZE];
    float guidance; /* scale; 1: none */
    bool blended;   /* with prompt_to or label_to, */
    float mix;      /* so much: 0 .. 1 */
    char prompt_to[WORDS_SIZE];
} viewer_words;

/* A model that can be chosen. */
typedef struct viewer_model {
    char *name, *path;
    qs_model *model;         /* NULL: it was never chosen */
    int32_t label, label_to; /* as they were left, at first its default and the next */
    viewer_words words;      /* likewise */
    qs_sampler sampler;
} viewer_model;

/* How pictures follow one another when they are played. */
typedef enum viewer_motion {
    MOTION_SEEDS, /* each from new seeds */
    MOTION_WALK,  /* through what lies between seeds */
    MOTION_MIX,   /* between two labels or prompts, and back; without two a walk */
} viewer_motion;

typedef enum viewer_view {
    VIEW_PICTURES, /* at the slider's number of steps */
    VIEW_COLUMNS,  /* the same at several numbers of steps, side by side */
    VIEW_WIPE,     /* two of them, one over the other */
} viewer_view;

enum { COLUMNS_MAX = 6, PINS_MAX = 16 };

/* What the brush does on a canvas. */
typedef enum viewer_tool {
    TOOL_PAINT, /* colours it */
    TOOL_ANEW,  /* masks: drawn anew */
    TOOL_KEEP,  /* no longer */
} viewer_tool;

typedef struct viewer_brush {
    viewer_tool tool;
    float size;    /* across, of the canvas' width */
    float feather; /* of a mask: how much of it is soft, 0 .. 1 */
    float colour[3];
} viewer_brush;

/* A picture that others are drawn from. */
typedef struct viewer_canvas {
    uint32_t id, width, height; /* id 0: none */
    uint8_t *pixels;            /* [height, width, 4] RGBA8 */
    uint8_t *mask;              /* [height, width]: 255 is drawn anew, 0 is kept */
    bool masked;                /* something is to be drawn anew only; otherwise all is */
    bool live;                  /* a camera made it, and nothing else needs it */
    uint32_t revision;          /* counts the changes of it */
} viewer_canvas;

/* One value per widget; a change acts on the next picture. */
typedef struct viewer_controls {
    uint32_t model; /* of viewer_readings.models */
    uint32_t notch; /* of the slider, from 0 */
    uint64_t seed;  /* picture i of the batch has seed + i */
    bool seed_locked;
    int32_t label, label_to; /* -1: the model has none */
    viewer_words words;
    uint32_t batch;
    qs_sampler sampler; /* of the notches below the diffusion limit */
    qs_precision precision;
    bool animate; /* draw picture after picture, each from a new seed */
    bool profile; /* the section with the times of the ops is open */
    bool smooth;  /* how a picture is enlarged: by a cubic filter, or every pixel a square */
    viewer_motion motion;
    float seconds;           /* of a walk from seed to seed */
    uint64_t pins[PINS_MAX]; /* two or more: what a walk goes through, round and round */
    uint32_t pin_count;
    viewer_view view;
    uint32_t wipe_left, wipe_right; /* columns */
    float wipe;                     /* where they meet, 0 .. 1 */
    uint32_t canvas;                /* the id of what pictures are drawn from, 0: noise alone */
    uint32_t canvas_revision;       /* counts the stroke's changes of it */
    float strength;                 /* how far from it, 0 .. 1 */
    bool colour;                    /* its luminance is kept, its colours are drawn anew */
    viewer_brush brush;
} viewer_controls;

/* Where a walk is: picture i lies between the seeds seed + i and to + i. */
typedef struct viewer_place {
    uint64_t to;
    double at; /* 0: at the seed; below 1 */
} viewer_place;

/* A picture as it was asked for. */
typedef struct viewer_drawn {
    viewer_controls controls;
    viewer_place place;
    uint32_t column; /* of the views with several; notch and sampler are its */
    uint32_t steps;  /* asked for; from a canvas fewer may run */
    double cpu_ms;   /* of the process until it was begun */
} viewer_drawn;

/* One number of steps beside the others. */
typedef struct viewer_column {
    uint32_t notch;
    bool ready;      /* the picture on the screen is what the controls say */
    bool shown;      /* there is one */
    double ms, psnr; /* to the last column's picture; 0: not known, infinity: equal */
} viewer_column;

/* What keys and buttons ask for beside the values above: bits. */
typedef enum viewer_request {
    REQUEST_PLAY = 1 << 0,
    REQUEST_NEW_SEED = 1 << 1,
    REQUEST_SAVE = 1 << 2,
    REQUEST_BATCH = 1 << 3, /* the next of the row */
    REQUEST_PRECISION = 1 << 4,
    REQUEST_SMOOTH = 1 << 5,
    REQUEST_MOTION = 1 << 6,
    REQUEST_VIEW = 1 << 7,      /* the next one */
    REQUEST_PIN = 1 << 8,       /* the seed, or no longer */
    REQUEST_FAVOURITE = 1 << 9, /* the picture on the screen, kept on disk */
    REQUEST_FULL_SCREEN = 1 << 10,
    REQUEST_PRESENT = 1 << 11, /* without controls, or with them again */
    REQUEST_UNDO = 1 << 12,
    REQUEST_REDO = 1 << 13,
    REQUEST_CANVAS = 1 << 14, /* from the picture on the screen, or from noise alone again */
    REQUEST_CANVAS_BLANK = 1 << 15,
    /* for the user interface itself */
    REQUEST_PANEL = 1 << 16, /* shows or hides the panel */
    REQUEST_MODEL_LIST = 1 << 17,
    REQUEST_LABEL_LIST = 1 << 18, /* or what stands in its place, the prompt */
    REQUEST_SAMPLER_LIST = 1 << 19,
    REQUEST_SEED_FIELD = 1 << 20,
    REQUEST_HELP = 1 << 21,
    /* for the loop again */
    REQUEST_CANVAS_UNMASK = 1 << 22,
    REQUEST_TIMELINE = 1 << 23, /* saved */
    REQUEST_COPY = 1 << 24,
    REQUEST_PASTE = 1 << 25,
    REQUEST_CAMERA = 1 << 26, /* from what it sees, or no longer: what it saw last stays */
    REQUEST_RECORD = 1 << 27, /* what is played, into a file; or no longer */
    /* for the user interface again */
    REQUEST_ALONE = 1 << 28, /* the next picture of a batch alone, then all again */
} viewer_request;

/* The brush went from here to there, in pixels of the canvas; begins: it was set down. */
typedef struct viewer_stroke {
    bool there, begins;
    float x0, y0, x1, y1;
} viewer_stroke;

typedef struct viewer_requests {
    uint32_t bits;         /* of viewer_request */
    const char *complaint; /* what was typed and cannot be, or NULL */
    const char *record_as; /* ".gif": what REQUEST_RECORD begins from now on; NULL: as before */
    int recall;            /* a picture of the film strip, -1: none */
    bool go_on;            /* start the device again after it was lost; draw with another model */
    viewer_stroke stroke;
} viewer_requests;

/* All that makes a picture again. */
typedef struct viewer_recipe {
    uint32_t model, steps, batch;
    uint64_t seed;
    viewer_place place;
    int32_t label, label_to;
    viewer_words words;
    qs_sampler sampler; /* as viewer_controls has it */
    qs_precision precision;
    uint32_t canvas, canvas_revision; /* likewise */
    float strength;
    bool colour;
} viewer_recipe;

/* A picture of the film strip. */
typedef struct viewer_kept {
    viewer_recipe recipe;
    uint32_t slot, width, height; /* of the small one in picture.h's strip */
    bool favourite;
    char *path; /* of the file that has it; NULL: none does */
} viewer_kept;

enum { FILM_MAX = 64, TIMES_MAX = 120 };

typedef struct viewer_readings {
    const viewer_model *models;
    uint32_t model_count;
    qs_device_info device;

    qs_model_info model;   /* of the chosen one, like what follows */
    const qs_model *names; /* of its labels and examples: readout.h */
    viewer_slider slider;
    bool sampler_allowed[QS_SAMPLER_DPMSOLVER + 1];
    qs_sampler diffusion_sampler; /* of the last notches; QS_SAMPLER_DEFAULT: the chosen one's */

    qs_frame frame;        /* the picture on the screen; serial 0: none yet; pixels NULL:
                              its session is gone */
    uint32_t frame_number; /* counts the pictures that were shown, over all sessions */
    qs_sampler frame_sampler;
    viewer_place frame_place;
    viewer_column columns[COLUMNS_MAX]; /* 1, 2, 4, 8, 16 steps and the limit */
    uint32_t column_count;
    viewer_kept film[FILM_MAX]; /* the newest first */
    uint32_t film_count;
    const viewer_canvas *canvas; /* the controls', NULL: none */
    uint32_t canvas_revision;    /* of it */
    bool live;                   /* a camera makes it */
    bool recording;              /* into a file, */
    double recorded_s;           /* which is so long */
    bool present;                /* pictures only */
    const char *lost; /* the device was lost, and why; it can be started again. NULL: it was not */
    const char *cannot; /* the model that was asked for cannot run, and why; NULL: it can */
    qs_progress progress;
    bool preparing;                /* a session is being made, for longer than a moment: */
    uint32_t prepared, to_prepare; /* so many of its pipelines are there */
    double picture_ms, step_ms, pictures_per_second; /* 0: not known yet */

    float picture_times[TIMES_MAX]; /* the last picture_ms of this session, round and round */
    uint32_t time_count;            /* of all that there were */
    double cpu_ms;                  /* of the process, while the last one was drawn */

    const qs_op_time *ops; /* of the last finished step, or NULL */
    size_t op_count;
    double device_ms;     /* of the picture: its steps and its decode */
    qs_roofline roofline; /* gflops 0: not known */

    const char *note; /* the last message, "" for none */
    bool note_is_error;
} viewer_readings;

static inline bool same_words(const viewer_words *a, const viewer_words *b)
{
    return strcmp(a->prompt, b->prompt) == 0 && strcmp(a->negative, b->negative) == 0 &&
           a->guidance == b->guidance && a->blended == b->blended &&
           (!a->blended || (strcmp(a->prompt_to, b->prompt_to) == 0 && a->mix == b->mix));
}

/* The mix moves from picture to picture. */
static inline bool plays_mix(const viewer_controls *controls)
{
    return controls->animate && controls->motion == MOTION_MIX && controls->words.blended;
}

/* The network is evaluated twice a step: another session than one that does not. */
static inline bool guided(const qs_model_info *model, const viewer_words *words)
{
    return app_guides(model, words->guidance);
}

/* Luminance is of RGB pixels, and of no latents. */
static inline bool can_colour(const qs_model_info *model)
{
    return model->channels == 3 && model->latent_height == model->height && !model->fills_in;
}

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
