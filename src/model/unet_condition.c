#include "model/unet_condition.h"

#include "model/layers.h"

/* ---- every cross attention, in the network's order ------------------------------------------- */

typedef struct reader_list {
    void (*each)(void *user, const char *attention, uint32_t channels);
    void *user;
    graph *g;
} reader_list;

/* The transformers of a block of level `level`: layers [attentions] of each. */
static void list_block(const reader_list *list, const unet_config *c, const char *block,
                       uint32_t level, const uint8_t *layers, uint32_t attentions)
{
    for (uint32_t a = 0; a < attentions; ++a)
        for (uint32_t l = 0; l < layers[a]; ++l)
            for (uint32_t n = c->only_cross_attention[level] ? 1 : 2; n <= 2; ++n)
                list->each(list->user,
                           graph_format(list->g, "%s.attentions.%u.transformer_blocks.%u.attn%u",
                                        block, a, l, n),
                           c->block_out_channels[level]);
}

static void list_readers(const reader_list *list, const unet_config *c)
{
    const uint32_t count = c->block_count;
    for (uint32_t i = 0; i < count; ++i)
        if (c->down_blocks[i] == BLOCK_CROSS_ATTENTION)
            list_block(list, c, graph_format(list->g, "down_blocks.%u", i), i,
                       c->down_transformers[i], c->layers_per_block);
    if (c->mid_block == MID_CROSS_ATTENTION)
        list_block(list, c, "mid_block", count - 1, c->down_transformers[count - 1], 1);
    for (uint32_t i = 0; i < count; ++i)
        if (c->up_blocks[i] == BLOCK_CROSS_ATTENTION)
            list_block(list, c, graph_format(list->g, "up_blocks.%u", i), count - 1 - i,
                       c->up_transformers[i], c->layers_per_block + 1);
}

static void count_channels(void *user, const char *attention, uint32_t channels)
{
    (void)attention;
    *(uint32_t *)user += 2 * channels;
}

unet_condition unet_condition_states(graph *g, const unet_config *c, uint32_t n, uint32_t tokens,
                                     uint32_t rows)
{
    unet_condition to = { NO_TENSOR, NO_TENSOR, NO_TENSOR };
    uint32_t channels = 0;
    list_readers(&(reader_list){ count_channels, &channels, g }, c);
    if (channels)
        to.keys_values = graph_state(g, "condition", g->storage, n, tokens, 1, channels);
    if (c->pooled_dim)
        to.prompt =
            graph_state(g, "prompt_embedding", DTYPE_F32, rows, 1, 1, c->time_embedding_dim);
    if (c->time_cond_proj_dim)
        to.guidance =
            graph_state(g, "guidance_embedding", DTYPE_F32, rows, 1, 1, c->block_out_channels[0]);
    return to;
}

/* ---- graphs ---------------------------------------------------------------------------------- */

typedef struct reader_stack {
    graph *g;
    linear_stack products;
} reader_stack;

static void add_products(void *user, const char *attention, uint32_t channels)
{
    static const char *const names[] = { "to_k", "to_v" };
    reader_stack *stack = user;
    for (uint32_t i = 0; i < 2; ++i) {
        const char *name = graph_format(stack->g, "%s.%s", attention, names[i]);
        op_linear_stack_add(stack->g, &stack->products, name,
                            graph_format(stack->g, "%s.weight", name), NULL, channels);
    }
}

static void build_keys_values(graph *g, const unet_config *c, const unet_words *words, tensor_id to)
{
    reader_stack stack = { .g = g };
    op_linear_stack_begin(g, &stack.products,
                          op_blend(g, "text_states", words->states, words->weights,
                                   graph_tensor(g, to)->n, words->second));
    list_readers(&(reader_list){ add_products, &stack, g }, c);
    op_linear_stack_end(g, &stack.products, "keys_values", to);
}

/* class_embedding of the pooled state; or diffusers' add_embedding of it and the sinusoids of what
 * the network is told about the picture's size */
static void build_prompt(graph *g, const unet_config *c, const unet_words *words, tensor_id to)
{
    const uint32_t width = c->time_embedding_dim;
    tensor_id x =
        op_blend(g, "pooled", words->pooled, words->weights, graph_tensor(g, to)->n, words->second);
    if (c->time_id_dim) {
        const time_embedding_params p = { .time = words->time_ids,
                                          .channels = c->time_id_dim,
                                          .flip_sin_to_cos = c->flip_sin_to_cos,
                                          .freq_shift = c->freq_shift,
                                          .max_period = 10000.0f };
        x = op_concat(g, "add_embeds", x, op_time_embedding(g, "add_time_proj", &p));
        x = layer_linear(g, "add_embedding.linear_1", x, width, true, ACTIVATION_SILU);
        x = layer_linear(g, "add_embedding.linear_2", x, width, true, ACTIVATION_NONE);
    } else {
        x = layer_linear(g, "class_embedding", x, width, true, ACTIVATION_NONE);
    }
    op_rescale_out(g, "prompt_embedding", x, to, 1, 0);
}

/* diffusers' get_guidance_scale_embedding (pipeline_latent_consistency_text2img.py), projected */
static void build_guidance(graph *g, const unet_config *c, tensor_id guidance, tensor_id to)
{
    const tensor_id sinusoids =
        op_time_embedding(g, "guidance_proj",
                          &(time_embedding_params){ .time = guidance,
                                                    .channels = c->time_cond_proj_dim,
                                                    .freq_shift = 1,
                                                    .max_period = 10000.0f,
                                                    .divides_first = true });
    op_rescale_out(g, "guidance_embedding",
                   layer_linear(g, "time_embedding.cond_proj", sinusoids, c->block_out_channels[0],
                                false, ACTIVATION_NONE),
                   to, 1, 0);
}

void unet_condition_build(graph *g, const unet_config *c, const unet_words *words,
                          const unet_condition *to)
{
    if (to->keys_values != NO_TENSOR)
        build_keys_values(g, c, words, to->keys_values);
    if (to->prompt != NO_TENSOR)
        build_prompt(g, c, words, to->prompt);
    if (to->guidance != NO_TENSOR)
        build_guidance(g, c, words->guidance, to->guidance);
}
