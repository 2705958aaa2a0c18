/*
 * One model on one device at one batch size and precision. The files, in the order of a picture:
 * programs.c (what the verbs compute: a table), create.c (once), run.c (begin, advance, render:
 * every picture), with words.c (prompts -> token ids), photo.c (a picture to begin from), noise.c
 * (noise that does not come from the device), flights.c (what the device still does) and frames.c
 * (what it has drawn). forward.c is the network alone, embed.c the text encoders alone,
 * times.c how long its ops took, inspect.c
 * QUICKSTEP_DEBUG, tune.c qs_tune, memory.c what all of it takes. coder.c is qs_coder, which has no
 * session. Who includes this calls downwards in this list of sections only.
 */
#ifndef QS_SESSION_SESSION_H
#define QS_SESSION_SESSION_H

#include "core/torch_rng.h"
#include "model/model.h"
#include "program/program.h"
#include "sampler/sampler.h"
#include "tuner/tuner.h"

enum {
    RECIPE_SLOTS = 3, /* recipes that may be on their way to the device */
    FRAME_SLOTS = 3,  /* shown, ready, being written */
    GROUPS_AHEAD = 2, /* groups of a step's or decode's parts that advance lets the device have */
    FLIGHTS_MAX = 5 * RECIPE_SLOTS + GROUPS_AHEAD + 1, /* before them words of both text encoders,
                                                          condition, encode and begin of every
                                                          recipe; and a read-back */
};

/* The rows of the session's table. */
typedef enum session_program {
    PROGRAM_WORDS,     /* token ids -> `text_states`, `pooled`; a recording a recipe */
    PROGRAM_WORDS_2,   /* the second text encoder's part of them; likewise */
    PROGRAM_GIVEN,     /* instead of both: `text_states` and `pooled` from the host; likewise */
    PROGRAM_CONDITION, /* these and `guidance` -> what the network reads in every step; likewise */
    PROGRAM_ENCODE,    /* `photo` -> its latent, `known`, where there is an autoencoder; likewise */
    PROGRAM_BEGIN,  /* recipe and labels -> noise in `latent`, cursor = 0; a recording a recipe */
    PROGRAM_EMBED,  /* row[cursor] .., labels -> what the network's resnets add or scale by */
    PROGRAM_STEP,   /* row[cursor], network, update of `latent`, cursor + 1 */
    PROGRAM_DECODE, /* latent -> picture -> RGBA8 frame and report; a recording a frame */
    PROGRAM_READ,   /* the floats of the picture -> the host */
    PROGRAM_COUNT,
} session_program;

/* A submission that may still be running. */
typedef struct flight {
    uint64_t ticket, serial;
    uint32_t steps_before; /* the picture's finished steps when it starts to run */
    uint32_t parts;        /* of a step's or decode's commands (gpu_record_cut) */
} flight;

typedef struct flights {
    flight flights[FLIGHTS_MAX]; /* oldest first */
    uint32_t count;
    uint64_t last_ticket;
    double busy_since_ms; /* when the oldest began to run, as far as is known */
    double part_ms;       /* what a part takes, 0: not known yet */
} flights;

typedef struct frame_slot {
    qs_frame frame; /* of the last decode into this slot; pixels and check are filled when taken */
    uint64_t ticket;
    double begin_ms;
} frame_slot;

typedef struct frames {
    frame_slot slots[FRAME_SLOTS];
    int shown, ready, writing; /* -1: none */
} frames;

/* What prompts are for a network that reads them. */
typedef struct prompt_words {
    uint32_t *ids[TEXT_ENCODERS_MAX]; /* [session_texts, tokens] */
    const qs_text_states *given;      /* instead of ids; the caller's */
    float *weights;                   /* [session_images, 4]: `text_weights` */
    float guidance;                   /* scale */
    float time_ids[TIME_IDS];
} prompt_words;

/* The prompts whose condition the device has, or will have before anything that is submitted now.
 */
typedef struct session_words {
    prompt_words have, next; /* `next`: of the recipe that is being begun */
    float *states, *pooled;  /* with options.offload: what embed_texts made of ids */
    bool valid;              /* the device has `have` */
} session_words;

/* The picture to begin from that the device has, likewise. */
typedef struct session_photo {
    uint8_t *pixels; /* [h, w, 4]; NULL: without options.edits */
    bool valid;      /* there is one */
} session_photo;

/* Noise that the host makes. */
typedef struct host_noise {
    torch_rng *generators; /* [batch], QS_RNG_TORCH */
    float *drawn;          /* [latent_elements]: one picture's noise on its way */
    size_t latent_elements;
    uint64_t start_ticket, step_tickets[STEP_NOISE_SLOTS];
    const float *given_steps; /* the caller's for the picture in progress, or NULL */
    uint32_t next_step;       /* the next step of it that may still have to draw */
} host_noise;

/* The states `labels` and `label_weights`, of each picture: a label, what it leads to, and how far;
 * that is nothing, and the same label, where there is no second one. */
typedef struct session_labels {
    uint32_t from[QS_BATCH_MAX], to[QS_BATCH_MAX];
    float mix;
} session_labels;

