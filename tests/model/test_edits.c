/* Pictures drawn from pictures, with and without a mask, against PyTorch: the files of
 * tests/golden/edits, made by tools/golden/edits.py of folders that other goldens have. For all
 * schedulers, networks that draw pixels or latents, straight and premultiplied alpha, with and
 * without words. */
#include "golden.h"

static const double F32_MAX = 0.05, F16_MEAN = 0.5; /* of 255, as test_pictures.c says */
enum { CASES_MIN = 5 };

enum { MASKED = 1, COLOURED = 2 };

/* A tensor "edit.SCHEDULER,SAMPLER,STRENGTH,MASKED,STEPS". */
typedef struct edit_case {
    const char *key;
    char scheduler[64], sampler[16];
    float strength;
    unsigned masked, steps;
} edit_case;

/* A file, and the model that it is of. */
typedef struct edits {
    const char *kind, *name;
    char folder[4096];
    qs_safetensors *golden;
    qs_model *model;
    qs_model_info info;
    char scheduler[64]; /* of the session; "": there is none */
    qs_session *session;
    uint8_t *init, *mask;
    size_t pixels, count; /* of a picture; floats of all */
} edits;

/* To be freed by the caller. */
static uint8_t *read_bytes(const qs_safetensors *file, const char *name, size_t count)
{
    const qs_tensor *t = qs_safetensors_find(file, name);
    assert_non_null(t);
    assert_int_equal(t->size_bytes, count);
    uint8_t *bytes = allocate(count, 1);
    memcpy(bytes, t->data, count);
    return bytes;
}

static edits open_edits(const char *kind, const char *name)
{
    edits e = { .kind = kind, .name = name };
    snprintf(e.folder, sizeof e.folder, "%s", source_path("tests/golden/%s/%s", kind, name));
    ok(qs_safetensors_open(source_path("tests/golden/edits/%s.safetensors", name), &e.golden));
    ok(qs_model_open(e.folder, &e.model));
    qs_model_get_info(e.model, &e.info);
    assert_true(e.info.reads_pictures && !e.info.fills_in);
    e.pixels = (size_t)e.info.width * e.info.height;
    e.count = BATCH * e.info.channels * e.pixels;
    e.init = read_bytes(e.golden, "init", 4 * e.pixels);
    e.mask = read_bytes(e.golden, "mask", e.pixels);
    return e;
}

static void close_edits(edits *e)
{
    qs_session_destroy(e->session);
    qs_safetensors_close(e->golden);
    qs_model_destroy(e->model);
    free(e->init);
    free(e->mask);
    assert_int_equal(qs_device_validation_messages(device), 0);
}

/* A session of the model with this scheduler in place of its own. */
static void take_scheduler(edits *e, const char *scheduler, qs_precision precision)
{
    char path[4400];
    const qs_session_options session_options = {
        .batch = BATCH, .precision = precision, .guided = e->info.prompt_tokens > 0, .edits = true
    };
    if (strcmp(e->scheduler, scheduler) == 0)
        return;
    snprintf(e->scheduler, sizeof e->scheduler, "%s", scheduler);
    qs_session_destroy(e->session);
    e->session = NULL;
    snprintf(path, sizeof path, "%s/schedulers/%s.json", e->folder, scheduler);
    const qs_model_options options = { .scheduler = strcmp(scheduler, "own") ? path : NULL };
    qs_model_destroy(e->model);
    e->model = NULL;
    ok(qs_model_open_with(e->folder, &options, &e->model));
    ok(qs_session_create(device, e->model, &session_options, &e->session));
}

