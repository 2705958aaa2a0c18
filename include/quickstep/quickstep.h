/*
 * Quickstep: few-step image generation on any Vulkan device.
 *
 *     qs_device   a Vulkan device (GPU or software)
 *     qs_model    a diffusers folder on disk
 *     qs_session  one model on one device at one batch size and precision: makes pictures
 *
 * A picture is four verbs, recorded once: words (prompt or label -> condition), begin (seed ->
 * noise), step (one network evaluation, N times), decode (latent -> RGBA8 frame, by an
 * autoencoder's decoder where the model has one).
 * Nothing is re-recorded and the CPU does not wait when steps, seed, label or prompt change.
 *
 * Threads: an object is used from one thread at a time; different devices are independent, and a
 * model may be shared by their threads.
 * Errors: every function that can fail returns qs_status; qs_last_error() has the message with
 * names and numbers. A failed call leaves its out-parameters untouched or NULL. NULL where an
 * object or a result is needed is QS_ERROR_USAGE; a function without a status then does nothing.
 * Every destroy function takes NULL. An object that was destroyed is no object: passing it again is
 * undefined behaviour, as with free(), and nothing notices it.
 */
#ifndef QUICKSTEP_QUICKSTEP_H
#define QUICKSTEP_QUICKSTEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32) && defined(QS_BUILDING)
#define QS_API __declspec(dllexport)
#elif defined(__GNUC__)
#define QS_API __attribute__((visibility("default")))
#else
#define QS_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------- */
/* Status, messages                                                                             */

/* The values are the exit statuses of the `quickstep` program. */
typedef enum qs_status {
    QS_OK = 0,
    QS_ERROR_OTHER = 1,
    QS_ERROR_USAGE = 2,       /* a wrong argument: NULL, out of range, unknown name */
    QS_ERROR_MODEL = 3,       /* a bad or unsupported model file */
    QS_ERROR_DEVICE = 4,      /* no suitable device, or it lacks a feature */
    QS_ERROR_MEMORY = 5,      /* host or device memory */
    QS_ERROR_DEVICE_LOST = 6, /* device lost or timed out */
    QS_ERROR_PICTURE = 7,     /* NaN, Inf or a flat picture */
    QS_ERROR_WRITE = 8,       /* a file could not be written */
    QS_CANCELLED = 130,       /* the progress callback asked to stop */
} qs_status;

typedef enum qs_log_level { QS_LOG_ERROR, QS_LOG_WARNING, QS_LOG_INFO, QS_LOG_DEBUG } qs_log_level;
typedef void (*qs_log_fn)(void *user, qs_log_level level, const char *message);

QS_API const char *qs_version(void); /* "0.1.0" */
QS_API const char *qs_status_name(qs_status status);

/* The message of this thread's last failed call, "" if there was none. Valid until the thread's
 * next Quickstep call. */
QS_API const char *qs_last_error(void);

/* Where log lines go, for the whole process; NULL (the default) is silence. Set it before any
 * other call; the callback may come from any thread that calls Quickstep and, with messages of
 * the validation layer, from those that compile for it meanwhile. Errors that a function returns
 * are not logged as well. */
QS_API void qs_set_log(qs_log_fn log, void *user);

/* The words of the environment variable QUICKSTEP_DEBUG, one line each. */
QS_API const char *qs_debug_help(void);

/* ------------------------------------------------------------------------------------------- */
/* Devices                                                                                      */

typedef struct qs_device qs_device;

typedef enum qs_device_type {
    QS_DEVICE_DISCRETE,
    QS_DEVICE_INTEGRATED,
    QS_DEVICE_VIRTUAL,
    QS_DEVICE_CPU,
    QS_DEVICE_OTHER,
} qs_device_type;

/* One shape of KHR_cooperative_matrix: [m, k] x [k, n], component types as Vulkan names. */
typedef struct qs_matrix_shape {
    uint32_t m, n, k;
    char types[48]; /* "f16 x f16 -> f32" */
} qs_matrix_shape;

typedef struct qs_device_info {
    uint32_t index;
    qs_device_type type;
    char name[256], driver_name[256], driver_info[256];
    uint32_t api_version; /* as VkPhysicalDeviceProperties::apiVersion */
    uint8_t uuid[16];
    uint64_t memory_bytes; /* the largest device-local heap; of a CPU the host's memory */
    bool f16_storage, f16_arithmetic, push_descriptors, timestamps;
    uint32_t subgroup_size, subgroup_size_min, subgroup_size_max;
    uint32_t matrix_shape_count; /* 0: no cooperative matrices; at most 16 are listed */
    qs_matrix_shape matrix_shapes[16];
    bool usable;
    char unusable_reason[128]; /* the missing feature, "" if usable */
} qs_device_info;

