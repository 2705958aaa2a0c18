#include "viewer/save.h"

#include "common/montage.h"
#include "common/recipe.h"
#include "common/trace.h"
#include "viewer/readout.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "sprites-knight-4steps-seed42.png"; with copy 2 "...-seed42-2.png" */
static void file_name(const app_recipe *recipe, const char *folder, uint32_t copy, char *path,
                      size_t path_size)
{
    char name[600], subject[128]; /* a label or a prompt */
    const size_t size = sizeof name;
    snprintf(subject, sizeof subject, "%.60s",
             recipe->guidance > 0 ? recipe->prompt : recipe->label);
    char number[16] = "";
    if (copy > 1)
        snprintf(number, sizeof number, "-%u", copy);
    char to[32] = "";
    if (recipe->to[0])
        snprintf(to, sizeof to, "-to%.24s", recipe->to);
    snprintf(name, size, "%s%s%s-%ssteps-seed%" PRIu64 "%s%s%s.png", recipe->model,
             subject[0] ? "-" : "", subject, recipe->steps, recipe->seed, to,
             recipe->count > 1 ? "-grid" : "", number);
    for (char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("-_.", *c) && (unsigned char)*c < 0x80)
            *c = '-';
    snprintf(path, path_size, "%s%s%s", folder ? folder : "", folder ? "/" : "", name);
}

/* The first such name that no file has. */
static void free_name(const app_recipe *recipe, const char *folder, char *name, size_t size)
{
    uint32_t copy = 0;
    do
        file_name(recipe, folder, ++copy, name, size);
    while (copy < UINT32_MAX && access(name, F_OK) == 0);
}

/* "a.png" -> "a-from.png" */
static void beside(const char *path, const char *what, char *name, size_t size)
{
    const int stem = (int)(strlen(path) - strlen(".png"));
    snprintf(name, size, "%.*s-%s.png", stem, path, what);
}

static qs_status write_canvas(const char *path, const viewer_canvas *c, bool mask, char *name,
                              size_t size, char hash[APP_HASH_SIZE])
{
    const size_t count = (size_t)c->width * c->height;
    qs_status status = QS_OK;
    char file[5000];
    app_image image = { c->width, c->height, !mask, c->pixels };
    uint8_t *grey = mask ? malloc(4 * count) : NULL;
    if (mask && !grey)
        return app_error(QS_ERROR_MEMORY, "out of memory");
    for (size_t i = 0; mask && i < count; i++) {
        memset(grey + 4 * i, c->mask[i], 3);
        grey[4 * i + 3] = 255;
    }
    image.pixels = mask ? grey : c->pixels;
    beside(path, mask ? "mask" : "from", file, sizeof file);
    TRY(app_png_write(file, &image, NULL));
    TRY(app_file_hash(file, hash));
    const char *base = strrchr(file, '/');
    snprintf(name, size, "%s", base ? base + 1 : file);
fail:
    free(grey);
    return status;
}

/* What it was drawn from goes into files of its own, without which no command can draw it. */
static qs_status save_canvas(const viewer_drawn *drawn, const touch *t, const qs_model_info *model,
                             const char *path, app_recipe *recipe)
{
    const viewer_controls *c = &drawn->controls;
    const viewer_canvas *canvas = touch_find(t, c, model);
    qs_status status = QS_OK;
    if (!c->canvas)
        return QS_OK;
    if (!canvas || canvas->revision != c->canvas_revision)
        return app_error(QS_ERROR_USAGE, "the canvas has changed since this picture was drawn");
    TRY(write_canvas(path, canvas, false, recipe->init, sizeof recipe->init, recipe->init_hash));
    if (canvas->masked)
        TRY(write_canvas(path, canvas, true, recipe->mask, sizeof recipe->mask, recipe->mask_hash));
    recipe->colour = c->colour && can_colour(model);
    recipe->strength = (double)readout_strength(model, drawn->steps, c->strength);
fail:
    return status;
}

/* As `quickstep walk --at` has it. */
static void recipe_place(app_recipe *recipe, const viewer_place *place, uint32_t first)
{
    snprintf(recipe->command, sizeof recipe->command, "walk");
    snprintf(recipe->to, sizeof recipe->to, "%" PRIu64, place->to + first);
    snprintf(recipe->at, sizeof recipe->at, "%.17g", place->at);
}

