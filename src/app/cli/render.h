/* Any number of pictures of one recipe, drawn batch by batch. */
#ifndef CLI_RENDER_H
#define CLI_RENDER_H

#include "engine.h"
#include "options.h"

typedef struct cli_job {
    uint32_t count, steps;
    qs_sampler sampler;
    uint64_t seed;
    qs_rng rng;
    float eta;
    const uint32_t *timesteps;                                     /* [steps] or NULL */
    int32_t label;                                                 /* -1: the model's default */
    int32_t label_to;                                              /* -1: not mixed with another */
    const char *prompt;                                            /* NULL: the model reads none */
    const char *negative;                                          /* or NULL */
    const char *prompt_to;                                         /* NULL: not blended */
    const char *prompt_2, *negative_2;                             /* as qs_recipe's, or NULL */
    uint32_t original_width, original_height, crop_left, crop_top; /* likewise, or 0 */
    float mix;                                                     /* how much of these */
    bool mix_open;                                                 /* nobody said how much */
    float guidance;                                                /* scale; 0: the model's own */
    bool guided; /* the network is evaluated twice a step */
    bool blended;
    const float *noise;         /* [count, c, h, w] or NULL */
    const float *step_noise;    /* [steps, count, c, h, w] or NULL */
    const uint8_t *init, *mask; /* as qs_recipe's, or NULL */
    float strength;             /* 0 without init */
    bool keep_luminance;        /* of init, and colours are drawn anew */
    bool want_floats;
} cli_job;

typedef struct cli_pictures {
    uint8_t *pixels; /* [count, h, w, 4] */
    float *floats;   /* [count, c, h, w], NULL unless wanted */
    uint32_t steps;  /* of each that ran */
    double ms;       /* wall clock of all renders together */
} cli_pictures;

/* The options of the commands that draw: seed, label, prompt, sampler, rng, batch. */
extern struct poptOption cli_drawing_options[];

/* What they say, into the job and *batch (0: not said): first what can be told without the model,
 * the precision with it; then what needs it. */
qs_status cli_drawing_numbers(cli_job *job, uint32_t *batch);
qs_status cli_drawing_names(const cli_engine *engine, cli_job *job);

/* A session for `count` pictures of the job in batches of `limit`; 0: of 16, or as many as fit the
 * device. */
qs_status cli_engine_start_many(cli_engine *engine, const cli_job *job, uint32_t count,
                                uint32_t limit);

/* What app_recipe_init keeps of a job; the labels are one each. */
qs_recipe cli_job_recipe(const cli_job *job);

/* With the engine's session. QS_CANCELLED when a signal came. Free with cli_pictures_free. */
qs_status cli_render(cli_engine *engine, const cli_job *job, cli_pictures *pictures);
void cli_pictures_free(cli_pictures *pictures);

#endif
