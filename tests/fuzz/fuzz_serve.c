/* libFuzzer: what a client of `quickstep serve` sends: a picture's JSON for one of two models,
 * which the first byte says, and as text where to listen and whose address it asked for. */
#include "cli/serve/address.h"
#include "cli/serve/request.h"
#include "common/guidance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static cli_engine engines[2];

static void check(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "%s: %s\n", what, app_error_message());
    abort();
}

/* A request that was accepted is one again when it is read from what it is shown as. */
static void check_shown(const cli_engine *engine, const serve_request *request)
{
    serve_request again = serve_request_default(engine);
    json_t *shown = serve_request_json(engine, request);
    check(shown && serve_request_read(engine, shown, &again) == QS_OK, "refused what it shows");
    json_t *shown_again = serve_request_json(engine, &again);
    check(json_equal(shown, shown_again), "another request");
    json_decref(shown);
    json_decref(shown_again);
}

static void read_object(const cli_engine *engine, const json_t *object)
{
    static serve_request first, changed;
    first = changed = serve_request_default(engine);
    const qs_status status = serve_request_read(engine, object, &changed);
    check(status == QS_OK || status == QS_ERROR_USAGE, "another status");
    if (status != QS_OK) {
        check(memcmp(&first, &changed, sizeof first) == 0, "refused, and changed");
        return;
    }
    check_shown(engine, &changed);
    const qs_recipe recipe = serve_request_recipe(engine, &changed);
    check(recipe.steps >= 1 && recipe.steps <= engine->info.steps_max, "steps");
}

static void read_address(const char *text)
{
    serve_address address;
    const qs_status status = serve_address_read(text, &address);
    check(status == QS_OK || status == QS_ERROR_USAGE, "another status");
    if (status == QS_OK)
        serve_address_has_port(&address, 1);
    serve_address_read("1", &address);
    serve_address_is_ours(&address, text);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char *const models[] = { "assets/models/sprites", "tests/golden/readers/sd1" };
    (void)argc, (void)argv;
    for (int i = 0; i < 2; ++i) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", getenv("QUICKSTEP_TEST_SOURCE"), models[i]);
        cli_engine *e = &engines[i];
        check(qs_model_open(path, &e->model) == QS_OK, path);
        qs_model_get_info(e->model, &e->info);
        e->options.guided = app_guides(&e->info, e->info.default_guidance);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (count == 0)
        return 0;
    json_error_t error;
    char *text = malloc(count);
    memcpy(text, bytes + 1, count - 1);
    text[count - 1] = '\0';
    json_t *object = json_loadb(text, count - 1, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(object))
        read_object(&engines[bytes[0] % 2], object);
    json_decref(object);
    read_address(text);
    free(text);
    return 0;
}
