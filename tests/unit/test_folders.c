/* Model folders as they are found on disks: every layout that is understood, and damaged or
 * unsupported ones with what is said about each. A row is a few steps away from a good folder. */
#include "../harness/temporary.h"
#include "../harness/source.h"

#include <quickstep/safetensors.h>

#include <setjmp.h>
#include <cmocka.h>

#include "../harness/json_key.h"

#define INDEX "model_index.json"
#define UNET "unet/config.json"
#define SCHEDULER "scheduler/scheduler_config.json"
#define STEM "diffusion_pytorch_model"
#define WEIGHTS "unet/" STEM ".safetensors"
#define SHARD STEM "-00001-of-00001.safetensors"
#define CACHE "models--org--name"

#define VAE "vae/config.json"
#define VAE_WEIGHTS "vae/" STEM ".safetensors"

/* A good folder of tests/golden, to copy. */
typedef struct base {
    const char *folder;
    uint64_t parameter_count;
    const char *files[8];
} base;

/* One file of weights, attention, no labels. */
static const base plain = { "networks/attention_conv", 71132, { INDEX, UNET, SCHEDULER, WEIGHTS } };
/* A network of 4 channels and the RGB autoencoder that they are for. */
static const base latents = { "latents/rgb",
                              50180,
                              { INDEX, UNET, SCHEDULER, WEIGHTS, VAE, VAE_WEIGHTS } };

static char *folder;

/* ---- steps ----------------------------------------------------------------------------------- */

typedef enum action {
    END,
    SET,     /* in the JSON `file` the key `a` becomes `b`; NULL: is removed */
    TEXT,    /* `file` becomes `a` */
    MOVE,    /* `file` is moved to `a`, NULL: removed */
    LINK,    /* `file` becomes a link to `a` */
    CUT,     /* `file` loses its last half */
    TENSOR,  /* in the weights `a` is renamed to `b`, NULL: removed */
    SHAPE,   /* in the weights `a` gets one axis */
    DOUBLE,  /* the weights get another tensor, `a` */
    WITHOUT, /* the weights lose all tensors whose names begin with `a` */
    PREFIX,  /* the weights' names all begin with `a` */
    DOUBLES, /* the weights become float64 */
} action;

typedef struct step {
    action action;
    const char *file, *a, *b;
} step;

static void copy_file(const char *from, const char *to)
{
    static char bytes[1 << 20];
    FILE *file = fopen(from, "rb");
    assert_non_null(file);
    const size_t count = fread(bytes, 1, sizeof bytes, file);
    assert_true(count < sizeof bytes);
    fclose(file);
    temporary_write(to, bytes, count);
}

/* The folders on the way to a file. */
static void make_parents(const char *path)
{
    char part[4352];
    for (const char *slash = path + 1; (slash = strchr(slash, '/')) != NULL; ++slash) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        mkdir(part, 0700);
    }
}

static void write_good_folder(const base *good)
{
    folder = temporary_create();
    for (const char *const *file = good->files; *file; ++file) {
        make_parents(temporary_path(folder, *file));
        copy_file(source_path("tests/golden/%s/%s", good->folder, *file),
                  temporary_path(folder, *file));
    }
}

static size_t edit_tensor(const step *s, qs_tensor *tensors, size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        if (strcmp(tensors[i].name, s->a) != 0)
            continue;
        if (s->action == TENSOR && s->b)
            tensors[i].name = s->b;
        else if (s->action == TENSOR)
            tensors[i] = tensors[--count];
        for (uint32_t axis = 1; s->action == SHAPE && axis < tensors[i].rank; ++axis)
            tensors[i].shape[0] *= tensors[i].shape[axis];
        if (s->action == SHAPE)
            tensors[i].rank = 1;
        return count;
    }
    assert_int_equal(s->action, DOUBLE);
    tensors[count] = tensors[0];
    tensors[count].name = s->a;
    return count + 1;
}

static void edit_weights(const step *s, const char *path)
{
    qs_safetensors *file = NULL;
    assert_int_equal(qs_safetensors_open(path, &file), QS_OK);
    size_t count = qs_safetensors_count(file);
    qs_tensor *tensors = calloc(count + 1, sizeof *tensors);
    assert_non_null(tensors);
    size_t kept = 0;
    for (size_t i = 0; i < count; ++i) {
        tensors[kept] = *qs_safetensors_at(file, i);
        kept += s->action != WITHOUT || strncmp(tensors[kept].name, s->a, strlen(s->a)) != 0;
    }
    assert_true(s->action != WITHOUT || kept < count);
    count = s->action == WITHOUT ? kept : edit_tensor(s, tensors, count);
    assert_int_equal(qs_safetensors_write(path, tensors, count, NULL), QS_OK);
    free(tensors);
    qs_safetensors_close(file);
}

