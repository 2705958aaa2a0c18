#include "model/text_encoder.h"

#include "model/layers.h"

#include <math.h>

/* x + causal attention of norm_x */
static tensor_id attention(graph *g, const text_encoder_config *c, tensor_id norm_x, tensor_id x)
{
    const uint32_t width = c->hidden_size, heads = c->num_attention_heads;
    graph_push_scope(g, "self_attn");
    const tensor_id qkv =
        op_linear(g, "qkv_proj",
                  &(linear_params){
                      .x = norm_x,
                      .weights = { graph_name(g, "q_proj.weight"), graph_name(g, "k_proj.weight"),
                                   graph_name(g, "v_proj.weight") },
                      .biases = { graph_name(g, "q_proj.bias"), graph_name(g, "k_proj.bias"),
                                  graph_name(g, "v_proj.bias") },
                      .count = 3,
                      .residual = NO_TENSOR,
                      .out_channels = width });
    const cross_attention_params p = { .q = graph_part(g, "q", qkv, 0, width),
                                       .kv = graph_part(g, "kv", qkv, width, 2 * width),
                                       .heads = heads,
                                       .scale = 1.0f / sqrtf((float)(width / heads)),
                                       .causal = true };
    x = layer_linear_add(g, "out_proj", op_cross_attention(g, "attention", &p), x);
    graph_pop_scope(g);
    return x;
}

/* CLIPEncoderLayer */
static tensor_id layer(graph *g, const text_encoder_config *c, tensor_id x)
{
    const activation act =
        c->hidden_act == HIDDEN_ACT_GELU ? ACTIVATION_GELU : ACTIVATION_QUICK_GELU;
    x = attention(g, c, layer_layer_norm(g, "layer_norm1", x, c->layer_norm_eps), x);
    tensor_id h = layer_layer_norm(g, "layer_norm2", x, c->layer_norm_eps);
    graph_push_scope(g, "mlp");
    h = layer_linear(g, "fc1", h, c->intermediate_size, true, act);
    x = layer_linear_add(g, "fc2", h, x);
    graph_pop_scope(g);
    return x;
}

static tensor_id embed(graph *g, const text_encoder_config *c, tensor_id ids)
{
    graph_push_scope(g, "embeddings");
    const token_embedding_params p = { .ids = ids,
                                       .table = graph_name(g, "token_embedding.weight"),
                                       .positions = graph_name(g, "position_embedding.weight"),
                                       .count = c->vocab_size,
                                       .position_count = c->max_position_embeddings,
                                       .channels = c->hidden_size };
    const tensor_id x = op_token_embedding(g, "token_embedding", &p);
    graph_pop_scope(g);
    return x;
}

/* Everything but the projection; ends NO_TENSOR: pooled is, too. */
static text_encoder_output encode(graph *g, const text_encoder_config *c, tensor_id ids,
                                  tensor_id ends)
{
    text_encoder_output out = { NO_TENSOR, NO_TENSOR };
    tensor_id x = embed(g, c, ids);
    for (uint32_t i = 0; i < c->num_hidden_layers; ++i) {
        if (c->penultimate && i + 1 == c->num_hidden_layers)
            out.states = x;
        if (out.states != NO_TENSOR && ends == NO_TENSOR)
            return out;
        graph_push_scope(g, "encoder.layers.%u", i);
        x = layer(g, c, x);
        graph_pop_scope(g);
    }
    x = layer_layer_norm(g, "final_layer_norm", x, c->layer_norm_eps);
    if (!c->penultimate)
        out.states = x;
    if (ends != NO_TENSOR)
        out.pooled = op_token_at(g, "pooler_output", x, ends);
    return out;
}

text_encoder_output text_encoder_build(graph *g, const text_encoder_config *c, const char *prefix,
                                       tensor_id ids, tensor_id ends)
{
    if (*prefix)
        graph_push_scope(g, "%s", prefix);
    text_encoder_output out = encode(g, c, ids, ends);
    if (*prefix)
        graph_pop_scope(g);
    if (c->projection_dim && out.pooled != NO_TENSOR)
        out.pooled = layer_linear(g, "text_projection", out.pooled, c->projection_dim, false,
                                  ACTIVATION_NONE);
    return out;
}

uint32_t text_encoder_end(const text_encoder_config *c, const uint32_t *ids, uint32_t count)
{
    enum {
        OLD_EOS = 2
    }; /* transformers: "for backward compatibility with the incorrect configs" */
    uint32_t end = 0;
    for (uint32_t i = 0; i < count; ++i) {
        if (c->eos_token_id != OLD_EOS && ids[i] == c->eos_token_id)
            return i;
        if (c->eos_token_id == OLD_EOS && ids[i] > ids[end])
            end = i;
    }
    return c->eos_token_id == OLD_EOS ? end : 0;
}
