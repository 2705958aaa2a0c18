/*
 * What made a picture, as JSON in the PNG, and as the command that makes it again:
 *
 *     {"program": "quickstep", "version": "0.1.0", "command": "sample", "model": "sprites",
 *      "steps": 4, "seed": 42, "count": 1, "label": "knight", "sampler": "multistep",
 *      "precision": "f32", "device": "llvmpipe (LLVM 15.0.6, 256 bits)", "driver": "Mesa 22.3.6"}
 *
 * Optional: "prompt", "negative", "guidance" (absent: the model reads none), "prompt_to" or
 * "label_to" and "mix",
 * "prompt_2", "negative_2", "original_size" ("640x512") and "crop" ("8,0"; absent: 0,0),
 * "label" (absent: the model has none), "rng" (absent: philox), "eta" (absent: 0), "timesteps"
 * ("22,0"), "scheduler" (what replaced the model's: a class or a file), "decoder" (what
 * replaced the model's vae/), "variant", "size" ("640x512"; absent: as it was trained), "lora" (a
 * list: "style.safetensors:0.8"), "init", "mask" (picture files that were begun from), "init_hash",
 * "mask_hash" (app_file_hash), "strength", "fit" and "colour" with them, "headings" (absent: a grid
 * without), "noise" (the file that replaced the seed's noise), "scale" (absent: 1). A "walk" has
 * "to" ("2,3") and perhaps "loop", "frames" and "fps", or "at" ("0.5"); one from label to label, or
 * from prompt to prompt, has no "mix", and need not have "to". A "seed" above 2^63 - 1,
 * JSON's integers as most programs read them, is a string of digits. "steps" of the command "grid"
 * is a list, one entry per column: "1,2,4,64:addim".
 */
#ifndef APP_RECIPE_H
#define APP_RECIPE_H

#include "common/file_hash.h"
#include "common/lora.h"

#define APP_SEED_MAX ((uint64_t)INT64_MAX) /* JSON's integers as most programs read them */

enum { APP_PROMPT_SIZE = 16385 }; /* as long as the library takes, and an end */

typedef struct app_recipe {
    char command[16]; /* "sample", "grid" or "walk" */
    char version[32];
    char model[128];
    char steps[128]; /* "4"; of a grid: "1,2,4,64:addim" */
    uint64_t seed;   /* picture i is drawn from seed + i */
    uint32_t count, scale;
    char label[128]; /* name, or number in decimals; "": none */
    char label_to[128];
    char prompt[APP_PROMPT_SIZE], negative[APP_PROMPT_SIZE], prompt_to[APP_PROMPT_SIZE];
    char prompt_2[APP_PROMPT_SIZE], negative_2[APP_PROMPT_SIZE];
    char original_size[24], crop[24]; /* "": its own size, not cropped */
    bool negative_given;              /* the empty one is not none */
    bool blended;                     /* with prompt_to or label_to, */
    double mix;      /* so much: 0 .. 1; below 0: all of it in turn, as a walk goes */
    double guidance; /* scale; 0: the model reads no prompts */
    char sampler[32];
    char precision[8];
    char rng[16];               /* "" or a qs_rng_name */
    double eta;                 /* 0 .. 1 */
    char timesteps[1024];       /* "": the model's own; "22,0" */
    char scheduler[1024];       /* "": the model's own */
    char variant[64], size[24]; /* "": as the model comes; "fp16", "640x512" */
    char decoder[1024];         /* "": the model's vae/ */
    char loras[APP_LORAS_MAX][APP_LORA_PATH_SIZE + 16]; /* "style.safetensors:0.8" */
    uint32_t lora_count;
    char noise[256];             /* "": the seed's */
    char init[1024], mask[1024]; /* "": none */
    char init_hash[APP_HASH_SIZE], mask_hash[APP_HASH_SIZE];
    double strength;      /* 0: no picture was begun from */
    char fit[8];          /* "", "crop" or "resize" */
    bool colour;          /* the luminance is kept, colours are drawn anew */
    bool headings;        /* a grid with words around it */
    char to[1536];        /* a walk: "2,3", the seeds after the first */
    bool loop;            /* and back to it */
    uint32_t frames, fps; /* 0: one picture of it, */
    char at[32];          /* there: "0.5" */
    char device[256], driver[256];
} app_recipe;

/* Fills in version, model and how it was opened, sampler (the default resolved) and its
 * options, the names of the first picture's labels, precision and device; command "sample", count
 * 1, scale 1. */
void app_recipe_init(app_recipe *recipe, const qs_model *model, const qs_device *device,
                     qs_precision precision, const qs_recipe *drawn);

/* How the model was opened, alone: variant, scheduler, size, decoder, LoRAs. */
void app_recipe_opened_with(app_recipe *recipe, const qs_model *model);

/* ASCII JSON on one line, to be freed by the caller; NULL without memory. */
char *app_recipe_to_json(const app_recipe *recipe);

/* The text is not trusted: unknown keys are ignored, everything known must be in range and
 * without control characters. QS_ERROR_OTHER. */
qs_status app_recipe_from_json(const char *json, app_recipe *recipe);

/* Has the text no control characters? */
bool app_recipe_holds(const char *text);

/* "quickstep sample --model sprites --steps 4 ... -o repeat.png", quoted for a shell, to be freed
 * by the caller; NULL without memory. */
char *app_recipe_command(const app_recipe *recipe);

#endif
