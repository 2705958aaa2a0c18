#include "render.h"

#include "common/guidance.h"
#include "progress.h"
#include "common/signals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEFAULT_BATCH_LIMIT = 16, DRAWING_FIRST = 52, DRAWING_MORE = 72 };

static struct {
    char *seed, *label, *label_to, *prompt, *prompt_2, *prompt_to, *mix, *negative, *negative_2,
        *guidance, *original_size, *crop, *sampler, *rng, *batch;
} texts;

struct poptOption cli_drawing_options[] = {
    { "seed", 's', POPT_ARG_STRING, &texts.seed, DRAWING_FIRST,
      "The first picture's seed; picture i has seed S + i (default: random)", "S" },
    { "label", 'l', POPT_ARG_STRING, &texts.label, DRAWING_FIRST + 1,
      "What to draw: a label's name or number (default: the model's)", "LABEL" },
    { "label-to", '\0', POPT_ARG_STRING, &texts.label_to, DRAWING_MORE + 4,
      "A second label: what is drawn lies between the two, linear in what they mean to the network",
      "LABEL" },
    { "prompt", '\0', POPT_ARG_STRING, &texts.prompt, DRAWING_FIRST + 5,
      "What to draw, in words, of a model that reads (default: its first example)", "TEXT" },
    { "prompt-to", '\0', POPT_ARG_STRING, &texts.prompt_to, DRAWING_FIRST + 8,
      "A second prompt: what is drawn lies between the two, linear in what they mean to the "
      "network",
      "TEXT" },
    { "mix", '\0', POPT_ARG_STRING, &texts.mix, DRAWING_FIRST + 9,
      "How much of --label-to or --prompt-to, 0 (the first alone) to 1 (default: 0.5)", "M" },
    { "prompt-2", '\0', POPT_ARG_STRING, &texts.prompt_2, DRAWING_MORE,
      "What a second text encoder reads instead of --prompt (Stable Diffusion XL's)", "TEXT" },
    { "negative", '\0', POPT_ARG_STRING, &texts.negative, DRAWING_FIRST + 6,
      "What to keep away from, in words, where guidance takes two evaluations a step", "TEXT" },
    { "negative-2", '\0', POPT_ARG_STRING, &texts.negative_2, DRAWING_MORE + 1,
      "What a second text encoder reads instead of --negative", "TEXT" },
    { "original-size", '\0', POPT_ARG_STRING, &texts.original_size, DRAWING_MORE + 2,
      "The size that the network is told the picture was made from (default: its own)", "WxH" },
    { "crop", '\0', POPT_ARG_STRING, &texts.crop, DRAWING_MORE + 3,
      "Where in that the network is told its corner lay (default: 0,0)", "X,Y" },
    { "guidance", 'g', POPT_ARG_STRING, &texts.guidance, DRAWING_FIRST + 7,
      "How much the prompt is followed, 1 (not beyond the model's own answer) to 1000 (default: "
      "the model's)",
      "SCALE" },
    { "sampler", '\0', POPT_ARG_STRING, &texts.sampler, DRAWING_FIRST + 2,
      "default (the model's), multistep, ddim, addim, consistency, ddpm, "
      "lcm, tcd, euler, euler_ancestral or dpmsolver",
      "NAME" },
    { "rng", '\0', POPT_ARG_STRING, &texts.rng, DRAWING_FIRST + 3,
      "Where noise comes from: philox (default; the same on every device), or torch: what "
      "diffusers draws with generator=torch.Generator().manual_seed(S + i) for picture i",
      "NAME" },
    { "batch", 'b', POPT_ARG_STRING, &texts.batch, DRAWING_FIRST + 4,
      "How many pictures the device draws at a time, 1 to 64 (default: up to 16, as many as fit)",
      "B" },
    CLI_END,
};