typedef struct qs_device_options {
    /* NULL: discrete, else integrated, else virtual, else CPU. Otherwise an index ("0"), a UUID
     * (32 hex digits, dashes allowed) or a part of the name, case-insensitive. */
    const char *select;
    /* Instance extensions that a window system needs (glfwGetRequiredInstanceExtensions); with
     * any, the device gets VK_KHR_swapchain too. */
    const char *const *instance_extensions;
    uint32_t instance_extension_count;
    bool no_matrix; /* leave the device's matrix units alone */
} qs_device_options;

/* Lists all Vulkan devices. *count: in, the room in `infos`; out, the number of devices.
 * infos may be NULL to ask for the number. QS_ERROR_DEVICE if there is none, and why: no loader, no
 * driver, or what is the matter with each. */
QS_API qs_status qs_device_list(qs_device_info *infos, size_t *count);

/* options may be NULL. Logs one QS_LOG_INFO line saying which device was chosen. */
QS_API qs_status qs_device_create(const qs_device_options *options, qs_device **device);
QS_API void qs_device_destroy(qs_device *device);
QS_API void qs_device_get_info(const qs_device *device, qs_device_info *info);

/* While something is prepared on the device, which takes seconds where no cache helps: pipelines
 * are compiled, weights loaded. Called on the thread that waits for it, about twenty times a
 * second, with how many of the pipelines are done (0 of 0: weights are loaded); it may use the
 * device's queue (quickstep/vulkan.h), and call nothing of this library with the device, its
 * sessions or coders. NULL: nobody. */
typedef void (*qs_prepare_fn)(void *user, uint32_t done, uint32_t total);
QS_API void qs_device_on_prepare(qs_device *device, qs_prepare_fn prepare, void *user);

/* Messages of the validation layer so far (QUICKSTEP_DEBUG=validate,sync), 0 without it. */
QS_API uint64_t qs_device_validation_messages(const qs_device *device);

/* ------------------------------------------------------------------------------------------- */
/* Models                                                                                       */

typedef struct qs_model qs_model;

typedef enum qs_sampler {
    QS_SAMPLER_DEFAULT,     /* what the model's scheduler names */
    QS_SAMPLER_MULTISTEP,   /* multistep consistency, arXiv 2403.06807 algorithm 2 */
    QS_SAMPLER_DDIM,        /* DDIM of the diffusion model, arXiv 2010.02502: qs_recipe.eta */
    QS_SAMPLER_ADDIM,       /* adjusted DDIM, algorithm 3 */
    QS_SAMPLER_CONSISTENCY, /* consistency models of Song et al., arXiv 2303.01469 */
    QS_SAMPLER_DDPM,        /* ancestral sampling, arXiv 2006.11239 */
    QS_SAMPLER_LCM,         /* latent consistency models, arXiv 2310.04378 */
    QS_SAMPLER_TCD,         /* trajectory consistency, arXiv 2402.19159: qs_recipe.eta, its gamma */
    QS_SAMPLER_EULER,       /* Euler's method over noise levels, arXiv 2206.00364 */
    QS_SAMPLER_EULER_ANCESTRAL, /* the same with noise anew in every step */
    QS_SAMPLER_DPMSOLVER,       /* DPM-Solver++ (2M), arXiv 2211.01095 */
} qs_sampler;

/* Where noise comes from. */
typedef enum qs_rng {
    QS_RNG_PHILOX, /* Philox4x32-10 on the device: the same bits on every device */
    QS_RNG_TORCH,  /* PyTorch's CPU generator, as torch.Generator().manual_seed(seed) and
                      torch.randn of a latent, [1, c, h, w]: what diffusers' pipelines draw */
} qs_rng;

