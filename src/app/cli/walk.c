/* quickstep walk: from seed to seed, or from one label or prompt to another, through the pictures
 * between them. */
#include "commands.h"
#include "common/animation.h"
#include "common/montage.h"
#include "common/output.h"
#include "common/slerp.h"
#include "init.h"
#include "picture.h"
#include "render.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SEEDS_MAX = 64, FRAMES_MAX = 100000, CHUNK = 16, SHOWN_HEIGHT = 256 };

static struct {
    char *output, *steps, *from, *to, *frames, *fps, *at, *count, *scale;
} texts;
static int loop;

static const struct poptOption options[] = {
    { "output", 'o', POPT_ARG_STRING, &texts.output, 1,
      "Where to: FILE.png (it moves: APNG), FILE-%03d.png (a file each), or FILE.gif, FILE.mp4 or "
      "FILE.webm, by ffmpeg",
      "FILE" },
    { "from", '\0', POPT_ARG_STRING, &texts.from, 2,
      "The seed to begin with (default: what --seed says, or random)", "S" },
    { "to", '\0', POPT_ARG_STRING, &texts.to, 3, "The seeds to go to, one after another",
      "S,S,..." },
    { "loop", '\0', POPT_ARG_NONE, &loop, 4, "From the last one back to the first", NULL },
    { "frames", '\0', POPT_ARG_STRING, &texts.frames, 5, "How many pictures (default: 60)",
      "COUNT" },
    { "fps", '\0', POPT_ARG_STRING, &texts.fps, 6, "Pictures a second, 1 to 120 (default: 20)",
      "F" },
    { "at", '\0', POPT_ARG_STRING, &texts.at, 7,
      "One picture: 0 is the first seed, 1 the next, 0.5 between them", "T" },
    { "count", 'c', POPT_ARG_STRING, &texts.count, 10,
      "With --at: how many pictures, picture i between the seeds + i (default: 1)", "COUNT" },
    { "steps", 'n', POPT_ARG_STRING, &texts.steps, 8,
      "Network evaluations of each picture, 1 to 1024 (default: the model's)", "N" },
    CLI_INCLUDE(cli_drawing_options),
    CLI_INCLUDE(cli_init_options),
    { "scale", '\0', POPT_ARG_STRING, &texts.scale, 9,
      "Enlarge by whole pixels, 1 to 64 times (default: until a picture is 256 pixels high; 1 with "
      "--at)",
      "K" },
    CLI_INCLUDE(cli_model_options),
    CLI_INCLUDE(cli_device_options),
    CLI_INCLUDE(cli_help_options),
    CLI_END,
};

static const char notes[] =
    "The noise turns from each seed's to the next one's at a steady speed (spherical linear\n"
    "interpolation); everything else stays. With --label-to or --prompt-to and without --mix what "
    "is\n"
    "drawn turns into that on the way, too, and back with --loop; then --to may be missing. GIF,\n"
    "MP4 and WebM have a checkerboard where pictures are transparent.\n"
    "\n"
    "  quickstep walk --from 1 --to 2,3 --loop --frames 90 -o walk.png\n"
    "  quickstep walk --from 1 --to 2 --at 0.5 -o between.png\n"
    "  quickstep walk --from 1 --label knight --label-to wizard --loop -o turning.png\n";

typedef struct walk_run {
    cli_job job; /* of a chunk */
    uint64_t seeds[SEEDS_MAX];
    uint32_t seed_count, frames, fps, batch, scale;
    double at;      /* below 0: all the way */
    bool mix_moves; /* the first label or prompt turns into the second */
    bool numbered, moves;
    float *ends[2], *noise; /* of the seeds that `end` says; of a chunk */
    uint32_t end; /* ends[0] is of seeds[end], ends[1] of the next; seed_count: none yet */
    cli_init init;
    app_animation *animation;
    app_recipe recipe;
} walk_run;

/* ---- what was asked for ------------------------------------------------------------------------
 */