static qs_recipe recipe_of(const edits *e, const edit_case *c)
{
    static const char *const prompts[BATCH] = { "a small red knight with sword",
                                                "Oil painting of an old house, don't; 1999" };
    static int32_t labels[BATCH];
    const bool reads = e->info.prompt_tokens > 0;
    qs_recipe recipe = { .steps = c->steps,
                         .rng = QS_RNG_TORCH,
                         .init = e->init,
                         .strength = c->strength,
                         .mask = c->masked == MASKED ? e->mask : NULL,
                         .keep_luminance = c->masked == COLOURED };
    if (strcmp(e->kind, "latents") == 0)
        labels[0] = labels[1] = 1;
    else {
        labels[0] = (int32_t)e->info.label_count - 1;
        labels[1] = 0;
    }
    recipe.labels = e->info.label_count ? labels : NULL;
    if (reads) {
        recipe.prompts = prompts;
        recipe.negative = "dark blue";
        recipe.guidance = 4;
    }
    ok(qs_sampler_parse(c->sampler, &recipe.sampler));
    return recipe;
}

/* Not one byte of what is kept has changed, but for colours that nobody sees. */
static void check_kept(const edits *e, const qs_frame *frame)
{
    for (size_t i = 0; i < BATCH * e->pixels; ++i) {
        const uint8_t *wanted = e->init + 4 * (i % e->pixels), *got = frame->pixels + 4 * i;
        if (e->mask[i % e->pixels] == 0 && (wanted[3] ? memcmp(wanted, got, 4) != 0 : got[3] != 0))
            fail_msg("%s: pixel %zu is %u %u %u %u, kept was %u %u %u %u", e->name, i, got[0],
                     got[1], got[2], got[3], wanted[0], wanted[1], wanted[2], wanted[3]);
    }
}

/* Of every pixel that no clipping has changed; and most of them have other colours than they had.
 */
static void check_luminance(const edits *e, const float *drawn)
{
    static const double weights[3] = { 0.2989, 0.587, 0.114 };
    size_t compared = 0, changed = 0;
    for (size_t i = 0; i < BATCH * e->pixels; ++i) {
        const float *at = drawn + i / e->pixels * 3 * e->pixels + i % e->pixels;
        double is = 0, was = 0, most = 0, other = 0;
        for (size_t c = 0; c < 3; ++c) {
            const double value = at[c * e->pixels];
            const double init = e->init[4 * (i % e->pixels) + c] / 255.0 * 2 - 1;
            is += weights[c] * value;
            was += weights[c] * init;
            most = fmax(most, fabs(value));
            other = fmax(other, fabs(value - init));
        }
        if (most >= 1)
            continue;
        if (!(fabs(is - was) < 1e-5))
            fail_msg("%s: pixel %zu has the luminance %g, kept was %g", e->name, i, is, was);
        compared++;
        changed += other > 0.02;
    }
    assert_true(compared > 8 && changed > compared / 2);
}

static void draw(const edits *e, const edit_case *c, qs_precision precision)
{
    const qs_recipe recipe = recipe_of(e, c);
    size_t count = 0;
    float *expected = read_floats(e->golden, c->key, &count);
    float *drawn = allocate(e->count, sizeof *drawn);
    double largest = 0, mean = 0;
    qs_frame frame;
    assert_int_equal(count, e->count);
    ok(qs_session_render(e->session, &recipe, NULL, NULL, &frame, drawn));
    for (size_t i = 0; i < count; ++i) {
        const double error = fabs(drawn[i] - expected[i]) * 0.5 * 255;
        largest = isnan(error) ? INFINITY : fmax(largest, error);
        mean += error / (double)count;
    }
    fprintf(stderr, "# %s %s %s: %u steps, max %.4f, mean %.5f of 255\n", e->name,
            precision == QS_F16 ? "f16" : "f32", c->key, frame.steps, largest, mean);
    if (precision == QS_F32 ? !(largest <= F32_MAX) : !(mean <= F16_MEAN))
        fail_msg("%s, %s: max %.3f, mean %.3f of 255", e->name, c->key, largest, mean);
    if (c->masked == MASKED)
        check_kept(e, &frame);
    if (c->masked == COLOURED)
        check_luminance(e, drawn);
    free(expected);
    free(drawn);
}

