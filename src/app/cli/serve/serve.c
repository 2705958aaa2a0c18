/* quickstep serve: pictures over HTTP, for a browser or a program. */
#include "../commands.h"
#include "common/signals.h"
#include "common/guidance.h"
#include "common/jpeg_file.h"
#include "common/montage.h"
#include "common/recipe.h"
#include "http.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM_HEIGHT = 512, STREAM_QUALITY = 95 };

static struct {
    char *listen;
} texts;

static const struct poptOption options[] = {
    { "listen", '\0', POPT_ARG_STRING, &texts.listen, 1,
      "Where: PORT of this machine only, or ADDRESS:PORT (default: 8188); port 0: any that is free",
      "WHERE" },
    CLI_INCLUDE(cli_model_options),
    CLI_INCLUDE(cli_device_options),
    CLI_INCLUDE(cli_help_options),
    CLI_END,
};

static const char notes[] =
    "  GET  /                   a page with the step slider, for a browser\n"
    "  GET  /picture.png?...    a picture: steps, seed, label, prompt, negative, guidance, "
    "sampler,\n"
    "                           label_to, prompt_to and mix (0 to 1), scale (1 to 16: enlarged by\n"
    "                           whole pixels)\n"
    "  POST /live               the same keys as JSON: what the live picture shows from now on\n"
    "  GET  /live               them, as they are\n"
    "  GET  /live.mjpeg         the live picture as a stream of JPEGs, whenever it changes\n"
    "  POST /cancel             gives up the picture that is being drawn\n"
    "  GET  /health, /model     what runs here, how long the queue is; what the model can draw\n"
    "\n"
    "POST wants Content-Type: application/json. An error's answer is JSON: {\"error\": \"...\"}.\n"
    "At most 64 clients and 16 waiting pictures; a slow client misses frames of the stream. There\n"
    "is no password and no encryption: another address than this machine's own is for networks\n"
    "whose people may draw.\n"
    "\n"
    "  quickstep serve --model heroes --listen 8188\n"
    "  curl -o picture.png 'http://127.0.0.1:8188/picture.png?steps=2&seed=7&prompt=red+robe'\n";

/* ---- drawing -----------------------------------------------------------------------------------
 */

static bool goes_on(void *d, uint32_t steps_done, uint32_t steps)
{
    (void)steps_done, (void)steps;
    return !app_signals_pending() && !desk_is_cancelled(d);
}

static qs_status encode_png(const cli_engine *engine, const serve_request *request,
                            const qs_recipe *drawn, const app_image *image, uint8_t **bytes,
                            size_t *size)
{
    app_recipe recipe;
    app_recipe_init(&recipe, engine->model, engine->device, engine->options.precision, drawn);
    recipe.scale = request->scale;
    char *json = app_recipe_to_json(&recipe);
    const qs_status status =
        json ? app_png_encode(image, json, bytes, size) : app_error(QS_ERROR_MEMORY, "no memory");
    free(json);
    return status;
}

/* pixels [h, w, 4], which are changed; the stream's picture is enlarged so that it is no stamp */
static qs_status encode(const cli_engine *engine, const desk_job *job, const qs_recipe *drawn,
                        uint8_t *pixels, uint8_t **bytes, size_t *size)
{
    const qs_model_info *info = &engine->info;
    const uint32_t enough = STREAM_HEIGHT / info->height;
    const uint32_t scale = !job->live ? job->request.scale : enough > 1 ? enough : 1;
    app_image image = { .has_alpha = info->has_alpha && !job->live };
    if (job->live && info->has_alpha)
        app_montage_over_checkerboard(pixels, 1, info->width, info->height);
    qs_status status = app_montage(pixels, 1, info->width, info->height, 1, scale, &image);
    if (status == QS_OK)
        status = job->live ? app_jpeg_encode(&image, STREAM_QUALITY, bytes, size)
                           : encode_png(engine, &job->request, drawn, &image, bytes, size);
    app_montage_free(&image);
    return status;
}

static qs_status draw(cli_engine *engine, desk *d, desk_job *job)
{
    const size_t picture_bytes = (size_t)4 * engine->info.width * engine->info.height;
    const qs_recipe recipe = serve_request_recipe(engine, &job->request);
    uint8_t *bytes = NULL, *pixels = malloc(picture_bytes);
    size_t size = 0;
    qs_frame frame;
    qs_status status = pixels ? QS_OK : app_error(QS_ERROR_MEMORY, "no memory");
    TRY(status);
    QS(qs_session_render(engine->session, &recipe, goes_on, d, &frame, NULL));
    memcpy(pixels, frame.pixels, picture_bytes);
    TRY(encode(engine, job, &recipe, pixels, &bytes, &size));
    job->answer.file = desk_file_create(bytes, size);
    if (!job->answer.file)
        TRY(app_error(QS_ERROR_MEMORY, "no memory"));
fail:
    free(pixels);
    return status;
}

static desk_outcome outcome_of(qs_status status)
{
    switch (status) {
    case QS_OK: return DESK_DRAWN;
    case QS_CANCELLED: return DESK_CANCELLED;
    case QS_ERROR_USAGE: return DESK_REFUSED;
    default: return DESK_FAILED;
    }
}

/* Until a signal comes or the device is lost. */
static qs_status serve(cli_engine *engine, desk *d)
{
    desk_job job;
    qs_status status = QS_OK;
    app_signals_defer(APP_SIGNALS_SOON_MS);
    while (!app_signals_pending() && status != QS_ERROR_DEVICE_LOST) {
        if (!desk_take(d, &job))
            continue;
        const double start_ms = cli_now_ms();
        status = draw(engine, d, &job);
        job.answer.outcome = outcome_of(status);
        if (status != QS_OK && status != QS_CANCELLED)
            snprintf(job.answer.message, sizeof job.answer.message, "%s", app_error_message());
        desk_give(d, &job, cli_now_ms() - start_ms);
    }
    return status == QS_ERROR_DEVICE_LOST ? status : app_error(QS_CANCELLED, "stopped");
}

static qs_status run_serve(const char *argument)
{
    (void)argument;
    cli_engine engine = { 0 };
    desk *d = NULL;
    serve_http *http = NULL;
    qs_status status = QS_OK;
    TRY(cli_engine_open(&engine));
    const bool guided = app_guides(&engine.info, engine.info.default_guidance);
    TRY(cli_engine_start(
        &engine, (qs_session_options){
                     .batch = 1, .guided = guided, .blended = engine.info.prompt_tokens > 0 }));
    const serve_request first = serve_request_default(&engine);
    d = desk_create(&first);
    if (!d)
        TRY(app_error(QS_ERROR_MEMORY, "no memory"));
    TRY(serve_http_start(texts.listen ? texts.listen : "8188", &engine, d, &http));
    printf("%s is served at %s\n", engine.info.name, serve_http_url(http));
    fflush(stdout);
    status = serve(&engine, d);
fail:
    if (d)
        desk_close(d);
    serve_http_stop(http);
    desk_destroy(d);
    cli_engine_close(&engine);
    return status;
}

const cli_command cli_serve = {
    .name = "serve",
    .summary = "draw pictures for a browser, over HTTP",
    .notes = notes,
    .options = options,
    .run = run_serve,
};
