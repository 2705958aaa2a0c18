/* Tiny autoencoders: diffusers.AutoencoderTiny (models/autoencoders/autoencoder_tiny.py, vae.py)
 * and its Flux.2 kind, a folder with config.json and weights. */
#ifndef QS_MODEL_AUTOENCODER_H
#define QS_MODEL_AUTOENCODER_H

#include "core/status.h"
#include "ops/ops.h"
#include "weights/store.h"

#include <jansson.h>
#include <quickstep/autoencoder.h>

enum { AUTOENCODER_STAGES_MAX = 8 };

/* The config's names and defaults. A stage is a convolution and some blocks; between two stages
 * the picture halves (encoder) or doubles (decoder). diffusers lists a width per stage, and fails
 * unless all of a list are equal. */
typedef struct autoencoder_config {
    uint32_t image_channels, latent_channels; /* in_channels and out_channels: 1, 3 or 4 */
    uint32_t stage_count;
    uint32_t encoder_width, decoder_width;
    uint32_t encoder_blocks[AUTOENCODER_STAGES_MAX], decoder_blocks[AUTOENCODER_STAGES_MAX];
    /* ours, named as in the authors' taesd.py: the blocks of the smallest stage begin with
     * x + pool.3(relu(pool.1(pool.0(x)))): 1x1 to 4 times the width, 4 groups, 1x1 back */
    bool use_midblock_gn;
    double latent_magnitude, latent_shift;
} autoencoder_config;

struct qs_autoencoder {
    char *path;
    autoencoder_config config;
    weight_files *files;
    uint64_t parameter_count;
    bool has_encoder, has_decoder;
    qs_device *device; /* of the store: NULL while there is no coder */
    weight_store *store;
    uint32_t users;
};

/* config_autoencoder.c. *folder: DIR/vae or DIR, to be freed by the caller. */
qs_status autoencoder_find_folder(const char *dir, char **folder);
qs_status autoencoder_read_config(const char *folder, autoencoder_config *config);

/* For whoever wants a UNet: QS_ERROR_MODEL, which says what to use instead, if DIR is a tiny
 * autoencoder and no UNet. */
qs_status autoencoder_refuse(const char *dir);

/* picture [n, h, w, image_channels] in [-1, 1], h and w multiples of autoencoder_factor() ->
 * latent [n, h / f, w / f, latent_channels]; both float32 states. Errors are in graph_status(). */
void autoencoder_build_encoder(graph *g, const autoencoder_config *config, tensor_id picture,
                               tensor_id latent);
/* The way back; not clipped. */
void autoencoder_build_decoder(graph *g, const autoencoder_config *config, tensor_id latent,
                               tensor_id picture);

static inline uint32_t autoencoder_factor(const autoencoder_config *config)
{
    return 1u << (config->stage_count - 1);
}

#endif
