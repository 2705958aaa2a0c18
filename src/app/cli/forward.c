/* quickstep forward: the network once, for comparing with another implementation. */
#include "commands.h"
#include "engine.h"
#include "tensors.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct {
    char *input, *output, *dump, *prompt, *guidance, *seed, *timestep, *rng;
} texts;

static const struct poptOption options[] = {
    { "input", 'i', POPT_ARG_STRING, &texts.input, 1,
      "Tensors \"sample\" [n, c, h, w], \"timestep\" [n], optionally \"segment\" [n] and "
      "\"class_labels\" [n]",
      "FILE.safetensors" },
    { "output", 'o', POPT_ARG_STRING, &texts.output, 2, "Where to: the tensor \"sample\"",
      "FILE.safetensors" },
    { "dump", '\0', POPT_ARG_STRING, &texts.dump, 3,
      "Also write every node's output, tensor \"output\" [n, c, h, w], to DIR/NAME.safetensors",
      "DIR" },
    { "prompt", '\0', POPT_ARG_STRING, &texts.prompt, 7,
      "What a network that reads is told, for all pictures (default: nothing)", "TEXT" },
    { "guidance", 'g', POPT_ARG_STRING, &texts.guidance, 8,
      "The scale that a network takes (default: the model's)", "SCALE" },
    { "seed", 's', POPT_ARG_STRING, &texts.seed, 4,
      "First write the input file: \"sample\" is the noise that a picture of this seed starts "
      "from, \"timestep\" that of --timestep",
      "S" },
    { "timestep", 't', POPT_ARG_STRING, &texts.timestep, 5, "With --seed: a number", "T" },
    { "rng", '\0', POPT_ARG_STRING, &texts.rng, 6,
      "With --seed: philox (default), or torch as in 'quickstep sample'", "NAME" },
    CLI_INCLUDE(cli_model_options),
    CLI_INCLUDE(cli_device_options),
    CLI_INCLUDE(cli_help_options),
    CLI_END,
};

static const char notes[] =
    "Nothing is scaled or clipped: the model gets the tensors as they are. h and w are a latent's\n"
    "where the model draws latents; nothing is decoded. A dumped node has its diffusers name, for\n"
    "instance down_blocks.0.resnets.1.conv1.safetensors; the file's metadata has its place in the\n"
    "order of execution.\n";

typedef struct inputs {
    uint32_t count;
    float *sample, *timestep, *segment, *labels;
} inputs;

static qs_status read_inputs(const cli_engine *engine, inputs *in)
{
    qs_safetensors *file = NULL;
    const char *path = texts.input;
    qs_status status = QS_OK;
    QS(qs_safetensors_open(path, &file));
    TRY(cli_read_latents(engine, path, file, "sample", engine->info.input_channels, QS_BATCH_MAX,
                         &in->sample, &in->count));
    TRY(cli_read_vector(path, file, "timestep", true, in->count, &in->timestep));
    TRY(cli_read_vector(path, file, "segment", false, in->count, &in->segment));
    TRY(cli_read_vector(path, file, "class_labels", false, in->count, &in->labels));
fail:
    qs_safetensors_close(file);
    return status;
}

static qs_status convert_labels(const cli_engine *engine, const inputs *in, int32_t *labels)
{
    for (uint32_t i = 0; i < in->count; i++) {
        const float label = in->labels[i];
        if (!(label >= 0.0f && label < (float)engine->info.label_count))
            return app_error(QS_ERROR_USAGE, "%s: class label %g, the model %s has %u", texts.input,
                             (double)label, engine->info.name, engine->info.label_count);
        labels[i] = (int32_t)label;
    }
    return QS_OK;
}

static qs_status dump_node(const cli_engine *engine, uint32_t index, qs_activation node)
{
    const size_t count = (size_t)node.n * node.c * node.h * node.w;
    char *path = NULL;
    float *values = calloc(count, sizeof *values);
    if (!values || asprintf(&path, "%s/%s.safetensors", texts.dump, node.name) < 0) {
        free(values);
        return app_error(QS_ERROR_MEMORY, "no memory for the node %s", node.name);
    }
    char number[16];
    snprintf(number, sizeof number, "%u", index);
    const char *const metadata[] = { "index", number, NULL };
    qs_status status = QS_OK;
    QS(qs_session_activation(engine->session, index, &node, values));
    TRY(cli_write_pictures(path, "output", values, node.n, node.c, node.h, node.w, metadata));
fail:
    free(path);
    free(values);
    return status;
}

