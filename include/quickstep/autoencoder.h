/*
 * Autoencoders: pictures to latents and back.
 *
 *     qs_autoencoder   a folder on disk: diffusers' AutoencoderKL, or a tiny one: AutoencoderTiny
 *                      (TAESD and its kin) or the Flux.2 kind (TAEF2: "use_midblock_gn": true in
 *                      config.json)
 *     qs_coder         one direction of it on one device, at one picture size and precision
 *
 * A coder is planned and recorded once and replayed for every picture. The rules of quickstep.h on
 * threads, errors and NULL hold here, too.
 */
#ifndef QUICKSTEP_AUTOENCODER_H
#define QUICKSTEP_AUTOENCODER_H

#include <quickstep/quickstep.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct qs_autoencoder qs_autoencoder;

typedef struct qs_autoencoder_info {
    char name[128];          /* the folder's name */
    const char *class_name;  /* "AutoencoderTiny" or "AutoencoderKL" */
    uint32_t image_channels; /* 1 (grey), 3 (RGB) or 4 (RGBA) */
    uint32_t latent_channels;
    uint32_t factor;               /* pixels of the picture to one of the latent, along a side: 8 */
    bool has_encoder, has_decoder; /* whose weights the files hold */
    bool
        force_upcast; /* AutoencoderKL's: it computes in float32, whatever precision is asked for */
    /* latent / (2 * magnitude) + shift lies in [0, 1], for latents that are stored as bytes;
     * magnitude 0: not known, of AutoencoderKL */
    double latent_magnitude, latent_shift;
    uint64_t parameter_count;
} qs_autoencoder_info;

/* Does the folder look like an autoencoder, and not like a model that draws? */
QS_API bool qs_autoencoder_probe(const char *path);

/* Opens DIR (or a name, as qs_model_find), DIR/vae or Hugging Face's cache of one: reads
 * config.json and checks every tensor's presence and shape. Files with only an encoder or only a
 * decoder are fine. QS_ERROR_MODEL names file and key. */
QS_API qs_status qs_autoencoder_open(const char *path, qs_autoencoder **autoencoder);
QS_API void qs_autoencoder_destroy(qs_autoencoder *autoencoder); /* after its coders */
QS_API void qs_autoencoder_get_info(const qs_autoencoder *autoencoder, qs_autoencoder_info *info);

typedef struct qs_coder qs_coder;

typedef enum qs_direction { QS_ENCODE, QS_DECODE } qs_direction;

typedef struct qs_coder_options {
    qs_direction direction;
    qs_precision precision; /* QS_F16 with force_upcast: as QS_F32, with a notice */
    uint32_t width, height; /* of the picture: multiples of info.factor */
} qs_coder_options;

#define QS_CODER_PIXELS_MAX 2000000u

/* Plans and records, and loads the direction's weights unless another coder has them on this device
 * already (an autoencoder can be on 8 devices). QS_ERROR_USAGE: the size (at most
 * QS_CODER_PIXELS_MAX pixels), no such half; QS_ERROR_DEVICE: no 16-bit floats, or a tensor above
 * what the device binds; QS_ERROR_MEMORY, before anything is allocated. */
QS_API qs_status qs_coder_create(qs_device *device, qs_autoencoder *autoencoder,
                                 const qs_coder_options *options, qs_coder **coder);
QS_API void qs_coder_destroy(qs_coder *coder);

/* picture [c, h, w] in [-1, 1] -> latent [latent_channels, h / factor, w / factor], as
 * AutoencoderTiny.encode gives it, or AutoencoderKL.encode(..).latent_dist.mode(): neither scaled
 * nor sampled. Waits. QS_ERROR_PICTURE: a number is not finite, going in or
 * coming out. */
QS_API qs_status qs_coder_encode(qs_coder *coder, const float *picture, float *latent);

/* The way back. picture: [c, h, w] floats as decode gives them there, about [-1, 1] and
 * not clipped; pixels: [h, w, 4] RGBA8, clipped; either may be NULL. QS_ERROR_PICTURE: a number is
 * not finite, or the picture is one flat colour (both are filled all the same, unless the latent
 * was to blame). */
QS_API qs_status qs_coder_decode(qs_coder *coder, const float *latent, float *picture,
                                 uint8_t *pixels);

/* Weights: of all the autoencoder's coders. */
QS_API void qs_coder_get_memory(const qs_coder *coder, qs_session_memory *memory);

#ifdef __cplusplus
}
#endif
#endif