/* The tensors of a file, to write anew. */
static qs_tensor *list_tensors(const qs_safetensors *file, size_t *count)
{
    *count = qs_safetensors_count(file);
    qs_tensor *tensors = calloc(*count, sizeof *tensors);
    assert_non_null(tensors);
    for (size_t i = 0; i < *count; ++i)
        tensors[i] = *qs_safetensors_at(file, i);
    return tensors;
}

static void prefix_names(const char *path, const char *prefix)
{
    qs_safetensors *file = NULL;
    size_t count;
    assert_int_equal(qs_safetensors_open(path, &file), QS_OK);
    qs_tensor *tensors = list_tensors(file, &count);
    char(*names)[256] = calloc(count, sizeof *names);
    assert_non_null(names);
    for (size_t i = 0; i < count; ++i) {
        snprintf(names[i], sizeof names[i], "%s%s", prefix, tensors[i].name);
        tensors[i].name = names[i];
    }
    assert_int_equal(qs_safetensors_write(path, tensors, count, NULL), QS_OK);
    free(names);
    free(tensors);
    qs_safetensors_close(file);
}

static double *to_double(const qs_safetensors *file, const qs_tensor *tensor)
{
    const size_t count = tensor->size_bytes / qs_dtype_size_bytes(tensor->dtype);
    float *floats = calloc(count, sizeof *floats);
    double *doubles = calloc(count, sizeof *doubles);
    assert_true(floats && doubles);
    assert_int_equal(qs_safetensors_read_floats(file, tensor, floats), QS_OK);
    for (size_t i = 0; i < count; ++i)
        doubles[i] = floats[i];
    free(floats);
    return doubles;
}

static void convert_to_double(const char *path)
{
    qs_safetensors *file = NULL;
    size_t count;
    assert_int_equal(qs_safetensors_open(path, &file), QS_OK);
    qs_tensor *tensors = list_tensors(file, &count);
    for (size_t i = 0; i < count; ++i) {
        const size_t elements = tensors[i].size_bytes / qs_dtype_size_bytes(tensors[i].dtype);
        tensors[i].data = to_double(file, qs_safetensors_at(file, i));
        tensors[i].dtype = QS_DTYPE_F64;
        tensors[i].size_bytes = elements * sizeof(double);
    }
    assert_int_equal(qs_safetensors_write(path, tensors, count, NULL), QS_OK);
    for (size_t i = 0; i < count; ++i)
        free((void *)tensors[i].data);
    free(tensors);
    qs_safetensors_close(file);
}

static void take_step(const step *s)
{
    char path[4352];
    struct stat info;
    snprintf(path, sizeof path, "%s", temporary_path(folder, s->file ? s->file : WEIGHTS));
    make_parents(path);
    switch (s->action) {
    case END: break;
    case SET: write_with_key(json_load_file(path, 0, NULL), s->a, s->b, path); break;
    case TEXT: temporary_write(path, s->a, strlen(s->a)); break;
    case MOVE:
        if (s->a)
            make_parents(temporary_path(folder, s->a));
        assert_int_equal(s->a ? rename(path, temporary_path(folder, s->a)) : remove(path), 0);
        break;
    case LINK: assert_int_equal(symlink(s->a, path), 0); break;
    case CUT:
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(truncate(path, info.st_size / 2), 0);
        break;
    case TENSOR:
    case SHAPE:
    case DOUBLE:
    case WITHOUT: edit_weights(s, path); break;
    case PREFIX: prefix_names(path, s->a); break;
    case DOUBLES: convert_to_double(path); break;
    }
}

/* ---- rows ------------------------------------------------------------------------------------ */

typedef struct row {
    const char *message; /* a part of it; NULL: the folder is good */
    const char *path;    /* in the folder, of what is opened; NULL: the folder */
    const char *variant, *scheduler;
    const char *notice; /* a part of the only line that is logged; NULL: nothing is */
    step steps[6];
} row;

