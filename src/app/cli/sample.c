/* quickstep sample: pictures from a seed. */
#include "commands.h"
#include "init.h"
#include "picture.h"
#include "preview.h"
#include "render.h"
#include "tensors.h"

#include "common/montage.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct {
    char *output, *steps, *count, *eta, *timesteps, *noise, *scale;
    int preview;
} texts;

static const struct poptOption options[] = {
    { "output", 'o', POPT_ARG_STRING, &texts.output, 1,
      "Where to: FILE.png, FILE.safetensors, or - for a PNG on standard output", "FILE" },
    { "steps", 'n', POPT_ARG_STRING, &texts.steps, 2,
      "Network evaluations, 1 to 1024 (default: the model's, which 'inspect' says: 4, of a plain "
      "diffusion model 50, of SD-Turbo's kind 1)",
      "N" },
    { "count", 'c', POPT_ARG_STRING, &texts.count, 5,
      "How many pictures (default: 1, or as many as there is noise)", "COUNT" },
    CLI_INCLUDE(cli_drawing_options),
    CLI_INCLUDE(cli_init_options),
    { "eta", '\0', POPT_ARG_STRING, &texts.eta, 10,
      "How much noise ddim adds in each step of a diffusion model, 0 to 1 (default: 0)", "ETA" },
    { "timesteps", '\0', POPT_ARG_STRING, &texts.timesteps, 11,
      "The points of the training grid that a consistency model visits, descending, e.g. 22,0 "
      "(default: what its authors chose)",
      "LIST" },
    { "noise", '\0', POPT_ARG_STRING, &texts.noise, 7,
      "Start from the tensor \"noise\" [n, c, h, w], unit variance, instead of the seed's noise "
      "(as large as a latent where the model draws latents); what later steps add is "
      "\"step_noise\" [steps, n, c, h, w] where the file has it",
      "FILE" },
    { "scale", '\0', POPT_ARG_STRING, &texts.scale, 9,
      "Enlarge the PNG by whole pixels, 1 to 64 times (default: 1)", "K" },
    { "preview", '\0', POPT_ARG_NONE, &texts.preview, 18,
      "Show the pictures in the terminal, too, if it says that it can (kitty's protocol or sixels)",
      NULL },
    CLI_INCLUDE(cli_model_options),
    CLI_INCLUDE(cli_device_options),
    CLI_INCLUDE(cli_help_options),
    CLI_END,
};

static const char notes[] =
    "With --init a multistep model begins at the very noise of the strength S, and ceil(S * N) of "
    "its\n"
    "N steps remain; others run the last int(S * N), as diffusers' image-to-image pipelines do. "
    "With\n"
    "--mask the kept pixels are set back after every step, and are those of the file in the end.\n"
    "\n"
    "Several pictures become one PNG: a near-square grid, row by row, without gaps, in which\n"
    "empty cells are transparent (black in a model without transparency). With %d (or %03d) in\n"
    "the name they become a file each, numbered from 0.\n"
    "\n"
    "A .safetensors file holds \"sample\" [n, c, h, w], float32 in [-1, 1], not rounded to bytes.\n"
    "A PNG carries its recipe, which 'quickstep metadata' reads back. The seed is always printed.\n"
    "A picture with NaN, Inf or nothing on it is not written: exit status 7.\n"
    "\n"
    "  quickstep sample --steps 4 --seed 7 --label 3 -o hero.png\n"
    "  quickstep sample --init hero.png --strength 0.5 --label wizard -o wizard.png\n"
    "  quickstep sample --steps 8 --count 16 -o heroes.png\n"
    "  quickstep sample -m heroes --prompt \"red robe, wizard hat, green shield\" -o wizard.png\n";

typedef struct sample_run {
    cli_target target;
    cli_job job;
    uint32_t batch, scale;
    uint32_t timesteps[QS_STEPS_MAX];
    float *noise, *step_noise;
    cli_init init;
} sample_run;

static qs_status read_noise(const cli_engine *engine, sample_run *run)
{
    qs_safetensors *file = NULL;
    uint32_t count = 0;
    qs_status status = QS_OK;
    QS(qs_safetensors_open(texts.noise, &file));
    TRY(cli_read_latents(engine, texts.noise, file, "noise", engine->info.latent_channels, 1 << 16,
                         &run->noise, &count));
    if (texts.count && run->job.count != count)
        status = app_error(QS_ERROR_USAGE, "--count %u, but %s has noise for %u pictures",
                           run->job.count, texts.noise, count);
    TRY(status);
    run->job.count = count;
    run->job.noise = run->noise;
    TRY(cli_read_step_latents(engine, texts.noise, file, "step_noise", run->job.steps, count,
                              &run->step_noise));
    run->job.step_noise = run->step_noise;
fail:
    qs_safetensors_close(file);
    return status;
}

/* "22,0": also the number of steps. */
static qs_status read_timesteps(sample_run *run)
{
    if (!texts.timesteps)
        return QS_OK;
    if (strlen(texts.timesteps) >= sizeof((app_recipe *)0)->timesteps)
        return app_error(QS_ERROR_USAGE, "--timesteps: the list is too long");
    char *list = strdup(texts.timesteps), *rest = list;
    uint32_t count = 0;
    qs_status status = list ? QS_OK : app_error(QS_ERROR_MEMORY, "no memory");
    for (; rest && status == QS_OK; count++)
        status =
            cli_count("--timesteps", strsep(&rest, ","), 0, UINT32_MAX, &run->timesteps[count]);
    free(list);
    if (status == QS_OK && texts.steps && run->job.steps != count)
        return app_error(QS_ERROR_USAGE, "--steps %u, but --timesteps has %u", run->job.steps,
                         count);
    run->job.steps = count;
    run->job.timesteps = run->timesteps;
    return status;
}

