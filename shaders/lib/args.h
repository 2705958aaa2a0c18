/* The push constants of all shaders, for C and GLSL. */
#ifndef QS_SHADERS_ARGS_H
#define QS_SHADERS_ARGS_H

#include "lib/c_glsl.h"

/* Where a tensor lies in the buffer that is bound, in vectors of four elements: quad q of pixel p
 * is the vector offset + p * stride + q. */
SHARED_STRUCT(tensor_view) {
    uint32_t offset, stride;
};

/* ---- network: shaders/ops -------------------------------------------------------------------- */

SHARED_STRUCT(conv2d_args) {
    uint32_t h_in, w_in, h_out, w_out;
    uint32_t quads_in, quads_out;     /* ceil(ci / 4), ceil(co / 4) */
    uint32_t step, pad_top, pad_left; /* step: the convolution's stride */
    tensor_view x, y, residual;
    tensor_view embedding; /* its pixels are images */
};

#define CONV2D_MATRIX_CHUNK 32 /* terms of a sum that conv2d_matrix reads at a time */
#define CONV2D_STAGED_QUADS 2  /* vectors of four terms that conv2d_staged does */

/* Of conv2d_matrix, conv2d_staged and conv2d_reduce. */
SHARED_STRUCT(conv2d_staged_args) {
    conv2d_args conv;
    uint32_t images;
    uint32_t chunks, split_chunks; /* of the whole sum; of a part of it */
    uint32_t weight_rows;          /* ceil4(co); of conv2d_matrix */
};

/* Of winograd_input (x is its input) and winograd_output (y is its output). */
SHARED_STRUCT(winograd_args) {
    tensor_view x, y, residual, embedding;
    uint32_t h, w, quads;      /* of x or y */
    uint32_t tiles_x, tiles_y; /* of an image */
    uint32_t first, count;     /* tiles, counted through all images */
    uint32_t stride;           /* of the points, from tile to tile */
    uint32_t pad_top, pad_left;
};

SHARED_STRUCT(winograd_product_args) {
    uint32_t tiles, quads_in, quads_out;
    uint32_t stride; /* as above */
};

SHARED_STRUCT(linear_args) {
    uint32_t rows;
    uint32_t quads_in, quads_out;
    tensor_view x, y, residual;
};

/* The same pixels and channels on both sides. */
SHARED_STRUCT(elementwise_args) {
    tensor_view a, b, y;
    uint32_t pixels, quads;
};

SHARED_STRUCT(scalar_args) {
    tensor_view x, y;
    uint32_t pixels, image_pixels; /* of all images; of one */
    uint32_t quads, channels;
};

/* y = scale * x + shift, zero in the lanes from `channels` on. */
SHARED_STRUCT(rescale_args) {
    tensor_view x, y;
    uint32_t pixels, quads, channels;
    float scale, shift;
};

/* upsample_nearest: pixels and width are the input's; avg_pool: the output's, and the heights and
 * widths are those of both. */
SHARED_STRUCT(resample_args) {
    tensor_view x, y;
    uint32_t pixels, quads;
    uint32_t width, height; /* of the pixels that are counted */
    uint32_t input_width, input_height;
};

SHARED_STRUCT(concat_args) {
    tensor_view a, b, y;
    uint32_t pixels;
    uint32_t a_channels, b_channels;
};

#define GROUP_NORM_BLOCK_GROUPS_MAX 32
#define GROUP_NORM_CHUNKS_MAX 64

/* Of group_norm and group_norm_stats. A workgroup has `block_groups` groups, `block_quads` vectors
 * of a pixel; statistics are made of `chunks` chunks of chunk_pixels (the last may be shorter). */
SHARED_STRUCT(group_norm_args) {
    tensor_view x, y;
    tensor_view first;                /* each image's first pixel */
    tensor_view stats;                /* of group_norm_stats: each pixel two of a chunk */
    tensor_view scale_shift;          /* [n, 1, 1, 2 * channels] */
    uint32_t pixels, quads, channels; /* of x: of one image, or of a band of it */
    uint32_t image_pixels;
    uint32_t groups, group_channels;
    uint32_t block_groups, block_quads;
    uint32_t chunks, chunk_pixels;
    uint32_t part_pixels; /* of a workgroup of group_norm */
    float eps;
};