#define NO_INDEX                                                                                   \
    {                                                                                              \
        MOVE, INDEX, NULL, NULL                                                                    \
    }
#define NO_SCHEDULER                                                                               \
    {                                                                                              \
        MOVE, "scheduler", "elsewhere", NULL                                                       \
    }
/* Everything into a snapshot of Hugging Face's cache, the weights a link to a blob. */
#define INTO_CACHE                                                                                 \
    { MOVE, WEIGHTS, CACHE "/blobs/b0", NULL },                                                    \
        { MOVE, "unet", CACHE "/snapshots/0a1b/unet", NULL },                                      \
        { MOVE, "scheduler", CACHE "/snapshots/0a1b/scheduler", NULL },                            \
    {                                                                                              \
        LINK, CACHE "/snapshots/0a1b/" WEIGHTS, "../../../blobs/b0", NULL                          \
    }
#define CLASS "CMStochasticIterativeScheduler"

static const row rows[] = {
    /* what is understood */
    { .steps = { { END } } },
    { .steps = { NO_INDEX } },
    { .scheduler = CLASS, .steps = { NO_INDEX, NO_SCHEDULER } },
    { .path = "unet", .scheduler = CLASS, .steps = { NO_INDEX, NO_SCHEDULER } },
    { .scheduler = "DDPMScheduler", /* the index has another */
      .notice = "what DDPMScheduler has no argument for: clip_denoised, rho, s_noise, sigma_data, "
                "sigma_max, sigma_min",
      .steps = { { END } } },
    { .scheduler = "LCMScheduler", .steps = { NO_SCHEDULER } },
    /* a class reads the model's own file */
    { .message = "/scheduler_config.json: key \"original_inference_steps\" is missing, needed: at "
                 "most the 40 num_train_timesteps",
      .scheduler = "LCMScheduler",
      .steps = { { END } } },
    { .steps = { { MOVE, UNET, "config.json", NULL },
                 { MOVE, WEIGHTS, STEM ".safetensors", NULL },
                 { MOVE, SCHEDULER, "scheduler_config.json", NULL },
                 { MOVE, "unet", NULL, NULL },
                 { MOVE, "scheduler", NULL, NULL } } },
    { .path = CACHE, .steps = { INTO_CACHE, { TEXT, CACHE "/refs/main", "0a1b\n", NULL } } },
    { .path = CACHE, .steps = { INTO_CACHE } },
    { .path = CACHE "/snapshots/0a1b", .steps = { INTO_CACHE } },
    { .steps = { { MOVE, WEIGHTS, "unet/" STEM ".fp16.safetensors", NULL } } },
    { .variant = "ema", .steps = { { MOVE, WEIGHTS, "unet/" STEM ".ema.safetensors", NULL } } },
    { .steps = { { TENSOR, NULL, "mid_block.attentions.0.to_q.weight",
                   "mid_block.attentions.0.query.weight" },
                 { TENSOR, NULL, "up_blocks.0.attentions.1.to_out.0.bias",
                   "up_blocks.0.attentions.1.proj_attn.bias" } } },

    /* what wrappers, other programs and from_config leave */
    { .notice = "the names of all tensors begin with \"module.\": left out",
      .steps = { { PREFIX, NULL, "module.", NULL } } },
    { .notice = "\"model._orig_mod.unet.\"",
      .steps = { { PREFIX, NULL, "unet.", NULL },
                 { PREFIX, NULL, "model._orig_mod.", NULL },
                 { TENSOR, NULL, "model._orig_mod.unet.mid_block.attentions.0.to_q.weight",
                   "model._orig_mod.unet.mid_block.attentions.0.query.weight" } } },
    { .message = "1 tensors missing: conv_in.bias",
      .notice = "\"module.\"",
      .steps = { { TENSOR, NULL, "conv_in.bias", NULL }, { PREFIX, NULL, "module.", NULL } } },
    { .message = "tensors missing",
      .steps = { { PREFIX, NULL, "module.", NULL },
                 { TENSOR, NULL, "module.conv_in.bias", "conv_in.bias" } } },
    { .message = "tensors missing", .steps = { { PREFIX, NULL, "other.", NULL } } },
    { .steps = { { DOUBLES, NULL, NULL, NULL } } },
    { .notice = "what UNet2DModel has no argument for: cross_attention_dim, dual_cross_attention",
      .steps = { { SET, UNET, "cross_attention_dim", "768" },
                 { SET, UNET, "dual_cross_attention", "false" } } },
    { .notice = "what DDPMScheduler has no argument for: lambda_min_clipped, sigma_max, "
                "skip_prk_steps, timestep_type, use_karras_sigmas",
      .steps = { NO_INDEX,
                 { TEXT, SCHEDULER,
                   "{\"_class_name\": \"DDPMScheduler\", \"lambda_min_clipped\": -Infinity, "
                   "\"sigma_max\": null, \"skip_prk_steps\": true, \"predict_epsilon\": true, "
                   "\"timestep_type\": \"discrete\", \"use_karras_sigmas\": false}",
                   NULL } } },
    { .message = "key \"predict_epsilon\" is false, supported: true; false is",
      .steps = { NO_INDEX,
                 { TEXT, SCHEDULER,
                   "{\"_class_name\": \"DDPMScheduler\", \"predict_epsilon\": false}", NULL } } },
    { .message = "scheduler_config.json: key \"_class_name\" is \"PNDMScheduler\", "
                 "supported: \"MultistepConsistencyScheduler\", "
                 "\"CMStochasticIterativeScheduler\", \"DDPMScheduler\", \"DDIMScheduler\", "
                 "\"LCMScheduler\", \"TCDScheduler\", \"EulerDiscreteScheduler\", "
                 "\"EulerAncestralDiscreteScheduler\", \"DPMSolverMultistepScheduler\"; "
                 "--scheduler names one",
      .steps = { { TEXT, SCHEDULER,
                   "{\"_class_name\": \"PNDMScheduler\", \"lambda_min_clipped\": -Infinity}",
                   NULL } } },
    { .notice = "what DPMSolverMultistepScheduler has no argument for: clip_sample",
      .steps = { NO_INDEX,
                 { TEXT, SCHEDULER,
                   "{\"_class_name\": \"DPMSolverMultistepScheduler\", "
                   "\"lambda_min_clipped\": -Infinity, \"clip_sample\": false}",
                   NULL } } },
    { .message = "key \"beta_end\" is \"NaN\", supported: 0 to 1",
      .steps = { NO_INDEX,
                 { TEXT, SCHEDULER, "{\"_class_name\": \"DDPMScheduler\", \"beta_end\": NaN}",
                   NULL } } },
    { .message = "key \"_class_name\" is \"NaN \\\"NaN\"",
      .steps = { { TEXT, SCHEDULER, "{\"_class_name\": \"NaN \\\"NaN\", \"x\": Infinity}",
                   NULL } } },

    /* parts that are not there */
    { .message = "has neither unet/config.json nor config.json",
      .steps = { { MOVE, "unet", "elsewhere", NULL } } },
    { .message = "/unet/config.json: cannot open: No such file",
      .steps = { { MOVE, UNET, NULL, NULL } } },
    { .message = "has no scheduler/scheduler_config.json, and the network does not say how it was "
                 "trained: name a scheduler_config.json, or a class",
      .steps = { NO_SCHEDULER } },
    { .message = "/scheduler/scheduler_config.json: cannot open: No such file",
      .steps = { { MOVE, SCHEDULER, NULL, NULL } } },
    { .message = "/unet: has no " STEM ".safetensors", .steps = { { MOVE, WEIGHTS, NULL, NULL } } },
    { .message = "nowhere: cannot open: No such file", .path = "nowhere", .steps = { { END } } },
    { .message = "/model_index.json: is not a folder; a model is a folder", .path = INDEX },
    { .message = "consistency_to_diffusers.py makes one of OpenAI's .pt files",
      .path = "cd.pt",
      .steps = { { TEXT, "cd.pt", "x", NULL } } },

    /* other networks, pipelines and schedulers */
    { .message = "key \"_class_name\" is \"UNet3DConditionModel\", supported: \"UNet2DModel\"",
      .steps = { { SET, UNET, "_class_name", "\"UNet3DConditionModel\"" } } },
    { .message = "entry 0 is none of the supported: \"DownBlock2D\", \"AttnDownBlock2D\"",
      .steps = { { SET, UNET, "down_block_types", "[\"SkipDownBlock2D\",\"AttnDownBlock2D\"]" } } },
    { .message = "key \"time_embedding_type\" is \"other\", supported: \"positional\"",
      .steps = { { SET, UNET, "time_embedding_type", "\"other\"" } } },
    { .message = "key \"sample_size\" is null, needed: 1 to 4096",
      .steps = { { SET, UNET, "sample_size", "null" } } },
    { .message = "key \"sample_size\" is missing",
      .steps = { { SET, UNET, "sample_size", NULL } } },
    { .message = "key \"_class_name\" is \"LDMPipeline\", supported: ",
      .steps = { { SET, INDEX, "_class_name", "\"LDMPipeline\"" } } },
    { .message = "key \"vqvae\" is [\"diffusers\",\"VQModel\"], supported: null",
      .steps = { { SET, INDEX, "vqvae", "[\"diffusers\",\"VQModel\"]" } } },
    { .message = "key \"_class_name\" is \"PNDMScheduler\", supported: ",
      .steps = { { SET, SCHEDULER, "_class_name", "\"PNDMScheduler\"" } } },
    { .message = "key \"scheduler\" is [\"diffusers\",\"DDPMScheduler\"], needed: [library, ",
      .steps = { { SET, INDEX, "scheduler", "[\"diffusers\",\"DDPMScheduler\"]" } } },
    { .message = "key \"_class_name\" is \"NoSuchScheduler\", supported: ",
      .scheduler = "NoSuchScheduler" },
    { .message = "none.json: cannot open: No such file", .scheduler = "./none.json" },
    { .message = "/unet/config.json: not valid JSON", .steps = { { CUT, UNET, NULL, NULL } } },

    /* weights */
    { .message = "1 tensors missing: conv_in.bias",
      .steps = { { TENSOR, NULL, "conv_in.bias", NULL } } },
    { .message = "1 tensors missing: mid_block.attentions.0.to_q.weight (in old files "
                 "mid_block.attentions.0.query.weight)",
      .steps = { { TENSOR, NULL, "mid_block.attentions.0.to_q.weight", NULL } } },
    { .message = "1 tensors that config.json has no place for: surplus.weight",
      .steps = { { DOUBLE, NULL, "surplus.weight", NULL } } },
    { .message = "a.to_q.bias, which are names of one tensor",
      .steps = { { DOUBLE, NULL, "a.to_q.bias", NULL }, { DOUBLE, NULL, "a.query.bias", NULL } } },
    { .message = "conv_out.weight is [288], config.json says [4,8,3,3]",
      .steps = { { SHAPE, NULL, "conv_out.weight", NULL } } },
    { .message = "config.json says [24,8,3,3]",
      .steps = { { SET, UNET, "block_out_channels", "[8,24]" } } },
    { .message = ".safetensors: ", .steps = { { CUT, WEIGHTS, NULL, NULL } } },
    { .message = "header length", .steps = { { TEXT, WEIGHTS, "not a safetensors file", NULL } } },
    { .message = "is a link to a file that is not there: an incomplete download?",
      .steps = { { MOVE, WEIGHTS, NULL, NULL }, { LINK, WEIGHTS, "../../blobs/b0", NULL } } },
    { .message = STEM ".bin: is a Python pickle, which can run code and is not read; convert it "
                      "once: python3 -c ",
      .steps = { { MOVE, WEIGHTS, "unet/" STEM ".bin", NULL } } },
    { .message = "unet/last.ckpt: is a Python pickle",
      .steps = { { MOVE, WEIGHTS, "unet/last.ckpt", NULL } } },
    { .message = "model.safetensors is not a name that diffusers gives",
      .steps = { { MOVE, WEIGHTS, "unet/model.safetensors", NULL } } },
    { .message = "has no variant \"fp16\" (" STEM ".fp16.safetensors), only ema",
      .variant = "fp16",
      .steps = { { MOVE, WEIGHTS, "unet/" STEM ".ema.safetensors", NULL } } },
    { .message = "has no variant \"fp16\" (" STEM ".fp16.safetensors)", .variant = "fp16" },
    { .message = "but the variants ema, fp16: choose one (--variant)",
      .steps = { { MOVE, WEIGHTS, "unet/" STEM ".ema.safetensors", NULL },
                 { TEXT, "unet/" STEM ".fp16.safetensors", "", NULL } } },

    /* shards */
    { .message = "has no " STEM ".safetensors; " SHARD " is not a name",
      .steps = { { MOVE, WEIGHTS, "unet/" SHARD, NULL } } },
    { .message = "index.json: weight_map: ",
      .steps = { { MOVE, WEIGHTS, "unet/elsewhere.safetensors", NULL },
                 { TEXT, WEIGHTS ".index.json", "{\"weight_map\":{\"conv_in.bias\":\"" SHARD "\"}}",
                   NULL } } },
    { .message = "weight_map: tensor \"none\" is not in " SHARD,
      .steps = { { MOVE, WEIGHTS, "unet/" SHARD, NULL },
                 { TEXT, WEIGHTS ".index.json", "{\"weight_map\":{\"none\":\"" SHARD "\"}}",
                   NULL } } },
    { .message = SHARD ": ",
      .steps = { { MOVE, WEIGHTS, "unet/" SHARD, NULL },
                 { CUT, "unet/" SHARD, NULL, NULL },
                 { TEXT, WEIGHTS ".index.json", "{\"weight_map\":{\"conv_in.bias\":\"" SHARD "\"}}",
                   NULL } } },

    /* Hugging Face's cache */
    { .message = "/snapshots: has 0 snapshots and no refs/main",
      .path = CACHE,
      .steps = { { TEXT, CACHE "/snapshots/.x", "", NULL } } },
    { .message = "/snapshots: has 2 snapshots and no refs/main beside it to choose one: name the "
                 "snapshot's folder",
      .path = CACHE,
      .steps = { INTO_CACHE, { TEXT, CACHE "/snapshots/0a1c/x", "", NULL } } },
    { .message = "/snapshots/0a1c: refs/main names this snapshot, which is not there",
      .path = CACHE,
      .steps = { INTO_CACHE, { TEXT, CACHE "/refs/main", "0a1c", NULL } } },
    { .message = "refs/main: \"../..\" is not the name of a snapshot",
      .path = CACHE,
      .steps = { INTO_CACHE, { TEXT, CACHE "/refs/main", "../..", NULL } } },
};

