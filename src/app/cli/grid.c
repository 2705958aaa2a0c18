/* quickstep grid: one picture that shows what more steps do. */
#include "commands.h"
#include "common/headings.h"
#include "common/montage.h"
#include "picture.h"
#include "render.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 32, ROWS_MAX = 1024, LIMIT_STEPS = 64 };

static struct {
    char *output, *steps, *count, *scale;
} texts;
static int no_headings;

static const struct poptOption options[] = {
    { "output", 'o', POPT_ARG_STRING, &texts.output, 1,
      "Where to: FILE.png, or - for standard output", "FILE" },
    { "steps", 'n', POPT_ARG_STRING, &texts.steps, 2,
      "The columns: numbers of steps, each with a sampler behind a colon if it is to be another",
      "N[:SAMPLER],..." },
    { "count", 'c', POPT_ARG_STRING, &texts.count, 3, "The rows: how many seeds (default: 6)",
      "COUNT" },
    CLI_INCLUDE(cli_drawing_options),
    { "scale", '\0', POPT_ARG_STRING, &texts.scale, 8,
      "Enlarge by whole pixels, 1 to 64 times (default: until a picture is 96 pixels high)", "K" },
    { "no-headings", '\0', POPT_ARG_NONE, &no_headings, 9,
      "Only the pictures, no words above the columns and beside the rows", NULL },
    CLI_INCLUDE(cli_model_options),
    CLI_INCLUDE(cli_device_options),
    CLI_INCLUDE(cli_help_options),
    CLI_END,
};

static const char notes[] =
    "Rows are seeds, columns are numbers of steps; words around the pictures say which. Without "
    "--steps the columns are 1, 2, 4, 8, 16\n"
    "and 64, of adjusted DDIM where the model has it: the diffusion limit.\n"
    "Transparent pictures lie on a checkerboard; 'quickstep sample' writes the transparency "
    "itself.\n"
    "\n"
    "  quickstep grid -o grid.png\n"
    "  quickstep grid --steps 1,4,16,64:ddim --count 8 --seed 1 -o grid.png\n";

typedef struct column {
    uint32_t steps;
    qs_sampler sampler;
} column;

typedef struct grid_run {
    cli_target target;
    column columns[COLUMNS_MAX];
    uint32_t column_count, batch, scale;
    cli_job job; /* of a column, but for its steps and sampler; count: the rows */
    char steps[sizeof((app_recipe *)0)->steps];
} grid_run;

/* "64" or "64:addim" */
static qs_status read_column(const cli_engine *engine, char *text, grid_run *run)
{
    if (run->column_count == COLUMNS_MAX)
        return app_error(QS_ERROR_USAGE, "--steps: at most %d columns", COLUMNS_MAX);
    column *c = &run->columns[run->column_count++];
    c->sampler = run->job.sampler;
    char *colon = strchr(text, ':');
    if (colon) {
        *colon = '\0';
        const qs_status status = cli_sampler(engine, colon + 1, &c->sampler);
        if (status != QS_OK)
            return status;
    }
    return cli_count("--steps", text, 1, QS_STEPS_MAX, &c->steps);
}

static qs_status read_columns(const cli_engine *engine, grid_run *run)
{
    const bool has_limit = qs_model_check_sampler(engine->model, QS_SAMPLER_ADDIM) == QS_OK;
    const char *text = texts.steps                    ? texts.steps
                       : has_limit                    ? "1,2,4,8,16,64:addim"
                       : engine->info.steps_max >= 64 ? "1,2,4,8,16,64"
                                                      : "1,2,4,8,16";
    if (strlen(text) >= sizeof run->steps)
        return app_error(QS_ERROR_USAGE, "--steps: the list is too long");
    snprintf(run->steps, sizeof run->steps, "%s", text);
    char list[sizeof run->steps];
    snprintf(list, sizeof list, "%s", text);
    char *rest = list;
    qs_status status = QS_OK;
    while (status == QS_OK && rest)
        status = read_column(engine, strsep(&rest, ","), run);
    return status;
}

static qs_status read_numbers(grid_run *run)
{
    qs_status status = QS_OK;
    run->job.count = 6;
    TRY(cli_count("--count", texts.count, 1, ROWS_MAX, &run->job.count));
    TRY(cli_count("--scale", texts.scale, 1, 64, &run->scale));
    TRY(cli_drawing_numbers(&run->job, &run->batch));
    TRY(cli_target_init(&run->target, texts.output));
    if (run->target.format != CLI_PNG || run->target.numbered)
        status = app_error(QS_ERROR_USAGE, "-o %s: a grid is one PNG file", texts.output);
fail:
    return status;
}

/* Draws column by column (a column is one recipe) into the row-major list of the montage. */
static qs_status draw_columns(cli_engine *engine, const grid_run *run, uint8_t *pixels, double *ms)
{
    const size_t picture_bytes = (size_t)4 * engine->info.width * engine->info.height;
    for (uint32_t x = 0; x < run->column_count; x++) {
        cli_job job = run->job;
        job.steps = run->columns[x].steps;
        job.sampler = run->columns[x].sampler;
        cli_pictures pictures;
        const qs_status status = cli_render(engine, &job, &pictures);
        if (status != QS_OK)
            return status;
        for (uint32_t y = 0; y < run->job.count; y++)
            memcpy(pixels + ((size_t)y * run->column_count + x) * picture_bytes,
                   pictures.pixels + y * picture_bytes, picture_bytes);
        *ms += pictures.ms;
        cli_pictures_free(&pictures);
    }
    return QS_OK;
}

