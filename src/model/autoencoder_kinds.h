/* The networks of the kinds of autoencoders: a file each. Errors are in graph_status(). */
#ifndef QS_MODEL_AUTOENCODER_KINDS_H
#define QS_MODEL_AUTOENCODER_KINDS_H

#include "model/config.h"
#include "ops/ops.h"

/* Pictures in [0, 1]. */
tensor_id autoencoder_tiny_encode(graph *g, const autoencoder_config *config, tensor_id picture);
tensor_id autoencoder_tiny_decode(graph *g, const autoencoder_config *config, tensor_id latent);

/* Pictures in [-1, 1]; encode gives the distribution of latents, twice as many channels: its means
 * come first. */
tensor_id autoencoder_kl_encode(graph *g, const autoencoder_config *config, tensor_id picture);
tensor_id autoencoder_kl_decode(graph *g, const autoencoder_config *config, tensor_id latent);

#endif