/* Of the base with an autoencoder. */
static const row latent_rows[] = {
    { .steps = { { END } } },
    { .steps = { NO_INDEX } },
    { .steps = { { SET, INDEX, "vae", NULL } } },
    { .steps = { { SET, INDEX, "vae", "null" } } }, /* four channels are a picture, too */
    { .steps = { { SET, VAE, "shift_factor", "null" } } },
    { .steps = { { SET, VAE, "shift_factor", NULL }, { SET, VAE, "scaling_factor", NULL } } },
    { .steps = { { WITHOUT, VAE_WEIGHTS, "encoder.", NULL } } },
    { .variant = "ema",
      .steps = { { MOVE, WEIGHTS, "unet/" STEM ".ema.safetensors", NULL },
                 { MOVE, VAE_WEIGHTS, "vae/" STEM ".ema.safetensors", NULL } } },
    { .variant = "ema",
      .notice = "/vae: has no variant \"ema\": its other weights are taken",
      .steps = { { MOVE, WEIGHTS, "unet/" STEM ".ema.safetensors", NULL } } },
    { .path = CACHE "/snapshots/0a1b",
      .steps = { INTO_CACHE, { MOVE, "vae", CACHE "/snapshots/0a1b/vae", NULL } } },

    { .message = "key \"vae\" is [\"diffusers\",\"AutoencoderTiny\"], but there is no vae/ beside",
      .steps = { { MOVE, "vae", "elsewhere", NULL } } },
    { .message = "key \"vae\" is [\"diffusers\",\"AutoencoderKL\"], needed: [library, "
                 "\"AutoencoderTiny\"], as in vae/config.json",
      .steps = { { SET, INDEX, "vae", "[\"diffusers\",\"AutoencoderKL\"]" } } },
    { .message = "/vae/config.json: key \"_class_name\" is \"VQModel\", supported: "
                 "\"AutoencoderTiny\", \"AutoencoderKL\"",
      .steps = { NO_INDEX, { SET, VAE, "_class_name", "\"VQModel\"" } } },
    { .message = "/vae: the weights hold the encoder only: a latent needs the decoder",
      .steps = { { WITHOUT, VAE_WEIGHTS, "decoder.", NULL } } },
    { .message = "/vae: 1 tensors missing: decoder.layers.0.weight",
      .steps = { { TENSOR, VAE_WEIGHTS, "decoder.layers.0.weight", NULL } } },
    { .message = "/vae: has no " STEM ".safetensors",
      .steps = { { MOVE, VAE_WEIGHTS, NULL, NULL } } },
    { .message = "/vae/config.json: cannot open: No such file",
      .steps = { { MOVE, VAE, NULL, NULL } } },
    { .message = "/vae/config.json: key \"latent_channels\" is 5, needed: 4, the out_channels of ",
      .steps = { { SET, VAE, "latent_channels", "5" } } },
    { .message = "key \"out_channels\" is 6, supported: 1 (grey), 3 (RGB), 4 (RGBA), or those of "
                 "an autoencoder",
      .steps = { { SET, INDEX, "vae", "null" },
                 { SET, UNET, "in_channels", "6" },
                 { SET, UNET, "out_channels", "6" } } },
    { .message = "key \"scaling_factor\" is 0, supported: 1e-06 to 1e+06",
      .steps = { { SET, VAE, "scaling_factor", "0" } } },
    { .message = "key \"scaling_factor\" is -0.4",
      .steps = { { SET, VAE, "scaling_factor", "-0.4" } } },
    { .message = "key \"scaling_factor\" is null",
      .steps = { { SET, VAE, "scaling_factor", "null" } } },
    { .message = "key \"scaling_factor\" is \"NaN\", supported: ",
      .steps = { { TEXT, VAE, "{\"_class_name\":\"AutoencoderTiny\",\"scaling_factor\":NaN}",
                   NULL } } },
    { .notice = "what AutoencoderTiny has no argument for: norm_num_groups, sample_size",
      .steps = { { SET, VAE, "norm_num_groups", "32" }, { SET, VAE, "sample_size", "null" } } },
    { .notice = "/vae: the names of all tensors begin with \"module.\"",
      .steps = { { PREFIX, VAE_WEIGHTS, "module.", NULL } } },
    { .message = "key \"shift_factor\" is \"0\"",
      .steps = { { SET, VAE, "shift_factor", "\"0\"" } } },
    { .message = "key \"image_alpha\" is \"premultiplied\", the autoencoder has 3 channels",
      .steps = { { SET, INDEX, "image_alpha", "\"premultiplied\"" } } },
    { .message = "/vae: the picture would be 16384x4096, supported: 4096x4096",
      .steps = { { SET, UNET, "sample_size", "[1024,4096]" } } },
};

