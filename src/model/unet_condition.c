#include "model/unet_condition.h"

#include "model/layers.h"

/* ---- every cross attention, in the network's order ------------------------------------------- */

typedef struct reader_list {
    void (*each)(void *user, const char *attention, uint32_t channels);
    void *user;
    graph *g;
} reader_list;

/* The transformers of a block: `attentions` of them, as down block `level`'s are. */
static void list_block(const reader_list *list, const unet_config *c, const char *block,
                       uint32_t level, uint32_t attentions)
{
    for (uint32_t a = 0; a < attentions; ++a)
        for (uint32_t l = 0; l < c->transformer_layers[level]; ++l)
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
            list_block(list, c, graph_format(list->g, "down_blocks.%u", i), i, c->layers_per_block);
    if (c->mid_block == MID_CROSS_ATTENTION)
        list_block(list, c, "mid_block", count - 1, 1);
    for (uint32_t i = 0; i < count; ++i)
        if (c->up_blocks[i] == BLOCK_CROSS_ATTENTION)
            list_block(list, c, graph_format(list->g, "up_blocks.%u", i), count - 1 - i,
                       c->layers_per_block + 1);
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

static void build_keys_values(graph *g, const unet_config *c, tensor_id states, tensor_id to)
{
    reader_stack stack = { .g = g };
    op_linear_stack_begin(g, &stack.products, op_rescale_in(g, "text_states", states, 1, 0));
    list_readers(&(reader_list){ add_products, &stack, g }, c);
    op_linear_stack_end(g, &stack.products, "keys_values", to);
}

/* diffusers' get_guidance_scale_embedding (pipeline_latent_consistency_text2img.py), projected */
static void build_guidance(graph *g, const unet_config *c, tensor_id guidance, tensor_id to)
{
    const tensor_id sinusoids =
        op_time_embedding(g, "guidance_proj",
                          &(time_embedding_params){ .time = guidance,
                                                    .channels = c->time_cond_proj_dim,
                                                    .freq_shift = 1,
                                                    .max_period = 10000.0f });
    op_rescale_out(g, "guidance_embedding",
                   layer_linear(g, "time_embedding.cond_proj", sinusoids, c->block_out_channels[0],
                                false, ACTIVATION_NONE),
                   to, 1, 0);
}

void unet_condition_build(graph *g, const unet_config *c, const unet_words *words,
                          const unet_condition *to)
{
    if (to->keys_values != NO_TENSOR)
        build_keys_values(g, c, words->states, to->keys_values);
    if (to->prompt != NO_TENSOR)
        op_rescale_out(g, "prompt_embedding",
                       layer_linear(g, "class_embedding",
                                    op_rescale_in(g, "pooled", words->pooled, 1, 0),
                                    c->time_embedding_dim, true, ACTIVATION_NONE),
                       to->prompt, 1, 0);
    if (to->guidance != NO_TENSOR)
        build_guidance(g, c, words->guidance, to->guidance);
}
