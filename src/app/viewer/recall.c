#include "viewer/recall.h"

#include "viewer/readout.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Another model than before comes with its own slider; what was asked for is of it. What a camera
 * saw then may be gone: it is what it sees now. */
static void become(loop *l, const viewer_controls *wanted)
{
    const viewer_controls before = l->controls;
    l->controls = *wanted;
    l->controls.animate = before.animate;
    if (l->camera && !touch_find(&l->touch, wanted, &l->readings.model)) {
        l->controls.canvas = before.canvas;
        l->controls.canvas_revision = before.canvas_revision;
    }
    if (before.model == wanted->model)
        return;
    loop_choose_model(l, &before);
    if (l->controls.model != wanted->model)
        l->controls = before;
    else
        l->controls = *wanted;
}

/* Playing goes on by itself: what it changes, and starting and stopping it, is no change. */
static bool is_change(const viewer_controls *a, const viewer_controls *b)
{
    viewer_controls x = *a;
    x.animate = b->animate;
    if (same_words(&x.words, &b->words))
        x.words = b->words; /* what lies behind their ends does not count */
    return memcmp(&x, b, sizeof x) != 0;
}

/* What follows within a moment, a slider on its way, is the same change, and so is all of a stroke.
 */
void recall_remember(loop *l, const viewer_controls *before)
{
    static const double MOMENT_S = 0.6;
    const uint32_t room = sizeof l->history.states / sizeof *l->history.states;
    history *h = &l->history;
    if (!is_change(before, &l->controls))
        return;
    const double now = glfwGetTime();
    const bool same_canvas =
        before->canvas == l->controls.canvas; /* a stroke begins with another */
    const bool stroke =
        before->canvas && same_canvas && before->canvas_revision != l->controls.canvas_revision;
    const bool same = h->count > 0 && h->at == h->count - 1 && same_canvas &&
                      (stroke || now - h->changed_at < MOMENT_S);
    h->changed_at = now;
    if (!same) {
        if (h->at + 2 > room) {
            memmove(h->states, h->states + 1, (room - 1) * sizeof *h->states);
            h->at--;
        }
        h->states[h->at] = *before;
        h->at++;
        touch_keep(&l->touch, before->canvas);
    }
    h->states[h->at] = l->controls;
    h->count = h->at + 1;
}

void recall_travel(loop *l, bool back)
{
    history *h = &l->history;
    if (h->count == 0 || (back ? h->at == 0 : h->at + 1 >= h->count)) {
        loop_note(l, false, back ? "there is nothing to undo" : "there is nothing to redo");
        return;
    }
    h->at += back ? -1 : 1;
    h->changed_at = 0;
    become(l, &h->states[h->at]);
}

/* What would be drawn without would be another picture. */
static qs_status check_recipe(const loop *l, const viewer_recipe *r)
{
    uint32_t notch;
    viewer_readings of_model;
    readout_model(l->catalog.models[r->model].model, &of_model);
    if (!readout_find_notch(&of_model.slider, r->steps, &notch))
        return app_error(QS_ERROR_USAGE, "it was drawn with %u steps, which the slider has not",
                         r->steps);
    const viewer_controls with = { .canvas = r->canvas };
    const viewer_canvas *canvas = touch_find(&l->touch, &with, &of_model.model);
    if (r->canvas && !(canvas && canvas->revision == r->canvas_revision))
        return app_error(QS_ERROR_USAGE, "the picture that it was drawn from is no longer kept");
    return QS_OK;
}

static void recall_recipe(loop *l, const viewer_recipe *r)
{
    const viewer_controls before = l->controls;
    viewer_controls *c = &l->controls;
    if (check_recipe(l, r) != QS_OK) {
        loop_note(l, true, "%s", app_error_message());
        return;
    }
    c->model = r->model;
    if (before.model != r->model) {
        loop_choose_model(l, &before);
        if (c->model != r->model)
            return;
    }
    c->animate = false;
    c->view = VIEW_PICTURES;
    c->seed = r->seed;
    c->label = r->label;
    c->label_to = r->label_to;
    c->words = r->words;
    c->batch = r->batch;
    c->precision = r->precision;
    c->canvas = r->canvas;
    c->canvas_revision = r->canvas_revision;
    if (r->canvas) {
        c->strength = r->strength;
        c->colour = r->colour;
    }
    readout_find_notch(&l->readings.slider, r->steps, &c->notch);
    if (c->notch < l->readings.slider.few || r->sampler != l->readings.diffusion_sampler)
        c->sampler = r->sampler;
    walk_set(&l->generator.walk, r->seed, r->place);
    l->history.changed_at = 0; /* never a part of the change before */
    recall_remember(l, &before);
    l->redraw = LOOP_SETTLE;
}