/* What the state `projections` was last made of. */
typedef struct embedded_rows {
    uint32_t count; /* 0: of nothing */
    session_labels labels;
    float timestep[EMBEDDED_ROWS], segment[EMBEDDED_ROWS];
} embedded_rows;

/* The picture in progress. */
typedef struct picture {
    bool begun; /* there is one, perhaps finished */
    uint64_t serial;
    const sampler_recipe *recipe; /* its slot */
    session_labels labels;
    uint64_t seed;
    uint32_t steps, steps_submitted;
    uint32_t parts_submitted; /* of the step, or the decode, that comes next */
    int decode_slot;          /* of which some part was submitted, -1: none */
    bool decode_submitted;
    double begin_ms;
} picture;

struct qs_session {
    qs_device *device;
    qs_model *model;
    qs_session_options options;
    dtype storage;
    bool vae_upcasts; /* its programs are float32, whatever storage is */
    weight_store *stores[COMPONENT_COUNT];
    tuner *tuner; /* NULL: every op's default variant */

    program_set programs; /* [PROGRAM_COUNT] */
    flights flights;
    bool undivided; /* nobody else waits for the queue: programs are submitted whole */
    session_words words;
    session_photo photo;
    host_noise noise;
    frames frames;
    picture picture;
    embedded_rows embedded;
    uint64_t recipe_tickets[RECIPE_SLOTS], step_ticket;

    program_set forward; /* made by the first qs_session_forward */
};

/* programs.c */
typedef struct session_shape {
    uint32_t n, h, w, c;
} session_shape;
session_shape session_latents(const qs_session *s);
session_shape session_pictures(const qs_session *s);
uint32_t session_texts(const qs_session *s);  /* that are read for them: one each, and the second
                                                 prompts of options.blended */
uint32_t session_images(const qs_session *s); /* that the network sees in a step: once or twice the
                                                 batch */
/* Builds the graphs, as the tuner would have them. */
qs_status session_build_programs(qs_session *s);
/* The same for the network alone, into `forward`. */
qs_status session_build_forward(qs_session *s);

/* flights.c: submissions, and what has become of them */
qs_status flights_submit(qs_session *s, session_program program, uint32_t recording,
                         uint32_t steps_before, uint64_t *ticket);
/* The next group of the picture's program: so many parts that whoever shares the queue does not
 * wait for long; *finished: they were the last. */
qs_status flights_submit_group(qs_session *s, session_program program, uint32_t recording,
                               uint32_t steps_before, uint64_t *ticket, bool *finished);
/* For what the next flight needs first; nobody waits for it by itself. */
qs_status flights_submit_before(qs_session *s, session_program program);
qs_status flights_retire(qs_session *s); /* takes note of what has finished */
qs_status flights_drain(qs_session *s);  /* waits for everything in flight */

/* create.c: what a graph needs. On failure *out is to be destroyed, too, if it is not NULL. */
qs_status session_open(qs_device *device, qs_model *model, const qs_session_options *options,
                       qs_session **out);

/* frames.c */
/* Submits the next group of decoding the picture in progress, into a frame that nobody needs. */
qs_status frames_decode(qs_session *s, bool *finished);
/* The message is that of the first bad picture. */
qs_status frames_check(const qs_session *s, uint32_t slot);
int frames_newest(const qs_session *s); /* the slot decoded into last, or -1 */

/* words.c */
qs_status words_create(qs_session *s);
void words_destroy(qs_session *s);
/* Takes note of the recipe's prompts and guidance scale, before anything of the picture in progress
 * is touched. QS_ERROR_USAGE, and what the model does not know. */
qs_status words_read(qs_session *s, const qs_recipe *wanted);
/* Submits words and condition from this recipe slot, if they are others than before. */
qs_status words_submit(qs_session *s, uint32_t slot);
/* Writes what was read last into the host's copies of what `words`, or `given`, and `condition`
 * need.
 */
void words_write(const qs_session *s, const state_set *states, uint32_t slot);

/* photo.c */
qs_status photo_create(qs_session *s);
void photo_destroy(qs_session *s);
qs_status photo_check(const qs_session *s, const qs_recipe *wanted); /* QS_ERROR_USAGE */
/* Submits encode from this recipe slot, if the picture is another than before. */
qs_status photo_submit(qs_session *s, const qs_recipe *wanted, uint32_t slot);
/* Into the host's copies of `mask` and `photo_mask`; nothing if there is none. */
void photo_write_mask(const qs_session *s, const qs_recipe *r, uint32_t slot);

/* noise.c */
/* Before the begin of a picture: writes its noise where that comes from the host, and says so in
 * its recipe. */
qs_status noise_start(qs_session *s, const qs_recipe *wanted, sampler_recipe *recipe);
/* The same before step `step` of the picture in progress; nothing if that step draws none. */
qs_status noise_step(qs_session *s, uint32_t step);

/* inspect.c */
qs_status session_inspect(qs_session *s, session_program program); /* which has been submitted */
qs_status session_log_times(qs_session *s); /* of the last picture's last step, and its decode */

#endif