static bool parse_case(const char *key, edit_case *c)
{
    c->key = key;
    return sscanf(key, "edit.%63[^,],%15[^,],%f,%u,%u", c->scheduler, c->sampler, &c->strength,
                  &c->masked, &c->steps) == 5;
}

/* All pictures of a file: "KIND/NAME". */
static void check_file(const char *path, qs_precision precision)
{
    char kind[16];
    const char *name = strchr(path, '/') + 1;
    snprintf(kind, sizeof kind, "%.*s", (int)(name - path - 1), path);
    edits e = open_edits(kind, name);
    edit_case c;
    uint32_t cases = 0;
    for (size_t i = 0; i < qs_safetensors_count(e.golden); ++i)
        if (parse_case(qs_safetensors_at(e.golden, i)->name, &c)) {
            take_scheduler(&e, c.scheduler, precision);
            draw(&e, &c, precision);
            cases++;
        }
    close_edits(&e);
    assert_true(cases >= CASES_MIN);
}

static void edits_f32(void **state)
{
    check_file(*state, QS_F32);
}

static void edits_f16(void **state)
{
    check_file(*state, QS_F16);
}

/* ---- pictures that change ---------------------------------------------------------------------
 */

static void render(qs_session *session, const uint8_t *init, const uint8_t *mask, float *drawn)
{
    const qs_recipe recipe = {
        .steps = 2, .seed = 5, .init = init, .mask = mask, .strength = init ? .5f : 0
    };
    ok(qs_session_render(session, &recipe, NULL, NULL, NULL, drawn));
}

/* A session that has drawn from other pictures, with other masks, or from none, draws what a fresh
 * one does, bit for bit. */
static void a_picture_again_is_the_same(void **state)
{
    (void)state;
    edits e = open_edits("latents", "rgba");
    const size_t bytes = e.count * sizeof(float);
    float *plain = allocate(e.count, 4), *first = allocate(e.count, 4);
    float *kept = allocate(e.count, 4), *again = allocate(e.count, 4);
    uint8_t *other = allocate(4 * e.pixels, 1);
    memset(other, 0x55, 4 * e.pixels);
    qs_session *session = NULL;
    ok(qs_session_create(device, e.model, &(qs_session_options){ .batch = BATCH, .edits = true },
                         &session));
    render(session, NULL, NULL, plain);
    render(session, e.init, NULL, first);
    render(session, e.init, e.mask, kept);
    assert_memory_not_equal(plain, first, bytes);
    assert_memory_not_equal(first, kept, bytes);
    render(session, other, NULL, again);
    assert_memory_not_equal(first, again, bytes);
    render(session, e.init, NULL, again);
    assert_memory_equal(first, again, bytes);
    render(session, e.init, e.mask, again);
    assert_memory_equal(kept, again, bytes);
    render(session, NULL, NULL, again);
    assert_memory_equal(plain, again, bytes);
    qs_session_destroy(session);
    free(plain);
    free(first);
    free(kept);
    free(again);
    free(other);
    close_edits(&e);
}

/* In between a mask mixes the finished pixels; a latent number is free if one of its pixels is. */
static void a_soft_mask_mixes(void **state)
{
    enum { FACTOR = 4, SOFT = 51 };
    (void)state;
    edits e = open_edits("latents", "rgb");
    float *anew = allocate(e.count, 4), *mixed = allocate(e.count, 4);
    uint32_t compared = 0;
    qs_session *session = NULL;
    ok(qs_session_create(device, e.model, &(qs_session_options){ .batch = BATCH, .edits = true },
                         &session));
    memset(e.mask, 255, e.pixels);
    render(session, e.init, e.mask, anew);
    for (uint32_t y = 1; y < e.info.height; y += FACTOR)
        for (uint32_t x = 3; x < e.info.width; x += FACTOR)
            e.mask[y * e.info.width + x] = SOFT;
    render(session, e.init, e.mask, mixed);
    for (size_t i = 0; i < e.count; ++i) {
        const size_t pixel = i % e.pixels, channel = i / e.pixels % e.info.channels;
        const double drawn = e.mask[pixel] / 255.0;
        const double init = e.init[4 * pixel + channel] / 255.0 * 2 - 1;
        if (fabsf(anew[i]) < 1) { /* which may be clipped otherwise */
            assert_true(fabs(mixed[i] - (drawn * anew[i] + (1 - drawn) * init)) < 1e-5);
            compared += e.mask[pixel] == SOFT;
        }
    }
    assert_true(compared > 100);
    qs_session_destroy(session);
    free(anew);
    free(mixed);
    close_edits(&e);
}

