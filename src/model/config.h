/* The JSON files of a diffusers folder as structs. Every key is known or an error. */
#ifndef QS_MODEL_CONFIG_H
#define QS_MODEL_CONFIG_H

#include "core/arena.h"
#include "core/status.h"
#include "model/folder.h"

enum {
    UNET_BLOCKS_MAX = 8,
    UNET_LAYERS_MAX = 64,
    TRAINED_STEPS_MAX = 64,
    AUTOENCODER_STAGES_MAX = 8,
    SIDE_MAX = 4096, /* of a sample, and of a picture */
    TIME_IDS = 6,    /* of text_time: original size, crop, target size, y before x */
};

typedef enum unet_block_type {
    BLOCK_DOWN,            /* DownBlock2D, UpBlock2D */
    BLOCK_ATTENTION,       /* AttnDownBlock2D, AttnUpBlock2D */
    BLOCK_RESNET_RESAMPLE, /* ResnetDownsampleBlock2D, ResnetUpsampleBlock2D */
    BLOCK_CROSS_ATTENTION, /* CrossAttnDownBlock2D, CrossAttnUpBlock2D */
} unet_block_type;

typedef enum unet_time_embedding {
    TIME_POSITIONAL, /* sinusoids of the time */
    TIME_FOURIER,    /* of its logarithm, at the file's frequencies; the output is divided by it */
    TIME_LEARNED,    /* a row of the file's for each of num_train_timesteps */
} unet_time_embedding;

typedef enum unet_class_embedding {
    CLASS_NONE,
    CLASS_TABLE,    /* class_embed_type null with num_class_embeds */
    CLASS_TIMESTEP, /* the label embedded as a time is, with layers of its own */
    CLASS_IDENTITY, /* the label's number, added to every channel */
} unet_class_embedding;

typedef enum unet_mid_type {
    MID_NONE,            /* mid_block_type null */
    MID_RESNET,          /* UNet2DConditionModel's UNetMidBlock2D: one resnet */
    MID_ATTENTION,       /* UNet2DModel's UNetMidBlock2D: resnet, attention unless add_attention is
                            false, resnet */
    MID_CROSS_ATTENTION, /* UNetMidBlock2DCrossAttn */
} unet_mid_type;

typedef enum unet_act_fn { ACT_FN_SILU, ACT_FN_MISH, ACT_FN_GELU, ACT_FN_RELU } unet_act_fn;

/* diffusers.UNet2DModel's config (unet/config.json), its names and defaults. What reaches which
 * block there (unet_2d.py, unet_2d_blocks.py):
 *
 *     every resnet        norm_num_groups, norm_eps, resnet_time_scale_shift; output_scale_factor 1
 *     block attention     norm_num_groups, norm_eps, attention_head_dim (null: the block's width)
 *     mid block           mid_block_scale_factor divides resnets and attention alike;
 *                         attn_norm_num_groups, if null norm_num_groups with
 *                         resnet_time_scale_shift "default", but no norm at all with "scale_shift"
 *     downsample_padding  DownBlock2D; AttnDownBlock2D with downsample_type "conv".
 *                         0 pads one pixel right and below only
 *     downsample_type     AttnDownBlock2D only: DownBlock2D always convolves and
 *                         ResnetDownsampleBlock2D is always a resnet. upsample_type likewise
 *     the last block      of either list has no resampler, whatever its type
 *     up blocks           layers_per_block + 1 layers
 *
 * and diffusers.UNet2DConditionModel's (unet_2d_condition.py), whose blocks of cross attention have
 * transformers (model/transformer.h) that read text states of cross_attention_dim channels:
 *
 *     transformers        attention_heads and only_cross_attention by down block, the same for the
 *                         up block that faces it, and the last for the mid block;
 *                         use_linear_projection. Their group norm's eps is 1e-6
 *     time embedding      time_cond_proj_dim: the guidance scale's embedding, projected, is added
 *                         to the sinusoids (LCM); pooled_dim: what is made of the text's pooled
 *                         state, and with time_id_dim of the picture's size, is added to what
 *                         comes out (SDXL) */