/* The canvas of a picture in a file. */
static qs_status recall_canvas(loop *l, const char *path, const app_recipe *from, viewer_recipe *r)
{
    viewer_controls with;
    qs_model_info info;
    if (!from->init[0])
        return QS_OK;
    qs_model_get_info(l->catalog.models[r->model].model, &info);
    const qs_status status = touch_recall(&l->touch, path, from, &info, &with);
    if (status != QS_OK)
        return status;
    r->canvas = with.canvas;
    r->canvas_revision = with.canvas_revision;
    r->strength = (float)from->strength;
    r->colour = from->colour;
    return QS_OK;
}

/* False: it has no recipe, or none that can be drawn here. */
static bool recall_file(loop *l, const char *path)
{
    viewer_recipe recipe;
    app_recipe from;
    if (film_read_recipe(&l->catalog, path, &recipe, &from) != QS_OK)
        return false;
    if (recall_canvas(l, path, &from, &recipe) == QS_OK)
        recall_recipe(l, &recipe);
    else
        loop_note(l, true, "%s", app_error_message());
    return true;
}

void recall_kept(loop *l, uint32_t index)
{
    const viewer_kept kept = l->readings.film[index];
    if (!kept.path)
        recall_recipe(l, &kept.recipe);
    else if (!recall_file(l, kept.path))
        loop_note(l, true, "%s", app_error_message());
}

/* A model's folder, or a LoRA for the model that is shown, which keeps what that was told. */
static void open_model(loop *l, const char *path, bool lora)
{
    const viewer_controls before = l->controls;
    uint32_t model;
    const qs_status status = lora ? catalog_add_lora(&l->catalog, before.model, path, &model)
                                  : catalog_add(&l->catalog, path, &model);
    l->readings.models = l->catalog.models;
    l->readings.model_count = l->catalog.count;
    if (status != QS_OK) {
        loop_note(l, true, "%s", app_error_message());
        return;
    }
    if (lora) {
        viewer_model *with = &l->catalog.models[model];
        with->label = before.label;
        with->label_to = before.label_to;
        with->words = before.words;
        with->sampler = before.sampler;
    }
    l->controls.model = model;
    l->readings.cannot = NULL;
    if (model != before.model)
        loop_choose_model(l, &before);
    recall_remember(l, &before);
    l->redraw = LOOP_SETTLE;
}

/* A photograph, or a PNG whose recipe is not for this window. */
static void draw_from(loop *l, const char *path)
{
    const viewer_controls before = l->controls;
    if (touch_open(&l->touch, path, &l->readings.model, &l->controls) != QS_OK) {
        loop_note(l, true, "%s", app_error_message());
        return;
    }
    loop_note(l, false, "pictures are drawn from %s", path);
    l->history.changed_at = 0;
    recall_remember(l, &before);
    l->redraw = LOOP_SETTLE;
}

/* A file of weights, or a folder as diffusers saves LoRAs. */
static bool is_lora(const char *path)
{
    static const char ending[] = ".safetensors";
    const size_t length = strlen(path);
    char inside[4200];
    snprintf(inside, sizeof inside, "%s/pytorch_lora_weights.safetensors", path);
    return access(inside, F_OK) == 0 ||
           (length >= sizeof ending && strcmp(path + length - strlen(ending), ending) == 0);
}

void recall_dropped(loop *l)
{
    struct stat info;
    const char *path = l->window.dropped;
    if (is_lora(path))
        open_model(l, path, true);
    else if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        open_model(l, path, false);
    else if (!recall_file(l, path))
        draw_from(l, path);
    l->window.dropped[0] = 0;
}
