/* Tiny autoencoders: diffusers.AutoencoderTiny (models/autoencoders/autoencoder_tiny.py, vae.py)
 * and its Flux.2 kind, a folder with config.json and weights. */
#ifndef QS_MODEL_AUTOENCODER_H
#define QS_MODEL_AUTOENCODER_H

#include "model/config.h"
#include "ops/ops.h"
#include "weights/store.h"

#include <quickstep/autoencoder.h>

struct qs_autoencoder {
    char *path;
    autoencoder_config config;
    weight_files *files;
    uint64_t parameter_count, decoder_parameter_count;
    bool has_encoder, has_decoder;
    qs_device *device; /* of the store: NULL while there is no coder */
    weight_store *store;
    uint32_t users;
};

/* qs_autoencoder_open for a folder whose config was read. path: what messages call it; variant: as
 * in qs_model_options. */
qs_status autoencoder_open_files(const char *path, const char *folder, const char *variant,
                                 const autoencoder_config *config, qs_autoencoder **autoencoder);

/* For whoever wants a UNet: QS_ERROR_MODEL, which says what to use instead, if DIR is a tiny
 * autoencoder and no UNet. */
qs_status autoencoder_refuse(const char *dir);

/* picture [n, h, w, image_channels] in [-1, 1], h and w multiples of autoencoder_factor() ->
 * latent [n, h / f, w / f, latent_channels]; both float32 states. Errors are in graph_status(). */
void autoencoder_build_encoder(graph *g, const autoencoder_config *config, tensor_id picture,
                               tensor_id latent);

/* Whose latent: the encoder's, or a diffusion model's, which is (the encoder's - shift_factor) *
 * scaling_factor. */
typedef enum latent_unit { LATENT_OF_ENCODER, LATENT_OF_SAMPLER } latent_unit;

/* The way back, of any batch; not clipped. */
void autoencoder_build_decoder(graph *g, const autoencoder_config *config, latent_unit unit,
                               tensor_id latent, tensor_id picture);

#endif
