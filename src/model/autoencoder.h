/* Autoencoders: diffusers.AutoencoderTiny and its Flux.2 kind, diffusers.AutoencoderKL; a folder
 * with config.json and weights. */
#ifndef QS_MODEL_AUTOENCODER_H
#define QS_MODEL_AUTOENCODER_H

#include "model/config.h"
#include "ops/ops.h"
#include "weights/component.h"

#include <quickstep/autoencoder.h>

struct qs_autoencoder {
    char *path;
    autoencoder_config config;
    component component;
};

/* For whoever plans its programs with this storage: whether they are to be float32 all the same,
 * because the config's force_upcast says that float16 is too small; with a notice. */
bool autoencoder_upcasts(const autoencoder_config *config, dtype storage);

/* Files may hold one half only: the parameters of the half, and whether there are any. Both take a
 * component without files. */
typedef enum autoencoder_half { AUTOENCODER_ENCODER, AUTOENCODER_DECODER } autoencoder_half;
uint64_t autoencoder_parameter_count(const component *vae, autoencoder_half half);
bool autoencoder_has(const component *vae, autoencoder_half half);

/* The halves that the files hold, of a small picture, to be held against them. */
void autoencoder_build_halves(graph *g, const autoencoder_config *config, const component *vae);

/* For whoever wants a UNet: QS_ERROR_MODEL, which says what to use instead, if DIR is an
 * autoencoder and no UNet. */
qs_status autoencoder_refuse(const char *dir);

/* Puts the autoencoder that `decoder` says (qs_model_options) in the place of the folder's vae/. */
struct model_folder;
qs_status autoencoder_choose(struct model_folder *folder, const char *decoder);

/* Whose latent: the encoder's, or a diffusion model's, which is (the encoder's - shift_factor) *
 * scaling_factor. */
typedef enum latent_unit { LATENT_OF_ENCODER, LATENT_OF_SAMPLER } latent_unit;

/* picture [n, h, w, image_channels] in [-1, 1], h and w multiples of autoencoder_factor() ->
 * latent [n, h / f, w / f, latent_channels]; both float32 states. Of AutoencoderKL's distribution
 * the mean, its mode: exp(logvar / 2), which sampling from it would multiply noise by, is not
 * computed. Errors are in graph_status(). */
void autoencoder_build_encoder(graph *g, const autoencoder_config *config, latent_unit unit,
                               tensor_id picture, tensor_id latent);

/* The way back, of any batch; not clipped. */
void autoencoder_build_decoder(graph *g, const autoencoder_config *config, latent_unit unit,
                               tensor_id latent, tensor_id picture);

#endif
