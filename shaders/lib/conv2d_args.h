/*
 * Push constants of conv2d.comp and linear.comp, compiled by C and by GLSL.
 * Offsets and strides count quads of four channels; a stride is from pixel to pixel.
 */
#ifndef QS_SHADERS_CONV2D_ARGS_H
#define QS_SHADERS_CONV2D_ARGS_H

#ifdef __STDC_VERSION__
#include <stdint.h>
#define ARGS_UINT uint32_t
typedef struct conv2d_args conv2d_args;
typedef struct linear_args linear_args;
#else
#define ARGS_UINT uint
#endif

struct conv2d_args {
    ARGS_UINT h_in, w_in, h_out, w_out;
    ARGS_UINT quads_in, quads_out; /* ceil(ci / 4), ceil(co / 4) */
    ARGS_UINT step, pad_top, pad_left; /* step: the convolution's stride */
    ARGS_UINT x_offset, x_stride;
    ARGS_UINT y_offset, y_stride;
    ARGS_UINT residual_offset, residual_stride;
    ARGS_UINT embedding_offset, embedding_stride; /* from image to image */
};

struct linear_args {
    ARGS_UINT rows;
    ARGS_UINT quads_in, quads_out;
    ARGS_UINT x_offset, x_stride;
    ARGS_UINT y_offset, y_stride;
    ARGS_UINT residual_offset, residual_stride;
};

#endif
