/*
 * The ops: each function infers the output's shape, makes the output tensor and appends one node
 * (or a few, named NAME.something, for ops of several dispatches). An op's file has its shape rule
 * and its dispatch rule and nothing of Vulkan. Names get the graph's scope in front. When the graph
 * has failed, or fails now, an op does nothing and gives NO_TENSOR.
 *
 * Storage is the graph's (f32 or f16), arithmetic is always float. Adding an op: CONTRIBUTING.md.
 */
#ifndef QS_OPS_OPS_H
#define QS_OPS_OPS_H

#include "graph/graph.h"

/* torch.nn's; GELU with the error function. */
typedef enum activation {
    ACTIVATION_NONE,
    ACTIVATION_SILU,
    ACTIVATION_RELU,
    ACTIVATION_MISH,
    ACTIVATION_GELU,
    ACTIVATION_QUICK_GELU, /* x sigmoid(1.702 x) */
} activation;
enum { ACTIVATION_COUNT = ACTIVATION_QUICK_GELU + 1 };

/* ---- network ------------------------------------------------------------------------------- */

/* y = act(conv(x) + bias + embedding + residual). */
typedef struct conv2d_params {
    tensor_id x;            /* [n, h, w, ci] */
    const char *weight;     /* safetensors key of the [co, ci, k, k] weight, */
    const char *bias;       /* of the [co] bias, or NULL */
    tensor_id embedding;    /* [n, 1, 1, co] or NO_TENSOR */
    tensor_id residual;     /* [n, oh, ow, co] or NO_TENSOR */
    bool upsample;          /* x is enlarged twice (nearest) first; 3x3 with padding 1 only */
    bool upsample_residual; /* the residual is [n, oh / 2, ow / 2, co], and enlarged likewise */
    uint32_t out_channels, kernel, stride;
    uint32_t pad_top, pad_left, pad_bottom, pad_right;
    activation activation;
} conv2d_params;
tensor_id op_conv2d(graph *g, const char *name, const conv2d_params *params);

/* Of stride 1, y as large as x; what else there is, is set afterwards. */
static inline conv2d_params conv2d_same(tensor_id x, const char *weight, const char *bias,
                                        uint32_t out_channels, uint32_t kernel)
{
    const uint32_t pad = kernel / 2;
    return (conv2d_params){ .x = x,
                            .weight = weight,
                            .bias = bias,
                            .embedding = NO_TENSOR,
                            .residual = NO_TENSOR,
                            .out_channels = out_channels,
                            .kernel = kernel,
                            .stride = 1,
                            .pad_top = pad,
                            .pad_left = pad,
                            .pad_bottom = pad,
                            .pad_right = pad };
}

/* y = act(W x + b + residual) per pixel. Several weights are stacked along the output: q, k and v
 * as one product [n, h, w, count * co]. */
typedef struct linear_params {
    tensor_id x;            /* [n, h, w, ci] */
    const char *weights[3]; /* keys of [co, ci] */
    const char *biases[3];  /* keys of [co]; all NULL or none */
    uint32_t count;         /* 1 .. 3 */
    tensor_id residual;     /* [n, h, w, count * co] or NO_TENSOR */
    uint32_t out_channels;  /* co of one weight */
    activation activation;
} linear_params;
tensor_id op_linear(graph *g, const char *name, const linear_params *params);

/* Products y = W x + b of one x [n, h, w, ci] with any number of weights, by one node, or more where
 * the device cannot bind all weights at once. They stand where op_linear_stack_begin was called,
 * after x: `add` may come as late as the y is first needed, and `end` after the last. weight and
 * bias: keys of [out_channels, ci] and [out_channels], to stay valid until then; bias NULL for all
 * or none. */
enum { LINEAR_STACK_MAX = 1088 };
typedef struct linear_stack {
    tensor_id x;
    uint32_t node, count;
    const char *weights[LINEAR_STACK_MAX], *biases[LINEAR_STACK_MAX];
    uint32_t rows[LINEAR_STACK_MAX];
    tensor_id y[LINEAR_STACK_MAX];
} linear_stack;
void op_linear_stack_begin(graph *g, linear_stack *stack, tensor_id x);
tensor_id op_linear_stack_add(graph *g, linear_stack *stack, const char *name, const char *weight,
                              const char *bias, uint32_t out_channels);
/* to: a state [x.n, x.h, x.w, op_linear_stack_channels()] in place of the y, or NO_TENSOR. */
void op_linear_stack_end(graph *g, linear_stack *stack, const char *name, tensor_id to);
/* Instead of `end`, where x is the products that such a stack has made before. */
void op_linear_stack_take(graph *g, linear_stack *stack);
uint32_t op_linear_stack_channels(const linear_stack *stack); /* of all products together */

