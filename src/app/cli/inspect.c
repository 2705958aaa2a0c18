/* quickstep inspect: what a model is, and what it takes on a device. */
#include "commands.h"

#include "common/guidance.h"
#include "inspect.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct {
    char *batch;
    int nodes;
} texts;

static const struct poptOption options[] = {
    { "batch", 'b', POPT_ARG_STRING, &texts.batch, 1,
      "Plan for so many pictures at a time, 1 to 64 (default: 1)", "B" },
    { "nodes", '\0', POPT_ARG_NONE, &texts.nodes, 2, "Also list the nodes of a step's graph",
      NULL },
    CLI_INCLUDE(cli_model_options),
    CLI_INCLUDE(cli_device_options),
    CLI_INCLUDE(cli_help_options),
    CLI_END,
};

static const char notes[] =
    "The arena holds the activations; the largest set that is alive at one time is its lower\n"
    "bound, all activations side by side are what it would take without a plan.\n";

/* "1 to 40, 4 by default; tuned by its authors for 1, 2" */
static void print_steps(const cli_engine *engine)
{
    size_t count = 0;
    const uint32_t *tuned = qs_model_tuned_steps(engine->model, &count);
    printf("steps       1 to %u, %u by default", engine->info.steps_max,
           engine->info.default_steps);
    for (size_t i = 0; i < count; i++)
        printf("%s%u", i ? ", " : "; tuned by its authors for ", tuned[i]);
    printf("\n");
}

/* 295,899,267 */
static void print_grouped(uint64_t number)
{
    char digits[24];
    const int count = snprintf(digits, sizeof digits, "%" PRIu64, number);
    for (int i = 0; i < count; i++)
        printf("%s%c", i > 0 && (count - i) % 3 == 0 ? "," : "", digits[i]);
}

/* All of a few; of many the first, the default and the last, which tell names from numbers. */
static void print_labels(const cli_engine *engine)
{
    enum { SHOWN_MAX = 64, FIRST = 16 };
    const qs_model_info *info = &engine->info;
    bool left_out = false;
    printf("labels      %u", info->label_count);
    for (uint32_t i = 0; i < info->label_count; i++) {
        const bool shown = info->label_count <= SHOWN_MAX || i < FIRST ||
                           i == info->default_label || i + 1 == info->label_count;
        if (shown)
            printf("%s%s%s%s", i ? ", " : ": ", left_out ? "..., " : "",
                   qs_model_label_name(engine->model, i),
                   i == info->default_label ? " (default)" : "");
        left_out = !shown;
    }
    printf("\n");
}

static void print_prompts(const cli_engine *engine)
{
    const qs_model_info *info = &engine->info;
    printf("prompts     up to %u tokens; guidance %g, %s\n", info->prompt_tokens - 2,
           (double)info->default_guidance,
           info->embeds_guidance ? "at one evaluation a step" : "by two evaluations a step");
    const char *example;
    for (uint32_t i = 0; (example = qs_model_example(engine->model, i)) != NULL; i++)
        printf("%s%s\n", i ? "            " : "examples    ", example);
}

static void print_model(const cli_engine *engine)
{
    const qs_model_info *info = &engine->info;
    printf("model       %s\n", info->name);
    printf("picture     %u x %u, %u channels%s\n", info->width, info->height, info->channels,
           info->has_alpha ? " (RGBA)" : "");
    if (info->has_autoencoder)
        printf("latent      %u x %u, %u channels, decoded by an autoencoder\n", info->latent_width,
               info->latent_height, info->latent_channels);
    printf("parameters  ");
    print_grouped(info->parameter_count);
    if (info->has_autoencoder) {
        printf(", decoder ");
        print_grouped(info->decoder_parameter_count);
    }
    if (info->prompt_tokens > 0) {
        printf(", text encoder ");
        print_grouped(info->text_encoder_parameter_count);
    }
    const qs_model_options *opened = qs_model_opened_with(engine->model);
    for (uint32_t i = 0; i < opened->lora_count; i++)
        printf("\nLoRA        %s, %g times", opened->loras[i].path, (double)opened->loras[i].scale);
    printf("\nsampler     %s (default)", qs_sampler_name(info->default_sampler));
    for (qs_sampler s = QS_SAMPLER_MULTISTEP; s <= QS_SAMPLER_DPMSOLVER; s++)
        if (s != info->default_sampler && qs_model_check_sampler(engine->model, s) == QS_OK)
            printf(", %s", qs_sampler_name(s));
    printf("\nsegments    %s\n", info->has_segments ? "yes: any number of steps" : "no");
    print_steps(engine);
    if (info->prompt_tokens > 0)
        print_prompts(engine);
    else
        print_labels(engine);
}

