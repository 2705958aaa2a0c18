/* Submissions in flight: what the device still does, in the order in which it does it. */
#include "core/clock.h"
#include "session/session.h"

#include <assert.h>

/* How long the device may be away: two groups are in flight, and a window draws between them. */
static const double GROUP_MS = 8, GROUP_SOFTWARE_MS = 30;

/* parts: of the flights that have finished by now. Seen late, a part seems long, and groups become
 * smaller than they need be. */
static void learn_part_ms(flights *f, uint32_t parts, double now_ms)
{
    if (parts > 0) {
        const double part_ms = (now_ms - f->busy_since_ms) / parts;
        f->part_ms = f->part_ms > 0 ? 0.7 * f->part_ms + 0.3 * part_ms : part_ms;
    }
    f->busy_since_ms = now_ms;
}

qs_status flights_retire(qs_session *s)
{
    flights *f = &s->flights;
    uint64_t done = 0;
    const qs_status status = gpu_poll(s->device, &done);
    if (status != QS_OK)
        return status;
    uint32_t kept = 0, parts = 0;
    for (uint32_t i = 0; i < f->count; ++i)
        if (f->flights[i].ticket > done)
            f->flights[kept++] = f->flights[i];
        else
            parts += f->flights[i].parts;
    if (kept < f->count)
        learn_part_ms(f, parts, clock_ms());
    f->count = kept;
    frames *frames = &s->frames;
    if (frames->writing >= 0 && frames->slots[frames->writing].ticket <= done) {
        frames->ready = frames->writing;
        frames->writing = -1;
    }
    return QS_OK;
}

static qs_status submit_parts(qs_session *s, const gpu_commands *commands, uint32_t first,
                              uint32_t count, uint32_t steps_before, uint64_t *ticket)
{
    flights *f = &s->flights;
    assert(f->count < FLIGHTS_MAX && "begin waits for its slot, advance for GROUPS_AHEAD");
    const qs_status status = gpu_submit_parts(s->device, commands, first, count, ticket);
    if (status != QS_OK)
        return status;
    if (f->count == 0)
        f->busy_since_ms = clock_ms();
    f->flights[f->count++] = (flight){ *ticket, s->picture.serial, steps_before, count };
    f->last_ticket = *ticket;
    return QS_OK;
}

qs_status flights_submit(qs_session *s, session_program program, uint32_t recording,
                         uint32_t steps_before, uint64_t *ticket)
{
    const gpu_commands *commands = s->programs.programs[program].commands[recording];
    const qs_status status =
        submit_parts(s, commands, 0, gpu_commands_part_count(commands), steps_before, ticket);
    if (status == QS_OK)
        s->flights.flights[s->flights.count - 1].parts = 0; /* too short to learn from */
    return status;
}

static uint32_t group_parts(const qs_session *s, uint32_t left)
{
    const double group_ms = gpu_device_limits(s->device)->cpu ? GROUP_SOFTWARE_MS : GROUP_MS;
    if (s->undivided)
        return left;
    if (s->flights.part_ms <= 0)
        return 1;
    const double parts = group_ms / s->flights.part_ms;
    return parts < 1 ? 1 : parts > left ? left : (uint32_t)parts;
}

qs_status flights_submit_group(qs_session *s, session_program program, uint32_t recording,
                               uint32_t steps_before, uint64_t *ticket, bool *finished)
{
    const gpu_commands *commands = s->programs.programs[program].commands[recording];
    const uint32_t first = s->picture.parts_submitted, all = gpu_commands_part_count(commands);
    const uint32_t count = group_parts(s, all - first);
    const qs_status status = submit_parts(s, commands, first, count, steps_before, ticket);
    if (status != QS_OK)
        return status;
    *finished = first + count == all;
    s->picture.parts_submitted = *finished ? 0 : first + count;
    return QS_OK;
}

qs_status flights_submit_before(qs_session *s, session_program program)
{
    return gpu_submit(s->device, s->programs.programs[program].commands[0],
                      &s->flights.last_ticket);
}

qs_status flights_drain(qs_session *s)
{
    if (s->flights.last_ticket == 0)
        return QS_OK;
    const qs_status status = gpu_wait(s->device, s->flights.last_ticket, UINT32_MAX);
    return status == QS_OK ? flights_retire(s) : status;
}
