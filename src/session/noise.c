/*
 * Noise that does not come from the device: the caller's, or that of PyTorch's generator. It goes
 * into host-visible slots which begin and the steps read when the recipe says so; nothing is
 * recorded again, and a step's slot is free long before it is written, since the step that read it
 * last lies two behind.
 */
#include "program/layout.h"
#include "session/session.h"

/* noise [c, h, w] of one picture into its place in a slot [batch, h, w, stride]. */
static void write_picture(qs_session *s, float *slot, uint32_t picture, const float *noise)
{
    const session_shape size = session_latents(s);
    const size_t elements = (size_t)size.h * size.w * ceil4(size.c);
    layout_to_device(noise, 1, size.c, size.h, size.w, DTYPE_F32, slot + picture * elements);
}

/* given [batch, c, h, w], or NULL: the generators' next numbers. */
static void write_slot(qs_session *s, float *slot, const float *given)
{
    host_noise *n = &s->noise;
    for (uint32_t i = 0; i < s->options.batch; ++i) {
        if (given) {
            write_picture(s, slot, i, given + i * n->latent_elements);
            continue;
        }
        torch_rng_normals(&n->generators[i], n->latent_elements, n->drawn);
        write_picture(s, slot, i, n->drawn);
    }
}

/* The first element of a state that the programs read from the host's memory. */
static float *noise_memory(const qs_session *s, const char *name)
{
    return state_mapped(&states_find(&s->programs.states, name)->slice, 0);
}

qs_status noise_start(qs_session *s, const qs_recipe *wanted, sampler_recipe *recipe)
{
    const bool torch = wanted->rng == QS_RNG_TORCH;
    host_noise *n = &s->noise;
    n->given_steps = wanted->step_noise;
    n->next_step = 0;
    recipe->start_from_host = torch || wanted->noise;
    recipe->steps_from_host = torch || wanted->step_noise;
    for (uint32_t i = 0; torch && i < s->options.batch; ++i)
        torch_rng_seed(&n->generators[i], wanted->seed + i);
    if (!recipe->start_from_host)
        return QS_OK;
    const qs_status status = gpu_wait(s->device, n->start_ticket, UINT32_MAX);
    if (status == QS_OK)
        write_slot(s, noise_memory(s, "start_noise"), wanted->noise);
    return status;
}

qs_status noise_step(qs_session *s, uint32_t step)
{
    host_noise *n = &s->noise;
    const sampler_recipe *recipe = s->picture.recipe;
    const bool written = step < n->next_step; /* for a submission that failed */
    if (written || !recipe->steps_from_host || recipe->rows[step].draw == 0)
        return QS_OK;
    const uint32_t index = step % STEP_NOISE_SLOTS;
    const qs_status status = gpu_wait(s->device, n->step_tickets[index], UINT32_MAX);
    if (status != QS_OK)
        return status;
    const session_shape size = session_latents(s);
    const size_t slot_elements = (size_t)size.n * size.h * size.w * ceil4(size.c);
    const size_t elements = s->options.batch * n->latent_elements;
    write_slot(s, noise_memory(s, "step_noise") + index * slot_elements,
               n->given_steps ? n->given_steps + step * elements : NULL);
    n->next_step = step + 1;
    return QS_OK;
}