/* torch.nn.GroupNorm, then x * (1 + scale) + shift, then the activation. */
typedef struct group_norm_params {
    tensor_id x;
    const char *weight, *bias; /* keys of [c] */
    tensor_id scale_shift;     /* [n, 1, 1, 2c]: scale, then shift; or NO_TENSOR */
    uint32_t groups;
    float eps;
    activation activation;
} group_norm_params;
tensor_id op_group_norm(graph *g, const char *name, const group_norm_params *params);

/* torch.nn.LayerNorm over the channels of every pixel; keys of [c]. */
tensor_id op_layer_norm(graph *g, const char *name, tensor_id x, const char *weight,
                        const char *bias, float eps);

/* softmax(q k^T * scale) v per head, self-attention over the h * w tokens; head i has the channels
 * [i * width, (i + 1) * width) of each third of qkv [n, h, w, 3 * heads * width]. */
typedef struct attention_params {
    tensor_id qkv;
    uint32_t heads;
    float scale;
} attention_params;
tensor_id op_attention(graph *g, const char *name, const attention_params *params);

/* The same of queries q [n, h, w, heads * width] and of keys and values kv [n, kh, kw, 2 * heads *
 * width] of as many tokens as there are. causal: query i sees the keys 0 .. i only. Heads are a
 * multiple of four channels wide. */
typedef struct cross_attention_params {
    tensor_id q, kv;
    uint32_t heads;
    float scale;
    bool causal;
} cross_attention_params;
tensor_id op_cross_attention(graph *g, const char *name, const cross_attention_params *params);

tensor_id op_upsample_nearest(graph *g, const char *name, tensor_id x); /* x2 */
tensor_id op_avg_pool(graph *g, const char *name, tensor_id x);         /* 2x2, stride 2 */
tensor_id op_add(graph *g, const char *name, tensor_id a, tensor_id b); /* same shape */
/* x + s[n] and x / s[n]; s: f32 state [n, 1, 1, 1] */
tensor_id op_add_scalar(graph *g, const char *name, tensor_id x, tensor_id s);
tensor_id op_divide_scalar(graph *g, const char *name, tensor_id x, tensor_id s);
tensor_id op_activate(graph *g, const char *name, tensor_id x, activation activation);
tensor_id op_soft_clamp(graph *g, const char *name, tensor_id x); /* 3 * tanh(x / 3) */
/* diffusers' GEGLU: the first half of the channels times gelu of the second */
tensor_id op_geglu(graph *g, const char *name, tensor_id x);

/* scale * x + shift; and the same on the way in (a float32 state -> the graph's storage type) and
 * out (an activation's first channels -> the float32 state `to`, which has them all or some). */
tensor_id op_rescale(graph *g, const char *name, tensor_id x, float scale, float shift);
tensor_id op_rescale_in(graph *g, const char *name, tensor_id x, float scale, float shift);
void op_rescale_out(graph *g, const char *name, tensor_id x, tensor_id to, float scale,
                    float shift);

/* Channels of a, then of b. Costs nothing where both can be slices of the result, otherwise
 * copies the one that cannot. */
tensor_id op_concat(graph *g, const char *name, tensor_id a, tensor_id b);

/* diffusers' get_timestep_embedding of time [n, 1, 1, times] (f32 state), each by itself ->
 * [n, 1, 1, times * channels]; odd channel counts end in a zero. relative: PE(time) - PE(0). With a
 * weight diffusers' GaussianFourierProjection: the frequencies are the file's, the time is its
 * logarithm. */
typedef struct time_embedding_params {
    tensor_id time;
    uint32_t channels;
    const char *weight; /* key of [channels / 2], or NULL: then freq_shift and max_period count */
    bool flip_sin_to_cos;
    float freq_shift; /* downscale_freq_shift */
    float max_period; /* 10000 */
    bool relative;
    bool divides_first; /* as get_guidance_scale_embedding (pipeline_latent_consistency_text2img.py)
                           rounds: log(max_period) / (channels / 2 - freq_shift) first */
} time_embedding_params;
tensor_id op_time_embedding(graph *g, const char *name, const time_embedding_params *params);

/* x [n, 1, 1, c] + table[labels[n]], without x the row alone; labels: u32 or f32 state [n, 1, 1,
 * 1]. A label that is no row gives NaN. */
typedef struct class_embedding_params {
    tensor_id x; /* or NO_TENSOR */
    tensor_id labels;
    const char *table; /* key of [count, channels] */
    uint32_t count, channels;
} class_embedding_params;
tensor_id op_class_embedding(graph *g, const char *name, const class_embedding_params *params);

/* By as many nodes as the table has parts that the device binds: table[ids[n, t]] + positions[t] ->
 * [n, tokens, 1, c]; ids: u32 state [n, 1, 1, tokens]; keys of the [count, c] table and the
 * [position_count, c] positions. An id past the table gives NaN. */
typedef struct token_embedding_params {
    tensor_id ids;
    const char *table, *positions;
    uint32_t count, position_count, channels;
} token_embedding_params;
tensor_id op_token_embedding(graph *g, const char *name, const token_embedding_params *params);

