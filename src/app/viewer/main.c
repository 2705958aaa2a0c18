/* quickstep-view: a window in which pictures follow the step slider. */
#include "common/log.h"
#include "common/lora.h"
#include "common/output.h"
#include "common/signals.h"
#include "viewer/loop.h"
#include "viewer/readout.h"
#include "viewer/requests.h"

#include <errno.h>
#include <inttypes.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MIX_UNSAID = -1000,
    SIGNAL_MS = 3000, /* for a loop on a busy machine: what is recorded is not to be lost */
};

typedef struct viewer_options {
    char *model, *variant, *scheduler, *device, *seed, *batch, *precision, *label, *label_to,
        *prompt, *prompt_to, *sampler, *size, *decoder, *camera;
    char **loras;
    const char *file; /* a PNG or a model's folder */
    int steps, paused, present, help, version, report, offload;
    double exit_after, scale, mix;
} viewer_options;

/* Whole and not above `most`. */
static bool parse_number(const char *text, uint64_t most, uint64_t *value)
{
    char *end = NULL;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    if (!(text[0] >= '0' && text[0] <= '9') || *end || errno || number > most)
        return false;
    *value = number;
    return true;
}

static qs_status parse_options(int argc, const char **argv, viewer_options *options, bool *leave)
{
    const struct poptOption table[] = {
        { "model", 'm', POPT_ARG_STRING, &options->model, 0,
          "The model: a folder, or the name of one that came with the program "
          "(default: " CATALOG_DEFAULT ")",
          "DIR" },
        { "variant", '\0', POPT_ARG_STRING, &options->variant, 0,
          "Which of the model's weights, e.g. fp16 (default: those without a variant, or the only "
          "one)",
          "WORD" },
        { "scheduler", '\0', POPT_ARG_STRING, &options->scheduler, 0,
          "What samples in place of the scheduler of --model: a scheduler_config.json, or a class, "
          "which reads the model's (diffusers' defaults, where it has none)",
          "FILE|CLASS" },
        { "decoder", '\0', POPT_ARG_STRING, &options->decoder, 0,
          "What makes pictures of latents in place of the vae/ of --model: tiny, kl, or an "
          "autoencoder's folder or name",
          "tiny|kl|DIR" },
        { "lora", '\0', POPT_ARG_ARGV, &options->loras, 0,
          "Add a LoRA to the weights of --model, SCALE times (default: 1); may be given several "
          "times",
          "FILE[:SCALE]" },
        { "device", 'd', POPT_ARG_STRING, &options->device, 0,
          "The device: its number, UUID or a part of its name, see 'quickstep devices'", "DEVICE" },
        { "steps", 'n', POPT_ARG_INT, &options->steps, 0,
          "1 to 16, or 32 or 64: the diffusion limit; up to 1000 of a plain diffusion model", "N" },
        { "seed", 's', POPT_ARG_STRING, &options->seed, 0, "The first seed (default: 1)", "S" },
        { "batch", 'b', POPT_ARG_STRING, &options->batch, 0,
          "Pictures at a time: 1, 4, 9 or 16 (default: 16, on software Vulkan 4, with --paused 1)",
          "B" },
        { "prompt", '\0', POPT_ARG_STRING, &options->prompt, 0,
          "What a model that reads draws, in words", "TEXT" },
        { "prompt-to", '\0', POPT_ARG_STRING, &options->prompt_to, 0,
          "Draw between --prompt and this one", "TEXT" },
        { "label-to", '\0', POPT_ARG_STRING, &options->label_to, 0,
          "Draw between --label and this one", "L" },
        { "mix", '\0', POPT_ARG_DOUBLE, &options->mix, 0,
          "How much of --label-to or --prompt-to: 0, none, to 1, all (default: 0.5)", "M" },
        { "offload", '\0', POPT_ARG_NONE, &options->offload, 0,
          "Keep a text encoder's weights on the device only while it reads: less memory, and "
          "another prompt takes longer",
          NULL },
        { "label", 'l', POPT_ARG_STRING, &options->label, 0, "The label, by name or number", "L" },
        { "sampler", '\0', POPT_ARG_STRING, &options->sampler, 0,
          "multistep, ddim, addim, consistency, ddpm, lcm, tcd, euler, euler_ancestral or "
          "dpmsolver (default: the model's)",
          "NAME" },
        { "camera", '\0', POPT_ARG_STRING, &options->camera, 0,
          "Draw from what this camera sees, as it comes", "/dev/video0" },
        { "precision", 'p', POPT_ARG_STRING, &options->precision, 0,
          "How numbers are stored on the device: f32 (default) or f16", "f32|f16" },
        { "paused", '\0', POPT_ARG_NONE, &options->paused, 0,
          "Start with one picture that stands still, not playing", NULL },
        { "present", '\0', POPT_ARG_NONE, &options->present, 0,
          "Pictures only, on the full screen, walking by themselves; Esc leads back", NULL },
        { "scale", '\0', POPT_ARG_DOUBLE, &options->scale, 0,
          "Size of text and controls, 1 on an ordinary screen (default: what the screen says)",
          "S" },
        { "help", 'h', POPT_ARG_NONE, &options->help, 0, "Show this help", NULL },
        { "version", '\0', POPT_ARG_NONE, &options->version, 0, "Print the version", NULL },
        /* for tests: tests/viewer/README.md */
        { "exit-after", '\0', POPT_ARG_DOUBLE | POPT_ARGFLAG_DOC_HIDDEN, &options->exit_after, 0,
          NULL, NULL },
        { "size", '\0', POPT_ARG_STRING | POPT_ARGFLAG_DOC_HIDDEN, &options->size, 0, NULL, NULL },
        { "report", '\0', POPT_ARG_NONE | POPT_ARGFLAG_DOC_HIDDEN, &options->report, 0, NULL,
          NULL },
        POPT_TABLEEND
    };
    qs_status status = QS_OK;
    poptContext context = poptGetContext("quickstep-view", argc, argv, table, 0);
    poptSetOtherOptionHelp(context, "[OPTION...] [FILE.png | MODEL FOLDER]");
    const int end = poptGetNextOpt(context);
    if (end < -1)
        status = app_error(QS_ERROR_USAGE, "%s: %s; see quickstep-view --help",
                           poptBadOption(context, POPT_BADOPTION_NOALIAS), poptStrerror(end));
    options->file = poptGetArg(context);
    if (status == QS_OK && poptPeekArg(context))
        status = app_error(QS_ERROR_USAGE,
                           "one file or folder, not '%s' too; see quickstep-view "
                           "--help",
                           poptPeekArg(context));
    if (status == QS_OK && options->help)
        poptPrintHelp(context, stdout, 0);
    else if (status == QS_OK && options->version)
        printf("quickstep-view %s\n", qs_version());
    *leave = options->help || options->version;
    if (options->file)
        options->file = strdup(options->file);
    poptFreeContext(context);
    return status;
}

