#include "model/autoencoder.h"

#include "core/log.h"
#include "model/autoencoder_kinds.h"

typedef struct autoencoder_kind {
    tensor_id (*encode)(graph *g, const autoencoder_config *config, tensor_id picture);
    tensor_id (*decode)(graph *g, const autoencoder_config *config, tensor_id latent);
    float scale, shift; /* from [-1, 1] to what a picture is there */
} autoencoder_kind;

static const autoencoder_kind kinds[] = {
    [AUTOENCODER_TINY] = { autoencoder_tiny_encode, autoencoder_tiny_decode, 0.5f, 0.5f },
    [AUTOENCODER_KL] = { autoencoder_kl_encode, autoencoder_kl_decode, 1, 0 },
};

bool autoencoder_upcasts(const autoencoder_config *c, dtype storage)
{
    if (!c->force_upcast || storage == DTYPE_F32)
        return false;
    log_line(QS_LOG_INFO,
             "the autoencoder computes in float32, as \"force_upcast\" in its config.json says");
    return true;
}

void autoencoder_build_encoder(graph *g, const autoencoder_config *c, latent_unit unit,
                               tensor_id picture, tensor_id latent)
{
    const autoencoder_kind *kind = &kinds[c->class];
    tensor_id x = op_rescale_in(g, "encoder.input", picture, kind->scale, kind->shift);
    x = kind->encode(g, c, x);
    if (unit == LATENT_OF_ENCODER)
        op_rescale_out(g, "encoder.output", x, latent, 1, 0);
    else
        op_rescale_out(g, "encoder.output", x, latent, (float)c->scaling_factor,
                       (float)(-c->shift_factor * c->scaling_factor));
}

void autoencoder_build_decoder(graph *g, const autoencoder_config *c, latent_unit unit,
                               tensor_id latent, tensor_id picture)
{
    const autoencoder_kind *kind = &kinds[c->class];
    const bool scaled = unit == LATENT_OF_SAMPLER;
    tensor_id x =
        op_rescale_in(g, "decoder.input", latent, scaled ? (float)(1 / c->scaling_factor) : 1.0f,
                      scaled ? (float)c->shift_factor : 0.0f);
    x = kind->decode(g, c, x);
    op_rescale_out(g, "decoder.output", x, picture, 1 / kind->scale, -kind->shift / kind->scale);
}