typedef struct qs_model_info {
    char name[128];                   /* the folder's name */
    uint32_t width, height, channels; /* of a picture */
    /* Of the noise that it comes from, and of what the network sees: the picture's, unless there is
     * an autoencoder, whose decoder makes a picture of a latent. */
    uint32_t latent_width, latent_height, latent_channels;
    /* Of the network's input: a latent's, or 2 * latent_channels + 1 of one that fills in (sample,
     * mask, known picture). */
    uint32_t input_channels;
    bool has_autoencoder;
    bool has_alpha;       /* 4 channels: RGBA */
    bool reads_pictures;  /* can begin from one: there is no autoencoder, or it has an encoder */
    bool fills_in;        /* its network is given a picture and a mask, and draws nothing without */
    uint32_t label_count; /* 0: not class-conditional */
    uint32_t default_label;
    bool has_segments; /* conditioned on the segment's start: every N and the limit */
    qs_sampler default_sampler;
    uint32_t steps_max; /* the most steps that its samplers have, at most QS_STEPS_MAX */
    /* Where nobody says how many: 4; 50 of a plain diffusion model; 1 of a text-to-image model with
     * Euler's scheduler over trailing timesteps, as SD-Turbo and SDXL-Turbo come. */
    uint32_t default_steps;
    uint64_t parameter_count;         /* the network's */
    uint64_t decoder_parameter_count; /* 0: no autoencoder */
    uint32_t prompt_tokens; /* that its text encoder reads; 0: it has none, and reads no prompts */
    bool embeds_guidance;   /* the network takes the guidance scale, at one evaluation a step */
    float default_guidance; /* scale; 1: none */
    uint64_t text_encoder_parameter_count;
    uint32_t text_encoder_count; /* 2 of Stable Diffusion XL; 0: there is none */
    uint32_t text_width;   /* of a token's state, of all text encoders together; 0: there is none */
    uint32_t pooled_width; /* of the state of a whole prompt; 0: the network reads none */
} qs_model_info;

/* What a LoRA file adds to the weights (arXiv 2106.09685). */
typedef struct qs_lora {
    /* A safetensors file with kohya's names (lora_unet_..., lora_te_...), PEFT's (lora_A, lora_B) or
     * diffusers' (lora.down, lora.up), or a folder with pytorch_lora_weights.safetensors. */
    const char *path;
    float scale; /* how much of it, -1000 to 1000; 1: as it was trained, 0: nothing */
} qs_lora;

typedef struct qs_model_options {
    /* "fp16": the weights of diffusion_pytorch_model.fp16.safetensors. NULL: those without a
     * variant or, where there are none, those of the only variant. An autoencoder without this
     * variant gives its other weights. */
    const char *variant;
    /* A scheduler_config.json (or its folder) in place of the model's, or a class
     * ("EulerDiscreteScheduler") that reads the model's, as diffusers' from_config, or has
     * diffusers' defaults where the model has none. NULL: the model's own. */
    const char *scheduler;
    /* Of the pictures, in pixels, in place of what the network was trained for; 0: that. Of a model
     * that reads prompts; QS_ERROR_USAGE: of another, or no multiple of what its blocks halve. */
    uint32_t width, height;
    /* The autoencoder in place of vae/: "tiny" or "kl", an AutoencoderTiny in vae/, vae_tiny/ or taesd/ or
     * an AutoencoderKL in vae/ or vae_kl/; or the name or folder of another autoencoder, as for
     * qs_autoencoder_open. NULL: vae/. QS_ERROR_MODEL: there is no such one, it is for other latents, or
     * the model draws pixels. */
    const char *decoder;
    /* Added one after another, in float32, when weights are read, as diffusers' load_lora_weights and
     * fuse_lora. QS_ERROR_MODEL: a file that is another thing, or for another model; QS_ERROR_USAGE:
     * a scale. NaN and Inf in it are found when a session reads it. */
    const qs_lora *loras;
    uint32_t lora_count;
} qs_model_options;

#define QS_DEFAULT_MODEL "sprites" /* comes with Quickstep */
#define QS_PATH_SIZE 4096          /* bytes, with the end */

typedef struct qs_model_place {
    char name[256]; /* of the folder */
    char path[QS_PATH_SIZE];
} qs_model_place;

/*
 * The folder that `name` stands for: a path, or a folder of that name here, is itself; otherwise it
 * is the model of that name in (the first that has it)
 *     a folder of $QUICKSTEP_MODELS, a list with ":" between;
 *     assets/models or share/quickstep/models beside the library or above it: of the source tree
 *     that it was built in, or of the prefix where it is installed, wherever that was moved;
 *     the data folder that it was built for (pkg-config --variable=modelsdir quickstep).
 * QS_ERROR_MODEL says where it was looked for and what there is. What comes with Quickstep:
 * "sprites", "heroes", "emoji".
 */