static qs_status read_label(const qs_model *model, const qs_model_info *info, const char *option,
                            const char *text, int32_t *label)
{
    uint64_t number = 0;
    if (!text)
        return QS_OK;
    if (info->label_count == 0)
        return app_error(QS_ERROR_USAGE, "%s: the model %s has no labels", option, info->name);
    if (catalog_label(model, text, label))
        return QS_OK;
    if (!parse_number(text, info->label_count - 1, &number))
        return app_error(QS_ERROR_USAGE,
                         "%s: the model %s has no label '%s'; 'quickstep inspect' lists them",
                         option, info->name, text);
    *label = (int32_t)number;
    return QS_OK;
}

static qs_status find_notch(const viewer_slider *slider, int steps, uint32_t *notch)
{
    if (steps > 0 && readout_find_notch(slider, (uint32_t)steps, notch))
        return QS_OK;
    char more[64] = "";
    for (uint32_t i = slider->few; i < slider->count; i++)
        snprintf(more + strlen(more), sizeof more - strlen(more), ", %u", slider->steps[i]);
    return app_error(QS_ERROR_USAGE, "--steps is 1 to %u%s, not %d", slider->few, more, steps);
}

static qs_status read_prompt(const char *option, const char *text, const qs_model_info *info,
                             char prompt[WORDS_SIZE])
{
    if (!text)
        return QS_OK;
    if (info->prompt_tokens == 0)
        return app_error(QS_ERROR_USAGE, "%s: the model %s reads no prompts", option, info->name);
    if (strlen(text) >= WORDS_SIZE)
        return app_error(QS_ERROR_USAGE, "%s: at most %d bytes", option, WORDS_SIZE - 1);
    snprintf(prompt, WORDS_SIZE, "%s", text);
    return QS_OK;
}

