#include "sampler/edit.h"

#include <math.h>

qs_status edit_check(const qs_recipe *wanted)
{
    if (!wanted->init && wanted->mask)
        return qs_error(QS_ERROR_USAGE, "a mask without a picture: it says what of that is kept");
    if (!wanted->init && wanted->strength != 0)
        return qs_error(QS_ERROR_USAGE,
                        "a strength without a picture: it says how far from that to go");
    if (!wanted->init && wanted->keep_luminance)
        return qs_error(QS_ERROR_USAGE, "a luminance to keep without a picture that has it");
    if (!(wanted->strength >= 0 && wanted->strength <= 1))
        return qs_error(QS_ERROR_USAGE,
                        "a strength of %g: above 0, which is the picture itself, to 1",
                        (double)wanted->strength);
    return QS_OK;
}

double edit_strength(const qs_recipe *wanted)
{
    const double decimal = rint((double)wanted->strength * 1e6) / 1e6;
    return decimal > 0 ? decimal : wanted->strength > 0 ? 1e-6 : 1;
}

uint32_t edit_keeps(const qs_recipe *wanted)
{
    return wanted->keep_luminance ? KEEPS_LUMINANCE : wanted->mask ? KEEPS_ALL : KEEPS_NOTHING;
}

qs_status edit_first_row(const qs_recipe *wanted, uint32_t *first)
{
    const uint32_t steps = wanted->steps;
    const uint32_t left = (uint32_t)(steps * edit_strength(wanted));
    *first = steps - left;
    if (left > 0)
        return QS_OK;
    return qs_error(
        QS_ERROR_USAGE, "a strength of %g leaves none of %u step%s: %.3g or more, or more steps",
        (double)wanted->strength, steps, steps == 1 ? "" : "s", ceil(1000.0 / steps) / 1000);
}

static void keep(const noise_level *next, bool draws, sampler_row *row)
{
    row->known_x0 = next->alpha;
    row->known_start = draws ? 0 : next->sigma;
    row->known_noise = draws ? row->next_noise : 0;
}

void edit_rows(const qs_recipe *wanted, uint32_t first, const noise_level *levels, bool draws,
               sampler_recipe *recipe)
{
    /* what a mask gives away is then drawn from noise alone, as diffusers' inpainting does */
    const bool keeps = edit_keeps(wanted) != KEEPS_NOTHING;
    const bool anew = keeps && edit_strength(wanted) == 1;
    if (!anew) {
        recipe->initial_known = levels[first].alpha;
        recipe->initial_scale = levels[first].sigma;
    }
    for (uint32_t i = first; i < recipe->steps; ++i) {
        recipe->rows[i - first] = recipe->rows[i];
        if (keeps)
            keep(&levels[i + 1], draws, &recipe->rows[i - first]);
    }
    recipe->steps -= first;
}