/* x [texts, tokens, 1, c] at tokens of the texts in turn -> [n, 1, 1, c]; positions: u32 state
 * [n, 1, 1, 1]. One past the last token gives NaN. */
tensor_id op_token_at(graph *g, const char *name, tensor_id x, tensor_id positions);

/* Linear between texts x [texts, h, w, c] (f32 state) -> [n, h, w, c] in the storage type: text i
 * is a * x[t] + b * x[t + second], where t = i % m and weights[t] = (a, b); weights: f32 state [m,
 * 1, 1, 4], the last two unused. A text of weight zero is not read. */
tensor_id op_blend(graph *g, const char *name, tensor_id x, tensor_id weights, uint32_t n,
                   uint32_t second);

/* ---- sampling (state tensors are described in sampler/state.h) ------------------------------ */

/* The states of a sampler that draws latents [n, h, w, c]; every graph that asks for them has the
 * same. known: the name of the known picture's. */
typedef struct sampler_states {
    tensor_id recipe, cursor, latent, x0_before, known, mask, begun_noise, start_noise, step_noise;
} sampler_states;
sampler_states op_sampler_states(graph *g, uint32_t n, uint32_t h, uint32_t w, uint32_t c,
                                 const char *known);

/* latent = initial_scale * noise(seed[n], draw 0, element), or * start_noise, + initial_known *
 * known; begun_noise = the noise; cursor = 0 */
void op_begin(graph *g, const char *name, const sampler_states *states);

/* time, segment, labels [EMBEDDED_ROWS * images, 1, 1, 1] = those of the recipe's rows from the
 * cursor on, each for all images. */
typedef struct row_times {
    tensor_id time, segment; /* f32 states: written */
    tensor_id labels;        /* u32 or f32 state, written, or NO_TENSOR, */
    tensor_id given_labels;  /* and [m, 1, 1, 1], where m divides images: image i has label i % m */
} row_times;
void op_row_times(graph *g, const char *name, const sampler_states *states, const row_times *to);

/* time[time.n] (f32 state) = the row's; sample = input_scale * latent, in the graph's storage type:
 * [time.n, h, w, channels], where time.n is once or twice n (guidance), and channels c, or 2 c + 1
 * of a network that fills in: latent, 1 - mask, known, as diffusers' inpainting pipelines have
 * them. row [time.n, 1, 1, k], an activation: that of the cursor, of `embedded`, a state
 * [EMBEDDED_ROWS * time.n, 1, 1, k]. */
tensor_id op_step_input(graph *g, const char *name, const sampler_states *states, tensor_id time,
                        tensor_id embedded, tensor_id row, uint32_t channels);

/* latent = the row's update with the model's output [n or 2 n, h, w, c]; then cursor + 1 (its own
 * node). */
void op_sampler_row(graph *g, const char *name, const sampler_states *states,
                    tensor_id model_output);

/* Where the recipe keeps a part of the known picture: picture [n, h, w, c] = (1 - mask) * picture +
 * mask * photo, or the same of their luminance alone, with photo [1, h, w, c] and mask [1, h, w,
 * 1]; all f32 states. */
void op_keep(graph *g, const char *name, tensor_id recipe, tensor_id picture, tensor_id photo,
             tensor_id mask);

/* picture [n, h, w, 1 | 3 | 4] in [-1, 1] -> frame [n, h, w] packed RGBA8 with straight alpha, and
 * report [n, 1, 1, REPORT_WORDS] (lib/recipe.h). premultiplied: the colours are, and alpha is
 * divided out. */
void op_frame(graph *g, const char *name, tensor_id picture, tensor_id frame, tensor_id report,
              bool premultiplied);

/* ---- a dispatch, as an op's rule fills it in ------------------------------------------------ */

enum { OP_CONSTANTS_MAX = 16, OP_PUSH_BYTES_MAX = 128, OP_BINDINGS_MAX = 12 };

typedef enum op_access { ACCESS_READ = 1, ACCESS_WRITE = 2, ACCESS_READ_WRITE = 3 } op_access;

typedef struct op_dispatch {
    uint32_t shader; /* enum shader_id of the generated shader_table.h */
    uint32_t constants[OP_CONSTANTS_MAX], constant_count;
    uint32_t push[OP_PUSH_BYTES_MAX / 4], push_bytes;
    struct {
        tensor_id tensor;
        op_access access;
    } bindings[OP_BINDINGS_MAX];
    uint32_t binding_count;
    uint32_t groups[3];
} op_dispatch;

/* A node as its op's dispatch rule fills it in. */
op_dispatch op_lower(const graph *g, const node *node);

/* Binding i is the i-th call. An absent optional tensor (NO_TENSOR) binds `fallback`, which the
 * shader's specialization constants keep it from reading. What is bound is the tensor's
 * graph_range(). */
void op_bind(op_dispatch *d, tensor_id tensor, op_access access, tensor_id fallback);
void op_set_push(op_dispatch *d, const void *push, size_t bytes);

#endif