/* Everything that can be said without the model is said before it is read. */
static qs_status read_numbers(sample_run *run)
{
    qs_status status = QS_OK;
    run->job = (cli_job){ .count = 1, .steps = 4 };
    run->scale = 1;
    TRY(cli_count("--steps", texts.steps, 1, QS_STEPS_MAX, &run->job.steps));
    TRY(cli_count("--count", texts.count, 1, 1 << 16, &run->job.count));
    TRY(cli_count("--scale", texts.scale, 1, 64, &run->scale));
    TRY(cli_drawing_numbers(&run->job, &run->batch));
    TRY(cli_init_numbers(&run->job));
    TRY(cli_real("--eta", texts.eta, 0, 1, &run->job.eta));
    TRY(read_timesteps(run));
    TRY(cli_target_init(&run->target, texts.output));
    run->job.want_floats = run->target.format == CLI_SAFETENSORS;
fail:
    return status;
}

static void print_summary(const app_recipe *recipe, const sample_run *run,
                          const cli_pictures *pictures)
{
    FILE *out = strcmp(run->target.path, "-") == 0 ? stderr : stdout;
    fprintf(out, "%s: %s, ", run->target.path, recipe->model);
    if (cli_init_path())
        fprintf(out, "%s at strength %g: %u of ", cli_init_path(), recipe->strength,
                pictures->steps);
    fprintf(out, "%s step%s, %s, seed %" PRIu64, recipe->steps, run->job.steps == 1 ? "" : "s",
            recipe->sampler, recipe->seed);
    if (run->job.count > 1)
        fprintf(out, " to %" PRIu64, recipe->seed + run->job.count - 1);
    if (recipe->label[0])
        fprintf(out, ", label %s", recipe->label);
    if (recipe->label_to[0])
        fprintf(out, ", %g of %s", recipe->mix, recipe->label_to);
    if (run->job.prompt)
        fprintf(out, ", \"%s\"", recipe->prompt);
    if (run->job.blended)
        fprintf(out, ", %g of \"%s\"", recipe->mix, recipe->prompt_to);
    fprintf(out, ", %s, %.1f ms\n", recipe->precision, pictures->ms);
}

/* As large as can be seen. */
static qs_status show_preview(const cli_engine *engine, const uint8_t *pixels, uint32_t count)
{
    enum { SEEN = 256 };
    const qs_model_info *info = &engine->info;
    const uint32_t scale = info->height < SEEN ? SEEN / info->height : 1;
    app_image image = { .has_alpha = info->has_alpha };
    const qs_status status = app_montage(pixels, count, info->width, info->height,
                                         app_montage_columns(count), scale, &image);
    if (status == QS_OK)
        cli_preview_show(&image);
    app_montage_free(&image);
    return status;
}

static qs_status draw_and_write(cli_engine *engine, const sample_run *run)
{
    cli_pictures pictures = { 0 };
    qs_status status = cli_render(engine, &run->job, &pictures);
    if (status != QS_OK)
        return status;
    app_recipe recipe;
    const qs_recipe drawn = cli_job_recipe(&run->job);
    app_recipe_init(&recipe, engine->model, engine->device, engine->options.precision, &drawn);
    recipe.scale = run->scale;
    snprintf(recipe.noise, sizeof recipe.noise, "%s", texts.noise ? texts.noise : "");
    snprintf(recipe.timesteps, sizeof recipe.timesteps, "%s",
             texts.timesteps ? texts.timesteps : "");
    TRY(cli_init_describe(&recipe));
    status =
        run->target.format == CLI_PNG
            ? cli_write_png(&run->target, engine, &recipe, pictures.pixels, run->job.count)
            : cli_write_safetensors(&run->target, engine, &recipe, pictures.floats, run->job.count);
    if (status == QS_OK)
        print_summary(&recipe, run, &pictures);
    if (status == QS_OK && texts.preview)
        status = show_preview(engine, pictures.pixels, run->job.count);
fail:
    cli_pictures_free(&pictures);
    return status;
}

static qs_status run_sample(const char *argument)
{
    (void)argument;
    cli_engine engine = { 0 };
    sample_run run = { 0 };
    qs_status status = QS_OK;
    TRY(read_numbers(&run));
    TRY(cli_engine_open_model(&engine));
    TRY(cli_drawing_names(&engine, &run.job));
    if (!texts.steps && !texts.timesteps)
        run.job.steps = engine.info.default_steps;
    if (texts.noise)
        TRY(read_noise(&engine, &run));
    TRY(cli_init_read(&engine, &run.init, &run.job));
    TRY(cli_engine_open_device(&engine));
    TRY(cli_engine_start_many(&engine, &run.job, run.job.count, run.batch));
    TRY(draw_and_write(&engine, &run));
fail:
    cli_init_free(&run.init);
    free(run.noise);
    free(run.step_noise);
    cli_engine_close(&engine);
    return status;
}

const cli_command cli_sample = {
    .name = "sample",
    .summary = "draw pictures",
    .notes = notes,
    .options = options,
    .run = run_sample,
};
