#include "model/unet.h"

#include "model/blocks.h"
#include "model/layers.h"
#include "model/transformer.h"

enum { SKIPS_MAX = UNET_BLOCKS_MAX * 65 + 1 };

/* What every block sees. */
typedef struct unet {
    graph *g;
    const unet_config *config;
    block_options blocks;     /* output_divisor: 1 but in the mid block */
    linear_stack projections; /* every resnet's time_emb_proj of act_fn(temb) [n, 1, 1, width] */
    word_cursor words;
    tensor_id skips[SKIPS_MAX];
    uint32_t skip_count;
} unet;

/* ---- time, label, segment -> embedding ------------------------------------------------------ */

static tensor_id sinusoid(unet *u, const char *name, tensor_id time, bool relative)
{
    return op_time_embedding(
        u->g, name,
        &(time_embedding_params){ .time = time,
                                  .channels = u->config->block_out_channels[0],
                                  .flip_sin_to_cos = u->config->flip_sin_to_cos,
                                  .freq_shift = u->config->freq_shift,
                                  .max_period = 10000.0f,
                                  .relative = relative });
}

/* diffusers' time_proj */
static tensor_id time_proj(unet *u, const char *name, tensor_id time)
{
    static const char weight[] = "time_proj.weight";
    const unet_config *c = u->config;
    const uint32_t width = c->block_out_channels[0];
    switch (c->time_embedding) {
    case TIME_FOURIER:
        return op_time_embedding(
            u->g, name,
            &(time_embedding_params){ .time = time, .channels = 2 * width, .weight = weight });
    case TIME_LEARNED:
        return op_class_embedding(u->g, name,
                                  &(class_embedding_params){ .x = NO_TENSOR,
                                                             .labels = time,
                                                             .table = weight,
                                                             .count = c->num_train_timesteps,
                                                             .channels = width });
    case TIME_POSITIONAL: break;
    }
    return sinusoid(u, name, time, false);
}

/* linear_2(silu(linear_1(x))) */
static tensor_id mlp(unet *u, const char *scope, tensor_id x, bool bias, tensor_id residual,
                     activation activation)
{
    graph *g = u->g;
    const uint32_t width = u->config->time_embedding_dim;
    graph_push_scope(g, "%s", scope);
    x = layer_linear(g, "linear_1", x, width, bias, ACTIVATION_SILU);
    x = op_linear(g, "linear_2",
                  &(linear_params){ .x = x,
                                    .weights = { graph_name(g, "linear_2.weight") },
                                    .biases = { bias ? graph_name(g, "linear_2.bias") : NULL },
                                    .count = 1,
                                    .residual = residual,
                                    .out_channels = width,
                                    .activation = activation });
    graph_pop_scope(g);
    return x;
}

/* e, or nothing with NO_TENSOR, + what the labels are as a vector */
static tensor_id add_class(unet *u, tensor_id e, tensor_id labels)
{
    static const char name[] = "class_embedding";
    const unet_config *c = u->config;
    if (c->class_embedding == CLASS_TIMESTEP)
        return mlp(u, name, time_proj(u, "class_proj", labels), true, e, ACTIVATION_NONE);
    return op_class_embedding(u->g, name,
                              &(class_embedding_params){ .x = e,
                                                         .labels = labels,
                                                         .table = "class_embedding.weight",
                                                         .count = c->num_class_embeds,
                                                         .channels = c->time_embedding_dim });
}