static qs_status read_pair(const char *option, const char *text, char between, uint32_t *a,
                           uint32_t *b)
{
    char found = '\0', end = '\0';
    if (text && (strspn(text, "0123456789x,") != strlen(text) ||
                 sscanf(text, "%5u%c%5u%c", a, &found, b, &end) != 3 || found != between))
        return app_error(QS_ERROR_USAGE, "%s wants two numbers of pixels, as in 640%c480, not '%s'",
                         option, between, text);
    return QS_OK;
}

qs_status cli_drawing_numbers(cli_job *job, uint32_t *batch)
{
    qs_status status = QS_OK;
    qs_precision precision;
    TRY(cli_count("--batch", texts.batch, 1, QS_BATCH_MAX, batch));
    TRY(cli_seed(texts.seed, &job->seed));
    TRY(cli_rng(texts.rng, &job->rng));
    TRY(cli_precision(&precision));
    TRY(cli_real("--guidance", texts.guidance, 1, QS_GUIDANCE_MAX, &job->guidance));
    const bool mixes = texts.prompt_to || texts.label_to;
    job->mix = mixes ? 0.5f : 0;
    job->mix_open = mixes && !texts.mix;
    TRY(cli_real("--mix", texts.mix, 0, 1, &job->mix));
    TRY(read_pair("--original-size", texts.original_size, 'x', &job->original_width,
                  &job->original_height));
    TRY(read_pair("--crop", texts.crop, ',', &job->crop_left, &job->crop_top));
    if (texts.mix && !mixes)
        TRY(app_error(QS_ERROR_USAGE, "--mix: of what? --label-to or --prompt-to is missing"));
fail:
    return status;
}

/* What a recipe could not hold on one line; white space is all the same to a tokenizer. */
static bool has_control(const char *text)
{
    for (; *text; ++text)
        if (((unsigned char)*text < 0x20 && !strchr("\t\n\r", *text)) || *text == 0x7f)
            return true;
    return false;
}

static qs_status check_words(const cli_engine *engine, const cli_job *job)
{
    const bool reads = engine->info.prompt_tokens > 0;
    const char *option = texts.prompt      ? "--prompt"
                         : texts.prompt_to ? "--prompt-to"
                         : texts.negative  ? "--negative"
                                           : "--guidance";
    if (!reads && (texts.prompt || texts.prompt_to || texts.negative || texts.guidance))
        return app_error(QS_ERROR_USAGE, "%s: the model %s reads no prompts", option,
                         engine->info.name);
    if (texts.negative && !job->guided)
        return app_error(QS_ERROR_USAGE,
                         engine->info.embeds_guidance
                             ? "--negative: the model %s takes the guidance scale itself, "
                               "and no negative prompt"
                             : "--negative: the model %s is not guided without --guidance",
                         engine->info.name);
    const char *const words[][2] = { { "--prompt", texts.prompt },
                                     { "--prompt-2", texts.prompt_2 },
                                     { "--prompt-to", texts.prompt_to },
                                     { "--negative", texts.negative },
                                     { "--negative-2", texts.negative_2 } };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i][1] && has_control(words[i][1]))
            return app_error(QS_ERROR_USAGE, "%s has control characters", words[i][0]);
    return QS_OK;
}

static qs_status choose_words(const cli_engine *engine, cli_job *job)
{
    const qs_model_info *info = &engine->info;
    const float scale = job->guidance > 0 ? job->guidance : info->default_guidance;
    job->guided = app_guides(info, scale);
    const char *example = qs_model_example(engine->model, 0);
    if (info->prompt_tokens > 0)
        job->prompt = texts.prompt ? texts.prompt : example ? example : "";
    job->negative = texts.negative;
    job->prompt_2 = texts.prompt_2;
    job->negative_2 = texts.negative_2;
    job->prompt_to = texts.prompt_to;
    job->blended = texts.prompt_to != NULL;
    return check_words(engine, job);
}

qs_status cli_drawing_names(const cli_engine *engine, cli_job *job)
{
    qs_status status = QS_OK;
    TRY(cli_label(engine, "--label", texts.label, &job->label));
    TRY(cli_label(engine, "--label-to", texts.label_to, &job->label_to));
    TRY(choose_words(engine, job));
    TRY(cli_sampler(engine, texts.sampler, &job->sampler));
fail:
    return status;
}