static qs_status dump_nodes(const cli_engine *engine)
{
    if (mkdir(texts.dump, 0777) != 0 && errno != EEXIST)
        return app_error(QS_ERROR_WRITE, "cannot make %s: %s", texts.dump, strerror(errno));
    uint32_t index = 0;
    qs_activation node;
    while (qs_session_activation(engine->session, index, &node, NULL) == QS_OK) {
        if (strchr(node.name, '/'))
            return app_error(QS_ERROR_OTHER, "the node name %s is no file name", node.name);
        const qs_status status = dump_node(engine, index, node);
        if (status != QS_OK)
            return status;
        index++;
    }
    printf("%s: %u nodes\n", texts.dump, index);
    return QS_OK;
}

static qs_status evaluate(cli_engine *engine, const inputs *in)
{
    const qs_model_info *info = &engine->info;
    int32_t labels[QS_BATCH_MAX];
    const char *prompts[QS_BATCH_MAX];
    float guidance = 0;
    const uint32_t c = info->latent_channels, h = info->latent_height, w = info->latent_width;
    float *output = calloc((size_t)in->count * c * h * w, sizeof *output);
    qs_status status = QS_OK;
    if (!output)
        return app_error(QS_ERROR_MEMORY, "no memory for the output");
    TRY(cli_real("--guidance", texts.guidance, 1, QS_GUIDANCE_MAX, &guidance));
    for (uint32_t i = 0; i < in->count; i++)
        prompts[i] = texts.prompt;
    if (in->labels)
        TRY(convert_labels(engine, in, labels));
    QS(qs_session_forward(engine->session,
                          &(qs_network_input){ .sample = in->sample,
                                               .timestep = in->timestep,
                                               .segment = in->segment,
                                               .labels = in->labels ? labels : NULL,
                                               .prompts = texts.prompt ? prompts : NULL,
                                               .guidance = guidance },
                          output));
    TRY(cli_write_pictures(texts.output, "sample", output, in->count, c, h, w, NULL));
    if (texts.dump)
        TRY(dump_nodes(engine));
fail:
    free(output);
    return status;
}

static qs_status read_timestep(float *timestep)
{
    char *end = texts.timestep;
    const double value = texts.timestep ? strtod(texts.timestep, &end) : 0;
    if (!texts.timestep || end == texts.timestep || *end || !isfinite(value))
        return app_error(QS_ERROR_USAGE, "--seed makes an input and wants a number with it: "
                                         "--timestep T");
    *timestep = (float)value;
    return QS_OK;
}

static qs_status make_input(const cli_engine *engine)
{
    const qs_model_info *info = &engine->info;
    const uint64_t c = info->latent_channels, h = info->latent_height, w = info->latent_width;
    uint64_t seed = 0;
    qs_rng rng = QS_RNG_PHILOX;
    float timestep = 0, *noise = NULL;
    qs_status status = QS_OK;
    TRY(cli_seed(texts.seed, &seed));
    TRY(cli_rng(texts.rng, &rng));
    TRY(read_timestep(&timestep));
    if (info->input_channels != info->latent_channels)
        TRY(app_error(QS_ERROR_USAGE, "--seed: this network's input is more than noise"));
    noise = malloc(c * h * w * sizeof *noise);
    if (!noise)
        TRY(app_error(QS_ERROR_MEMORY, "no memory for noise"));
    QS(qs_model_noise(engine->model, rng, seed, noise));
    const qs_tensor tensors[] = {
        { .name = "sample",
          .dtype = QS_DTYPE_F32,
          .rank = 4,
          .shape = { 1, c, h, w },
          .data = noise,
          .size_bytes = c * h * w * sizeof *noise },
        { .name = "timestep",
          .dtype = QS_DTYPE_F32,
          .rank = 1,
          .shape = { 1 },
          .data = &timestep,
          .size_bytes = sizeof timestep },
    };
    QS(qs_safetensors_write(texts.input, tensors, 2, NULL));
fail:
    free(noise);
    return status;
}

static qs_status run_forward(const char *argument)
{
    (void)argument;
    cli_engine engine = { 0 };
    inputs in = { 0 };
    qs_status status = QS_OK;
    if (!texts.input || !texts.output)
        return app_error(QS_ERROR_USAGE, "'forward' wants --input and --output");
    if (!texts.seed && (texts.timestep || texts.rng))
        return app_error(QS_ERROR_USAGE, "--timestep and --rng go with --seed");
    TRY(cli_engine_open_model(&engine));
    if (texts.seed)
        TRY(make_input(&engine));
    TRY(read_inputs(&engine, &in));
    TRY(cli_engine_open_device(&engine));
    TRY(cli_engine_start(&engine, (qs_session_options){ .batch = in.count,
                                                        .keep_activations = texts.dump != NULL }));
    TRY(evaluate(&engine, &in));
fail:
    free(in.sample);
    free(in.timestep);
    free(in.segment);
    free(in.labels);
    cli_engine_close(&engine);
    return status;
}

const cli_command cli_forward = {
    .name = "forward",
    .summary = "evaluate the network once, on tensors of a file",
    .notes = notes,
    .options = options,
    .run = run_forward,
};
