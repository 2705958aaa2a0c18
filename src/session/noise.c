/*
 * Noise that does not come from the device: the caller's, or that of PyTorch's generator. It goes
 * into host-visible slots which begin and the steps read when the recipe says so; nothing is
 * recorded again, and a step's slot is free long before it is written, since the step that read it
 * last lies two behind.
 */
#include "session/session.h"

/* noise [c, h, w] of one picture into its place in a slot. */
static void write_picture(qs_session *s, const gpu_slice *slot, uint32_t picture,
                          const float *noise)
{
    const session_shape size = session_latents(s);
    const uint64_t bytes = s->state.latent.size / s->options.batch;
    char *to = (char *)s->noise_memory.mapped + slot->offset + picture * bytes;
    layout_to_device(noise, 1, size.c, size.h, size.w, 1, DTYPE_F32, to);
}

/* given [batch, c, h, w], or NULL: the generators' next numbers. */
static void write_slot(qs_session *s, const gpu_slice *slot, const float *given)
{
    for (uint32_t i = 0; i < s->options.batch; ++i) {
        if (given) {
            write_picture(s, slot, i, given + i * s->latent_elements);
            continue;
        }
        torch_rng_normals(&s->generators[i], s->latent_elements, s->drawn);
        write_picture(s, slot, i, s->drawn);
    }
}

qs_status session_start_noise(qs_session *s, const qs_recipe *wanted, sampler_recipe *recipe)
{
    const bool torch = wanted->rng == QS_RNG_TORCH;
    s->given_step_noise = wanted->step_noise;
    s->noise_steps = 0;
    recipe->start_from_host = torch || wanted->noise;
    recipe->steps_from_host = torch || wanted->step_noise;
    for (uint32_t i = 0; torch && i < s->options.batch; ++i)
        torch_rng_seed(&s->generators[i], wanted->seed + i);
    if (!recipe->start_from_host)
        return QS_OK;
    const qs_status status = gpu_wait(s->device, s->start_noise_ticket, UINT32_MAX);
    if (status == QS_OK)
        write_slot(s, &s->state.start_noise, wanted->noise);
    return status;
}

qs_status session_step_noise(qs_session *s, uint32_t step)
{
    const bool written = step < s->noise_steps; /* for a submission that failed */
    if (written || !s->recipe->steps_from_host || s->recipe->rows[step].draw == 0)
        return QS_OK;
    const uint32_t index = step % STEP_NOISE_SLOTS;
    const qs_status status = gpu_wait(s->device, s->step_noise_tickets[index], UINT32_MAX);
    if (status != QS_OK)
        return status;
    gpu_slice slot = s->state.step_noise;
    slot.offset += index * s->state.latent.size;
    const size_t elements = s->options.batch * s->latent_elements;
    write_slot(s, &slot, s->given_step_noise ? s->given_step_noise + step * elements : NULL);
    s->noise_steps = step + 1;
    return QS_OK;
}