/* One render's worth of inputs and outputs, `batch` pictures each. */
typedef struct scratch {
    int32_t labels[QS_BATCH_MAX], labels_to[QS_BATCH_MAX];
    float *noise, *step_noise, *floats;
} scratch;

static size_t picture_floats(const cli_engine *engine)
{
    return (size_t)engine->info.channels * engine->info.height * engine->info.width;
}

static size_t latent_floats(const cli_engine *engine)
{
    const qs_model_info *info = &engine->info;
    return (size_t)info->latent_channels * info->latent_height * info->latent_width;
}

static size_t picture_bytes(const cli_engine *engine)
{
    return (size_t)4 * engine->info.height * engine->info.width;
}

/* The batch that draws `count` pictures in the fewest renders of at most `most`. */
static uint32_t even_batch(uint32_t count, uint32_t most)
{
    const uint32_t renders = (count + most - 1) / most;
    return (count + renders - 1) / renders;
}

qs_recipe cli_job_recipe(const cli_job *job)
{
    return (qs_recipe){ .steps = job->steps,
                        .labels = &job->label,
                        .labels_to = job->label_to >= 0 ? &job->label_to : NULL,
                        .sampler = job->sampler,
                        .seed = job->seed,
                        .rng = job->rng,
                        .eta = job->eta,
                        .prompt = job->prompt,
                        .negative = job->negative,
                        .guidance = job->guidance,
                        .prompt_to = job->prompt_to,
                        .mix = job->mix,
                        .init = job->init,
                        .strength = job->strength,
                        .mask = job->mask,
                        .prompt_2 = job->prompt_2,
                        .negative_2 = job->negative_2,
                        .original_width = job->original_width,
                        .original_height = job->original_height,
                        .crop_left = job->crop_left,
                        .crop_top = job->crop_top,
                        .keep_luminance = job->keep_luminance };
}

/* All pictures are kept until the last is drawn: said before the first is, and before the machine
 * swaps. */
static qs_status check_memory(const cli_engine *engine, uint32_t count)
{
    const double need = (double)count * (double)picture_bytes(engine);
    const double have = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (have <= 0 || need < 0.75 * have)
        return QS_OK;
    return app_error(
        QS_ERROR_MEMORY,
        "%u pictures of %ux%u need %.1f GB, this machine has %.1f: draw fewer at a time", count,
        engine->info.width, engine->info.height, need / 1e9, have / 1e9);
}

/* Both refusals of a large batch come before anything is allocated. */
qs_status cli_engine_start_many(cli_engine *engine, const cli_job *job, uint32_t count,
                                uint32_t limit)
{
    const qs_status fits = check_memory(engine, count);
    if (fits != QS_OK)
        return fits;
    for (uint32_t most = DEFAULT_BATCH_LIMIT;; most /= 2) {
        const uint32_t batch = !limit ? even_batch(count, most) : count < limit ? count : limit;
        const qs_session_options wanted = { .batch = batch,
                                            .guided = job->guided,
                                            .blended = job->blended,
                                            .edits = job->init != NULL };
        const qs_status status = cli_engine_start(engine, wanted);
        if (limit || batch == 1 || (status != QS_ERROR_DEVICE && status != QS_ERROR_MEMORY))
            return status;
    }
}

static qs_status allocate(const cli_engine *engine, const cli_job *job, cli_pictures *pictures,
                          scratch *s)
{
    const size_t batch = engine->options.batch, floats = picture_floats(engine),
                 noise_floats = latent_floats(engine);
    pictures->pixels = calloc(job->count, picture_bytes(engine));
    bool failed = !pictures->pixels;
    if (job->want_floats) {
        pictures->floats = calloc(job->count, floats * sizeof(float));
        s->floats = calloc(batch, floats * sizeof(float));
        failed |= !pictures->floats || !s->floats;
    }
    if (job->noise) {
        s->noise = calloc(batch, noise_floats * sizeof(float));
        failed |= !s->noise;
    }
    if (job->step_noise) {
        s->step_noise = calloc(job->steps * batch, noise_floats * sizeof(float));
        failed |= !s->step_noise;
    }
    for (size_t i = 0; i < batch; i++) {
        s->labels[i] = job->label;
        s->labels_to[i] = job->label_to;
    }
    return failed ? app_error(QS_ERROR_MEMORY, "no memory for %u pictures", job->count) : QS_OK;
}