/* ---- what cannot be ----------------------------------------------------------------------------
 */

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    edits e = open_edits("networks", "ddpm");
    qs_session *session = NULL;
    ok(qs_session_create(device, e.model, &(qs_session_options){ .edits = true }, &session));
    recipe_refused(session, &(qs_recipe){ .mask = e.mask }, "a mask without a picture");
    recipe_refused(session, &(qs_recipe){ .strength = .5f }, "a strength without a picture");
    recipe_refused(session, &(qs_recipe){ .keep_luminance = true }, "a luminance to keep without");
    recipe_refused(session, &(qs_recipe){ .init = e.init, .strength = 1.01f },
                   "a strength of 1.01");
    recipe_refused(session, &(qs_recipe){ .init = e.init, .strength = -.1f }, "a strength of -0.1");
    recipe_refused(session, &(qs_recipe){ .init = e.init, .strength = NAN }, "a strength of nan");
    recipe_refused(session, &(qs_recipe){ .steps = 4, .init = e.init, .strength = .2f },
                   "a strength of 0.2 leaves none of 4 steps: 0.25 or more");
    e.init[3] = 0;
    recipe_refused(session, &(qs_recipe){ .init = e.init }, "transparent pixels");
    e.init[3] = 255;
    qs_session_destroy(session);
    ok(qs_session_create(device, e.model, NULL, &session));
    recipe_refused(session, &(qs_recipe){ .init = e.init }, "qs_session_options.edits");
    qs_session_destroy(session);
    close_edits(&e);
}

static void a_grey_model_takes_no_colours(void **state)
{
    (void)state;
    edits e = open_edits("latents", "grey");
    qs_session *session = NULL;
    ok(qs_session_create(device, e.model, &(qs_session_options){ .edits = true }, &session));
    recipe_refused(session, &(qs_recipe){ .init = e.init, .keep_luminance = true },
                   "a model with 1 channels");
    e.init[1] ^= 64;
    recipe_refused(session, &(qs_recipe){ .init = e.init }, "is in colour");
    qs_session_destroy(session);
    close_edits(&e);
}

int main(void)
{
    static char *const files[] = { "networks/ddpm", "networks/openai_imagenet",
                                   "latents/rgb",   "latents/rgba",
                                   "latents/kl",    "latents/grey",
                                   "readers/sd1",   "readers/sd2" };
    enum { COUNT = sizeof files / sizeof *files };
    struct CMUnitTest tests[2 * COUNT + 4];
    size_t used = 0;
    for (int i = 0; i < COUNT; ++i) {
        tests[used++] = make_test("f32", edits_f32, files[i]);
        if (i > 0) /* where only the sampler differs float32 has said it all */
            tests[used++] = make_test("f16", edits_f16, files[i]);
    }
    tests[used++] = make_test("a picture again is the same", a_picture_again_is_the_same, NULL);
    tests[used++] = make_test("a soft mask mixes", a_soft_mask_mixes, NULL);
    tests[used++] = make_test("what cannot be is refused", what_cannot_be_is_refused, NULL);
    tests[used++] = make_test("a grey model takes no colours", a_grey_model_takes_no_colours, NULL);
    return _cmocka_run_group_tests("edits", tests, used, open_device, close_device);
}
