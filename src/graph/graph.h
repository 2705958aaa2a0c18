/*
 * What is computed: tensors and nodes in execution order. No Vulkan, no memory.
 *
 * Activations are channels last, [n, h, w, c]; a token list [n, tokens, c] is h = tokens, w = 1 or
 * any h * w = tokens: the same bytes. A pixel takes `stride` elements, a multiple of 4 and at
 * least c; the pad lanes c .. ceil4(c)-1 are always zero, so that shaders load and store vectors
 * of four without looking. A tensor may be a channel slice of another one (`parent`, `offset`):
 * that is how a concat costs nothing. Or a band, consecutive pixels of another one: that is how an
 * op works on a tensor that is larger than what the device binds.
 */
#ifndef QS_GRAPH_GRAPH_H
#define QS_GRAPH_GRAPH_H

#include "core/arena.h"
#include "core/status.h"
#include "gpu/limits.h"

typedef uint32_t tensor_id;
#define NO_TENSOR UINT32_MAX

typedef enum tensor_kind {
    TENSOR_ACTIVATION, /* lives in the plan's arena */
    TENSOR_WEIGHT,     /* lives in the model's weight buffer, packed by `weight->pack` */
    TENSOR_STATE,      /* named memory that outlives a replay: recipe, cursor, latent, frame */
} tensor_kind;

typedef enum dtype { DTYPE_F32, DTYPE_F16, DTYPE_U32 } dtype;

static inline uint32_t dtype_bytes(dtype type)
{
    return type == DTYPE_F16 ? 2 : 4;
}

static inline const char *dtype_name(dtype type)
{
    return type == DTYPE_F16 ? "f16" : type == DTYPE_F32 ? "f32" : "u32";
}

static inline uint32_t ceil4(uint32_t value)
{
    return (value + 3u) & ~3u;
}

static inline uint32_t divide_up(uint32_t a, uint32_t b)
{
    return a / b + (a % b != 0);
}

/* Where a weight comes from and how its bytes are laid out on the device. */
typedef struct weight {
    const char *const *keys; /* safetensors names; several are stacked along dimension 0 */
    uint32_t key_count;
    const uint32_t *rows;    /* NULL, or dimension 0 of each source, where they differ: then each
                                starts at a multiple of four rows, and the rows between are zero */
    uint32_t rank, shape[4]; /* of one source, as in the file: [co, ci, kh, kw], [out, in], [c] */
    size_t packed_bytes;
    /* Called once for each source, or once with NULL where there are no keys. values: the source as
     * float, [weight_rows(weight, key), shape[1], ...]. packed: of all sources, zeroed before. */
    void (*pack)(const struct weight *weight, uint32_t key, const float *values, void *packed);
    dtype type;         /* element type of the packed bytes */
    uint32_t layout[4]; /* for pack: tile sizes and the like */
} weight;

/* Dimension 0 of source `key`. */
static inline uint32_t weight_rows(const weight *w, uint32_t key)
{
    return w->rows ? w->rows[key] : w->shape[0];
}

/* Where source `key` starts in the stack; of key_count: the rows of all. */
static inline uint32_t weight_row(const weight *w, uint32_t key)
{
    if (!w->rows)
        return key * w->shape[0];
    uint32_t row = 0;
    for (uint32_t i = 0; i < key; ++i)
        row += ceil4(w->rows[i]);
    return row;
}

/* Elements of a row: what follows dimension 0. */
static inline size_t weight_row_elements(const weight *w)
{
    size_t count = 1;
    for (uint32_t i = 1; i < w->rank; ++i)
        count *= w->shape[i];
    return count;
}

typedef struct tensor {
    const char *name;
    tensor_kind kind;
    dtype type;
    uint32_t n, h, w, c;
    uint32_t stride;  /* elements from pixel to pixel, in the root */
    uint32_t offset;  /* elements from the root's start: the first pixel's first channel */
    tensor_id parent; /* NO_TENSOR: this is a root, with memory of its own */
    bool band;        /* of its parent: all channels of some pixels */
    uint64_t bytes;   /* a root's size */
    const weight *weight;
} tensor;

struct graph;
struct node;
struct op_dispatch;
struct chooser;
struct chosen;

/* An op's dispatch rule: fills in everything that one vkCmdDispatch needs. It runs after the whole
 * graph is built, when offsets and strides are final. */
typedef struct op {
    const char *name; /* "conv2d" */
    void (*dispatch)(const struct graph *g, const struct node *node, struct op_dispatch *out);
} op;