QS_API qs_status qs_model_find(const char *name, char path[QS_PATH_SIZE]);

/* Every model that qs_model_find knows by name, autoencoders too, each name once: QS_DEFAULT_MODEL
 * first, the others sorted. *count: in, the room in `places`; out, the number of models. places may
 * be NULL to ask for the number. */
QS_API qs_status qs_model_list(qs_model_place *places, size_t *count);

/*
 * Opens a model as diffusers writes it: reads the configs and checks every tensor's presence and
 * shape; the weights stay on disk until a session needs them. path: as for qs_model_find, a name
 * ("sprites") or a folder with
 *     unet/ and scheduler/, model_index.json optional. An autoencoder in vae/ (AutoencoderTiny,
 * AutoencoderKL) makes pictures of what the network draws: latent / scaling_factor + shift_factor,
 * decoded; or config.json and the weights: a UNet alone, scheduler_config.json optional; or
 *     snapshots/ and refs/: Hugging Face's cache of one model (models--ORG--NAME).
 * A folder without a scheduler needs options->scheduler. options may be NULL.
 * QS_ERROR_MODEL names file and key.
 */
QS_API qs_status qs_model_open_with(const char *path, const qs_model_options *options,
                                    qs_model **model);
QS_API qs_status qs_model_open(const char *path, qs_model **model); /* without options */
QS_API void qs_model_destroy(qs_model *model); /* after the sessions made from it */
QS_API void qs_model_get_info(const qs_model *model, qs_model_info *info);

/* The name of a label (id2label), its number in decimals if it has no name. Owned by the model;
 * NULL out of range. */
QS_API const char *qs_model_label_name(const qs_model *model, uint32_t label);

/* Prompts to try (model_index.json's "examples"). Owned by the model; NULL past the last. */
QS_API const char *qs_model_example(const qs_model *model, uint32_t index);

/* What it was opened with; owned by the model. */
QS_API const qs_model_options *qs_model_opened_with(const qs_model *model);

/* The numbers of steps that the model's authors trained or tuned it for, ascending; *count: how
 * many, 0 where nothing is known, as of a diffusion model. Owned by the model. */
QS_API const uint32_t *qs_model_tuned_steps(const qs_model *model, size_t *count);

QS_API const char *qs_sampler_name(qs_sampler sampler); /* "multistep" */
QS_API qs_status qs_sampler_parse(const char *name, qs_sampler *sampler);
QS_API const char *qs_rng_name(qs_rng rng); /* "philox" */
QS_API qs_status qs_rng_parse(const char *name, qs_rng *rng);

/* The unit noise [c, h, w] (qs_model_info's latent_channels, latent_height, latent_width) that a
 * picture of this seed starts from. QS_ERROR_USAGE, QS_ERROR_MEMORY. */
QS_API qs_status qs_model_noise(const qs_model *model, qs_rng rng, uint64_t seed, float *noise);

/* QS_OK if this model can run this sampler, otherwise QS_ERROR_USAGE with the reason. */
QS_API qs_status qs_model_check_sampler(const qs_model *model, qs_sampler sampler);

/* ------------------------------------------------------------------------------------------- */
/* Sessions                                                                                     */

typedef struct qs_session qs_session;

typedef enum qs_precision { QS_F32, QS_F16 } qs_precision; /* storage; sums are always float */

#define QS_STEPS_MAX 1024u
#define QS_BATCH_MAX 64u
#define QS_GUIDANCE_MAX 1000 /* scale */
#define QS_ORIGINAL_MAX 65535u /* pixels to a side of what a picture was made from */

typedef struct qs_session_options {
    uint32_t batch; /* pictures at a time, 1 .. QS_BATCH_MAX; 0 means 1 */
    qs_precision precision;
    bool profile;          /* record a timestamp around every op: qs_session_op_times */
    bool keep_activations; /* give every tensor its own memory: qs_session_activation */
    bool no_tune;          /* every op's default variant, as without qs_tune */
    /* Evaluate the network twice a step, with the prompt and with the negative one, and go further
     * by the guidance scale (arXiv 2207.12598). Not for a network that takes the scale itself. */
    bool guided;
    /* The text encoders' weights leave the device when they have read, and come back from the files when
     * another prompt is to be read: less memory, more time. Not for qs_session_forward. */
    bool offload;
    bool blended; /* read two prompts for a picture, and draw what is between them: qs_recipe.mix */
    bool edits; /* recipes may begin from a picture: where there is an autoencoder, its encoder too
                 */
} qs_session_options;