static qs_status read_words(const viewer_options *options, const qs_model_info *info,
                            viewer_words *words)
{
    qs_status status = QS_OK;
    TRY(read_prompt("--prompt", options->prompt, info, words->prompt));
    TRY(read_prompt("--prompt-to", options->prompt_to, info, words->prompt_to));
    words->blended = options->prompt_to || options->label_to;
    if (options->mix != MIX_UNSAID && !(options->mix >= 0 && options->mix <= 1))
        return app_error(QS_ERROR_USAGE, "--mix is a number from 0 to 1, not %g", options->mix);
    if (options->mix != MIX_UNSAID && !words->blended)
        return app_error(QS_ERROR_USAGE,
                         "--mix is for --label-to or --prompt-to, and there is neither");
    words->mix = options->mix != MIX_UNSAID ? (float)options->mix : 0.5f;
    if (options->offload && info->prompt_tokens == 0)
        return app_error(QS_ERROR_USAGE,
                         "--offload: the model %s has no text encoder that could be", info->name);
fail:
    return status;
}

static qs_status fill_controls(const viewer_options *options, const viewer_model *model,
                               const viewer_readings *readings, viewer_controls *controls)
{
    qs_status status = QS_OK;
    /* moves at once: what a processor draws in a moment */
    const bool software = readings->device.type == QS_DEVICE_CPU;
    uint64_t batch = options->paused ? 1 : software ? 4 : 16;
    controls->seed = 1;
    controls->smooth = readout_is_smooth(&readings->model);
    controls->motion = MOTION_WALK;
    controls->seconds = 3;
    controls->wipe = 0.5f;
    controls->strength = 0.6f;
    controls->brush = (viewer_brush){ TOOL_ANEW, 0.2f, 0, { 0.85f, 0.2f, 0.18f } };
    controls->wipe_right = readings->column_count - 1;
    controls->animate = !options->paused;
    controls->sampler = model->sampler;
    controls->label = model->label;
    controls->label_to = model->label_to;
    controls->words = model->words;
    controls->notch = readout_default_notch(readings);
    if (software && !options->paused && readings->slider.steps[controls->notch] == 4)
        controls->notch = 1; /* two steps */
    if (options->steps)
        TRY(find_notch(&readings->slider, options->steps, &controls->notch));
    TRY(read_label(model->model, &readings->model, "--label", options->label, &controls->label));
    TRY(read_label(model->model, &readings->model, "--label-to", options->label_to,
                   &controls->label_to));
    TRY(read_words(options, &readings->model, &controls->words));
    if (options->seed && !parse_number(options->seed, UINT64_MAX, &controls->seed))
        return app_error(QS_ERROR_USAGE, "--seed is a whole number from 0, not '%s'",
                         options->seed);
    if (options->batch && (!parse_number(options->batch, 16, &batch) ||
                           (batch != 1 && batch != 4 && batch != 9 && batch != 16)))
        return app_error(QS_ERROR_USAGE, "--batch is 1, 4, 9 or 16, not '%s'", options->batch);
    controls->batch = (uint32_t)batch;
    if (options->precision && strcmp(options->precision, "f32") != 0 &&
        strcmp(options->precision, "f16") != 0)
        return app_error(QS_ERROR_USAGE, "--precision is f32 or f16, not '%s'", options->precision);
    controls->precision =
        options->precision && strcmp(options->precision, "f16") == 0 ? QS_F16 : QS_F32;
    if (options->sampler) {
        QS(qs_sampler_parse(options->sampler, &controls->sampler));
        QS(qs_model_check_sampler(model->model, controls->sampler));
    }
fail:
    return status;
}