static qs_status read_seeds(walk_run *run)
{
    char list[SEEDS_MAX * 24], *rest = list;
    qs_status status = QS_OK;
    if (texts.from)
        TRY(cli_seed(texts.from, &run->job.seed));
    run->seeds[run->seed_count++] = run->job.seed;
    if (!texts.to && run->job.mix_open)
        return QS_OK;
    if (!texts.to)
        return app_error(QS_ERROR_USAGE, "where does the walk go? Name a seed, --to 2, or a second "
                                         "label or prompt, and no --mix");
    if (strlen(texts.to) >= sizeof list)
        return app_error(QS_ERROR_USAGE, "--to: the list is too long");
    snprintf(list, sizeof list, "%s", texts.to);
    while (rest) {
        if (run->seed_count + 1 == SEEDS_MAX)
            return app_error(QS_ERROR_USAGE, "--to: at most %d seeds", SEEDS_MAX - 2);
        TRY(cli_number("--to", strsep(&rest, ","), 0, UINT64_MAX, &run->seeds[run->seed_count++]));
    }
    if (loop)
        run->seeds[run->seed_count++] = run->seeds[0];
fail:
    return status;
}

static qs_status read_at(walk_run *run)
{
    char *end = texts.at;
    run->at = texts.at ? strtod(texts.at, &end) : -1;
    run->mix_moves = run->job.mix_open && !texts.at;
    if (texts.at && !texts.to)
        return app_error(QS_ERROR_USAGE, "--at is between seeds, and there is no --to; 'quickstep "
                                         "sample --mix' draws one between labels or prompts");
    if (texts.at && (end == texts.at || *end || !(run->at >= 0 && run->at <= run->seed_count - 1)))
        return app_error(QS_ERROR_USAGE, "--at wants a number from 0 to %u, not '%s'",
                         run->seed_count - 1, texts.at);
    if (texts.count && !texts.at)
        return app_error(QS_ERROR_USAGE, "--count goes with --at; --frames says how many are drawn "
                                         "on the way");
    run->frames = texts.at ? 1 : run->frames;
    return cli_count("--count", texts.count, 1, QS_BATCH_MAX, &run->frames);
}

static bool is_png(const char *path)
{
    const size_t length = strlen(path);
    return length > 4 && strcasecmp(path + length - 4, ".png") == 0;
}

static qs_status check_output(walk_run *run)
{
    if (!texts.output)
        return app_error(QS_ERROR_USAGE, "where to? Name a file: -o walk.png");
    cli_target target;
    run->moves = run->at < 0;
    if (is_png(texts.output)) {
        const qs_status status = cli_target_init(&target, texts.output);
        run->numbered = target.numbered;
        if (run->numbered && run->at >= 0)
            return app_error(QS_ERROR_USAGE, "-o %s: with --at there is one file", texts.output);
        run->moves = run->moves && !run->numbered;
        return status;
    }
    if (!run->moves || !app_animation_is(texts.output))
        return app_error(QS_ERROR_USAGE, "-o %s: the name must end in .png%s", texts.output,
                         run->moves ? ", .gif, .mp4 or .webm" : "");
    return app_output_check(texts.output);
}

static qs_status read_numbers(walk_run *run)
{
    qs_status status = QS_OK;
    run->job = (cli_job){ .steps = 4 };
    run->frames = 60;
    run->fps = 20;
    TRY(cli_count("--steps", texts.steps, 1, QS_STEPS_MAX, &run->job.steps));
    TRY(cli_count("--frames", texts.frames, 2, FRAMES_MAX, &run->frames));
    TRY(cli_count("--fps", texts.fps, 1, 120, &run->fps));
    TRY(cli_count("--scale", texts.scale, 1, 64, &run->scale));
    TRY(cli_drawing_numbers(&run->job, &run->batch));
    TRY(cli_init_numbers(&run->job));
    TRY(read_seeds(run));
    TRY(read_at(run));
    TRY(check_output(run));
    run->end = run->seed_count;
fail:
    return status;
}

/* ---- on the way --------------------------------------------------------------------------------
 */

static size_t noise_size(const cli_engine *engine)
{
    const qs_model_info *info = &engine->info;
    return (size_t)info->latent_channels * info->latent_height * info->latent_width;
}

/* 0 .. 1. A loop's last picture comes before its first, which is shown again. */
static double part_of(const walk_run *run, uint32_t frame)
{
    return (double)frame / (loop ? run->frames : run->frames - 1);
}

static double place_of(const walk_run *run, uint32_t frame)
{
    return part_of(run, frame) * (run->seed_count - 1);
}

static float mix_of(const walk_run *run, uint32_t frame)
{
    const double part = part_of(run, frame);
    return (float)(!loop ? part : part < 0.5 ? 2 * part : 2 - 2 * part);
}