/* What text encoders make of prompts, from elsewhere (diffusers' prompt_embeds and
 * pooled_prompt_embeds): of every picture's negative prompt with options.guided, then of every
 * picture's prompt, then of every picture's second one with options.blended, which are the texts.
 * The arrays stay the caller's; qs_session_begin and qs_session_forward copy them. */
typedef struct qs_text_states {
    const float *states; /* [texts, prompt_tokens, text_width], as qs_model_info has them */
    size_t state_count;  /* of floats: all of these */
    const float *pooled; /* [texts, pooled_width], or NULL where that is 0 */
    size_t pooled_count;
} qs_text_states;

/* What to draw. Zero-initialised: one step, seed 0, the model's default label and sampler.
 * [c, h, w] of noise are qs_model_info's latent_channels, latent_height and latent_width. */
typedef struct qs_recipe {
    uint32_t steps; /* 1 .. QS_STEPS_MAX; 0 means 1 */
    qs_sampler sampler;
    uint64_t seed;         /* picture i of the batch is drawn from seed + i */
    const int32_t *labels; /* [batch], -1: the model's default; NULL: the default for all */
    const int32_t *labels_to; /* [batch], likewise: what `mix` leads to; NULL: nothing else */
    const float *noise;    /* [batch, c, h, w], unit variance, instead of the seed's; or NULL */
    qs_rng rng; /* with `noise` its first numbers are the first step's, as in diffusers */
    /* 0 .. 1: QS_SAMPLER_DDIM with a DDIMScheduler or DDPMScheduler, and QS_SAMPLER_TCD, add noise.
     * 0, nothing said, is what diffusers' pipelines pass (TCDScheduler.step alone has 0.3). */
    float eta;
    /* [steps], descending, as diffusers' pipelines take them. Of QS_SAMPLER_CONSISTENCY: points of
     * the training grid, of which the last one is the noisiest and is visited first ({22, 0}); of
     * QS_SAMPLER_LCM and QS_SAMPLER_TCD: the training's timesteps ({ 999, 499 }).
     * NULL: those that the model's authors chose, or evenly spaced ones. */
    const uint32_t *timesteps;
    /* [steps, batch, c, h, w], unit variance: what step i draws, instead of the seed's; or NULL.
     * Not copied: it must stay until the picture is finished or another one was begun. */
    const float *step_noise;
    /* What a model with a text encoder draws, UTF-8; NULL: "". More than it can read is left out,
     * with a warning. */
    const char *prompt;         /* for all pictures, */
    const char *const *prompts; /* or [batch], one each */
    const char *negative;       /* with options.guided: what to keep away from */
    /* What a second text encoder (Stable Diffusion XL's) reads instead; NULL or "": the same. */
    const char *prompt_2, *negative_2;
    float guidance;             /* scale: 1: none; 0: the model's own, qs_model_info's */
    /* 0, the labels and the prompts, to 1, labels_to and, with options.blended, prompt_to. What is
     * between is linear in what the network makes of both labels before it adds the time's
     * embedding, and in what the text encoders make of both prompts. */
    float mix;
    const char *prompt_to;             /* for all pictures, */
    const char *const *prompts_to;     /* or [batch], one each */
    const qs_text_states *text_states; /* instead of all these texts; or NULL */
    /*
     * With options.edits: a picture that all pictures are begun from, [height, width, 4] RGBA8 with
     * straight alpha as qs_frame.pixels, or NULL. strength, above 0 to 1 (0, nothing said, is 1),
     * is how much noise it gets (SDEdit, arXiv 2108.01073): at 1 next to nothing is left of it. A
     * model with MultistepConsistencyScheduler begins at that very time, and ceil(strength * steps)
     * steps remain; others run the last int(strength * steps) of their rows, as diffusers'
     * image-to-image pipelines do, and none is QS_ERROR_USAGE. step_noise is that of the steps
     * which run.
     */
    const uint8_t *init;
    float strength;
    /* [height, width]: where it is 255 the picture is drawn anew, where it is 0 init is kept to the
     * last bit of the frame; in between they are mixed. What is kept is set back to its noise level
     * after every step (arXiv 2303.01469, algorithm 4; begin's noise in it, as diffusers'
     * inpainting, but for QS_SAMPLER_CONSISTENCY), and the finished picture gets it whole. Of a
     * latent all pixels must be kept for it to be. NULL: nothing is kept. */
    const uint8_t *mask;
    /* What such a network is told of the picture, in pixels, as diffusers' original_size and
     * crops_coords_top_left: the size that it was made smaller from (0: its own), and where its
     * corner lay in that. At most QS_ORIGINAL_MAX each. */
    uint32_t original_width, original_height, crop_left, crop_top;
    /* Colouring: of what the mask keeps, which is all without one, only the luminance (0.2989 red +
     * 0.587 green + 0.114 blue) is kept; the colours are drawn anew (arXiv 2303.01469, algorithm 4
     * with its orthogonal matrix for colorization). For a model that draws RGB pixels, not latents.
     */
    bool keep_luminance;
} qs_recipe;

