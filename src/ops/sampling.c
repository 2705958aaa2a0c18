/* The sampler's own ops: noise, the step's input, the row's update, and the finished picture. */
#include "ops/op_support.h"

#include "lib/recipe.h"

static uint32_t groups_for(uint32_t invocations)
{
    return divide_up(invocations, SAMPLING_WORKGROUP);
}

/* |e|^2 is summed in this many parts: a function of the picture's size alone, so that a picture
 * does not depend on its batch. At most 64, because every workgroup adds them up again. */
static uint32_t chunks_for(const tensor *latent)
{
    const uint32_t quads = image_pixels(latent) * (latent->stride / 4);
    const uint32_t wanted = ceil4(groups_for(quads) / 4);
    return wanted < 4 ? 4 : wanted > 64 ? 64 : wanted;
}

/* The latent's numbers, and those of `other`, the activation [evaluations * n, h, w, c] next to it.
 */
static sampling_args args_for(const graph *g, tensor_id latent_id, tensor_id other_id)
{
    const tensor *latent = graph_tensor(g, latent_id), *other = graph_tensor(g, other_id);
    return (sampling_args){
        .pixels = image_pixels(latent),
        .channels = latent->c,
        .quads = latent->stride / 4,
        .other = op_view(g, other_id),
        .other_channels = other->c,
        .evaluations = other->n / latent->n,
        .chunks = chunks_for(latent),
    };
}

sampler_states op_sampler_states(graph *g, uint32_t n, uint32_t h, uint32_t w, uint32_t c,
                                 const char *known)
{
    return (sampler_states){
        .recipe =
            graph_state(g, "recipe", DTYPE_U32, 1, 1, 1, sizeof(sampler_recipe) / sizeof(uint32_t)),
        .cursor = graph_state(g, "cursor", DTYPE_U32, 1, 1, 1, 1),
        .latent = graph_state(g, "latent", DTYPE_F32, n, h, w, c),
        .x0_before = graph_state(g, "x0_before", DTYPE_F32, n, h, w, c),
        .known = graph_state(g, known, DTYPE_F32, 1, h, w, c),
        .mask = graph_state(g, "mask", DTYPE_F32, 1, h, w, 1),
        .begun_noise = graph_state(g, "begun_noise", DTYPE_F32, n, h, w, c),
        .start_noise = graph_state(g, "start_noise", DTYPE_F32, n, h, w, c),
        .step_noise = graph_state(g, "step_noise", DTYPE_F32, STEP_NOISE_SLOTS * n, h, w, c),
    };
}

/* One invocation per quad of `channels` of every pixel of the latent. */
static void set_quad_groups(const graph *g, op_dispatch *d, tensor_id latent_id, uint32_t channels)
{
    const tensor *latent = graph_tensor(g, latent_id);
    op_groups(d, groups_for(image_pixels(latent) * (ceil4(channels) / 4)), latent->n, 1);
}

/* The shaders' assumptions about a latent or picture; false (and the graph failed) without them. */
static bool check_quads(graph *g, const char *name, tensor_id latent_id)
{
    if (graph_status(g) != QS_OK)
        return false;
    const tensor *latent = graph_tensor(g, latent_id);
    if (latent->n > RECIPE_BATCH_MAX || latent->type != DTYPE_F32 ||
        latent->stride != ceil4(latent->c)) {
        graph_fail(g,
                   qs_error(QS_ERROR_OTHER,
                            "%s: the latent or picture must be f32 [1 .. %d, h, w, c] of its own",
                            name, RECIPE_BATCH_MAX));
        return false;
    }
    return true;
}

/* ---- begin --------------------------------------------------------------------------------- */

enum { BEGIN_RECIPE, BEGIN_CURSOR, BEGIN_NOISE, BEGIN_KNOWN, BEGIN_BEGUN, BEGIN_COUNT };