typedef struct unet_config {
    uint32_t sample_height, sample_width; /* sample_size: a number or [height, width] */
    /* in_channels: out_channels, or 2 * out_channels + 1: op_step_input says what fills them */
    uint32_t in_channels, out_channels;
    uint32_t block_count;
    uint32_t block_out_channels[UNET_BLOCKS_MAX];
    unet_block_type down_blocks[UNET_BLOCKS_MAX], up_blocks[UNET_BLOCKS_MAX];
    uint32_t layers_per_block;
    unet_mid_type mid_block;
    bool mid_attention;       /* add_attention */
    bool center_input_sample; /* the network's input is 2 * sample - 1 */
    unet_time_embedding time_embedding;
    unet_class_embedding class_embedding;
    bool flip_sin_to_cos;
    uint32_t time_embedding_dim; /* of the network; null there: 4 * block_out_channels[0] */
    unet_act_fn act_fn;          /* of resnets and what they make of the time embedding; the
                                  * embeddings' own and the last norm's are SiLU */
    float freq_shift;
    float mid_block_scale_factor;
    uint32_t downsample_padding;             /* 0 or 1 */
    bool resnet_downsample, resnet_upsample; /* downsample_type / upsample_type == "resnet" */
    uint32_t attention_head_dim;             /* 0: null, one head as wide as the block */
    uint32_t norm_num_groups;
    uint32_t attn_norm_num_groups; /* 0: null */
    float norm_eps;
    bool scale_shift;             /* resnet_time_scale_shift == "scale_shift" */
    uint32_t num_class_embeds;    /* 0: null; CLASS_TABLE's rows */
    uint32_t num_train_timesteps; /* 0: null; TIME_LEARNED's rows */
    bool segment_embedding;       /* ours: segment_embedding.linear_{1,2} */

    uint32_t cross_attention_dim;              /* 0: a UNet2DModel */
    uint32_t attention_heads[UNET_BLOCKS_MAX]; /* num_attention_heads, else attention_head_dim,
                                                * which    means their number there, too */
    /* transformer_layers_per_block, and reverse_transformer_layers_per_block or the same the other
     * way round: of every layer's transformer. The mid block's is the last down block's first. */
    uint8_t down_transformers[UNET_BLOCKS_MAX][UNET_LAYERS_MAX];
    uint8_t up_transformers[UNET_BLOCKS_MAX][UNET_LAYERS_MAX + 1];
    bool only_cross_attention[UNET_BLOCKS_MAX];
    bool use_linear_projection;
    uint32_t time_cond_proj_dim; /* 0: null */
    /* Of the text's pooled state, 0: none is read. projection_class_embeddings_input_dim with
     * class_embed_type "simple_projection"; with addition_embed_type "text_time" that without the
     * TIME_IDS embeddings of time_id_dim, its addition_time_embed_dim, which is 0 without. */
    uint32_t pooled_dim, time_id_dim;
} unet_config;

enum { CLASSES_MAX = 65536 };

uint32_t unet_label_count(const unet_config *config);

/* The network's `labels` are numbers (f32), not rows of a table (u32). */
static inline bool unet_labels_are_numbers(const unet_config *config)
{
    return config->class_embedding == CLASS_IDENTITY ||
           (config->class_embedding == CLASS_TIMESTEP && config->time_embedding != TIME_LEARNED);
}

/* Labels are vectors, of which two are blended; identity's numbers are blended as such. */
static inline bool unet_blends_labels(const unet_config *config)
{
    return config->class_embedding == CLASS_TABLE || config->class_embedding == CLASS_TIMESTEP;
}

static inline const char *unet_class_name(const unet_config *config)
{
    return config->cross_attention_dim ? "UNet2DConditionModel" : "UNet2DModel";
}

typedef enum text_encoder_act { HIDDEN_ACT_QUICK_GELU, HIDDEN_ACT_GELU } text_encoder_act;

/* transformers.CLIPTextModel's config (text_encoder/config.json), its names and defaults; with
 * projection_dim CLIPTextModelWithProjection's. */
typedef struct text_encoder_config {
    uint32_t vocab_size, hidden_size, intermediate_size;
    uint32_t num_hidden_layers, num_attention_heads, max_position_embeddings;
    uint32_t eos_token_id;   /* 2: as old configs have it, whatever the tokenizer's is */
    uint32_t projection_dim; /* of the pooled state; 0: it is not projected */
    text_encoder_act hidden_act;
    float layer_norm_eps;
    /* The network reads hidden_states[-2], what goes into the last layer; otherwise
     * last_hidden_state. */
    bool penultimate;
} text_encoder_config;

