/* The network alone, and its activations. */
#include "session/session.h"

#include <math.h>
#include <string.h>

/* Of its set. */
enum { WORDS, WORDS_2, GIVEN, CONDITION, FORWARD };

static const graph *forward_graph(const qs_session *s)
{
    return &s->forward.programs[FORWARD].graph;
}

static qs_status make_forward(qs_session *s)
{
    if (s->forward.device)
        return QS_OK;
    qs_status status = QS_OK;
    TRY(session_build_forward(s));
    TRY(program_set_make(&s->forward));
    return QS_OK;
fail:
    program_set_finish(&s->forward);
    return status;
}

/* Of a learned embedding only what it has learned is a time: diffusers fails elsewhere. */
static qs_status check_time(const qs_session *s, float time)
{
    const unet_config *c = &s->model->config.unet;
    if (c->time_embedding != TIME_LEARNED ||
        (time >= 0 && time < (float)c->num_train_timesteps && time == floorf(time)))
        return QS_OK;
    return qs_error(QS_ERROR_USAGE, "timestep %g: this network has learned the whole ones 0 to %u",
                    (double)time, c->num_train_timesteps - 1);
}

static qs_status write_inputs(qs_session *s, const qs_network_input *in)
{
    qs_status status = QS_OK;
    const state_set *states = &s->forward.states;
    float *times = states_upload(states, "time", 0),
          *segments = states_upload(states, "segment", 0);
    uint32_t *ids = states_upload(states, "labels", 0);
    state_write(states_find(states, "sample"), 0, in->sample);
    for (uint32_t i = 0; i < s->options.batch; ++i) {
        uint32_t id;
        TRY(check_time(s, in->timestep[i]));
        TRY(model_label(s->model, in->labels ? in->labels[i] : -1, &id));
        times[i] = in->timestep[i];
        if (segments)
            segments[i] = in->segment ? in->segment[i] : 0.0f;
        if (ids)
            ids[i] = id;
    }
    words_write(s, states, 0);
fail:
    return status;
}

qs_status qs_session_forward(qs_session *s, const qs_network_input *in, float *output)
{
    if (!s || !in || !in->sample || !in->timestep || !output)
        return qs_error(
            QS_ERROR_USAGE,
            "qs_session_forward: session, sample, timestep and output must not be NULL");
    if (s->options.guided || s->options.blended)
        return qs_error(QS_ERROR_USAGE,
                        "qs_session_forward: a session with options.guided or options.blended "
                        "reads texts in pairs only");
    if (s->options.offload)
        return qs_error(QS_ERROR_USAGE,
                        "qs_session_forward: not in a session with options.offload");
    qs_status status = QS_OK;
    TRY(flights_drain(s));
    TRY(words_read(s, &(qs_recipe){ .prompts = in->prompts,
                                    .guidance = in->guidance,
                                    .text_states = in->text_states }));
    TRY(make_forward(s));
    TRY(write_inputs(s, in));
    for (uint32_t program = in->text_states ? GIVEN : WORDS; program <= FORWARD; ++program)
        if (program != GIVEN || in->text_states)
            TRY(program_run(&s->forward, program, 0));
    TRY(program_set_read_arena(&s->forward));
    const graph *g = forward_graph(s);
    program_read_activation(&s->forward, FORWARD, g->nodes[g->node_count - 1].out, output);
fail:
    return status;
}

qs_status qs_session_activation(qs_session *s, uint32_t index, qs_activation *activation,
                                float *data)
{
    if (!s || !activation)
        return qs_error(QS_ERROR_USAGE,
                        "qs_session_activation: session and activation must not be NULL");
    if (!s->options.keep_activations || !s->forward.device)
        return qs_error(
            QS_ERROR_USAGE,
            "activations are kept by keep_activations, and read after qs_session_forward");
    const graph *g = forward_graph(s);
    if (index >= g->node_count)
        return qs_error(QS_ERROR_USAGE, "activation %u: the network has %u nodes", index,
                        g->node_count);
    const node *n = &g->nodes[index];
    const tensor_id out = graph_whole(g, n->out);
    const tensor *t = graph_tensor(g, out);
    *activation = (qs_activation){
        .name = n->name, .n = t->n, .c = t->c, .h = t->h, .w = t->w, .variant = graph_variant(g, n)
    };
    if (data)
        program_read_activation(&s->forward, FORWARD, out, data);
    return QS_OK;
}