enum { NODE_INPUTS_MAX = 10, GRAPH_SCOPES_MAX = 16 };

typedef struct node {
    const op *op;
    const char *name;              /* diffusers' name: "down_blocks.0.resnets.1.conv1" */
    tensor_id in[NODE_INPUTS_MAX]; /* NO_TENSOR where an optional input is absent */
    uint32_t in_count;
    tensor_id out;
    const void *params; /* the op's own struct, copied into the graph's arena */
    double flops;
} node;

typedef struct graph {
    arena arena;
    const gpu_limits *limits;
    uint32_t pictures;             /* at a time, for messages; guided ones are two images each */
    dtype storage;                 /* of activations and matrix weights */
    const struct chooser *chooser; /* graph/choice.h; NULL: every op's default variant */
    const struct chosen *chosen;   /* its answers */
    tensor *tensors;
    uint32_t tensor_count, tensor_capacity;
    node *nodes;
    uint32_t node_count, node_capacity;
    char scope[256]; /* "down_blocks.0.resnets.1" */
    size_t scope_lengths[GRAPH_SCOPES_MAX];
    uint32_t scope_depth;
    qs_status status; /* the first failure; later calls do nothing, graph_status() reports */
} graph;

void graph_init(graph *g, const gpu_limits *limits, dtype storage);
void graph_finish(graph *g);
qs_status graph_status(const graph *g); /* QS_OK, or the first error of any call below */

/* Names live as long as the graph; without memory the graph fails, and the name is "".
 * graph_name(g, "conv1") is "SCOPE.conv1". */
void graph_push_scope(graph *g, const char *format, ...) QS_PRINTF(2, 3);
void graph_pop_scope(graph *g);
const char *graph_name(graph *g, const char *name);
const char *graph_format(graph *g, const char *format, ...) QS_PRINTF(2, 3);

/* Tensors; NO_TENSOR when the graph has failed. `name` is copied. A state that is asked for again
 * is the same tensor. */
tensor_id graph_activation(graph *g, const char *name, dtype type, uint32_t n, uint32_t h,
                           uint32_t w, uint32_t c);
tensor_id graph_state(graph *g, const char *name, dtype type, uint32_t n, uint32_t h, uint32_t w,
                      uint32_t c);
tensor_id graph_weight(graph *g, const weight *source); /* copied, keys and rows too */

/* Makes `part` the channels [channel, channel + c) of `whole`. Only for an activation that is a
 * root and nobody's parent, at a channel that is a multiple of 4. */
bool graph_can_slice(const graph *g, tensor_id part, tensor_id whole, uint32_t channel);
void graph_slice(graph *g, tensor_id part, tensor_id whole, uint32_t channel);

/* Channels [channel, channel + c) of `whole`, a state or an activation, to be read; a multiple
 * of 4. */
tensor_id graph_part(graph *g, const char *name, tensor_id whole, uint32_t channel, uint32_t c);

/* Pixels [first, first + h * w) of `whole`, counted through all images, as [1, h, w, c]. */
tensor_id graph_band(graph *g, tensor_id whole, uint32_t first, uint32_t h, uint32_t w);

/* Appends a node; params (params_bytes) and in[] are copied; name gets the scope in front. */
void graph_node(graph *g, const op *op, const char *name, const tensor_id *in, uint32_t in_count,
                tensor_id out, const void *params, size_t params_bytes, double flops);

/* Moves the node that was appended last in front of node `position`. */
void graph_move_last_node(graph *g, uint32_t position);

void graph_fail(graph *g, qs_status status); /* message already stored with qs_error */

static inline const tensor *graph_tensor(const graph *g, tensor_id id)
{
    return &g->tensors[id];
}

/* For a builder that goes on after a failure: 0 of NO_TENSOR. */
static inline uint32_t graph_channels(const graph *g, tensor_id id)
{
    return id == NO_TENSOR ? 0 : g->tensors[id].c;
}

tensor_id graph_root(const graph *g, tensor_id id);
tensor_id graph_whole(const graph *g, tensor_id id); /* what a band is of; others themselves */

/* The bytes of the root that a dispatch binds: all, or those of a band, which begin at a multiple
 * of GPU_ALIGNMENT. */
typedef struct tensor_range {
    uint64_t begin, bytes;
} tensor_range;
tensor_range graph_range(const graph *g, tensor_id id);
tensor_id graph_find_state(const graph *g, const char *name); /* NO_TENSOR if there is none */

#endif
