/* The three frames of a session: one is shown, one is ready, one is being written. */
#include "core/clock.h"
#include "session/report.h"
#include "session/session.h"

#include <math.h>
#include <quickstep/vulkan.h>
#include <stdio.h>

/* A slot that nobody shows and that is not the newest finished one. There is one: only one decode
 * is ever in flight, since a step lies between two of them and advance lets two verbs run. */
static int free_slot(const frames *f)
{
    int slot = 0;
    while (slot == f->shown || slot == f->ready)
        ++slot;
    return slot;
}

qs_status frames_decode(qs_session *s, bool *finished)
{
    const session_shape size = session_pictures(s);
    picture *p = &s->picture;
    if (p->decode_slot < 0)
        p->decode_slot = free_slot(&s->frames);
    const int slot = p->decode_slot;
    frame_slot *f = &s->frames.slots[slot];
    const qs_status status =
        flights_submit_group(s, PROGRAM_DECODE, (uint32_t)slot, p->steps, &f->ticket, finished);
    if (status != QS_OK || !*finished)
        return status;
    f->begin_ms = p->begin_ms;
    f->frame = (qs_frame){ .serial = p->serial,
                           .width = size.w,
                           .height = size.h,
                           .count = size.n,
                           .slot = (uint32_t)slot,
                           .steps = p->steps,
                           .seed = p->seed };
    s->frames.writing = slot;
    return QS_OK;
}

int frames_newest(const qs_session *s)
{
    const frames *f = &s->frames;
    return f->writing >= 0 ? f->writing : f->ready >= 0 ? f->ready : f->shown;
}

/* ---- what was drawn ------------------------------------------------------------------------- */

static gpu_slice frame_part(const qs_session *s, const char *name, uint32_t slot)
{
    return state_slot(&states_find(&s->programs.states, name)->slice, slot);
}

static const void *mapped_part(const qs_session *s, const char *name, uint32_t slot)
{
    return state_mapped(&states_find(&s->programs.states, name)->slice, slot);
}

static const uint32_t *picture_report(const qs_session *s, uint32_t slot, uint32_t index)
{
    return (const uint32_t *)mapped_part(s, "report", slot) + (size_t)index * REPORT_WORDS;
}

static qs_status check_picture(const qs_frame *f, uint32_t index, const uint32_t *report)
{
    char what[96];
    snprintf(what, sizeof what, "picture %u of %u (seed %llu, %u steps)", index + 1, f->count,
             (unsigned long long)f->seed + index, f->steps);
    return report_check(report, what);
}

qs_status frames_check(const qs_session *s, uint32_t slot)
{
    const qs_frame *f = &s->frames.slots[slot].frame;
    for (uint32_t i = 0; i < f->count; ++i) {
        const qs_status status = check_picture(f, i, picture_report(s, slot, i));
        if (status != QS_OK)
            return status;
    }
    return QS_OK;
}

/* Reads the report of a decode that has just finished. */
static void finish_frame(qs_session *s, uint32_t slot)
{
    qs_frame *f = &s->frames.slots[slot].frame;
    f->pixels = mapped_part(s, "frame", slot);
    f->bad_count = 0;
    f->min_value = INFINITY;
    f->max_value = -INFINITY;
    for (uint32_t i = 0; i < f->count; ++i) {
        const uint32_t *report = picture_report(s, slot, i);
        f->bad_count += report[REPORT_BAD];
        f->min_value = fminf(f->min_value, report_float(report[REPORT_MIN]));
        f->max_value = fmaxf(f->max_value, report_float(report[REPORT_MAX]));
    }
    f->latency_ms = clock_ms() - s->frames.slots[slot].begin_ms;
    f->check = frames_check(s, slot);
}

qs_status qs_session_frame(qs_session *s, qs_frame *frame)
{
    if (!s || !frame)
        return qs_error(QS_ERROR_USAGE, "qs_session_frame: session and frame must not be NULL");
    frames *f = &s->frames;
    const qs_status status = flights_retire(s);
    if (status != QS_OK)
        return status;
    if (f->ready >= 0) {
        finish_frame(s, (uint32_t)f->ready);
        f->shown = f->ready;
        f->ready = -1;
    }
    *frame = f->shown >= 0 ? f->slots[f->shown].frame : (qs_frame){ 0 };
    return QS_OK;
}

void qs_session_get_frame_buffer(const qs_session *s, uint32_t slot, VkBuffer *buffer,
                                 VkDeviceSize *offset, VkDeviceSize *size)
{
    if (!buffer || !offset || !size)
        return;
    const bool known = s && slot < FRAME_SLOTS;
    const gpu_slice pixels = known ? frame_part(s, "frame", slot) : (gpu_slice){ 0 };
    *buffer = known ? pixels.buffer->vk : VK_NULL_HANDLE;
    *offset = pixels.offset;
    *size = pixels.size;
}
