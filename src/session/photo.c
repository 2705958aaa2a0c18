/*
 * A picture to begin from: bytes -> what the device makes its latent of, when they change; and the
 * mask, which goes with every recipe.
 */
#include "sampler/edit.h"
#include "session/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t pixel_count(const qs_session *s)
{
    const session_shape size = session_pictures(s);
    return (size_t)size.h * size.w;
}

qs_status photo_create(qs_session *s)
{
    if (!s->options.edits)
        return QS_OK;
    s->photo.pixels = malloc(4 * pixel_count(s));
    return s->photo.pixels ? QS_OK : qs_error(QS_ERROR_MEMORY, "no host memory for a picture");
}

void photo_destroy(qs_session *s)
{
    free(s->photo.pixels);
}

/* ---- what a recipe may ask for --------------------------------------------------------------- */

static qs_status check_filling(const qs_session *s, const qs_recipe *r)
{
    if (!model_fills_in(&s->model->config))
        return QS_OK;
    if (!r->init || !r->mask)
        return qs_error(QS_ERROR_USAGE, "this model fills in: it draws nothing without a picture "
                                        "to begin from and a mask");
    if (r->strength != 0 && r->strength != 1)
        return qs_error(QS_ERROR_USAGE,
                        "a strength of %g: this model fills in, and draws where the mask says from "
                        "noise alone: 1 is possible",
                        (double)r->strength);
    return QS_OK;
}

/* What the channels cannot carry must not be there. */
static qs_status check_content(const qs_session *s, const uint8_t *rgba)
{
    const uint32_t channels = session_pictures(s).c;
    for (size_t i = 0; i < pixel_count(s); ++i) {
        const uint8_t *p = rgba + 4 * i;
        if (channels < 4 && p[3] != 255)
            return qs_error(QS_ERROR_USAGE,
                            "the picture to begin from has transparent pixels, and the model takes "
                            "none");
        if (channels == 1 && (p[0] != p[1] || p[0] != p[2]))
            return qs_error(QS_ERROR_USAGE, "the picture to begin from is in colour, and the model "
                                            "takes grey ones");
    }
    return QS_OK;
}

/* Luminance is a sum of colours, and no number of a latent. */
static qs_status check_colours(const qs_session *s, const qs_recipe *r)
{
    const uint32_t channels = session_pictures(s).c;
    if (!r->keep_luminance || (channels == 3 && session_pictures(s).h == session_latents(s).h &&
                               !model_fills_in(&s->model->config)))
        return QS_OK;
    return channels == 3
               ? qs_error(QS_ERROR_USAGE,
                          "this model draws latents: only one that draws the pixels "
                          "themselves can keep a picture's luminance")
               : qs_error(
                     QS_ERROR_USAGE,
                     "a model with %u channels: only one of 3, red, green and blue, can keep a "
                     "picture's luminance",
                     channels);
}

qs_status photo_check(const qs_session *s, const qs_recipe *r)
{
    qs_status status = QS_OK;
    TRY(check_filling(s, r));
    TRY(check_colours(s, r));
    if (!r->init)
        return QS_OK;
    if (!s->options.edits)
        return qs_error(QS_ERROR_USAGE,
                        "this session begins from no picture: qs_session_options.edits");
    TRY(check_content(s, r->init));
fail:
    return status;
}

/* ---- picture -> device ----------------------------------------------------------------------- */

/* As a sampler's picture: [-1, 1], the colours multiplied with alpha where the model has them so.
 */
static void to_floats(const uint8_t *rgba, bool premultiplied, uint32_t channels, float value[4])
{
    const float alpha = premultiplied ? (float)rgba[3] / 255 : 1;
    for (uint32_t c = 0; c < 4; ++c) {
        const float part = (float)rgba[c] / 255 * (c < 3 ? alpha : 1);
        value[c] = c < channels ? part * 2 - 1 : 0;
    }
}

/* A network that fills in is shown grey where it is to draw. */
static void write_photo(const qs_session *s, const qs_recipe *r, float *photo)
{
    const model_config *c = &s->model->config;
    const bool hides = model_fills_in(c);
    const uint32_t channels = session_pictures(s).c;
    for (size_t i = 0; i < pixel_count(s); ++i) {
        to_floats(r->init + 4 * i, c->premultiplied_alpha, channels, photo + 4 * i);
        if (hides && r->mask[i] > 127)
            memset(photo + 4 * i, 0, 4 * sizeof *photo);
    }
}

qs_status photo_submit(qs_session *s, const qs_recipe *r, uint32_t slot)
{
    session_photo *p = &s->photo;
    const size_t bytes = 4 * pixel_count(s);
    uint64_t ticket = 0;
    if (!r->init)
        return QS_OK;
    /* what is hidden from a network that fills in may differ while the picture does not */
    if (p->valid && !model_fills_in(&s->model->config) && memcmp(p->pixels, r->init, bytes) == 0)
        return QS_OK;
    write_photo(s, r, states_upload(&s->programs.states, "photo", slot));
    p->valid = false; /* should the submission fail */
    const qs_status status = flights_submit(s, PROGRAM_ENCODE, slot, 0, &ticket);
    if (status != QS_OK)
        return status;
    memcpy(p->pixels, r->init, bytes);
    p->valid = true;
    return QS_OK;
}

/* ---- mask -> device -------------------------------------------------------------------------- */

/* How much of a pixel is kept. A network that fills in knows no half. */
static float kept(const qs_session *s, uint8_t drawn)
{
    if (model_fills_in(&s->model->config))
        return drawn > 127 ? 0 : 1;
    return (float)(255 - drawn) / 255;
}

/* Of a number of the latent the least that is kept of its pixels. */
static float least_kept(const qs_session *s, const uint8_t *mask, uint32_t y, uint32_t x)
{
    const session_shape picture = session_pictures(s), latent = session_latents(s);
    const uint32_t factor = picture.h / latent.h;
    float least = 1;
    for (uint32_t i = 0; i < factor && mask; ++i)
        for (uint32_t k = 0; k < factor; ++k)
            least =
                fminf(least, kept(s, mask[(size_t)(y * factor + i) * picture.w + x * factor + k]));
    return least;
}

/* A state [1, h, w, 1] has vectors of four. */
void photo_write_mask(const qs_session *s, const qs_recipe *r, uint32_t slot)
{
    if (edit_keeps(r) == KEEPS_NOTHING)
        return;
    const session_shape latent = session_latents(s);
    float *of_latent = states_upload(&s->programs.states, "mask", slot);
    float *of_picture = states_upload(&s->programs.states, "photo_mask", slot);
    for (uint32_t y = 0; y < latent.h; ++y)
        for (uint32_t x = 0; x < latent.w; ++x)
            of_latent[4 * ((size_t)y * latent.w + x)] = least_kept(s, r->mask, y, x);
    for (size_t i = 0; of_picture && i < pixel_count(s); ++i)
        of_picture[4 * i] = r->mask ? kept(s, r->mask[i]) : 1;
}
