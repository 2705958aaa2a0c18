/* Prompt in, picture out: whole pictures against diffusers' StableDiffusionPipeline with a seeded
 * torch generator, with and without guidance and a negative prompt. The folders are
 * tests/golden/readers. */
#include "golden.h"

static const double F32_MAX = 0.05, F16_MEAN = 0.5; /* of 255, as test_pictures.c says */
enum { STEPS = 3 };

/* NULL and "" are not the same to a pipeline that has text states of zero for no negative prompt.
 */
static const char *negative_of(const network *net, const char *key)
{
    if (strstr(key, " none"))
        return NULL;
    return strstr(key, " empty") ? "" : qs_safetensors_metadata(net->golden, "negative");
}

/* Tensors "picture.GUIDANCE", "picture.GUIDANCE none", "picture.GUIDANCE empty". */
static void draw(const network *net, const char *key, qs_precision precision)
{
    const float guidance = strtof(key + strlen("picture."), NULL);
    const bool guided = guidance > 1;
    size_t count = 0;
    float *expected = read_floats(net->golden, key, &count);
    float *sample = allocate(count, sizeof *sample);
    qs_session *session = make_session(
        net, (qs_session_options){ .batch = BATCH, .precision = precision, .guided = guided });
    const qs_recipe recipe = {
        .steps = STEPS,
        .rng = QS_RNG_TORCH,
        .sampler = QS_SAMPLER_DDIM,
        .prompts = net->prompts,
        .negative = guided ? negative_of(net, key) : NULL,
        .guidance = guidance,
    };
    ok(qs_session_render(session, &recipe, NULL, NULL, NULL, sample));
    double largest = 0, mean = 0;
    for (size_t i = 0; i < count; ++i) {
        const double error = fabs(sample[i] - expected[i]) * 0.5 * 255;
        largest = isnan(error) ? INFINITY : fmax(largest, error);
        mean += error / (double)count;
    }
    fprintf(stderr, "# %s %s: largest %.4f of 255, mean %.4f\n", key,
            precision == QS_F16 ? "f16" : "f32", largest, mean);
    assert_true(precision == QS_F16 ? mean <= F16_MEAN : largest <= F32_MAX);
    qs_session_destroy(session);
    free(sample);
    free(expected);
}

static void draw_all(const char *name, qs_precision precision)
{
    network net = open_golden(name);
    for (size_t i = 0; i < qs_safetensors_count(net.golden); ++i)
        if (strncmp(qs_safetensors_at(net.golden, i)->name, "picture.", 8) == 0)
            draw(&net, qs_safetensors_at(net.golden, i)->name, precision);
    close_network(&net);
}

static void pictures_f32(void **state)
{
    draw_all(*state, QS_F32);
}

static void pictures_f16(void **state)
{
    draw_all(*state, QS_F16);
}

/* ---- prompts that change -------------------------------------------------------------------- */

static void render_prompt(qs_session *session, const char *prompt, float guidance, float *sample)
{
    ok(qs_session_render(session, &(qs_recipe){ .seed = 5, .prompt = prompt, .guidance = guidance },
                         NULL, NULL, NULL, sample));
}

/* A session that has drawn other prompts draws what a fresh one draws, bit for bit. */
static void a_prompt_again_is_the_same_picture(void **state)
{
    (void)state;
    network net = open_golden("scaled");
    qs_model_info info;
    qs_model_get_info(net.model, &info);
    assert_int_equal(info.prompt_tokens, 16);
    assert_true(info.embeds_guidance);
    const size_t count = (size_t)info.channels * info.height * info.width;
    float *first = allocate(count, 4), *other = allocate(count, 4), *again = allocate(count, 4);
    qs_session *session = make_session(&net, (qs_session_options){ 0 });
    render_prompt(session, "red sword", 2, first);
    render_prompt(session, "red sword", 3, other);
    assert_memory_not_equal(first, other, count * 4);
    render_prompt(session, "blue sword", 2, other);
    assert_memory_not_equal(first, other, count * 4);
    render_prompt(session, "red sword", 2, again);
    assert_memory_equal(first, again, count * 4);
    qs_session_destroy(session);
    free(first);
    free(other);
    free(again);
    close_network(&net);
}

static void refused(qs_session *session, const qs_recipe *recipe, const char *message)
{
    assert_int_equal(qs_session_begin(session, recipe), QS_ERROR_USAGE);
    if (!strstr(qs_last_error(), message))
        fail_msg("\"%s\" is not in \"%s\"", message, qs_last_error());
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    char *long_prompt = allocate(10 << 20, 1);
    memset(long_prompt, 'a', (10 << 20) - 1);
    network scaled = open_golden("scaled"), plain = open_golden("sd1");
    qs_session *session = make_session(&scaled, (qs_session_options){ 0 });
    refused(session, &(qs_recipe){ .negative = "dark" }, "needs qs_session_options.guided");
    refused(session, &(qs_recipe){ .prompt = "a \xff" }, "UTF-8");
    refused(session, &(qs_recipe){ .prompt = long_prompt }, "16384");
    refused(session, &(qs_recipe){ .guidance = 1e6f }, "1 (none) to 1000");
    refused(session, &(qs_recipe){ .guidance = NAN }, "1 (none) to 1000");
    qs_session_destroy(session);
    session = make_session(&plain, (qs_session_options){ 0 });
    refused(session, &(qs_recipe){ .guidance = 2 }, "evaluates the network once a step");
    qs_session_destroy(session);
    assert_int_equal(
        qs_session_create(device, scaled.model, &(qs_session_options){ .guided = true }, &session),
        QS_ERROR_USAGE);
    free(long_prompt);
    close_network(&scaled);
    close_network(&plain);
}

int main(void)
{
    static const char *const names[] = { "sd1", "sd2", "no_mid", "small_mid", "xl" };
    struct CMUnitTest tests[16];
    size_t used = 0;
    golden_kind = "readers";
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
        tests[used++] = make_test("pictures f32", pictures_f32, (char *)names[i]);
        tests[used++] = make_test("pictures f16", pictures_f16, (char *)names[i]);
    }
    tests[used++] =
        make_test("a prompt again is the same picture", a_prompt_again_is_the_same_picture, NULL);
    tests[used++] = make_test("what cannot be is refused", what_cannot_be_is_refused, NULL);
    return _cmocka_run_group_tests("readers", tests, used, open_device, close_device);
}