static qs_status open_device(const char *select, qs_device **device)
{
    uint32_t count = 0;
    const char *const *extensions = window_instance_extensions(&count);
    const qs_device_options options = {
        .select = select,
        .instance_extensions = extensions,
        .instance_extension_count = count,
    };
    return app_library(qs_device_create(&options, device));
}

static qs_status open_window(const viewer_options *options, loop *l)
{
    char title[READOUT_TITLE_SIZE];
    int width = 0, height = 0;
    if (options->size && (sscanf(options->size, "%dx%d", &width, &height) != 2 || width < 1 ||
                          height < 1 || width > 16384 || height > 16384))
        return app_error(QS_ERROR_USAGE, "--size is WIDTHxHEIGHT, not '%s'", options->size);
    if (options->scale != 0 && !(options->scale >= 0.25 && options->scale <= 8))
        return app_error(QS_ERROR_USAGE, "--scale is a number from 0.25 to 8, not %g",
                         options->scale);
    return window_open(&l->window, readout_title(&l->readings, l->controls.model, title), width,
                       height, (float)options->scale);
}

/* What the device makes for the window. */
static qs_status open_drawing(loop *l)
{
    qs_status status = QS_OK;
    TRY(present_init(&l->present, &l->vulkan, l->window.handle));
    TRY(picture_init(&l->picture, &l->vulkan, l->present.pass));
    TRY(ui_init(&l->window, &l->present, window_scale(&l->window)));
    film_init(&l->film, &l->picture, &l->readings);
    film_load_favourites(&l->film, &l->catalog);
fail:
    return status;
}

static void close_drawing(loop *l)
{
    if (l->vulkan.queue)
        vkQueueWaitIdle(l->vulkan.queue);
    ui_finish();
    film_finish(&l->film);
    picture_finish(&l->picture);
    present_finish(&l->present);
    l->layout = NULL;
}

/* Validation was asked for to see whether all is well: then a message is a failure. */
static qs_status check_messages(const qs_device *device, qs_status status)
{
    const uint64_t count = device ? qs_device_validation_messages(device) : 0;
    if (count == 0 || status != QS_OK)
        return status;
    return app_error(QS_ERROR_OTHER, "%" PRIu64 " messages of the validation layer", count);
}

static qs_status use_device(const viewer_options *options, loop *l, qs_device **device)
{
    qs_status status = QS_OK;
    TRY(open_device(options->device, device));
    qs_device_get_vulkan(*device, &l->vulkan);
    qs_device_get_info(*device, &l->readings.device);
fail:
    return status;
}

/* Another device in the place of the lost one, and a window that says so. */
static qs_status start_again(const viewer_options *options, loop *l, qs_device **device)
{
    qs_status status = QS_OK;
    snprintf(l->lost, sizeof l->lost, "%s", app_error_message());
    fprintf(stderr, "quickstep-view: %s\n", l->lost);
    generate_finish(&l->generator);
    close_drawing(l);
    qs_device_destroy(*device);
    *device = NULL;
    l->vulkan = (qs_vulkan_device){ 0 };
    TRY(use_device(options, l, device));
    TRY(open_drawing(l));
    generate_init(&l->generator, *device, l->vulkan.queue, options->offload);
    l->readings.frame = (qs_frame){ 0 };
    l->readings.frame_number = 0;
    l->readings.progress = (qs_progress){ 0 };
    l->prepare_status = QS_OK;
    l->untaken = false;
    l->readings.lost = l->readings.present ? NULL : l->lost; /* nobody is there to ask */
fail:
    return status;
}