/* The last render may have fewer pictures to draw than the session has places: the rest repeats
 * the first noise, or draws the next seeds, and is dropped. */
static void copy_noise(const cli_engine *engine, const float *from, uint32_t first, uint32_t wanted,
                       float *noise)
{
    const size_t floats = latent_floats(engine);
    for (uint32_t i = 0; i < engine->options.batch; i++)
        memcpy(noise + i * floats, from + (first + (i < wanted ? i : 0)) * floats,
               floats * sizeof(float));
}

static void copy_given_noise(const cli_engine *engine, const cli_job *job, uint32_t first,
                             uint32_t wanted, const scratch *s)
{
    const size_t floats = latent_floats(engine), batch = engine->options.batch;
    if (job->noise)
        copy_noise(engine, job->noise, first, wanted, s->noise);
    for (uint32_t step = 0; job->step_noise && step < job->steps; step++)
        copy_noise(engine, job->step_noise + step * job->count * floats, first, wanted,
                   s->step_noise + step * batch * floats);
}

static qs_status render_batch(cli_engine *engine, const cli_job *job, uint32_t first,
                              uint32_t wanted, const scratch *s, cli_pictures *pictures)
{
    qs_recipe recipe = cli_job_recipe(job);
    recipe.seed += first;
    recipe.labels = s->labels;
    recipe.labels_to = recipe.labels_to ? s->labels_to : NULL;
    recipe.noise = s->noise;
    recipe.timesteps = job->timesteps;
    recipe.step_noise = s->step_noise;
    char title[64] = "";
    if (job->count > wanted)
        snprintf(title, sizeof title, "pictures %u to %u of %u", first + 1, first + wanted,
                 job->count);
    cli_progress_title(title);
    copy_given_noise(engine, job, first, wanted, s);

    qs_frame frame;
    app_signals_defer(APP_SIGNALS_SOON_MS);
    const double start_ms = cli_now_ms();
    qs_status status = app_library(
        qs_session_render(engine->session, &recipe, cli_progress_step, NULL, &frame, s->floats));
    pictures->ms += cli_now_ms() - start_ms;
    if (app_signals_pending())
        status = app_error(QS_CANCELLED, "stopped");
    app_signals_resume();
    if (status != QS_OK)
        return status;
    pictures->steps = frame.steps;
    memcpy(pictures->pixels + first * picture_bytes(engine), frame.pixels,
           wanted * picture_bytes(engine));
    if (job->want_floats)
        memcpy(pictures->floats + first * picture_floats(engine), s->floats,
               wanted * picture_floats(engine) * sizeof(float));
    return QS_OK;
}

qs_status cli_render(cli_engine *engine, const cli_job *job, cli_pictures *pictures)
{
    scratch s = { 0 };
    *pictures = (cli_pictures){ 0 };
    qs_status status = allocate(engine, job, pictures, &s);
    for (uint32_t first = 0; status == QS_OK && first < job->count;) {
        const uint32_t left = job->count - first;
        const uint32_t wanted = left < engine->options.batch ? left : engine->options.batch;
        status = render_batch(engine, job, first, wanted, &s, pictures);
        first += wanted;
    }
    cli_progress_clear();
    free(s.noise);
    free(s.step_noise);
    free(s.floats);
    if (status != QS_OK)
        cli_pictures_free(pictures);
    return status;
}

void cli_pictures_free(cli_pictures *pictures)
{
    free(pictures->pixels);
    free(pictures->floats);
    *pictures = (cli_pictures){ 0 };
}