typedef enum qs_phase {
    QS_IDLE,    /* nothing was begun, or what was begun failed or was cancelled */
    QS_RUNNING, /* verbs are in flight or still to be submitted */
    QS_DONE,    /* the picture is finished: qs_session_frame has it */
} qs_phase;

typedef struct qs_progress {
    qs_phase phase;
    uint32_t steps_done, steps; /* finished by the device, of those that run */
    bool submitted;             /* this call submitted something */
} qs_progress;

/* A finished batch of pictures. Owned by the session; valid until the next qs_session_frame,
 * qs_session_render or destroy. */
typedef struct qs_frame {
    uint64_t serial; /* the number of the qs_session_begin that made it, from 1; 0: none yet */
    uint32_t width, height, count;
    const uint8_t *pixels;      /* [count, height, width, 4] RGBA8, straight alpha */
    uint32_t slot;              /* 0 .. 2: which of the three frames, for quickstep/vulkan.h */
    qs_status check;            /* QS_OK, or QS_ERROR_PICTURE: NaN, Inf or flat */
    uint32_t bad_count;         /* NaN and Inf among the final floats */
    float min_value, max_value; /* of the final floats, before clipping */
    uint32_t steps;             /* its recipe: steps, */
    uint64_t seed;              /* first seed */
    double latency_ms;          /* from qs_session_begin to the qs_session_frame that took it */
} qs_frame;

/* Plans and records everything, and loads the weights unless another session of this model has
 * them on this device already (a model can be on 8 devices). options: NULL for one picture in
 * float32. QS_ERROR_USAGE: batch or precision; QS_ERROR_DEVICE: no 16-bit floats, no timestamps for
 * profile; QS_ERROR_MODEL: a weight file changed; QS_ERROR_MEMORY. Device and model outlive it. */
QS_API qs_status qs_session_create(qs_device *device, qs_model *model,
                                   const qs_session_options *options, qs_session **session);
QS_API void qs_session_destroy(qs_session *session);

/*
 * Tuning. An op may have variants, algorithms and tiles, whose results differ by rounding. Which is
 * the fastest for a shape is measured once for a device, its driver and this library's shaders, and
 * kept in $XDG_CACHE_HOME/quickstep/timings-UUID.json (else ~/.cache/...): with the same file a
 * session is the same. On a hardware device qs_session_create measures what its network needs and
 * the file lacks, and begins nothing new after 3 seconds: compiling one op's variants may take
 * longer. On a software device, where measuring takes longer than it saves, only qs_tune does. What
 * is not known gets the op's default.
 */
typedef struct qs_tune_result {
    const char *choice; /* "conv2d f32 1x32x32x64 -> 32x32x64 k3 s1" */
    uint32_t variant_count, chosen;
    const char *const *variants; /* the default first */
    const double *ms;            /* [variant_count]; INFINITY: the device cannot compile it */
} qs_tune_result;

/* False stops: QS_CANCELLED, and what was measured is kept. */
typedef bool (*qs_tune_fn)(void *user, const qs_tune_result *result);

/* Measures all choices of the network, at options' batch and precision (NULL: as for a session),
 * that the file lacks. report, if not NULL, gets each; one that cannot be measured, for want of
 * memory perhaps, is logged and passed over. QS_ERROR_USAGE with options.no_tune or
 * QUICKSTEP_DEBUG=defaults; otherwise errors as of qs_session_create. */
