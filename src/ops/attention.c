#include "ops/op_support.h"

#include <math.h>

static const double LOG2_E = 1.44269504088896340736;

static attention_args args_for(const graph *g, const node *self)
{
    const attention_params *p = self->params;
    const tensor *qkv = graph_tensor(g, p->qkv);
    return (attention_args){
        .qkv = op_view(g, p->qkv),
        .y = op_view(g, self->out),
        .tokens = image_pixels(qkv),
        .heads = p->heads,
        .width = qkv->c / (3 * p->heads),
        .scale = (float)(p->scale * LOG2_E),
    };
}

/* Vectors of a head that a lane holds, of its query and of its sum. Wider heads go in equal parts,
 * which are smaller: a part costs a softmax more, but a large one seconds of compilation. */
enum { WHOLE_QUADS_MAX = 64, PART_QUADS_MAX = 32, PART_QUADS_MIN = 8 };

static uint32_t part_quads(uint32_t quads)
{
    if (quads <= WHOLE_QUADS_MAX)
        return quads;
    uint32_t part = PART_QUADS_MAX;
    while (quads % part != 0)
        --part;
    return part;
}

/* For attention.comp: vectors of four channels are of one head, and there are not too many parts */
static bool is_fast(uint32_t width)
{
    const uint32_t quads = width / 4;
    return width % 4 == 0 && (quads <= WHOLE_QUADS_MAX || part_quads(quads) >= PART_QUADS_MIN);
}

static void choose_fast(const graph *g, op_dispatch *d, const attention_args *args, tensor_id qkv)
{
    const gpu_limits *limits = g->limits;
    const uint32_t lanes = limits->cpu ? limits->subgroup_size : 64;
    const uint32_t part = part_quads(args->width / 4), parts = args->width / 4 / part;
    /* Two queries a lane halve the loads, where they leave enough workgroups and registers. */
    const uint32_t rows = limits->cpu && args->tokens > lanes && parts == 1 ? 2 : 1;
    d->shader = op_variant(g, &SHADER_VARIANTS(attention), qkv, qkv);
    op_constant(d, lanes);
    op_constant(d, rows);
    op_constant(d, limits->cpu ? lanes : 4);
    op_constant(d, part);
    op_constant(d, parts);
    op_groups(d, divide_up(args->tokens, lanes * rows), args->heads * parts,
              graph_tensor(g, qkv)->n);
}

static void choose_any(const graph *g, op_dispatch *d, const attention_args *args, tensor_id qkv)
{
    const uint32_t lanes = min_u32(64, g->limits->workgroup_invocations);
    d->shader = storage_shader(g, SHADER_attention_any_f32, SHADER_attention_any_f16);
    op_constant(d, lanes);
    op_groups(d, divide_up(args->tokens, lanes), ceil4(args->heads * args->width) / 4,
              graph_tensor(g, qkv)->n);
}

static void dispatch_attention(const graph *g, const node *self, op_dispatch *d)
{
    const attention_args args = args_for(g, self);
    (is_fast(args.width) ? choose_fast : choose_any)(g, d, &args, self->in[0]);
    op_bind(d, self->in[0], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

/* llvmpipe leaves a shader's loops for good, and without a word, after 65535 rounds of all of them
 * together; attention_any's are over keys and channels, for each head of a vector of four. */
static bool fits_llvmpipe(const attention_args *args)
{
    const uint32_t heads = args->width >= 4 ? 2 : 4;
    return is_fast(args->width) || (uint64_t)args->tokens * (args->width + 5) * heads <= 65535;
}

static const op op_attend = { "attention", dispatch_attention };

tensor_id op_attention(graph *g, const char *name, const attention_params *params)
{
    if (graph_status(g) != QS_OK)
        return 0;
    const tensor t = *graph_tensor(g, params->qkv);
    if (params->heads == 0 || t.c % (3 * params->heads) != 0) {
        graph_fail(g, qs_error(QS_ERROR_MODEL, "%s: %u channels are not q, k and v of %u heads",
                               graph_name(g, name), t.c, params->heads));
        return 0;
    }
    const attention_args size = { .tokens = t.h * t.w, .width = t.c / (3 * params->heads) };
    if (g->limits->cpu && !fits_llvmpipe(&size)) {
        graph_fail(g,
                   qs_error(QS_ERROR_DEVICE,
                            "%s: %u tokens in heads %u channels wide are too many for a software "
                            "device: heads need a multiple of four channels there",
                            graph_name(g, name), size.tokens, size.width));
        return 0;
    }
    const double tokens = size.tokens;
    const tensor_id y = graph_activation(g, name, t.type, t.n, t.h, t.w, t.c / 3);
    graph_node(g, &op_attend, name, &params->qkv, 1, y, params, sizeof *params,
               4 * tokens * tokens * (t.c / 3) * t.n);
    return y;
}
