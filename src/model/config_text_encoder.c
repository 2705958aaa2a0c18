/* text_encoder/config.json: transformers.CLIPTextModel, CLIPTextModelWithProjection. */
#include "model/config_reader.h"

#include <math.h>

enum { WIDTH_MAX = 16384, LAYERS_MAX = 256, VOCABULARY_MAX = 1 << 20, POSITIONS_MAX = 512 };

/* transformers' defaults. */
static const text_encoder_config defaults = {
    .vocab_size = 49408,
    .hidden_size = 512,
    .intermediate_size = 2048,
    .num_hidden_layers = 12,
    .num_attention_heads = 8,
    .max_position_embeddings = 77,
    .eos_token_id = 49407,
    .projection_dim = 512,
    .hidden_act = HIDDEN_ACT_QUICK_GELU,
    .layer_norm_eps = 1e-5f,
};

static qs_status read_sizes(config_reader *r, text_encoder_config *c)
{
    qs_status status = QS_OK;
    TRY(config_take_u32(r, "vocab_size", 1, VOCABULARY_MAX, &c->vocab_size));
    TRY(config_take_u32(r, "hidden_size", 1, WIDTH_MAX, &c->hidden_size));
    TRY(config_take_u32(r, "intermediate_size", 1, 4 * WIDTH_MAX, &c->intermediate_size));
    TRY(config_take_u32(r, "num_hidden_layers", 1, LAYERS_MAX, &c->num_hidden_layers));
    TRY(config_take_u32(r, "num_attention_heads", 1, WIDTH_MAX, &c->num_attention_heads));
    TRY(config_take_u32(r, "max_position_embeddings", 2, POSITIONS_MAX,
                        &c->max_position_embeddings));
    TRY(config_take_u32(r, "eos_token_id", 0, VOCABULARY_MAX, &c->eos_token_id));
    TRY(config_take_u32(r, "projection_dim", 1, WIDTH_MAX, &c->projection_dim));
    if (c->hidden_size % (4 * c->num_attention_heads) != 0)
        TRY(qs_error(
            QS_ERROR_MODEL,
            "%s: num_attention_heads %u does not divide hidden_size %u into heads of a multiple "
            "of four channels",
            r->path, c->num_attention_heads, c->hidden_size));
fail:
    return status;
}

qs_status config_parse_text_encoder(const char *path, json_t *root, text_encoder_config *c)
{
    static const char *const types[] = { "clip_text_model", NULL };
    static const char *const acts[] = {
        [HIDDEN_ACT_QUICK_GELU] = "quick_gelu", [HIDDEN_ACT_GELU] = "gelu", NULL
    };
    qs_status status = QS_OK;
    config_reader r;
    uint32_t unused = 0, act = 0;
    double eps = defaults.layer_norm_eps;
    *c = defaults;
    TRY(config_reader_init(&r, path, root));
    TRY(config_require(&r, "model_type", "needed: \"clip_text_model\""));
    TRY(config_take_word(&r, "model_type", types, &unused));
    TRY(read_sizes(&r, c));
    TRY(config_take_word(&r, "hidden_act", acts, &act));
    TRY(config_take_number(&r, "layer_norm_eps", 1e-12, 1, &eps));
    c->hidden_act = (text_encoder_act)act;
    c->layer_norm_eps = (float)eps;
fail: /* the rest is of transformers' training and generation, and says nothing of the network */
    config_reader_finish(&r);
    return status;
}