typedef enum scheduler_class {
    SCHEDULER_MULTISTEP,       /* ours: MultistepConsistencyScheduler */
    SCHEDULER_CONSISTENCY,     /* CMStochasticIterativeScheduler (Song et al.) */
    SCHEDULER_DDPM,            /* DDPMScheduler */
    SCHEDULER_DDIM,            /* DDIMScheduler */
    SCHEDULER_LCM,             /* LCMScheduler: latent consistency, arXiv 2310.04378 */
    SCHEDULER_TCD,             /* TCDScheduler: trajectory consistency, arXiv 2402.19159 */
    SCHEDULER_EULER,           /* EulerDiscreteScheduler (Karras et al., arXiv 2206.00364) */
    SCHEDULER_EULER_ANCESTRAL, /* EulerAncestralDiscreteScheduler */
    SCHEDULER_DPMSOLVER, /* DPMSolverMultistepScheduler: DPM-Solver++ (2M), arXiv 2211.01095 */
} scheduler_class;

const char *scheduler_class_name(scheduler_class class); /* "MultistepConsistencyScheduler" */

typedef enum prediction_type { PREDICT_EPSILON, PREDICT_V, PREDICT_SAMPLE } prediction_type;
typedef enum timestep_spacing {
    SPACING_LEADING,
    SPACING_TRAILING,
    SPACING_LINSPACE
} timestep_spacing;
typedef enum variance_type {
    VARIANCE_FIXED_SMALL,
    VARIANCE_FIXED_SMALL_LOG,
    VARIANCE_FIXED_LARGE,
    VARIANCE_FIXED_LARGE_LOG,
} variance_type;

typedef struct scheduler_config {
    scheduler_class class;
    bool clip_sample;             /* false in classes that have no such key */
    uint32_t num_train_timesteps; /* of all classes but MultistepConsistencyScheduler */
    /* The numbers of steps that the model was trained or tuned for, ascending; 0: not said. For
     * CMStochasticIterativeScheduler what its authors published, which no file says. */
    uint32_t trained_steps[TRAINED_STEPS_MAX], trained_steps_count;
    union { /* by class */
        /* MultistepConsistencyScheduler: v prediction, interpolated cosine log-SNR (method: Heek et
         * al. A.1, Hoogeboom et al. simple diffusion). All keys are required. */
        struct {
            double image_size, noise_size_low, noise_size_high, logsnr_min, logsnr_max;
            double timestep_scale;
        };
        /* CMStochasticIterativeScheduler, with diffusers' defaults */
        struct {
            double sigma_min, sigma_max, sigma_data, rho, s_noise;
            bool clip_denoised;
            uint32_t two_step_index; /* where two steps look the second time; 0: not published */
        };
        /* The others, with diffusers' defaults. DDPM and DDIM either sample with the other's rule,
         * as DDIMPipeline does with a DDPMScheduler: keys of one are known to both. */
        struct {
            prediction_type prediction;
            timestep_spacing spacing;
            uint32_t steps_offset;
            const float *alphas_cumprod; /* [num_train_timesteps], in the model_config's arena */
            double clip_sample_range;    /* of DDPM, DDIM and LCM */
            union {
                struct {                    /* DDPM, DDIM */
                    variance_type variance; /* DDPM's rule only */
                    bool set_alpha_to_one;  /* DDIM's rule only */
                };
                struct { /* LCM, TCD */
                    uint32_t original_inference_steps;
                    double timestep_scaling; /* LCM */
                };
                struct { /* Euler, DPM-Solver: over noise levels sigma */
                    bool use_karras_sigmas;
                    double sigma_min, sigma_max; /* of Karras' levels; 0: the schedule's */
                    bool final_sigma_min;        /* final_sigmas_type is not "zero" */
                    bool continuous_timesteps;   /* Euler: 0.25 log(sigma) is the timestep */
                    bool whole_timesteps;        /* DPM-Solver: Karras' timesteps are rounded */
                    uint32_t solver_order;       /* DPM-Solver: 1 or 2 */
                    bool lower_order_final, euler_at_final;
                } levels;
            };
        };
    };
} scheduler_config;

qs_sampler scheduler_default_sampler(const scheduler_config *scheduler);
uint32_t scheduler_steps_max(const scheduler_config *scheduler); /* as qs_model_info's, */
uint32_t scheduler_default_steps(const scheduler_config *scheduler, bool reads); /* this, too */
/* What a text-to-image model with this scheduler was distilled from has had guidance: it draws
 * without, unless it takes the scale itself. */
