#include "viewer/readout.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *readout_count(uint64_t value, char text[READOUT_SIZE])
{
    const double number = (double)value;
    if (number >= 1e9)
        snprintf(text, READOUT_SIZE, "%.2f G", number / 1e9);
    else if (number >= 1e6)
        snprintf(text, READOUT_SIZE, "%.2f M", number / 1e6);
    else if (number >= 1e3)
        snprintf(text, READOUT_SIZE, "%.0f k", number / 1e3);
    else
        snprintf(text, READOUT_SIZE, "%.0f", number);
    return text;
}

const char *readout_number(double value, char text[READOUT_SIZE])
{
    if (value <= 0)
        return strcpy(text, "-");
    snprintf(text, READOUT_SIZE, "%.*f", value < 10 ? 2 : value < 100 ? 1 : 0, fmin(value, 1e9));
    return text;
}

const char *readout_sampler(qs_sampler sampler)
{
    switch (sampler) {
    case QS_SAMPLER_MULTISTEP: return "multistep consistency";
    case QS_SAMPLER_DDIM: return "DDIM";
    case QS_SAMPLER_ADDIM: return "adjusted DDIM";
    case QS_SAMPLER_CONSISTENCY: return "consistency model";
    case QS_SAMPLER_DDPM: return "DDPM";
    case QS_SAMPLER_LCM: return "latent consistency";
    case QS_SAMPLER_TCD: return "trajectory consistency";
    case QS_SAMPLER_EULER: return "Euler";
    case QS_SAMPLER_EULER_ANCESTRAL: return "Euler ancestral";
    case QS_SAMPLER_DPMSOLVER: return "DPM-Solver++";
    default: return qs_sampler_name(sampler);
    }
}

static void fill_slider(const qs_model *model, viewer_slider *slider)
{
    static const uint32_t limit[] = { 32, 64, 0 }, diffusion[] = { 32, 64, 128, 250, 500, 1000, 0 };
    static const uint32_t none[] = { 0 };
    qs_model_info info;
    size_t tuned_count = 0;
    const uint32_t *tuned = qs_model_tuned_steps(model, &tuned_count);
    qs_model_get_info(model, &info);
    const uint32_t *more = info.default_sampler == QS_SAMPLER_MULTISTEP     ? limit
                           : info.default_sampler == QS_SAMPLER_CONSISTENCY ? none
                                                                            : diffusion;
    *slider = (viewer_slider){ 0 };
    for (uint32_t steps = 1; steps <= NOTCHES_FEW && steps <= info.steps_max; steps++)
        slider->steps[slider->count++] = steps;
    slider->few = slider->count;
    for (; *more && *more <= info.steps_max; more++)
        slider->steps[slider->count++] = *more;
    for (size_t i = 0; i < tuned_count; i++) {
        uint32_t notch;
        if (readout_find_notch(slider, tuned[i], &notch))
            slider->tuned[notch] = true;
    }
}

/* 1, 2, 4, 8, 16 steps, and the last that is no more than 64: the limit, where there is one. */
static void fill_columns(viewer_readings *readings)
{
    const viewer_slider *slider = &readings->slider;
    uint32_t limit = 0;
    readings->column_count = 0;
    memset(readings->columns, 0, sizeof readings->columns);
    for (uint32_t i = 0; i < slider->count; i++)
        limit = slider->steps[i] <= 64 ? i : limit;
    for (uint32_t i = 0; i < slider->count; i++) {
        const uint32_t steps = slider->steps[i];
        const bool power = steps <= 16 && (steps & (steps - 1)) == 0;
        if ((power || i == limit) && readings->column_count < COLUMNS_MAX)
            readings->columns[readings->column_count++].notch = i;
    }
}

void readout_model(const qs_model *model, viewer_readings *readings)
{
    qs_model_get_info(model, &readings->model);
    readings->names = model;
    fill_slider(model, &readings->slider);
    fill_columns(readings);
    for (int i = QS_SAMPLER_DEFAULT + 1; i <= QS_SAMPLER_DPMSOLVER; i++)
        readings->sampler_allowed[i] = qs_model_check_sampler(model, (qs_sampler)i) == QS_OK;
    readings->diffusion_sampler =
        readings->sampler_allowed[QS_SAMPLER_ADDIM] ? QS_SAMPLER_ADDIM : QS_SAMPLER_DEFAULT;
}

const char *readout_label(const viewer_readings *readings, int32_t label)
{
    const char *name = qs_model_label_name(readings->names, (uint32_t)label);
    return name ? name : "?";
}

