#include "ops/op_support.h"

#include "core/half.h"

#include <math.h>

/* ---- time ---------------------------------------------------------------------------------- */

/* No file has the frequencies: a weight without keys. exp on the CPU in double, because the
 * argument of sine and cosine multiplies its error by a time of up to 1000; everything before exp
 * is rounded as PyTorch's float32 arithmetic rounds it. layout: half the channels, freq_shift,
 * max_period, divides_first. */
static void pack_frequencies(const weight *w, uint32_t key, const float *values, void *packed)
{
    (void)key;
    (void)values;
    float *frequencies = packed;
    const uint32_t count = w->layout[0];
    const float shift = float_from_bits(w->layout[1]), period = float_from_bits(w->layout[2]);
    const float rate = (float)-log((double)period);
    const float divisor = (float)((double)count - (double)shift);
    for (uint32_t i = 0; i < count; ++i) {
        const float quotient = rate / divisor, numerator = rate * (float)i;
        const float exponent = w->layout[3] ? (float)i * quotient : numerator / divisor;
        frequencies[i] = (float)exp((double)exponent);
    }
}

static tensor_id frequencies(graph *g, const time_embedding_params *p)
{
    const uint32_t count = p->channels / 2;
    return graph_weight(
        g, &(weight){ .key_count = 0,
                      .rank = 1,
                      .shape = { count },
                      .type = DTYPE_F32,
                      .packed_bytes = (count ? ceil4(count) : 4) * sizeof(float),
                      .pack = pack_frequencies,
                      .layout = { count, bits_from_float(p->freq_shift),
                                  bits_from_float(p->max_period), p->divides_first } });
}

enum { EMBEDDING_LANES = 64 };