bool scheduler_is_distilled(const scheduler_config *scheduler);

typedef enum autoencoder_class { AUTOENCODER_TINY, AUTOENCODER_KL } autoencoder_class;

const char *autoencoder_class_name(autoencoder_class class); /* "AutoencoderTiny" */

/* diffusers.AutoencoderTiny's or diffusers.AutoencoderKL's config, their names and defaults.
 * Between two stages the picture halves (encoder) or doubles (decoder). */
typedef struct autoencoder_config {
    autoencoder_class class;
    uint32_t image_channels, latent_channels; /* in_channels and out_channels: 1, 3 or 4 */
    uint32_t stage_count;
    /* A sampler's latent is (encoded - shift_factor) * scaling_factor; encode and decode by
     * themselves know nothing of it. */
    double scaling_factor, shift_factor;
    double latent_magnitude, latent_shift; /* of a latent that is stored as bytes */
    bool force_upcast;                     /* computes in float32, whatever is asked for */
    union {                                /* by class */
        /* A stage is a convolution and some blocks. diffusers lists a width per stage, and fails
         * unless all of a list are equal. */
        struct {
            uint32_t encoder_width, decoder_width;
            uint32_t encoder_blocks[AUTOENCODER_STAGES_MAX], decoder_blocks[AUTOENCODER_STAGES_MAX];
            /* ours, named as in the authors' taesd.py: the blocks of the smallest stage begin with
             * x + pool.3(relu(pool.1(pool.0(x)))): 1x1 to 4 times the width, 4 groups, 1x1 back */
            bool use_midblock_gn;
        };
        /* A stage is layers_per_block resnets (one more in the decoder); every norm's eps is 1e-6,
         * its attention has one head. */
        struct {
            uint32_t block_out_channels[AUTOENCODER_STAGES_MAX];
            uint32_t layers_per_block, norm_num_groups;
            bool use_quant_conv, use_post_quant_conv, mid_block_add_attention;
        };
    };
} autoencoder_config;

static inline uint32_t autoencoder_factor(const autoencoder_config *config)
{
    return 1u << (config->stage_count - 1);
}

typedef struct model_config {
    arena arena; /* owns the strings */
    unet_config unet;
    scheduler_config scheduler;
    bool has_component[COMPONENT_COUNT]; /* the UNet always; the VAE: the network draws latents,
                                            which the decoder makes pictures of; the text encoder:
                                            the network reads prompts */
    autoencoder_config autoencoder;
    text_encoder_config text_encoders[TEXT_ENCODERS_MAX];
    uint32_t text_encoder_count; /* 0: the network reads no prompts */
    bool zero_negative;          /* no negative prompt is text states of zero, not "" */
    bool scheduler_named;        /* by the caller: model_index.json may have another */
    bool premultiplied_alpha;    /* model_index.json: image_alpha */
    const char **labels; /* [label_count]: id2label, the number in decimals where it has none */
    uint32_t label_count, default_label;
    const char **examples; /* [example_count]: prompts to try, model_index.json's */
    uint32_t example_count;
    double default_guidance; /* scale; 1: none */
} model_config;

/* [h, w, c] of one sample of the network, and of the picture that comes of it: the same without an
 * autoencoder. */
typedef struct model_extent {
    uint32_t h, w, c;
} model_extent;
model_extent model_latent_extent(const model_config *config);
model_extent model_picture_extent(const model_config *config);

/* Its input is, beside the sample, a mask and a picture. */
static inline bool model_fills_in(const model_config *config)
{
    return config->unet.in_channels == 2 * config->unet.out_channels + 1;
}

/* QS_ERROR_MODEL: "DIR/unet/config.json: key "act_fn" is "gelu", supported: "silu"". Without a
 * model_index.json: no label names, straight alpha. After an error *config is all zero. */
qs_status model_config_read(const model_folder *folder, model_config *config);
/* Pictures of another size, 0: the same. QS_ERROR_USAGE. */
qs_status model_config_resize(model_config *config, uint32_t width, uint32_t height);

void model_config_finish(model_config *config);

/* FOLDER/config.json */
qs_status autoencoder_read_config(const char *folder, autoencoder_config *config);

#endif