QS_API qs_status qs_tune(qs_device *device, qs_model *model, const qs_session_options *options,
                         qs_tune_fn report, void *user);

/* Starts a picture: writes the recipe into state buffers and submits words and begin. A picture
 * in progress is dropped within a step. The recipe is copied, but not step_noise. Does not wait,
 * except while three earlier recipes are in flight, and with noise or QS_RNG_TORCH while an earlier
 * picture's begin is. QS_ERROR_USAGE: steps, a label, the sampler or its options; QS_ERROR_MODEL: a
 * schedule that divides by zero; the picture in progress then goes on. */
QS_API qs_status qs_session_begin(qs_session *session, const qs_recipe *recipe);

/* Submits the picture's next verb, or of one that takes long its next part, if fewer than two are
 * in flight; never waits. What is in flight takes about 16 ms, on a software device 60: whoever
 * draws in between on the same queue (quickstep/vulkan.h) waits no longer. progress may be NULL. */
QS_API qs_status qs_session_advance(qs_session *session, qs_progress *progress);

/* Waits until something in flight finishes, at most timeout_ms; QS_OK also when the time is up. */
QS_API qs_status qs_session_wait(qs_session *session, uint32_t timeout_ms);

/* The newest finished frame (serial 0 if there is none yet); never waits. */
QS_API qs_status qs_session_frame(qs_session *session, qs_frame *frame);

/* Called on the calling thread when a step has finished, on a fast device several; false
 * cancels, and the picture is dropped. */
typedef bool (*qs_progress_fn)(void *user, uint32_t steps_done, uint32_t steps);

/* begin, advance until done, read back. sample, if not NULL, receives the final float pictures
 * [batch, c, h, w] in [-1, 1], unquantised (the caller's; alpha as the model has it), [c, h, w]
 * being qs_model_info's channels, height and width.
 * QS_ERROR_PICTURE if the picture failed its check (frame and sample are still filled). */
QS_API qs_status qs_session_render(qs_session *session, const qs_recipe *recipe,
                                   qs_progress_fn progress, void *user, qs_frame *frame,
                                   float *sample);

/* What the network takes, without a session's options.guided and options.blended. */
typedef struct qs_network_input {
    const float *sample;               /* [batch, qs_model_info's input_channels, h, w] */
    const float *timestep;             /* [batch] */
    const float *segment;              /* [batch]; NULL: zeros */
    const int32_t *labels;             /* [batch], -1: the default; NULL: the default for all */
    const char *const *prompts;        /* [batch]; NULL: "" for all */
    float guidance;                    /* scale; 0: the model's own */
    const qs_text_states *text_states; /* of [batch] prompts, instead of these; or NULL */
} qs_network_input;

/* The network once -> output [batch, c, h, w]. c, h and w are a latent's. Nothing is scaled,
 * clipped or decoded. Waits; a picture in progress goes on afterwards as if nothing had been. */
QS_API qs_status qs_session_forward(qs_session *session, const qs_network_input *input,
                                    float *output);

/* What the model's text encoders make of prompts, without a session: only their weights are loaded, and
 * leave the device again. ids: the tokens, [count, prompt_tokens] of each of text_encoder_count in turn;
 * states: [count, prompt_tokens, text_width]; pooled: [count, pooled_width], or NULL. All as
 * qs_model_info has them. QS_ERROR_USAGE: no text encoder, over QS_BATCH_MAX prompts, no UTF-8. */
QS_API qs_status qs_model_embed(qs_device *device, qs_model *model, qs_precision precision,
                                const char *const *prompts, uint32_t count, uint32_t *ids,
                                float *states, float *pooled);

/* One op of a graph, in execution order. */
typedef struct qs_op_time {
    const char *name; /* "down_blocks.0.resnets.1.conv1", owned by the session */
    const char *op;   /* "conv2d" */
    double ms;        /* the last time that it ran */
    double flops;     /* multiply and add counted as two */
    double bytes;     /* inputs read once, output written once */
} qs_op_time;

/* Of the last finished step. *count: in, the room in `times`; out, the number of ops. times may be
 * NULL.
 * QS_ERROR_USAGE without options.profile, or with times before the first step. */
QS_API qs_status qs_session_op_times(qs_session *session, qs_op_time *times, size_t *count);

/* The same of the last finished picture's decode; QS_ERROR_USAGE before there is one. */
QS_API qs_status qs_session_decode_times(qs_session *session, qs_op_time *times, size_t *count);