SHARED_STRUCT(attention_args) {
    tensor_view qkv, y;
    uint32_t tokens, heads, width; /* of one image; channels of one head */
    float scale;                   /* times log2(e): the softmax works with powers of two */
    uint32_t images;
    uint32_t splits, split_keys; /* parts of the keys, each of one workgroup; keys of a part */
    tensor_view kv;              /* of attention: where an image's keys are, values behind them */
    uint32_t keys;               /* of one image */
};

SHARED_STRUCT(time_embedding_args) {
    tensor_view y;
    uint32_t channels, times, time_stride; /* of a time; times of an image; elements between them */
    uint32_t cosine_first, relative, fourier; /* booleans */
};

SHARED_STRUCT(class_embedding_args) {
    tensor_view x, y;
    uint32_t quads, count; /* of a row; rows of the table */
};

SHARED_STRUCT(token_embedding_args) {
    tensor_view x, y;
    uint32_t quads, first, rows, count; /* of a row; of this part of the table; ids are below count */
    uint32_t tokens, pixels; /* of one text; of all */
};

SHARED_STRUCT(token_at_args) {
    tensor_view x, y;
    uint32_t quads, tokens, texts;
};

SHARED_STRUCT(blend_args) {
    tensor_view x, y;
    uint32_t pixels, image_pixels, quads; /* of y; of one of its images and of x's */
    uint32_t texts, second;               /* weights; images from the first to the second */
};

SHARED_STRUCT(layer_norm_args) {
    tensor_view x, y;
    uint32_t pixels, quads, channels;
    float eps;
};

/* ---- sampling: shaders/sample ---------------------------------------------------------------- */

#define SAMPLING_WORKGROUP 64

/* Of begin, step_input, sampler_reduce, sampler_row. A quad is four channels of one pixel. */
SHARED_STRUCT(sampling_args) {
    uint32_t pixels;   /* h * w */
    uint32_t channels; /* c */
    uint32_t quads;    /* of a pixel: ceil(c / 4); the latent has no others */
    tensor_view other; /* the sample, or the model's output */
    uint32_t other_channels;
    uint32_t evaluations; /* of the model for each picture: those of all pictures one by one */
    uint32_t chunks;   /* of a picture: partial sums of |e|^2, a multiple of 4 */
    tensor_view row;   /* of step_input: what was embedded of a row */
    uint32_t row_quads;
};

SHARED_STRUCT(row_times_args) {
    uint32_t images; /* that the network is given at a time */
    uint32_t labels; /* of them: image i has label i % labels; 0: none */
};

SHARED_STRUCT(frame_args) {
    uint32_t pixels, channels, pictures;
    uint32_t premultiplied; /* boolean: colours are multiplied with alpha, divide it out */
};

/* ---- the driver's arithmetic: shaders/ops/precision.comp -------------------------------------- */

#define PRECISION_WORKGROUP 64
#define PRECISION_VALUES 4096 /* of a function: whole workgroups */
#define PRECISION_ADD 0
#define PRECISION_MULTIPLY 1
#define PRECISION_DIVIDE 2
#define PRECISION_SQRT 3
#define PRECISION_INVERSESQRT 4
#define PRECISION_EXP 5
#define PRECISION_EXP2 6
#define PRECISION_LOG 7
#define PRECISION_LOG_NEAR_1 8
#define PRECISION_SIN 9
#define PRECISION_COS 10
#define PRECISION_FUNCTIONS 11

/* ---- measuring the device: shaders/ops/roofline_*.comp --------------------------------------- */

#define ROOFLINE_WORKGROUP 64
#define ROOFLINE_COPY_PER_LANE 4
#define ROOFLINE_MATRIX_CHAINS 8
#define ROOFLINE_MATRIX_STEPS 4
#define ROOFLINE_MATRIX_PRODUCTS (ROOFLINE_MATRIX_CHAINS * ROOFLINE_MATRIX_STEPS) /* a round */

SHARED_STRUCT(roofline_fma_args) {
    uint32_t rounds;
    float a, b;
};

#endif