/* A picture of the way as a command draws it alone. */
static void describe_place(walk_run *run, uint32_t frame)
{
    app_recipe *r = &run->recipe;
    snprintf(r->at, sizeof r->at, "%.17g", place_of(run, frame));
    if (run->mix_moves)
        r->mix = (double)run->job.mix;
    if (run->seed_count > 1)
        return;
    snprintf(r->command, sizeof r->command, "sample");
    r->at[0] = '\0';
    r->loop = false;
}

/* offset: of the seeds */
static qs_status mix(const cli_engine *engine, walk_run *run, double place, uint32_t offset,
                     float *noise)
{
    qs_status status = QS_OK;
    uint32_t end = (uint32_t)place;
    if (end > run->seed_count - 2)
        end = run->seed_count - 2;
    for (uint32_t i = 0; i < 2 && (end != run->end || offset > 0); i++)
        QS(qs_model_noise(engine->model, run->job.rng, run->seeds[end + i] + offset, run->ends[i]));
    run->end = end;
    app_slerp(run->ends[0], run->ends[1], noise_size(engine), place - end, noise);
fail:
    return status;
}

/* pixels [count, h, w, 4], as they are shown in a file that moves */
static qs_status write_frames(const cli_engine *engine, walk_run *run, uint32_t first,
                              uint8_t *pixels, uint32_t count)
{
    const qs_model_info *info = &engine->info;
    const size_t bytes = (size_t)4 * info->width * info->height;
    qs_status status = QS_OK;
    app_image image = { .has_alpha = info->has_alpha };
    char *json = NULL, *path = NULL;
    for (uint32_t i = 0; i < count; i++) {
        TRY(app_montage(pixels + i * bytes, 1, info->width, info->height, 1, run->scale, &image));
        if (run->moves) {
            TRY(app_animation_add(run->animation, image.pixels));
        } else {
            describe_place(run, first + i);
            json = app_recipe_to_json(&run->recipe);
            path = cli_numbered_path(texts.output, first + i);
            if (!json || !path)
                TRY(app_error(QS_ERROR_MEMORY, "no memory"));
            TRY(app_png_write(path, &image, json));
        }
        app_montage_free(&image);
        free(json);
        free(path);
        json = path = NULL;
    }
fail:
    app_montage_free(&image);
    free(json);
    free(path);
    return status;
}

static qs_status draw_chunk(cli_engine *engine, walk_run *run, uint32_t first, uint32_t count,
                            double *ms)
{
    qs_status status = QS_OK;
    cli_pictures pictures = { 0 };
    for (uint32_t i = 0; i < count && run->seed_count > 1; i++)
        TRY(mix(engine, run, place_of(run, first + i), 0, run->noise + i * noise_size(engine)));
    run->job.count = count;
    run->job.noise = run->seed_count > 1 ? run->noise : NULL;
    if (run->mix_moves)
        run->job.mix = mix_of(run, first);
    TRY(cli_render(engine, &run->job, &pictures));
    *ms += pictures.ms;
    if (!is_png(texts.output) && engine->info.has_alpha)
        app_montage_over_checkerboard(pictures.pixels, count, engine->info.width,
                                      engine->info.height);
    TRY(write_frames(engine, run, first, pictures.pixels, count));
fail:
    cli_pictures_free(&pictures);
    return status;
}

/* --at */
static qs_status draw_place(cli_engine *engine, walk_run *run, double *ms)
{
    qs_status status = QS_OK;
    cli_pictures pictures = { 0 };
    cli_target target;
    for (uint32_t i = 0; i < run->frames; i++)
        TRY(mix(engine, run, run->at, i, run->noise + i * noise_size(engine)));
    run->job.count = run->frames;
    run->job.noise = run->noise;
    TRY(cli_render(engine, &run->job, &pictures));
    *ms = pictures.ms;
    snprintf(run->recipe.at, sizeof run->recipe.at, "%.17g", run->at);
    TRY(cli_target_init(&target, texts.output));
    TRY(cli_write_png(&target, engine, &run->recipe, pictures.pixels, run->frames));
fail:
    cli_pictures_free(&pictures);
    return status;
}

static qs_status begin_animation(const cli_engine *engine, walk_run *run)
{
    const app_image image = { .width = engine->info.width * run->scale,
                              .height = engine->info.height * run->scale,
                              .has_alpha = engine->info.has_alpha };
    char *json = app_recipe_to_json(&run->recipe);
    const qs_status status = json ? app_animation_begin(texts.output, &image, run->frames, run->fps,
                                                        json, &run->animation)
                                  : app_error(QS_ERROR_MEMORY, "no memory");
    free(json);
    return status;
}