/* "64 steps, addim", "64 addim", "64" */
static void name_column(const cli_engine *engine, const grid_run *run, const column *c,
                        app_column_heading *heading)
{
    const bool other = c->sampler != run->job.sampler && c->sampler != engine->info.default_sampler;
    const char *sampler = other ? qs_sampler_name(c->sampler) : "";
    snprintf(heading->texts[0], HEADING_SIZE, "%u step%s%s%s", c->steps, c->steps == 1 ? "" : "s",
             other ? ", " : "", sampler);
    snprintf(heading->texts[1], HEADING_SIZE, "%u%s%s", c->steps, other ? " " : "", sampler);
    snprintf(heading->texts[2], HEADING_SIZE, "%u", c->steps);
}

static qs_status add_headings(const cli_engine *engine, const grid_run *run,
                              const app_recipe *recipe, app_image *image)
{
    app_column_heading columns[COLUMNS_MAX];
    char(*rows)[HEADING_SIZE] = calloc(run->job.count, sizeof *rows);
    if (!rows)
        return app_error(QS_ERROR_MEMORY, "no memory for the words of %u rows", run->job.count);
    for (uint32_t x = 0; x < run->column_count; x++)
        name_column(engine, run, &run->columns[x], &columns[x]);
    for (uint32_t y = 0; y < run->job.count; y++)
        snprintf(rows[y], HEADING_SIZE, "seed %" PRIu64, run->job.seed + y);
    app_headings headings = { run->column_count, run->job.count, columns,
                              (const char(*)[HEADING_SIZE])rows, "" };
    snprintf(headings.corner, HEADING_SIZE, "%s", recipe->label);
    const qs_status status = app_headings_add(&headings, image);
    free(rows);
    return status;
}

/* pixels: [rows, columns, h, w, 4] */
static qs_status write_grid(const cli_engine *engine, const grid_run *run, const app_recipe *recipe,
                            const uint8_t *pixels)
{
    const qs_model_info *info = &engine->info;
    app_image image = { .has_alpha = info->has_alpha };
    char *json = app_recipe_to_json(recipe);
    qs_status status = json ? QS_OK : app_error(QS_ERROR_MEMORY, "no memory");
    TRY(status);
    TRY(app_montage(pixels, run->job.count * run->column_count, info->width, info->height,
                    run->column_count, recipe->scale, &image));
    if (recipe->headings)
        TRY(add_headings(engine, run, recipe, &image));
    TRY(app_png_write(run->target.path, &image, json));
fail:
    app_montage_free(&image);
    free(json);
    return status;
}

static qs_status draw_and_write(cli_engine *engine, grid_run *run)
{
    const uint32_t count = run->job.count * run->column_count;
    double ms = 0.0;
    uint8_t *pixels = calloc(count, (size_t)4 * engine->info.width * engine->info.height);
    if (!pixels)
        return app_error(QS_ERROR_MEMORY, "no memory for %u pictures", count);
    qs_status status = draw_columns(engine, run, pixels, &ms);
    if (engine->info.has_alpha)
        app_montage_over_checkerboard(pixels, count, engine->info.width, engine->info.height);
    app_recipe recipe;
    const qs_recipe drawn = cli_job_recipe(&run->job);
    app_recipe_init(&recipe, engine->model, engine->device, engine->options.precision, &drawn);
    snprintf(recipe.command, sizeof recipe.command, "grid");
    snprintf(recipe.steps, sizeof recipe.steps, "%s", run->steps);
    recipe.count = run->job.count;
    recipe.headings = !no_headings;
    recipe.scale = run->scale ? run->scale : (95 + engine->info.height) / engine->info.height;
    if (status == QS_OK)
        status = write_grid(engine, run, &recipe, pixels);
    if (status == QS_OK)
        fprintf(strcmp(run->target.path, "-") == 0 ? stderr : stdout,
                "%s: %s, columns %s steps, rows seed %" PRIu64 " to %" PRIu64 "%s%s, %.1f ms\n",
                run->target.path, recipe.model, run->steps, run->job.seed,
                run->job.seed + run->job.count - 1, recipe.label[0] ? ", label " : "", recipe.label,
                ms);
    free(pixels);
    return status;
}

static qs_status run_grid(const char *argument)
{
    (void)argument;
    cli_engine engine = { 0 };
    grid_run run = { 0 };
    qs_status status = QS_OK;
    TRY(read_numbers(&run));
    TRY(cli_engine_open_model(&engine));
    TRY(cli_drawing_names(&engine, &run.job));
    TRY(read_columns(&engine, &run));
    TRY(cli_engine_open_device(&engine));
    TRY(cli_engine_start_many(&engine, &run.job, run.job.count, run.batch));
    TRY(draw_and_write(&engine, &run));
fail:
    cli_engine_close(&engine);
    return status;
}

const cli_command cli_grid = {
    .name = "grid",
    .summary = "draw seeds (rows) at several numbers of steps (columns)",
    .notes = notes,
    .options = options,
    .run = run_grid,
};
