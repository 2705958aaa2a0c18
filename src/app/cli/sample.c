/* quickstep sample: pictures from a seed. */
#include "commands.h"
#include "picture.h"
#include "render.h"
#include "tensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct {
    char *steps, *seed, *label, *count, *sampler, *noise, *batch, *scale, *output;
} texts;

static const struct poptOption options[] = {
    { "output", 'o', POPT_ARG_STRING, &texts.output, 1,
      "Where to: FILE.png, FILE.safetensors, or - for a PNG on standard output", "FILE" },
    { "steps", 'n', POPT_ARG_STRING, &texts.steps, 2, "Network evaluations, 1 to 1024 (default: 4)",
      "N" },
    { "seed", 's', POPT_ARG_STRING, &texts.seed, 3,
      "The first picture's seed; picture i has seed S + i (default: random)", "S" },
    { "label", 'l', POPT_ARG_STRING, &texts.label, 4,
      "What to draw: a label's name or number (default: the model's)", "LABEL" },
    { "count", 'c', POPT_ARG_STRING, &texts.count, 5,
      "How many pictures (default: 1, or as many as there is noise)", "COUNT" },
    { "sampler", '\0', POPT_ARG_STRING, &texts.sampler, 6,
      "default (the model's), multistep, ddim, addim or consistency", "NAME" },
    { "noise", '\0', POPT_ARG_STRING, &texts.noise, 7,
      "Start from the tensor \"noise\" [n, c, h, w], unit variance, instead of the seed's noise",
      "FILE" },
    { "batch", 'b', POPT_ARG_STRING, &texts.batch, 8,
      "How many pictures the device draws at a time, 1 to 64 (default: up to 16)", "B" },
    { "scale", '\0', POPT_ARG_STRING, &texts.scale, 9,
      "Enlarge the PNG by whole pixels, 1 to 64 times (default: 1)", "K" },
    CLI_INCLUDE(cli_model_options),
    CLI_INCLUDE(cli_device_options),
    CLI_INCLUDE(cli_help_options),
    CLI_END,
};

static const char notes[] =
    "Several pictures become one PNG: a near-square grid, row by row, without gaps, in which\n"
    "empty cells are transparent (black in a model without transparency). With %d (or %03d) in\n"
    "the name they become a file each, numbered from 0.\n"
    "\n"
    "A .safetensors file holds \"sample\" [n, c, h, w], float32 in [-1, 1], not rounded to bytes.\n"
    "A PNG carries its recipe, which 'quickstep metadata' reads back. The seed is always printed.\n"
    "A picture with NaN, Inf or nothing on it is not written: exit status 7.\n"
    "\n"
    "  quickstep sample --steps 4 --seed 7 --label 3 -o hero.png\n"
    "  quickstep sample --steps 8 --count 16 -o heroes.png\n";

typedef struct sample_run {
    cli_target target;
    cli_job job;
    uint32_t batch, scale;
    float *noise;
} sample_run;

static qs_status read_noise(const cli_engine *engine, sample_run *run)
{
    qs_safetensors *file = NULL;
    uint32_t count = 0;
    qs_status status = QS_OK;
    QS(qs_safetensors_open(texts.noise, &file));
    TRY(cli_read_pictures(engine, texts.noise, file, "noise", 1 << 16, &run->noise, &count));
    if (texts.count && run->job.count != count)
        status = app_error(QS_ERROR_USAGE, "--count %u, but %s has noise for %u pictures",
                           run->job.count, texts.noise, count);
    run->job.count = count;
    run->job.noise = run->noise;
fail:
    qs_safetensors_close(file);
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
    TRY(cli_count("--batch", texts.batch, 1, QS_BATCH_MAX, &run->batch));
    TRY(cli_count("--scale", texts.scale, 1, 64, &run->scale));
    TRY(cli_seed(texts.seed, &run->job.seed));
    qs_precision precision;
    TRY(cli_precision(&precision));
    TRY(cli_target_init(&run->target, texts.output));
    run->job.want_floats = run->target.format == CLI_SAFETENSORS;
fail:
    return status;
}

static void print_summary(const app_recipe *recipe, const sample_run *run, double ms)
{
    FILE *out = strcmp(run->target.path, "-") == 0 ? stderr : stdout;
    fprintf(out, "%s: %s, %s step%s, %s, seed %" PRIu64, run->target.path, recipe->model,
            recipe->steps, run->job.steps == 1 ? "" : "s", recipe->sampler, recipe->seed);
    if (run->job.count > 1)
        fprintf(out, " to %" PRIu64, recipe->seed + run->job.count - 1);
    if (recipe->label[0])
        fprintf(out, ", label %s", recipe->label);
    fprintf(out, ", %s, %.1f ms\n", recipe->precision, ms);
}

static qs_status draw_and_write(cli_engine *engine, const sample_run *run)
{
    cli_pictures pictures = { 0 };
    qs_status status = cli_render(engine, &run->job, &pictures);
    if (status != QS_OK)
        return status;
    app_recipe recipe;
    const qs_recipe drawn = { .steps = run->job.steps,
                              .sampler = run->job.sampler,
                              .seed = run->job.seed };
    app_recipe_init(&recipe, engine->model, engine->device, engine->options.precision, &drawn,
                    run->job.label);
    recipe.scale = run->scale;
    snprintf(recipe.noise, sizeof recipe.noise, "%s", texts.noise ? texts.noise : "");
    status =
        run->target.format == CLI_PNG
            ? cli_write_png(&run->target, engine, &recipe, pictures.pixels, run->job.count, 0)
            : cli_write_safetensors(&run->target, engine, &recipe, pictures.floats, run->job.count);
    if (status == QS_OK)
        print_summary(&recipe, run, pictures.ms);
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
    TRY(cli_label(&engine, texts.label, &run.job.label));
    TRY(cli_sampler(&engine, texts.sampler, &run.job.sampler));
    if (texts.noise)
        TRY(read_noise(&engine, &run));
    TRY(cli_engine_open_device(&engine));
    TRY(cli_engine_start(
        &engine, (qs_session_options){ .batch = cli_batch_size(run.job.count, run.batch) }));
    TRY(draw_and_write(&engine, &run));
fail:
    free(run.noise);
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