/* What was logged while a row's folder was opened. */
static char logged[1024];
static uint32_t logged_lines;

static void keep_line(void *user, qs_log_level level, const char *line)
{
    (void)user;
    if (level == QS_LOG_DEBUG)
        return;
    snprintf(logged, sizeof logged, "%s", line);
    ++logged_lines;
}

static void check_notice(const row *r, size_t number)
{
    if (logged_lines != (r->notice ? 1 : 0) || (r->notice && !strstr(logged, r->notice)))
        fail_msg("row %zu: %u lines were logged, the last is \"%s\"; wanted \"%s\"", number,
                 logged_lines, logged, r->notice ? r->notice : "");
}

static void check_row(const base *good, const row *r, size_t number)
{
    logged[0] = '\0';
    logged_lines = 0;
    const qs_model_options options = { .variant = r->variant, .scheduler = r->scheduler };
    qs_model *model = NULL;
    qs_model_info info = { 0 };
    write_good_folder(good);
    for (const step *s = r->steps; s < r->steps + 6 && s->action != END; ++s)
        take_step(s);
    const qs_status status =
        qs_model_open_with(r->path ? temporary_path(folder, r->path) : folder, &options, &model);
    if (r->message && (status != QS_ERROR_MODEL || !strstr(qs_last_error(), r->message)))
        fail_msg("row %zu: status %d, wanted \"%s\", got \"%s\"", number, status, r->message,
                 qs_last_error());
    if (!r->message && status != QS_OK)
        fail_msg("row %zu: %s", number, qs_last_error());
    check_notice(r, number);
    qs_model_get_info(model, &info);
    if (!r->message)
        assert_int_equal(info.parameter_count, good->parameter_count);
    qs_model_destroy(model);
    temporary_remove(folder);
}

static void every_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i)
        check_row(&plain, &rows[i], i);
}

static void every_latent_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof latent_rows / sizeof *latent_rows; ++i)
        check_row(&latents, &latent_rows[i], i);
}

int main(void)
{
    qs_set_log(keep_line, NULL);
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_row),
                                        cmocka_unit_test(every_latent_row) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