const char *readout_next_example(const viewer_readings *readings, const char *shown)
{
    const char *example;
    for (uint32_t i = 0; (example = qs_model_example(readings->names, i)) != NULL; i++)
        if (strcmp(example, shown) == 0) {
            const char *next = qs_model_example(readings->names, i + 1);
            return next ? next : qs_model_example(readings->names, 0);
        }
    return qs_model_example(readings->names, 0);
}

const char *readout_title(const viewer_readings *readings, uint32_t model,
                          char text[READOUT_TITLE_SIZE])
{
    snprintf(text, READOUT_TITLE_SIZE, "Quickstep: %s on %s", readings->models[model].name,
             readings->device.name);
    return text;
}

bool readout_is_smooth(const qs_model_info *model)
{
    return !(model->has_alpha && model->width <= 32 && model->height <= 32);
}

bool readout_find_notch(const viewer_slider *slider, uint32_t steps, uint32_t *notch)
{
    for (*notch = 0; *notch < slider->count; ++*notch)
        if (slider->steps[*notch] == steps)
            return true;
    return false;
}

uint32_t readout_default_notch(const viewer_readings *readings)
{
    const qs_sampler sampler = readings->model.default_sampler;
    const bool few = sampler == QS_SAMPLER_MULTISTEP || sampler == QS_SAMPLER_CONSISTENCY ||
                     sampler == QS_SAMPLER_LCM || sampler == QS_SAMPLER_TCD;
    uint32_t notch;
    return readout_find_notch(&readings->slider, few ? 4 : 32, &notch) ? notch
                                                                       : readings->slider.count - 1;
}

float readout_notch_place(const viewer_slider *slider, uint32_t notch)
{
    const float gap = 0.9f; /* before the larger numbers */
    const float gaps = slider->count > slider->few ? gap : 0;
    return ((float)notch + (notch >= slider->few ? gap : 0)) /
           fmaxf((float)slider->count - 1 + gaps, 1);
}

uint32_t readout_notch_at(const viewer_slider *slider, float place)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < slider->count; i++)
        if (fabsf(readout_notch_place(slider, i) - place) <
            fabsf(readout_notch_place(slider, best) - place))
            best = i;
    return best;
}

size_t readout_kinds(const qs_op_time *ops, size_t count, readout_kind kinds[READOUT_KINDS_MAX])
{
    size_t kind_count = 0;
    for (size_t i = 0; i < count; i++) {
        size_t k = 0;
        while (k < kind_count && strcmp(kinds[k].op, ops[i].op) != 0)
            k++;
        if (k == READOUT_KINDS_MAX)
            continue;
        if (k == kind_count)
            kinds[kind_count++] = (readout_kind){ .op = ops[i].op };
        kinds[k].ms += ops[i].ms;
    }
    for (size_t i = 1; i < kind_count; i++) { /* insertion: there are few */
        const readout_kind kind = kinds[i];
        size_t place = i;
        for (; place > 0 && kinds[place - 1].ms < kind.ms; place--)
            kinds[place] = kinds[place - 1];
        kinds[place] = kind;
    }
    return kind_count;
}

size_t readout_longest(const qs_op_time *ops, size_t count, size_t *places, size_t most)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        size_t place = kept < most ? kept++ : most;
        for (; place > 0 && ops[places[place - 1]].ms < ops[i].ms; place--)
            if (place < most)
                places[place] = places[place - 1];
        if (place < most)
            places[place] = i;
    }
    return kept;
}

double readout_total_ms(const qs_op_time *ops, size_t count)
{
    double total_ms = 0;
    for (size_t i = 0; i < count; i++)
        total_ms += ops[i].ms;
    return total_ms;
}

/* A multistep consistency model begins at any time. */
static bool begins_anywhere(const qs_model_info *model)
{
    return model->default_sampler == QS_SAMPLER_MULTISTEP;
}

float readout_strength(const qs_model_info *model, uint32_t steps, float strength)
{
    const float least = ceilf(1e6f / (float)steps) / 1e6f;
    return begins_anywhere(model) || strength >= least ? strength : least;
}

uint32_t readout_edit_steps(const qs_model_info *model, uint32_t steps, float strength)
{
    const double run = rint((double)readout_strength(model, steps, strength) * 1e6) / 1e6 * steps;
    return (uint32_t)(begins_anywhere(model) ? ceil(run - 1e-9) : run);
}

static int by_time(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

double readout_time(const viewer_readings *readings, double part)
{
    float times[TIMES_MAX];
    const uint32_t count = readings->time_count < TIMES_MAX ? readings->time_count : TIMES_MAX;
    memcpy(times, readings->picture_times, sizeof times);
    qsort(times, count, sizeof *times, by_time);
    return count > 0 ? (double)times[(uint32_t)(part * (count - 1) + 0.5)] : 0;
}
