/* What the ops' files share. */
#ifndef QS_OPS_OP_SUPPORT_H
#define QS_OPS_OP_SUPPORT_H

#include "ops/ops.h"

#include "lib/args.h"
#include "shader_table.h"

/* For how many cores work is cut up where nothing was measured, what a large GPU has; and the most
 * workgroups that share a sum. */
enum { LARGE_GPU_CORES = 128, SPLITS_MAX = 16 };

static inline uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static inline uint32_t image_pixels(const tensor *t)
{
    return t->h * t->w;
}

static inline uint32_t all_pixels(const tensor *t)
{
    return t->n * t->h * t->w;
}

static inline double element_count(const tensor *t)
{
    return (double)all_pixels(t) * t->c;
}

/* The build of a shader for the graph's storage type. */
static inline uint32_t storage_shader(const graph *g, uint32_t f32, uint32_t f16)
{
    return g->storage == DTYPE_F16 ? f16 : f32;
}

/* A shader that shaders/meson.build has under `shuffle`: [storage is f16] */
typedef struct shader_builds {
    uint32_t hardware[2], shuffle[2], texel[2];
} shader_builds;
/* clang-format off */
#define SHADER_BUILDS(name)                                                                      \
    (shader_builds){ { SHADER_##name##_f32, SHADER_##name##_f16 },                               \
                       { SHADER_##name##_shuffle_f32, SHADER_##name##_shuffle_f16 },               \
                       { SHADER_##name##_texel_f32, SHADER_##name##_texel_f16 } }
/* and one under `texel` */
#define TEXEL_BUILDS(name)                                                                       \
    (shader_builds){ { SHADER_##name##_f32, SHADER_##name##_f16 },                               \
                       { SHADER_##name##_f32, SHADER_##name##_f16 },                               \
                       { SHADER_##name##_texel_f32, SHADER_##name##_texel_f16 } }
/* clang-format on */

/* The build for the device; a and b are what the shader reads as texel buffers, if they fit. */
uint32_t op_shader(const graph *g, const shader_builds *builds, tensor_id a, tensor_id b);

/* Where the shaders find a tensor in what is bound of it, in vectors of four; zeros for NO_TENSOR.
 */
tensor_view op_view(const graph *g, tensor_id id);

/* All that a dispatch binds of it, and the pixels, of all images', that can be wherever they begin.
 */
bool op_is_bound_whole(const graph *g, tensor_id id);
uint32_t op_pixels_bound(const graph *g, tensor_id id);

/* Vectors [c] (or [rows[i]]) of the weights file, stacked as struct weight says, as floats, padded
 * with zeros to a multiple of four. */
tensor_id weight_vectors(graph *g, const char *const *keys, uint32_t key_count, uint32_t c,
                         const uint32_t *rows);
tensor_id weight_vector(graph *g, const char *key, uint32_t c);

/* NAME.bandI, and NAME of the last of `count` bands. */
const char *op_band_name(graph *g, const char *name, uint32_t i, uint32_t count);

/* Appends a specialization constant: the i-th call is constant_id i. */
void op_constant(op_dispatch *d, uint32_t value);

void op_groups(op_dispatch *d, uint32_t x, uint32_t y, uint32_t z);

/* Lanes along a pixel's vectors of four channels; 64 / lanes_x go along the pixels. */
uint32_t grid_lanes_x(uint32_t quads);

/* Constants 0 to 2 and the groups of shaders that include lib/grid.glsl. */
void pixel_grid(const graph *g, op_dispatch *d, uint32_t quads, uint32_t pixels);

/* Fails the graph unless the tensors have one shape. */
bool check_same_shape(graph *g, const char *name, tensor_id a, tensor_id b);

#endif