static qs_status run(const viewer_options *options, loop *l, qs_device **device)
{
    static const double SOON_S = 10; /* a device that is lost at once is not worth another start */
    qs_status status = QS_OK;
    double started = glfwGetTime() - SOON_S;
    for (;;) {
        status = loop_run(l);
        if (status != QS_ERROR_DEVICE_LOST || glfwGetTime() - started < SOON_S)
            return status;
        started = glfwGetTime();
        TRY(start_again(options, l, device));
    }
fail:
    return status;
}

/* One that cannot be opened is no reason to go where there is another. */
static qs_status open_models(const viewer_options *options, const qs_model_options *chosen, loop *l)
{
    const qs_status status = catalog_init(&l->catalog, options->model, chosen, &l->controls.model);
    return status != QS_OK && loop_offer_another(l, NULL, status) ? QS_OK : status;
}

/* What was said of another model than is there. */
static viewer_options without_model(const viewer_options *options)
{
    viewer_options others = *options;
    others.label = others.label_to = others.prompt = others.prompt_to = others.sampler = NULL;
    others.mix = MIX_UNSAID;
    others.steps = others.offload = 0;
    return others;
}

static void fill_readings(loop *l)
{
    l->readings.models = l->catalog.models;
    l->readings.model_count = l->catalog.count;
    l->readings.note = "";
    readout_model(l->catalog.models[l->controls.model].model, &l->readings);
}

/* What is being recorded is kept however the window ends; of two errors the first is told. */
static qs_status end_recording(loop *l, qs_status status)
{
    char first[2048];
    snprintf(first, sizeof first, "%s", app_error_message());
    const qs_status ended = requests_end_recording(l);
    return status == QS_OK ? ended : app_error(status, "%s", first);
}

static qs_status view(const viewer_options *all)
{
    static loop l; /* large, and one per process like the window system */
    qs_status status = QS_OK;
    qs_device *device = NULL;
    app_loras loras;
    viewer_options said = *all;
    const viewer_options *options = &said;
    qs_model_options chosen = { .variant = all->variant,
                                .scheduler = all->scheduler,
                                .decoder = all->decoder };
    l.options = (loop_options){ .exit_after = all->exit_after,
                                .camera = all->camera,
                                .report = all->report };
    TRY(app_loras_parse(all->loras, &loras));
    chosen.loras = loras.list;
    chosen.lora_count = loras.count;
    TRY(window_system_init());
    TRY(open_models(options, &chosen, &l));
    if (l.readings.cannot)
        said = without_model(all);
    TRY(use_device(options, &l, &device));
    fill_readings(&l);
    TRY(fill_controls(options, &l.catalog.models[l.controls.model], &l.readings, &l.controls));
    TRY(open_window(options, &l));
    TRY(open_drawing(&l));
    snprintf(l.window.dropped, sizeof l.window.dropped, "%s", options->file ? options->file : "");
    l.window.requests =
        (options->present ? REQUEST_PRESENT : 0u) | (options->camera ? REQUEST_CAMERA : 0u);
    generate_init(&l.generator, device, l.vulkan.queue, options->offload);
    app_signals_defer(SIGNAL_MS); /* from here on one closes the window */
    TRY(run(options, &l, &device));
    if (l.readings.cannot)
        TRY(app_error(l.cannot_status, "%s", l.lost));
fail:
    status = end_recording(&l, status);
    generate_finish(&l.generator);
    close_drawing(&l);
    window_close(&l.window);
    status = check_messages(device, status);
    qs_device_destroy(device);
    catalog_finish(&l.catalog);
    touch_finish(&l.touch);
    camera_close(l.camera);
    window_system_finish();
    return status;
}

int main(int argc, char **argv)
{
    static viewer_options options = { .mix = MIX_UNSAID };
    app_output_init();
    app_log_to_stderr("quickstep-view", QS_LOG_WARNING);
    app_signals_init();
    bool leave = false;
    qs_status status = parse_options(argc, (const char **)argv, &options, &leave);
    if (status == QS_OK && !leave)
        status = view(&options);
    if (status != QS_OK)
        fprintf(stderr, "quickstep-view: error: %s\n", app_error_message());
    if (app_signals_pending())
        return app_signals_exit_status();
    return (int)status;
}