static void dispatch_time(const graph *g, const node *self, op_dispatch *d)
{
    const time_embedding_params *p = self->params;
    const time_embedding_args args = {
        .y = op_view(g, self->out),
        .channels = p->channels,
        .times = graph_tensor(g, self->in[0])->c,
        .time_stride = graph_tensor(g, self->in[0])->stride,
        .cosine_first = p->flip_sin_to_cos,
        .relative = p->relative,
        .fourier = p->weight != NULL,
    };
    d->shader = storage_shader(g, SHADER_time_embedding_f32, SHADER_time_embedding_f16);
    op_constant(d, EMBEDDING_LANES);
    op_groups(d, divide_up(ceil4(args.times * p->channels) / 4, EMBEDDING_LANES),
              graph_tensor(g, self->out)->n, 1);
    op_bind(d, self->in[0], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[1], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

static const op op_time = { "time_embedding", dispatch_time };

tensor_id op_time_embedding(graph *g, const char *name, const time_embedding_params *params)
{
    if (graph_status(g) != QS_OK)
        return NO_TENSOR;
    const tensor_id weights = params->weight
                                  ? weight_vector(g, params->weight, params->channels / 2)
                                  : frequencies(g, params);
    const tensor_id in[] = { params->time, weights };
    const uint32_t n = graph_tensor(g, params->time)->n;
    const uint32_t channels = graph_tensor(g, params->time)->c * params->channels;
    const tensor_id y = graph_activation(g, name, g->storage, n, 1, 1, channels);
    graph_node(g, &op_time, name, in, 2, y, params, sizeof *params, 20.0 * n * channels);
    return y;
}

/* ---- class --------------------------------------------------------------------------------- */

/* Of [count, c] the rows [layout[0], layout[0] + layout[1]) -> rows of ceil4(c) in the storage
 * type. */
static void pack_table(const weight *w, uint32_t key, const float *values, void *packed)
{
    (void)key; /* the only one */
    const size_t c = w->shape[1], stride = ceil4(w->shape[1]);
    for (size_t row = 0; row < w->layout[1]; ++row)
        for (size_t i = 0; i < c; ++i)
            store_float(packed, row * stride + i, w->type == DTYPE_F16,
                        values[(w->layout[0] + row) * c + i]);
}

/* A row on the device. */
static size_t row_bytes(const graph *g, uint32_t c)
{
    return (size_t)ceil4(c) * dtype_bytes(g->storage);
}

static tensor_id table_part(graph *g, const char *key, uint32_t count, uint32_t c, uint32_t first,
                            uint32_t rows)
{
    return graph_weight(g, &(weight){ .keys = &key,
                                      .key_count = 1,
                                      .rank = 2,
                                      .shape = { count, c },
                                      .type = g->storage,
                                      .packed_bytes = rows * row_bytes(g, c),
                                      .pack = pack_table,
                                      .layout = { first, rows } });
}

static tensor_id table_weight(graph *g, const char *key, uint32_t count, uint32_t c)
{
    return table_part(g, key, count, c, 0, count);
}

static void dispatch_class(const graph *g, const node *self, op_dispatch *d)
{
    const tensor_id x = self->in[0], labels = self->in[1];
    const tensor *y = graph_tensor(g, self->out), *table = graph_tensor(g, self->in[2]);
    const class_embedding_args args = {
        .x = op_view(g, x),
        .y = op_view(g, self->out),
        .quads = ceil4(y->c) / 4,
        .count = table->weight->shape[0],
    };
    d->shader = storage_shader(g, SHADER_class_embedding_f32, SHADER_class_embedding_f16);
    op_constant(d, EMBEDDING_LANES);
    op_constant(d, graph_tensor(g, labels)->type == DTYPE_F32);
    op_constant(d, x != NO_TENSOR);
    op_groups(d, divide_up(args.quads, EMBEDDING_LANES), y->n, 1);
    op_bind(d, x, ACCESS_READ, self->in[2]);
    op_bind(d, labels, ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[2], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

static const op op_class = { "class_embedding", dispatch_class };

/* [n, 1, 1, channels], as many as there are labels? */
static bool check_embedded(graph *g, const char *name, const class_embedding_params *p)
{
    const tensor *x = graph_tensor(g, p->x);
    const uint32_t labels = graph_tensor(g, p->labels)->n;
    if (all_pixels(x) == x->n && x->n == labels && x->c == p->channels)
        return true;
    graph_fail(g, qs_error(QS_ERROR_OTHER, "%s: x is [%u, %u, %u, %u] with %u labels of %u",
                           graph_name(g, name), x->n, x->h, x->w, x->c, labels, p->channels));
    return false;
}

tensor_id op_class_embedding(graph *g, const char *name, const class_embedding_params *p)
{
    if (graph_status(g) != QS_OK || (p->x != NO_TENSOR && !check_embedded(g, name, p)))
        return NO_TENSOR;
    const uint32_t n = graph_tensor(g, p->labels)->n;
    const tensor_id rows = table_weight(g, p->table, p->count, p->channels);
    const tensor_id y = graph_activation(g, name, g->storage, n, 1, 1, p->channels);
    graph_node(g, &op_class, name, (tensor_id[]){ p->x, p->labels, rows }, 3, y, NULL, 0,
               (double)n * p->channels);
    return y;
}

/* ---- tokens -------------------------------------------------------------------------------- */

typedef struct token_part { /* params of a node */
    uint32_t first, rows, count;
} token_part;

static void dispatch_tokens(const graph *g, const node *self, op_dispatch *d)
{
    const tensor *y = graph_tensor(g, self->out);
    const token_part *p = self->params;
    const token_embedding_args args = {
        .x = op_view(g, self->in[2]),
        .y = op_view(g, self->out),
        .quads = ceil4(y->c) / 4,
        .first = p->first,
        .rows = p->rows,
        .count = p->count,
        .tokens = y->h,
        .pixels = all_pixels(y),
    };
    d->shader = storage_shader(g, SHADER_token_embedding_f32, SHADER_token_embedding_f16);
    pixel_grid(g, d, args.quads, args.pixels);
    op_constant(d, p->first == 0);
    for (uint32_t i = 0; i < self->in_count; ++i)
        op_bind(d, self->in[i], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

static const op op_tokens = { "token_embedding", dispatch_tokens };

tensor_id op_token_embedding(graph *g, const char *name, const token_embedding_params *p)
{
    if (graph_status(g) != QS_OK)
        return NO_TENSOR;
    const tensor ids = *graph_tensor(g, p->ids);
    if (ids.c > p->position_count) {
        graph_fail(g, qs_error(QS_ERROR_MODEL, "%s: %u tokens, there are %u positions",
                               graph_name(g, name), ids.c, p->position_count));
        return NO_TENSOR;
    }
    const uint64_t fitting = g->limits->storage_range_bytes / row_bytes(g, p->channels);
    const uint32_t most = fitting < p->count ? (uint32_t)fitting : p->count;
    tensor_id x = table_weight(g, p->positions, p->position_count, p->channels);
    for (uint32_t first = 0; first < p->count; first += most) {
        const token_part part = { first, min_u32(most, p->count - first), p->count };
        const tensor_id table = table_part(g, p->table, p->count, p->channels, first, part.rows);
        const tensor_id y = graph_activation(g, name, g->storage, ids.n, ids.c, 1, p->channels);
        if (graph_status(g) != QS_OK)
            return NO_TENSOR;
        graph_node(g, &op_tokens, name, (tensor_id[]){ p->ids, table, x }, 3, y, &part, sizeof part,
                   element_count(graph_tensor(g, y)));
        x = y;
    }
    return x;
}

static void dispatch_token_at(const graph *g, const node *self, op_dispatch *d)
{
    const tensor *x = graph_tensor(g, self->in[0]), *y = graph_tensor(g, self->out);
    const token_at_args args = {
        .x = op_view(g, self->in[0]),
        .y = op_view(g, self->out),
        .quads = ceil4(y->c) / 4,
        .tokens = image_pixels(x),
        .texts = x->n,
    };
    d->shader = storage_shader(g, SHADER_token_at_f32, SHADER_token_at_f16);
    op_constant(d, EMBEDDING_LANES);
    op_groups(d, divide_up(args.quads, EMBEDDING_LANES), y->n, 1);
    op_bind(d, self->in[0], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[1], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

static const op op_at = { "token_at", dispatch_token_at };

tensor_id op_token_at(graph *g, const char *name, tensor_id x, tensor_id positions)
{
    if (graph_status(g) != QS_OK)
        return NO_TENSOR;
    const tensor t = *graph_tensor(g, x);
    const tensor_id y = graph_activation(g, name, t.type, graph_tensor(g, positions)->n, 1, 1, t.c);
    if (graph_status(g) == QS_OK)
        graph_node(g, &op_at, name, (tensor_id[]){ x, positions }, 2, y, NULL, 0, 0);
    return y;
}

/* ---- between two texts ----------------------------------------------------------------------- */

static void dispatch_blend(const graph *g, const node *self, op_dispatch *d)
{
    const tensor *y = graph_tensor(g, self->out);
    const blend_args args = {
        .x = op_view(g, self->in[0]),
        .y = op_view(g, self->out),
        .pixels = all_pixels(y),
        .image_pixels = image_pixels(y),
        .quads = ceil4(y->c) / 4,
        .texts = graph_tensor(g, self->in[1])->n,
        .second = *(const uint32_t *)self->params,
    };
    d->shader = storage_shader(g, SHADER_blend_f32, SHADER_blend_f16);
    pixel_grid(g, d, args.quads, args.pixels);
    op_bind(d, self->in[0], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[1], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

static const op op_between = { "blend", dispatch_blend };

tensor_id op_blend(graph *g, const char *name, tensor_id x, tensor_id weights, uint32_t n,
                   uint32_t second)
{
    if (graph_status(g) != QS_OK)
        return NO_TENSOR;
    const tensor t = *graph_tensor(g, x);
    const tensor_id y = graph_activation(g, name, g->storage, n, t.h, t.w, t.c);
    if (graph_status(g) == QS_OK)
        graph_node(g, &op_between, name, (tensor_id[]){ x, weights }, 2, y, &second, sizeof second,
                   3 * element_count(graph_tensor(g, y)));
    return y;
}
