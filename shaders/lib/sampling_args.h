/* Push constants of shaders/sample: compiled by C and by GLSL (4-byte members only). */
#ifndef QS_SHADERS_SAMPLING_ARGS_H
#define QS_SHADERS_SAMPLING_ARGS_H

#include "lib/recipe.h" /* QS_UINT */

#define SAMPLING_WORKGROUP 64

#ifdef __STDC_VERSION__
typedef struct SamplingArgs SamplingArgs;
typedef struct DecodeArgs DecodeArgs;
#endif

/* Of begin, step_input, sampler_reduce, sampler_row. A quad is four channels of one pixel. */
struct SamplingArgs {
    QS_UINT pixels;   /* h * w */
    QS_UINT channels; /* c */
    QS_UINT quads;    /* of a pixel: ceil(c / 4); the latent has no others */
    QS_UINT stride;   /* of the other tensor (sample, model output) in quads, */
    QS_UINT offset;   /* and its first quad */
    QS_UINT chunks;   /* of a picture: partial sums of |e|^2, a multiple of 4 */
};

struct DecodeArgs {
    QS_UINT pixels, channels;
    QS_UINT premultiplied; /* colours are multiplied with alpha: divide it out */
    QS_UINT report_stride; /* uints from picture to picture, 0: one report for all */
    QS_UINT reports;
};

#endif