static qs_status fill_recipe(const cli_engine *engine, walk_run *run)
{
    app_recipe *r = &run->recipe;
    qs_recipe drawn = cli_job_recipe(&run->job);
    drawn.seed = run->seeds[0];
    app_recipe_init(r, engine->model, engine->device, engine->options.precision, &drawn);
    snprintf(r->command, sizeof r->command, "walk");
    snprintf(r->to, sizeof r->to, "%s", texts.to ? texts.to : "");
    r->mix = run->mix_moves ? -1 : r->mix;
    r->loop = loop;
    r->scale = run->scale;
    r->frames = run->moves ? run->frames : 0;
    r->fps = run->moves ? run->fps : 0;
    return cli_init_describe(r);
}

static qs_status draw_and_write(cli_engine *engine, walk_run *run)
{
    qs_status status = QS_OK;
    const size_t size = noise_size(engine);
    double ms = 0;
    if (run->scale == 0)
        run->scale =
            run->at >= 0 ? 1 : (SHOWN_HEIGHT - 1 + engine->info.height) / engine->info.height;
    run->noise = calloc(CHUNK > QS_BATCH_MAX ? CHUNK : QS_BATCH_MAX, size * sizeof(float));
    for (int i = 0; i < 2; i++)
        run->ends[i] = calloc(size, sizeof(float));
    if (!run->noise || !run->ends[0] || !run->ends[1])
        TRY(app_error(QS_ERROR_MEMORY, "no memory for noise"));
    TRY(fill_recipe(engine, run));
    if (run->moves)
        TRY(begin_animation(engine, run));
    if (run->at >= 0)
        TRY(draw_place(engine, run, &ms));
    const uint32_t most =
        run->mix_moves ? 1 : CHUNK; /* a recipe has one mix for all its pictures */
    for (uint32_t first = 0; first < run->frames && run->at < 0; first += most) {
        const uint32_t left = run->frames - first;
        TRY(draw_chunk(engine, run, first, left < most ? left : most, &ms));
    }
    status = app_animation_end(run->animation, true);
    run->animation = NULL;
    TRY(status);
    printf("%s: %s, %s step%s, seed %" PRIu64 "%s%s%s, %u picture%s, %.1f ms\n", texts.output,
           run->recipe.model, run->recipe.steps, run->job.steps == 1 ? "" : "s", run->seeds[0],
           texts.to ? " to " : "", texts.to ? texts.to : "", loop ? " and back" : "", run->frames,
           run->frames == 1 ? "" : "s", ms);
fail:
    app_animation_end(run->animation, false);
    free(run->noise);
    for (int i = 0; i < 2; i++)
        free(run->ends[i]);
    return status;
}

/* The noise that such a sampler adds on the way is the first seed's for all pictures, so they are
 * drawn one at a time: picture i of a batch has seed + i. */
static bool adds_noise(const cli_engine *engine, const cli_job *job)
{
    const qs_sampler s =
        job->sampler == QS_SAMPLER_DEFAULT ? engine->info.default_sampler : job->sampler;
    switch (s) {
    case QS_SAMPLER_MULTISTEP:
    case QS_SAMPLER_DDIM:
    case QS_SAMPLER_ADDIM:
    case QS_SAMPLER_EULER:
    case QS_SAMPLER_DPMSOLVER: return false;
    default: return true;
    }
}

static qs_status run_walk(const char *argument)
{
    (void)argument;
    cli_engine engine = { 0 };
    walk_run run = { 0 };
    qs_status status = QS_OK;
    TRY(read_numbers(&run));
    TRY(cli_engine_open_model(&engine));
    TRY(cli_drawing_names(&engine, &run.job));
    if (!texts.steps)
        run.job.steps = engine.info.default_steps;
    TRY(cli_init_read(&engine, &run.init, &run.job));
    TRY(cli_engine_open_device(&engine));
    if (adds_noise(&engine, &run.job) || run.mix_moves)
        run.batch = 1;
    TRY(cli_engine_start_many(&engine, &run.job, run.frames < CHUNK ? run.frames : CHUNK,
                              run.batch));
    TRY(draw_and_write(&engine, &run));
fail:
    cli_init_free(&run.init);
    cli_engine_close(&engine);
    return status;
}

const cli_command cli_walk = {
    .name = "walk",
    .summary = "draw the pictures between seeds, labels or prompts, as an animation",
    .notes = notes,
    .options = options,
    .run = run_walk,
};