/* Numbers are blended before they come here. */
static tensor_id embed_label(unet *u, tensor_id e, const unet_inputs *in)
{
    graph *g = u->g;
    const unet_class_embedding kind = u->config->class_embedding;
    if (kind == CLASS_NONE)
        return e;
    if (kind == CLASS_IDENTITY)
        return op_add_scalar(g, "class_embedding", e, in->labels);
    if (in->label_weights == NO_TENSOR)
        return add_class(u, e, in->labels);
    const uint32_t each = graph_tensor(g, in->label_weights)->n;
    const tensor_id classes =
        graph_activation(g, "classes", DTYPE_F32, 2 * each, 1, 1, u->config->time_embedding_dim);
    op_rescale_out(g, "classes", add_class(u, NO_TENSOR, in->labels), classes, 1, 0);
    if (graph_status(g) != QS_OK)
        return NO_TENSOR;
    return op_add(
        g, "class_added", e,
        op_blend(g, "class_blend", classes, in->label_weights, graph_tensor(g, e)->n, each));
}

/* A float32 state as the network computes; NO_TENSOR stays. */
static tensor_id read_state(graph *g, const char *name, tensor_id state)
{
    return state == NO_TENSOR ? NO_TENSOR : op_rescale_in(g, name, state, 1, 0);
}

