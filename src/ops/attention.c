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

/* Width a multiple of four: attention.comp. */
static void choose_fast(const graph *g, op_dispatch *d, const attention_args *args, tensor_id qkv)
{
    const gpu_limits *limits = g->limits;
    const uint32_t lanes = limits->cpu ? limits->subgroup_size : 64;
    /* Two queries a lane halve the loads, where they leave enough workgroups and registers. */
    const uint32_t rows = limits->cpu && args->tokens > lanes ? 2 : 1;
    d->shader = op_variant(g, &SHADER_VARIANTS(attention), qkv, qkv);
    op_constant(d, lanes);
    op_constant(d, rows);
    op_constant(d, limits->cpu ? lanes : 4);
    op_constant(d, args->width / 4);
    op_groups(d, divide_up(args->tokens, lanes * rows), args->heads, graph_tensor(g, qkv)->n);
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
    (args.width % 4 == 0 ? choose_fast : choose_any)(g, d, &args, self->in[0]);
    op_bind(d, self->in[0], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

static const op op_attend = { "attention", dispatch_attention };

enum { HEAD_WIDTH_MAX = 256 }; /* a lane keeps a query and a sum of this many floats each */

tensor_id op_attention(graph *g, const char *name, const attention_params *params)
{
    if (graph_status(g) != QS_OK)
        return 0;
    const tensor t = *graph_tensor(g, params->qkv);
    if (params->heads == 0 || t.c % (3 * params->heads) != 0 ||
        t.c / (3 * params->heads) > HEAD_WIDTH_MAX) {
        graph_fail(g, qs_error(QS_ERROR_MODEL,
                               "%s: %u channels are not q, k and v of %u heads of 1 .. %d channels",
                               graph_name(g, name), t.c, params->heads, HEAD_WIDTH_MAX));
        return 0;
    }
    const double tokens = (double)t.h * t.w;
    const tensor_id y = graph_activation(g, name, t.type, t.n, t.h, t.w, t.c / 3);
    graph_node(g, &op_attend, name, &params->qkv, 1, y, params, sizeof *params,
               4 * tokens * tokens * (t.c / 3) * t.n);
    return y;
}