typedef struct qs_session_memory {
    uint64_t weights_bytes; /* on the device, packed */
    uint64_t arena_bytes;   /* the planned arena of activations, which step and decode share */
    uint64_t activation_sum_bytes;      /* all activations side by side */
    uint64_t live_max_bytes;            /* the largest set alive at one time: the lower bound */
    uint64_t state_bytes;               /* state buffers, frames, recipe slots */
    uint32_t node_count, barrier_count; /* of a step */
    uint32_t allocation_count;
    /* The autoencoder's part of the above, all 0 without one: the decoder's weights, and what
     * decode takes of the arena. */
    uint64_t decoder_weights_bytes, decode_arena_bytes;
    uint32_t decode_node_count;
    uint32_t decode_barrier_count; /* as barrier_count, of a decode */
    uint64_t available_bytes;      /* that the device has for weights, arena and states */
} qs_session_memory;

QS_API void qs_session_get_memory(const qs_session *session, qs_session_memory *memory);

/* What such a session would take, also more than the device has: nothing is allocated on it, no
 * weights are read, no pipelines made. Weights that another session of the model has on the device
 * already are not counted. Errors as qs_session_create's. */
QS_API qs_status qs_session_plan(qs_device *device, qs_model *model,
                                 const qs_session_options *options, qs_session_memory *memory);

/* An activation of the last qs_session_forward, options.keep_activations only. index counts
 * nodes from 0; QS_ERROR_USAGE past the last. data [n, c, h, w] may be NULL to ask for the shape;
 * otherwise it has room for n * c * h * w floats. */
typedef struct qs_activation {
    const char *name;
    uint32_t n, c, h, w;
    const char *variant; /* of its op; NULL: there is only one */
} qs_activation;

QS_API qs_status qs_session_activation(qs_session *session, uint32_t index,
                                       qs_activation *activation, float *data);

/* ------------------------------------------------------------------------------------------- */
/* Self-test: every op against a double-precision reference, on this device                     */

typedef struct qs_selftest_result {
    const char *name; /* "conv2d f16 [1, 7, 5, 33] -> 130 3x3 s2 seed 17 @ direct 8x2x4"; the
                         variant is behind the @; a filter, too */
    bool passed;
    double error, limit; /* normalised mean square error, and what it may be */
    const char *message; /* "" or what went wrong */
} qs_selftest_result;

typedef void (*qs_selftest_fn)(void *user, const qs_selftest_result *result);

/* filter: "CASE" or "CASE @ VARIANT": run only the cases whose name contains CASE, with every
 * variant of the op whose name contains VARIANT. NULL: all cases, each with one variant of every
 * algorithm; which, is drawn by the case's name. QS_OK when every case passed, QS_ERROR_OTHER when
 * one failed. report may be NULL. */
QS_API qs_status qs_selftest(qs_device *device, const char *filter, qs_selftest_fn report,
                             void *user);

/* What the device can do at best: multiplications and additions (two each) in registers, in float32
 * and by matrix units (float16 with sums in float32; 0: none are used), and bytes of a copy, read
 * and written, of 128 MiB if there is room. An op whose tensors stay in a cache may exceed the
 * copy. The best of a few runs. What no op can be without: microseconds of a dispatch of one
 * workgroup that does next to nothing, of a barrier between two, and of a submission of nothing
 * from the call to the end of the wait. Medians. */
typedef struct qs_roofline {
    double gflops, matrix_gflops, gbytes_per_s;
    double dispatch_us, barrier_us, submit_us;
} qs_roofline;

QS_API qs_status qs_bench_roofline(qs_device *device, qs_roofline *roofline);

/* Speed of single ops on fixed shapes: medians of `repeats` (1 or more) runs after a warm-up. An op
 * that takes very long is repeated less often, after 3 seconds no more. */
typedef struct qs_bench_result {
    const char *name; /* "conv2d 3x3 f32 128 -> 128 @ 32x32" */
    double median_ms, p95_ms, gflops, gbytes_per_s;
    uint32_t repeats; /* done */
} qs_bench_result;

typedef void (*qs_bench_fn)(void *user, const qs_bench_result *result);

QS_API qs_status qs_bench_ops(qs_device *device, const char *filter, uint32_t repeats,
                              qs_bench_fn report, void *user);

#ifdef __cplusplus
}
#endif
#endif