/* act_fn(temb) */
static tensor_id embed(unet *u, const unet_inputs *in)
{
    graph *g = u->g;
    const unet_config *c = u->config;
    tensor_id time = time_proj(u, "time_proj", in->time);
    if (c->time_cond_proj_dim)
        time = op_add(g, "guidance", time,
                      read_state(g, "guidance_embedding", in->condition.guidance));
    tensor_id e = mlp(u, "time_embedding", time, true,
                      read_state(g, "prompt_embedding", in->condition.prompt), ACTIVATION_NONE);
    e = embed_label(u, e, in);
    if (!c->segment_embedding)
        return op_activate(g, "embedding_activation", e, u->blocks.activation);
    /* zero at segment 0, where the network is the diffusion model */
    return mlp(u, "segment_embedding", sinusoid(u, "segment_proj", in->segment, true), false, e,
               u->blocks.activation);
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static tensor_id scoped_resnet(unet *u, const char *list, uint32_t index, tensor_id x,
                               uint32_t out_channels, resample how)
{
    graph *g = u->g;
    resnet_params p = {
        .x = x, .out_channels = out_channels, .resample = how, .scale_shift = u->config->scale_shift
    };
    graph_push_scope(g, "%s.%u", list, index);
    p.embedding = op_linear_stack_add(
        g, &u->projections, "time_emb_proj", graph_name(g, "time_emb_proj.weight"),
        graph_name(g, "time_emb_proj.bias"), p.scale_shift ? 2 * out_channels : out_channels);
    x = block_resnet(g, &u->blocks, &p);
    graph_pop_scope(g);
    return x;
}

static tensor_id scoped_attention(unet *u, uint32_t index, tensor_id x, uint32_t norm_groups)
{
    const uint32_t width = u->config->attention_head_dim;
    graph_push_scope(u->g, "attentions.%u", index);
    x = block_attention(u->g, &u->blocks, x, norm_groups, width ? width : graph_channels(u->g, x));
    graph_pop_scope(u->g);
    return x;
}

static tensor_id scoped_transformer(unet *u, uint32_t index, uint32_t level, uint32_t layers,
                                    tensor_id x)
{
    const unet_config *c = u->config;
    const transformer_params p = { .heads = c->attention_heads[level],
                                   .layers = layers,
                                   .norm_groups = c->norm_num_groups,
                                   .linear_projection = c->use_linear_projection,
                                   .only_cross_attention = c->only_cross_attention[level] };
    graph_push_scope(u->g, "attentions.%u", index);
    x = transformer_2d(u->g, &p, &u->words, x);
    graph_pop_scope(u->g);
    return x;
}

/* A block's layer `index`: its resnet, and what of attention its type has. transformers: layers of
 * each layer's. */
static tensor_id layer(unet *u, uint32_t index, unet_block_type type, uint32_t level,
                       const uint8_t *transformers, tensor_id x)
{
    const unet_config *c = u->config;
    x = scoped_resnet(u, "resnets", index, x, c->block_out_channels[level], RESAMPLE_NONE);
    if (type == BLOCK_ATTENTION)
        return scoped_attention(u, index, x, c->norm_num_groups);
    return type == BLOCK_CROSS_ATTENTION
               ? scoped_transformer(u, index, level, transformers[index], x)
               : x;
}

static void push_skip(unet *u, tensor_id x)
{
    u->skips[u->skip_count++] = x;
}

static bool resamples_in_resnet(unet_block_type type, bool attention_resnet)
{
    return type == BLOCK_RESNET_RESAMPLE || (type == BLOCK_ATTENTION && attention_resnet);
}

static tensor_id down_block(unet *u, uint32_t index, tensor_id x)
{
    const unet_config *c = u->config;
    const unet_block_type type = c->down_blocks[index];
    const uint32_t channels = c->block_out_channels[index];
    graph_push_scope(u->g, "down_blocks.%u", index);
    for (uint32_t i = 0; i < c->layers_per_block; ++i) {
        x = layer(u, i, type, index, c->down_transformers[index], x);
        push_skip(u, x);
    }
    if (index + 1 < c->block_count) {
        if (resamples_in_resnet(type, c->resnet_downsample)) {
            x = scoped_resnet(u, "downsamplers", 0, x, channels, RESAMPLE_DOWN);
        } else {
            graph_push_scope(u->g, "downsamplers.0");
            x = layer_downsample(u->g, x, c->downsample_padding);
            graph_pop_scope(u->g);
        }
        push_skip(u, x);
    }
    graph_pop_scope(u->g);
    return x;
}

static tensor_id mid_block(unet *u, tensor_id x)
{
    const unet_config *c = u->config;
    const uint32_t channels = c->block_out_channels[c->block_count - 1];
    /* UNetMidBlock2D: with scale_shift and no attn_norm_num_groups its attention has no norm */
    const uint32_t norm_groups = c->attn_norm_num_groups ? c->attn_norm_num_groups
                                 : c->scale_shift        ? 0
                                                         : c->norm_num_groups;
    graph_push_scope(u->g, "mid_block");
    u->blocks.output_divisor = c->mid_block_scale_factor;
    x = scoped_resnet(u, "resnets", 0, x, channels, RESAMPLE_NONE);
    if (c->mid_block == MID_ATTENTION && c->mid_attention)
        x = scoped_attention(u, 0, x, norm_groups);
    if (c->mid_block == MID_CROSS_ATTENTION)
        x = scoped_transformer(u, 0, c->block_count - 1,
                               c->down_transformers[c->block_count - 1][0], x);
    if (c->mid_block != MID_RESNET)
        x = scoped_resnet(u, "resnets", 1, x, channels, RESAMPLE_NONE);
    u->blocks.output_divisor = 1;
    graph_pop_scope(u->g);
    return x;
}

static tensor_id up_block(unet *u, uint32_t index, tensor_id x)
{
    const unet_config *c = u->config;
    const unet_block_type type = c->up_blocks[index];
    const uint32_t level = c->block_count - 1 - index, channels = c->block_out_channels[level];
    graph_push_scope(u->g, "up_blocks.%u", index);
    for (uint32_t i = 0; i <= c->layers_per_block; ++i) {
        graph_push_scope(u->g, "resnets.%u", i);
        x = op_concat(u->g, "concat", x, u->skips[--u->skip_count]);
        graph_pop_scope(u->g);
        x = layer(u, i, type, level, c->up_transformers[index], x);
    }
    if (index + 1 < c->block_count) {
        if (resamples_in_resnet(type, c->resnet_upsample)) {
            x = scoped_resnet(u, "upsamplers", 0, x, channels, RESAMPLE_UP);
        } else {
            graph_push_scope(u->g, "upsamplers.0");
            x = layer_upsample(u->g, x, channels);
            graph_pop_scope(u->g);
        }
    }
    graph_pop_scope(u->g);
    return x;
}

static unet unet_begin(graph *g, const unet_config *c)
{
    static const activation activations[] = { [ACT_FN_SILU] = ACTIVATION_SILU,
                                              [ACT_FN_MISH] = ACTIVATION_MISH,
                                              [ACT_FN_GELU] = ACTIVATION_GELU,
                                              [ACT_FN_RELU] = ACTIVATION_RELU };
    return (unet){ .g = g,
                   .config = c,
                   .blocks = { .norm_groups = c->norm_num_groups,
                               .norm_eps = c->norm_eps,
                               .activation = activations[c->act_fn],
                               .output_divisor = 1 } };
}

/* Everything between conv_in and conv_norm_out, both included; the projections are begun. */
static tensor_id blocks(unet *u, tensor_id sample)
{
    graph *g = u->g;
    const unet_config *c = u->config;
    if (c->center_input_sample)
        sample = op_rescale(g, "center_input_sample", sample, 2, -1);
    tensor_id x =
        layer_conv2d(g, "conv_in", sample, c->block_out_channels[0], 3, NO_TENSOR, NO_TENSOR);
    push_skip(u, x);
    for (uint32_t i = 0; i < c->block_count; ++i)
        x = down_block(u, i, x);
    if (c->mid_block != MID_NONE)
        x = mid_block(u, x);
    for (uint32_t i = 0; i < c->block_count; ++i)
        x = up_block(u, i, x);
    return layer_group_norm(g, "conv_norm_out", x, c->norm_num_groups, c->norm_eps, NO_TENSOR,
                            ACTIVATION_SILU);
}

tensor_id unet_build(graph *g, const unet_config *c, const unet_inputs *in)
{
    const bool embeds = in->projections == NO_TENSOR;
    unet u = unet_begin(g, c);
    u.words.keys_values = in->condition.keys_values;
    op_linear_stack_begin(g, &u.projections, embeds ? embed(&u, in) : in->projections);
    tensor_id x = blocks(&u, in->sample);
    if (embeds)
        op_linear_stack_end(g, &u.projections, "time_emb_proj", NO_TENSOR);
    else
        op_linear_stack_take(g, &u.projections);
    x = layer_conv2d(g, "conv_out", x, c->out_channels, 3, NO_TENSOR, NO_TENSOR);
    return c->time_embedding == TIME_FOURIER ? op_divide_scalar(g, "output", x, in->time) : x;
}

/* ---- the projections alone ------------------------------------------------------------------- */

/* Which there are, the blocks know: they are built for that, in `scratch`, whose names they have.
 */
static void list_projections(graph *g, graph *scratch, const unet_config *c, linear_stack *list)
{
    graph_init(scratch, g->limits, g->storage);
    unet u = unet_begin(scratch, c);
    op_linear_stack_begin(scratch, &u.projections,
                          graph_activation(scratch, "x", g->storage, 1, 1, 1, 1));
    u.words.keys_values = graph_activation(scratch, "condition", g->storage, 1, 1, 1, 1);
    blocks(&u, graph_activation(scratch, "sample", g->storage, 1, c->sample_height, c->sample_width,
                                c->in_channels));
    if (graph_status(scratch) != QS_OK)
        graph_fail(g, graph_status(scratch));
    *list = u.projections;
}

uint32_t unet_projection_channels(graph *g, const unet_config *c)
{
    graph scratch;
    linear_stack list;
    list_projections(g, &scratch, c, &list);
    graph_finish(&scratch);
    return op_linear_stack_channels(&list);
}

void unet_build_projections(graph *g, const unet_config *c, const unet_inputs *in, tensor_id to)
{
    graph scratch;
    linear_stack list;
    unet u = unet_begin(g, c);
    list_projections(g, &scratch, c, &list);
    op_linear_stack_begin(g, &u.projections, embed(&u, in));
    list.x = u.projections.x;
    list.node = u.projections.node;
    op_linear_stack_end(g, &list, "time_emb_proj", to);
    graph_finish(&scratch);
}