static void print_need(const char *what, const qs_session_memory *m)
{
    printf("%-12s%s: weights %s, activations %s, state %s\n", what,
           cli_bytes(m->weights_bytes + m->arena_bytes + m->state_bytes),
           cli_bytes(m->weights_bytes), cli_bytes(m->arena_bytes), cli_bytes(m->state_bytes));
}

/* As `sample` draws; nothing is allocated. QS_ERROR_MEMORY: it does not fit, after all is said. */
static qs_status print_memory(cli_engine *engine, qs_session_options session)
{
    static const char *const names[] = { [QS_F32] = "f32", [QS_F16] = "f16" };
    const qs_model_info *info = &engine->info;
    const qs_precision asked = session.precision;
    qs_session_memory m[2];
    qs_status status = QS_OK;
    session.guided = app_guides(info, info->default_guidance);
    printf("device      %s\n", engine->device_info.name);
    for (qs_precision p = QS_F32; p <= QS_F16; p++) {
        session.precision = p;
        status = cli_engine_plan(engine, session, &m[p]);
        if (status == QS_OK)
            print_need(names[p], &m[p]);
        else if (p == asked || status != QS_ERROR_DEVICE) /* the other one may be too much for it */
            return status;
    }
    engine->options.precision = asked;
    printf("session     batch %u, %s%s\n", session.batch, names[asked],
           session.guided ? ", guided" : "");
    cli_print_plan(&m[asked]);
    return cli_engine_check(engine, &m[asked]);
}

/* The activations' names and shapes are known after an evaluation that kept them. */
static qs_status print_nodes(cli_engine *engine, qs_session_options kept)
{
    const uint32_t batch = kept.batch;
    const qs_model_info *info = &engine->info;
    const size_t count =
        (size_t)batch * info->latent_channels * info->latent_height * info->latent_width;
    const float timestep[QS_BATCH_MAX] = { 0 };
    kept.keep_activations = true;
    qs_status status = QS_OK;
    float *sample = calloc(2 * count, sizeof *sample); /* and the output */
    if (!sample)
        return app_error(QS_ERROR_MEMORY, "no memory");
    TRY(cli_engine_start(engine, kept));
    QS(qs_session_forward(engine->session,
                          &(qs_network_input){ .sample = sample, .timestep = timestep },
                          sample + count));
    qs_activation node;
    printf("nodes       [batch, channels, height, width]  name: the op's variant\n");
    for (uint32_t i = 0; qs_session_activation(engine->session, i, &node, NULL) == QS_OK; i++)
        printf("  %4u  [%u, %u, %u, %u]  %s%s%s\n", i, node.n, node.c, node.h, node.w, node.name,
               node.variant ? ": " : "", node.variant ? node.variant : "");
fail:
    free(sample);
    return status;
}

static qs_status run_inspect(const char *argument)
{
    (void)argument;
    cli_engine engine = { 0 };
    qs_session_options session = { .batch = 1 };
    qs_status status = QS_OK;
    TRY(cli_count("--batch", texts.batch, 1, QS_BATCH_MAX, &session.batch));
    TRY(cli_precision(&session.precision));
    if (cli_is_autoencoder()) {
        if (texts.batch || texts.nodes || cli_shared_options.loras)
            TRY(app_error(QS_ERROR_USAGE,
                          "--batch, --nodes and --lora are for models that draw, not "
                          "for autoencoders"));
        return cli_inspect_autoencoder();
    }
    TRY(cli_engine_open_model(&engine));
    print_model(&engine);
    TRY(cli_engine_open_device(&engine));
    TRY(print_memory(&engine, session));
    if (texts.nodes)
        TRY(print_nodes(&engine, session));
fail:
    cli_engine_close(&engine);
    return status;
}

const cli_command cli_inspect = {
    .name = "inspect",
    .summary = "show a model, its graph and its memory plan",
    .notes = notes,
    .options = options,
    .run = run_inspect,
};