/* solo >= 0: this one of the frame. The canvas is not in it. */
static qs_status describe(const generator *g, const viewer_readings *readings, int solo,
                          app_recipe *recipe)
{
    const qs_frame *frame = &readings->frame;
    qs_model_info info; /* readings->model may be the next one already */
    if (!frame->serial || !frame->pixels || frame->check != QS_OK)
        return app_error(QS_ERROR_USAGE, "there is no good picture to save");
    const viewer_drawn *drawn = generate_drawn(g, readings);
    const uint32_t first = solo >= 0 ? (uint32_t)solo : 0;
    qs_recipe made = {
        .steps = drawn->steps,
        .sampler = readings->frame_sampler,
        .seed = frame->seed + first,
        .labels = &drawn->controls.label,
    };
    qs_model_get_info(g->model, &info);
    if (drawn->controls.words.blended && info.label_count > 0)
        made.labels_to = &drawn->controls.label_to;
    generate_tell(&info, &drawn->controls.words, &made);
    app_recipe_init(recipe, g->model, g->device, g->asked.precision, &made);
    recipe->count = solo >= 0 ? 1 : frame->count;
    if (drawn->place.at > 0)
        recipe_place(recipe, &drawn->place, first);
    return QS_OK;
}

/* To be freed with app_montage_free. */
static qs_status picture_of(const generator *g, const viewer_readings *readings, int solo,
                            app_image *image)
{
    const qs_frame *frame = &readings->frame;
    const uint32_t count = solo >= 0 ? 1 : frame->count;
    const size_t first = solo >= 0 ? (size_t)solo : 0;
    qs_model_info info;
    qs_model_get_info(g->model, &info);
    const qs_status status =
        app_montage(frame->pixels + first * frame->width * frame->height * 4, count, frame->width,
                    frame->height, app_montage_columns(count), 1, image);
    image->has_alpha = info.has_alpha;
    return status;
}

qs_status save_picture(const generator *g, const viewer_readings *readings, const touch *t,
                       int solo, const char *folder, char *name, size_t name_size)
{
    qs_status status = QS_OK;
    char *json = NULL;
    app_image image = { 0 };
    app_recipe recipe;
    qs_model_info info;
    TRY(describe(g, readings, solo, &recipe));
    free_name(&recipe, folder, name, name_size);
    qs_model_get_info(g->model, &info);
    TRY(save_canvas(generate_drawn(g, readings), t, &info, name, &recipe));
    json = app_recipe_to_json(&recipe);
    if (!json)
        TRY(app_error(QS_ERROR_MEMORY, "out of memory"));
    TRY(picture_of(g, readings, solo, &image));
    TRY(app_png_write(name, &image, json));
fail:
    app_montage_free(&image);
    free(json);
    return status;
}

qs_status save_to_memory(const generator *g, const viewer_readings *readings, int solo,
                         uint8_t **png, size_t *size)
{
    qs_status status = QS_OK;
    char *json = NULL;
    app_image image = { 0 };
    app_recipe recipe;
    TRY(describe(g, readings, solo, &recipe));
    if (!generate_drawn(g, readings)->controls.canvas) /* of which nothing would be beside it */
        json = app_recipe_to_json(&recipe);
    TRY(picture_of(g, readings, solo, &image));
    TRY(app_png_encode(&image, json, png, size));
fail:
    app_montage_free(&image);
    free(json);
    return status;
}

qs_status save_timeline(const generator *g, const viewer_readings *readings, char *name,
                        size_t name_size)
{
    qs_status status = QS_OK;
    qs_op_time *decode = NULL;
    size_t count = 0;
    uint32_t copy = 0;
    qs_model_info info;
    if (!readings->ops || !readings->frame.pixels)
        return app_error(QS_ERROR_USAGE, "there is no timeline before the section \"where the time "
                                         "goes\" is open and a picture has come");
    QS(qs_session_decode_times(g->session, NULL, &count));
    decode = calloc(count + 1, sizeof *decode);
    if (!decode)
        TRY(app_error(QS_ERROR_MEMORY, "out of memory"));
    QS(qs_session_decode_times(g->session, decode, &count));
    qs_model_get_info(g->model, &info);
    do {
        ++copy;
        snprintf(name, name_size, copy > 1 ? "%s-timeline-%u.json" : "%s-timeline.json", info.name,
                 copy);
    } while (access(name, F_OK) == 0);
    const app_trace_span spans[] = { { "step", readings->ops, readings->op_count },
                                     { "decode", decode, count } };
    TRY(app_trace_write(name, readings->device.name, info.name, spans, 2));
fail:
    free(decode);
    return status;
}
