/* The push constants of the network's ops: compiled by C and by GLSL (4-byte members only). */
#ifndef QS_SHADERS_ARGS_H
#define QS_SHADERS_ARGS_H

#ifdef __STDC_VERSION__
#include <stdint.h>
#ifndef QS_UINT
#define QS_UINT uint32_t
#endif
typedef struct View View;
typedef struct ElementwiseArgs ElementwiseArgs;
typedef struct ResampleArgs ResampleArgs;
typedef struct ConcatArgs ConcatArgs;
typedef struct GroupNormStatsArgs GroupNormStatsArgs;
typedef struct GroupNormMergeArgs GroupNormMergeArgs;
typedef struct GroupNormArgs GroupNormArgs;
typedef struct AttentionArgs AttentionArgs;
typedef struct TimeEmbeddingArgs TimeEmbeddingArgs;
typedef struct ClassEmbeddingArgs ClassEmbeddingArgs;
#else
#ifndef QS_UINT
#define QS_UINT uint
#endif
#endif

/* Where a tensor lies in the buffer that is bound, in vectors of four elements: quad q of pixel p
 * is the vector offset + p * stride + q. */
struct View {
    QS_UINT offset, stride;
};

/* The same pixels and channels on both sides. */
struct ElementwiseArgs {
    View a, b, y;
    QS_UINT pixels, quads;
};

/* upsample_nearest: pixels and width are the input's; avg_pool: the output's, and the heights and
 * widths are those of both. */
struct ResampleArgs {
    View x, y;
    QS_UINT pixels, quads;
    QS_UINT width, height; /* of the pixels that are counted */
    QS_UINT input_width, input_height;
};

struct ConcatArgs {
    View a, b, y;
    QS_UINT pixels;
    QS_UINT a_channels, b_channels;
};

/* One workgroup: `block_groups` groups (`block_quads` vectors of a pixel) of one image over
 * `chunk_pixels` pixels. */
struct GroupNormStatsArgs {
    View x;
    QS_UINT pixels, quads; /* of one image */
    QS_UINT groups, group_channels;
    QS_UINT block_groups, block_quads;
    QS_UINT chunk_pixels;
    float eps;
};

#define GROUP_NORM_CHUNKS_MAX 64

struct GroupNormMergeArgs {
    QS_UINT pixels, groups, group_channels; /* of one image */
    QS_UINT chunks, chunk_pixels;
    float eps;
};

struct GroupNormArgs {
    View x, y;
    View scale_shift; /* [n, 1, 1, 2 * channels] */
    QS_UINT pixels, quads; /* of one image */
    QS_UINT channels, groups, group_channels;
};

struct AttentionArgs {
    View qkv, y;
    QS_UINT tokens, heads, width; /* of one image; channels of one head */
    float scale;                  /* times log2(e): the softmax works with powers of two */
};

struct TimeEmbeddingArgs {
    View y;
    QS_UINT channels;
    QS_UINT cosine_first, relative; /* booleans */
};

struct ClassEmbeddingArgs {
    View x, y;
    QS_UINT quads, count; /* of a row; rows of the table */
};

#endif