static void dispatch_begin(const graph *g, const node *self, op_dispatch *d)
{
    const sampling_args args = args_for(g, self->out, self->out);
    d->shader = SHADER_begin;
    op_bind(d, self->in[BEGIN_RECIPE], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[BEGIN_CURSOR], ACCESS_WRITE, NO_TENSOR);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_bind(d, self->in[BEGIN_NOISE], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[BEGIN_KNOWN], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[BEGIN_BEGUN], ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
    set_quad_groups(g, d, self->out, args.channels);
}

static const op begin_op = { "begin", dispatch_begin };

void op_begin(graph *g, const char *name, const sampler_states *s)
{
    if (!check_quads(g, name, s->latent))
        return;
    const tensor_id in[BEGIN_COUNT] = {
        [BEGIN_RECIPE] = s->recipe, [BEGIN_CURSOR] = s->cursor,     [BEGIN_NOISE] = s->start_noise,
        [BEGIN_KNOWN] = s->known,   [BEGIN_BEGUN] = s->begun_noise,
    };
    graph_node(g, &begin_op, name, in, BEGIN_COUNT, s->latent, NULL, 0, 0);
}

/* ---- row_times ------------------------------------------------------------------------------ */

enum { TIMES_RECIPE, TIMES_CURSOR, TIMES_GIVEN, TIMES_SEGMENT, TIMES_LABELS, TIMES_COUNT };

static void dispatch_row_times(const graph *g, const node *self, op_dispatch *d)
{
    const tensor_id given = self->in[TIMES_GIVEN];
    const row_times_args args = {
        .images = graph_tensor(g, self->out)->n / EMBEDDED_ROWS,
        .labels = given == NO_TENSOR ? 0 : graph_tensor(g, given)->n,
    };
    d->shader = SHADER_row_times;
    op_bind(d, self->in[TIMES_RECIPE], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[TIMES_CURSOR], ACCESS_READ, NO_TENSOR);
    op_bind(d, given, ACCESS_READ, self->in[TIMES_CURSOR]);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_bind(d, self->in[TIMES_SEGMENT], ACCESS_WRITE, NO_TENSOR);
    op_bind(d, self->in[TIMES_LABELS], ACCESS_WRITE, self->in[TIMES_SEGMENT]);
    op_set_push(d, &args, sizeof args);
    op_groups(d, 1, 1, 1);
}

static const op row_times_op = { "row_times", dispatch_row_times };

void op_row_times(graph *g, const char *name, const sampler_states *s, const row_times *to)
{
    if (graph_status(g) != QS_OK)
        return;
    const tensor_id in[TIMES_COUNT] = {
        [TIMES_RECIPE] = s->recipe,       [TIMES_CURSOR] = s->cursor,
        [TIMES_GIVEN] = to->given_labels, [TIMES_SEGMENT] = to->segment,
        [TIMES_LABELS] = to->labels,
    };
    graph_node(g, &row_times_op, name, in, TIMES_COUNT, to->time, NULL, 0, 0);
}

/* ---- step_input ---------------------------------------------------------------------------- */

enum {
    INPUT_RECIPE,
    INPUT_CURSOR,
    INPUT_LATENT,
    INPUT_EMBEDDED,
    INPUT_ROW,
    INPUT_TIME,
    INPUT_KNOWN,
    INPUT_MASK,
    INPUT_COUNT
};

static void dispatch_step_input(const graph *g, const node *self, op_dispatch *d)
{
    const tensor_id latent = self->in[INPUT_LATENT];
    sampling_args args = args_for(g, latent, self->out);
    args.row = op_view(g, self->in[INPUT_ROW]);
    args.row_quads = ceil4(graph_tensor(g, self->in[INPUT_ROW])->c) / 4;
    d->shader = storage_shader(g, SHADER_step_input_f32, SHADER_step_input_f16);
    op_bind(d, self->in[INPUT_RECIPE], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[INPUT_CURSOR], ACCESS_READ, NO_TENSOR);
    op_bind(d, latent, ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[INPUT_EMBEDDED], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[INPUT_ROW], ACCESS_WRITE, NO_TENSOR);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_bind(d, self->in[INPUT_KNOWN], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[INPUT_MASK], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[INPUT_TIME], ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
    set_quad_groups(g, d, latent, args.other_channels);
}

static const op step_input_op = { "step_input", dispatch_step_input };

static bool check_input(graph *g, const char *name, const tensor *latent, const tensor *row,
                        uint32_t channels)
{
    const bool evaluations = row->n == latent->n || row->n == 2 * latent->n;
    if (evaluations && (channels == latent->c || channels == 2 * latent->c + 1))
        return true;
    graph_fail(g, qs_error(QS_ERROR_MODEL,
                           "%s: a network with %u channels and %u evaluations for %u latents of %u "
                           "channels: nothing fills them",
                           name, channels, row->n, latent->n, latent->c));
    return false;
}

tensor_id op_step_input(graph *g, const char *name, const sampler_states *s, tensor_id time,
                        tensor_id embedded, tensor_id row, uint32_t channels)
{
    if (!check_quads(g, name, s->latent))
        return NO_TENSOR;
    const tensor x = *graph_tensor(g, s->latent), t = *graph_tensor(g, row);
    if (!check_input(g, name, &x, &t, channels))
        return NO_TENSOR;
    const tensor_id sample = graph_activation(g, name, g->storage, t.n, x.h, x.w, channels);
    const tensor_id in[INPUT_COUNT] = {
        [INPUT_RECIPE] = s->recipe,  [INPUT_CURSOR] = s->cursor, [INPUT_LATENT] = s->latent,
        [INPUT_EMBEDDED] = embedded, [INPUT_ROW] = row,          [INPUT_TIME] = time,
        [INPUT_KNOWN] = s->known,    [INPUT_MASK] = s->mask,
    };
    graph_node(g, &step_input_op, name, in, INPUT_COUNT, sample, NULL, 0, 0);
    return sample;
}

/* ---- sampler_row: NAME.reduce, NAME, NAME.cursor ------------------------------------------- */

enum {
    ROW_RECIPE,
    ROW_CURSOR,
    ROW_LATENT,
    ROW_MODEL,
    ROW_PARTIALS,
    ROW_KNOWN,
    ROW_MASK,
    ROW_NOISE,
    ROW_BEFORE,
    ROW_BEGUN,
    ROW_COUNT
};

static void bind_row(const graph *g, const node *self, op_access latent, op_access partials,
                     tensor_id partials_id, op_dispatch *d)
{
    const sampling_args args = args_for(g, self->in[ROW_LATENT], self->in[ROW_MODEL]);
    op_bind(d, self->in[ROW_RECIPE], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[ROW_CURSOR], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[ROW_LATENT], latent, NO_TENSOR);
    op_bind(d, self->in[ROW_MODEL], ACCESS_READ, NO_TENSOR);
    op_bind(d, partials_id, partials, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

static void dispatch_reduce(const graph *g, const node *self, op_dispatch *d)
{
    const tensor *partials = graph_tensor(g, self->out);
    d->shader = storage_shader(g, SHADER_sampler_reduce_f32, SHADER_sampler_reduce_f16);
    bind_row(g, self, ACCESS_READ, ACCESS_WRITE, self->out, d);
    op_groups(d, partials->c, partials->n, 1);
}

static void dispatch_row(const graph *g, const node *self, op_dispatch *d)
{
    d->shader = storage_shader(g, SHADER_sampler_row_f32, SHADER_sampler_row_f16);
    bind_row(g, self, ACCESS_READ_WRITE, ACCESS_READ, self->in[ROW_PARTIALS], d);
    op_bind(d, self->in[ROW_KNOWN], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[ROW_MASK], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[ROW_NOISE], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[ROW_BEFORE], ACCESS_READ_WRITE, NO_TENSOR);
    op_bind(d, self->in[ROW_BEGUN], ACCESS_READ, NO_TENSOR);
    set_quad_groups(g, d, self->out, graph_tensor(g, self->out)->c);
}

static void dispatch_cursor_next(const graph *g, const node *self, op_dispatch *d)
{
    (void)g;
    d->shader = SHADER_cursor_next;
    op_bind(d, self->out, ACCESS_READ_WRITE, NO_TENSOR);
    op_groups(d, 1, 1, 1);
}

static const op sampler_reduce_op = { "sampler_reduce", dispatch_reduce };
static const op sampler_row_op = { "sampler_row", dispatch_row };
static const op cursor_next_op = { "cursor_next", dispatch_cursor_next };

/* The model's output is one latent for each, or two. */
static bool check_output(graph *g, const char *name, const tensor *model, const tensor *latent)
{
    if ((model->n == latent->n || model->n == 2 * latent->n) && model->h == latent->h &&
        model->w == latent->w && model->c == latent->c)
        return true;
    graph_fail(g, qs_error(QS_ERROR_MODEL,
                           "%s: the network gives [%u, %u, %u, %u] for latents [%u, %u, %u, %u]",
                           name, model->n, model->h, model->w, model->c, latent->n, latent->h,
                           latent->w, latent->c));
    return false;
}

void op_sampler_row(graph *g, const char *name, const sampler_states *s, tensor_id model_output)
{
    if (!check_quads(g, name, s->latent))
        return;
    const tensor x = *graph_tensor(g, s->latent);
    if (!check_output(g, name, graph_tensor(g, model_output), &x))
        return;
    const char *reduce = graph_format(g, "%s.reduce", name);
    const char *next = graph_format(g, "%s.cursor", name);
    const tensor_id partials = graph_activation(g, reduce, DTYPE_F32, x.n, 1, 1, chunks_for(&x));
    const tensor_id in[ROW_COUNT] = {
        [ROW_RECIPE] = s->recipe,     [ROW_CURSOR] = s->cursor,    [ROW_LATENT] = s->latent,
        [ROW_MODEL] = model_output,   [ROW_PARTIALS] = partials,   [ROW_KNOWN] = s->known,
        [ROW_MASK] = s->mask,         [ROW_NOISE] = s->step_noise, [ROW_BEFORE] = s->x0_before,
        [ROW_BEGUN] = s->begun_noise,
    };
    graph_node(g, &sampler_reduce_op, reduce, in, ROW_PARTIALS, partials, NULL, 0, 0);
    graph_node(g, &sampler_row_op, name, in, ROW_COUNT, s->latent, NULL, 0, 0);
    graph_node(g, &cursor_next_op, next, &s->cursor, 1, s->cursor, NULL, 0, 0);
}

/* ---- keep ---------------------------------------------------------------------------------- */

enum { KEEP_RECIPE, KEEP_PHOTO, KEEP_MASK, KEEP_COUNT };

static void dispatch_keep(const graph *g, const node *self, op_dispatch *d)
{
    const sampling_args args = args_for(g, self->out, self->out);
    d->shader = SHADER_keep;
    op_bind(d, self->in[KEEP_RECIPE], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->out, ACCESS_READ_WRITE, NO_TENSOR);
    op_bind(d, self->in[KEEP_PHOTO], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[KEEP_MASK], ACCESS_READ, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
    set_quad_groups(g, d, self->out, args.channels);
}

static const op keep_op = { "keep", dispatch_keep };

void op_keep(graph *g, const char *name, tensor_id recipe, tensor_id picture, tensor_id photo,
             tensor_id mask)
{
    if (!check_quads(g, name, picture))
        return;
    const tensor_id in[KEEP_COUNT] = {
        [KEEP_RECIPE] = recipe,
        [KEEP_PHOTO] = photo,
        [KEEP_MASK] = mask,
    };
    graph_node(g, &keep_op, name, in, KEEP_COUNT, picture, NULL, 0, 0);
}

/* ---- frame: NAME.clear, NAME --------------------------------------------------------------- */

enum { FRAME_PICTURE, FRAME_REPORT, FRAME_COUNT };

static void set_frame_push(const graph *g, const node *self, op_dispatch *d)
{
    const tensor *picture = graph_tensor(g, self->in[FRAME_PICTURE]);
    const bool *premultiplied = self->params;
    const frame_args args = {
        .pixels = image_pixels(picture),
        .channels = picture->c,
        .pictures = picture->n,
        .premultiplied = *premultiplied && picture->c == 4,
    };
    op_set_push(d, &args, sizeof args);
}

static void dispatch_frame_clear(const graph *g, const node *self, op_dispatch *d)
{
    d->shader = SHADER_frame_clear;
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    set_frame_push(g, self, d);
    op_groups(d, 1, 1, 1);
}

static void dispatch_frame(const graph *g, const node *self, op_dispatch *d)
{
    const tensor *picture = graph_tensor(g, self->in[FRAME_PICTURE]);
    d->shader = SHADER_frame;
    op_bind(d, self->in[FRAME_PICTURE], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_bind(d, self->in[FRAME_REPORT], ACCESS_READ_WRITE, NO_TENSOR);
    set_frame_push(g, self, d);
    op_groups(d, groups_for(image_pixels(picture)), picture->n, 1);
}

static const op frame_clear_op = { "frame_clear", dispatch_frame_clear };
static const op frame_op = { "frame", dispatch_frame };

static bool check_frame(graph *g, const char *name, tensor_id picture_id, tensor_id frame_id,
                        tensor_id report_id)
{
    const tensor *picture = graph_tensor(g, picture_id), *report = graph_tensor(g, report_id);
    const uint64_t frame_bytes = (uint64_t)picture->n * image_pixels(picture) * 4;
    if (picture->c != 1 && picture->c != 3 && picture->c != 4) {
        graph_fail(g, qs_error(QS_ERROR_MODEL, "%s: %u channels are no picture (1, 3 or 4 are)",
                               name, picture->c));
        return false;
    }
    if (graph_tensor(g, frame_id)->bytes >= frame_bytes && report->n == picture->n &&
        report->c == REPORT_WORDS)
        return true;
    graph_fail(g, qs_error(QS_ERROR_OTHER, "%s: the frame or the report is too small", name));
    return false;
}

void op_frame(graph *g, const char *name, tensor_id picture, tensor_id frame, tensor_id report,
              bool premultiplied)
{
    if (!check_quads(g, name, picture) || !check_frame(g, name, picture, frame, report))
        return;
    const char *clear = graph_format(g, "%s.clear", name);
    const tensor_id in[FRAME_COUNT] = { [FRAME_PICTURE] = picture, [FRAME_REPORT] = report };
    graph_node(g, &frame_clear_op, clear, in, FRAME_COUNT, report, &premultiplied,
               sizeof premultiplied, 0);
    graph_node(g, &frame_op, name, in, FRAME_COUNT, frame, &premultiplied, sizeof premultiplied, 0);
}
