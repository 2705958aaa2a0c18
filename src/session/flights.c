/* Submissions in flight: what the device still does, in the order in which it does it. */
#include "session/session.h"

#include <assert.h>

qs_status flights_retire(qs_session *s)
{
    flights *f = &s->flights;
    uint64_t done = 0;
    const qs_status status = gpu_poll(s->device, &done);
    if (status != QS_OK)
        return status;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < f->count; ++i)
        if (f->flights[i].ticket > done)
            f->flights[kept++] = f->flights[i];
    f->count = kept;
    frames *frames = &s->frames;
    if (frames->writing >= 0 && frames->slots[frames->writing].ticket <= done) {
        frames->ready = frames->writing;
        frames->writing = -1;
    }
    return QS_OK;
}

qs_status flights_submit(qs_session *s, session_program program, uint32_t recording,
                         uint32_t steps_before, uint64_t *ticket)
{
    flights *f = &s->flights;
    assert(f->count < FLIGHTS_MAX && "begin waits for its slot, advance for VERBS_AHEAD");
    const qs_status status =
        gpu_submit(s->device, s->programs.programs[program].commands[recording], ticket);
    if (status != QS_OK)
        return status;
    f->flights[f->count++] = (flight){ *ticket, s->picture.serial, steps_before };
    f->last_ticket = *ticket;
    return QS_OK;
}

qs_status flights_drain(qs_session *s)
{
    if (s->flights.last_ticket == 0)
        return QS_OK;
    const qs_status status = gpu_wait(s->device, s->flights.last_ticket, UINT32_MAX);
    return status == QS_OK ? flights_retire(s) : status;
}
