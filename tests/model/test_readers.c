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

/* Tensors "picture.GUIDANCE", "picture.GUIDANCE none", "picture.GUIDANCE empty";
 * "picture.GUIDANCE mix", with a quarter of the other picture's prompt; and "picture.GUIDANCE
 * second", of which the second text encoder reads others, cut from a larger one. */
static void draw(const network *net, const char *key, qs_precision precision)
{
    const float guidance = strtof(key + strlen("picture."), NULL);
    qs_model_info info;
    qs_model_get_info(net->model, &info);
    const bool guided = guidance > 1 && !info.embeds_guidance,
               blended = strstr(key, " mix") != NULL, second = strstr(key, " second") != NULL;
    const char *const others[BATCH] = { net->prompts[1], net->prompts[0] };
    size_t count = 0;
    float *expected = read_floats(net->golden, key, &count);
    float *sample = allocate(count, sizeof *sample);
    qs_session *session = make_session(
        net, (qs_session_options){
                 .batch = BATCH, .precision = precision, .guided = guided, .blended = blended });
    const qs_recipe recipe = {
        .steps = STEPS,
        .rng = QS_RNG_TORCH,
        .prompts = net->prompts,
        .negative = guided ? negative_of(net, key) : NULL,
        .guidance = guidance,
        .mix = blended ? 0.25f : 0,
        .prompts_to = blended ? others : NULL,
        .prompt_2 = second ? net->prompts[1] : NULL,
        .negative_2 = second ? net->prompts[0] : NULL,
        .original_width = second ? 70 : 0,
        .original_height = second ? 48 : 0,
        .crop_left = second ? 9 : 0,
        .crop_top = second ? 5 : 0,
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
    /* m0 + guidance (m1 - m0), of two evaluations that are rounded each by itself */
    const double amplified = guided ? hypot(guidance, guidance - 1) : 1;
    assert_true(precision == QS_F16 ? mean <= F16_MEAN * amplified : largest <= F32_MAX);
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

/* ---- text states from elsewhere -------------------------------------------------------------- */

/* The golden file's, of BATCH prompts. */
static qs_text_states read_states(const network *net, bool pooled)
{
    qs_text_states given = { 0 };
    given.states = read_floats(net->golden, "text_states", &given.state_count);
    if (pooled)
        given.pooled = read_floats(net->golden, "pooled", &given.pooled_count);
    return given;
}

static void free_states(qs_text_states *given)
{
    free((void *)given->states);
    free((void *)given->pooled);
}

/* The network on what transformers made of the prompts, whatever this text encoder makes of "". */
static void given_states_are_read(void **state)
{
    network net = open_golden(*state);
    qs_model_info info;
    qs_model_get_info(net.model, &info);
    qs_text_states given = read_states(&net, info.pooled_width > 0);
    assert_int_equal(given.state_count, BATCH * info.prompt_tokens * info.text_width);
    assert_int_equal(given.pooled_count, BATCH * info.pooled_width);
    qs_session *session = make_session(&net, (qs_session_options){ .batch = BATCH });
    float *output = allocate(net.count, sizeof *output);
    qs_network_input input = network_input(&net);
    input.prompts = NULL;
    input.text_states = &given;
    ok(qs_session_forward(session, &input, output));
    const double error = relative_error(output, net.expected, net.count);
    fprintf(stderr, "# given states: relative L2 %.2e\n", error);
    assert_true(error <= F32_LIMIT);
    input.text_states = NULL;
    ok(qs_session_forward(session, &input, output));
    assert_true(relative_error(output, net.expected, net.count) > 100 * F32_LIMIT);
    qs_session_destroy(session);
    free(output);
    free_states(&given);
    close_network(&net);
}

/* Every text of a batch twice: the negative one is the prompt, and guidance changes nothing; the
 * second one is, too, and mixing does not either. A prompt afterwards is a prompt again. */
static void given_states_draw(void **state)
{
    network net = open_golden(*state);
    qs_model_info info;
    qs_model_get_info(net.model, &info);
    qs_text_states one = read_states(&net, info.pooled_width > 0), three = one;
    float *states = allocate(3 * one.state_count, 4),
          *pooled = allocate(3 * one.pooled_count + 1, 4);
    for (size_t i = 0; i < 3; ++i) {
        memcpy(states + i * one.state_count, one.states, one.state_count * 4);
        if (one.pooled)
            memcpy(pooled + i * one.pooled_count, one.pooled, one.pooled_count * 4);
    }
    three = (qs_text_states){ states, 3 * one.state_count, one.pooled ? pooled : NULL,
                              3 * one.pooled_count };
    size_t count = 0;
    float *expected = read_floats(net.golden, "picture.1", &count);
    float *sample = allocate(count, 4), *prompted = allocate(count, 4), *again = allocate(count, 4);
    qs_session *session =
        make_session(&net, (qs_session_options){ .batch = BATCH, .guided = true, .blended = true });
    qs_recipe recipe = { .steps = STEPS,
                         .rng = QS_RNG_TORCH,
                         .sampler = QS_SAMPLER_DDIM,
                         .prompts = net.prompts,
                         .prompts_to = net.prompts,
                         .guidance = 3,
                         .mix = 0.5f };
    ok(qs_session_render(session, &recipe, NULL, NULL, NULL, prompted));
    qs_recipe from_states = recipe;
    from_states.prompts = from_states.prompts_to = NULL;
    from_states.text_states = &three;
    ok(qs_session_render(session, &from_states, NULL, NULL, NULL, sample));
    for (size_t i = 0; i < count; ++i)
        assert_true(fabsf(sample[i] - expected[i]) * 0.5 * 255 <= F32_MAX);
    ok(qs_session_render(session, &recipe, NULL, NULL, NULL, again));
    assert_memory_equal(prompted, again, count * 4);
    assert_memory_not_equal(prompted, sample, count * 4);
    qs_session_destroy(session);
    free(states);
    free(pooled);
    free(expected);
    free(sample);
    free(prompted);
    free(again);
    free_states(&one);
    close_network(&net);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    char *long_prompt = allocate(10 << 20, 1);
    memset(long_prompt, 'a', (10 << 20) - 1);
    network scaled = open_golden("scaled"), plain = open_golden("sd1");
    qs_session *session = make_session(&scaled, (qs_session_options){ 0 });
    recipe_refused(session, &(qs_recipe){ .negative = "dark" }, "needs qs_session_options.guided");
    recipe_refused(session, &(qs_recipe){ .prompt = "a \xff" }, "UTF-8");
    recipe_refused(session, &(qs_recipe){ .prompt = long_prompt }, "16384");
    recipe_refused(session, &(qs_recipe){ .guidance = 1e6f }, "1 (none) to 1000");
    recipe_refused(session, &(qs_recipe){ .guidance = NAN }, "1 (none) to 1000");
    qs_session_destroy(session);
    session = make_session(&plain, (qs_session_options){ 0 });
    recipe_refused(session, &(qs_recipe){ .guidance = 2 }, "evaluates the network once a step");
    recipe_refused(session, &(qs_recipe){ .prompt_2 = "b" }, "this model has one only");
    recipe_refused(session, &(qs_recipe){ .crop_top = 8 }, "told nothing of a picture's size");
    qs_session_destroy(session);
    assert_int_equal(
        qs_session_create(device, scaled.model, &(qs_session_options){ .guided = true }, &session),
        QS_ERROR_USAGE);
    free(long_prompt);
    close_network(&scaled);
    close_network(&plain);
}

static void mixes_and_states_that_do_not_fit(void **state)
{
    static float values[16 * 40 + 12];
    (void)state;
    network net = open_golden("xl");
    qs_session *session = make_session(&net, (qs_session_options){ 0 });
    const qs_text_states few = { values, 16 * 40 - 1, values, 12 },
                         none = { NULL, 16 * 40, values, 12 }, flat = { values, 16 * 40, NULL, 12 },
                         wide = { values, 16 * 40, values, 13 };
    recipe_refused(session, &(qs_recipe){ .negative_2 = "b" }, "without the first");
    recipe_refused(session, &(qs_recipe){ .original_width = 8 }, "an original size of 8 x 0");
    recipe_refused(session, &(qs_recipe){ .crop_left = 65536 }, "65536: at most 65535");
    recipe_refused(session, &(qs_recipe){ .mix = 0.5f }, "needs qs_session_options.blended");
    recipe_refused(session, &(qs_recipe){ .prompt_to = "b" }, "needs qs_session_options.blended");
    recipe_refused(session, &(qs_recipe){ .mix = 1.5f }, "a mix of 1.5: 0, the first, to 1");
    recipe_refused(session, &(qs_recipe){ .mix = NAN }, "a mix of nan");
    recipe_refused(session, &(qs_recipe){ .text_states = &few },
                   "text states of 639 floats: 1 texts of 16 tokens of 40 are 640");
    recipe_refused(session, &(qs_recipe){ .text_states = &none }, "text states of 0 floats");
    recipe_refused(session, &(qs_recipe){ .text_states = &flat },
                   "pooled states of 0 floats: 1 texts of 12");
    recipe_refused(session, &(qs_recipe){ .text_states = &wide }, "pooled states of 13 floats");
    recipe_refused(session, &(qs_recipe){ .text_states = &few, .prompt = "a" },
                   "instead of prompts");
    qs_session_destroy(session);
    session = make_session(&net, (qs_session_options){ .guided = true, .blended = true });
    recipe_refused(session, &(qs_recipe){ .text_states = &few },
                   "3 texts of 16 tokens of 40 are 1920");
    qs_session_destroy(session);
    close_network(&net);
    qs_model *speechless = NULL;
    ok(qs_model_open("sprites", &speechless));
    assert_int_equal(
        qs_session_create(device, speechless, &(qs_session_options){ .blended = true }, &session),
        QS_ERROR_USAGE);
    ok(qs_session_create(device, speechless, NULL, &session));
    recipe_refused(session, &(qs_recipe){ .text_states = &few }, "reads no prompts");
    recipe_refused(session, &(qs_recipe){ .mix = 1 }, "a mix of what?");
    qs_session_destroy(session);
    qs_model_destroy(speechless);
}

int main(void)
{
    static const char *const names[] = { "sd1", "sd2",      "no_mid", "small_mid",
                                         "xl",  "xl_small", "lcm" };
    struct CMUnitTest tests[24];
    size_t used = 0;
    golden_kind = "readers";
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
        tests[used++] = make_test("pictures f32", pictures_f32, (char *)names[i]);
        tests[used++] = make_test("pictures f16", pictures_f16, (char *)names[i]);
    }
    tests[used++] = make_test("given states are read", given_states_are_read, "sd1");
    tests[used++] = make_test("given states are read", given_states_are_read, "scaled");
    tests[used++] = make_test("given states are read", given_states_are_read, "xl");
    tests[used++] = make_test("given states draw", given_states_draw, "sd1");
    tests[used++] = make_test("given states draw", given_states_draw, "xl");
    tests[used++] =
        make_test("mixes and states that do not fit", mixes_and_states_that_do_not_fit, NULL);
    tests[used++] =
        make_test("a prompt again is the same picture", a_prompt_again_is_the_same_picture, NULL);
    tests[used++] = make_test("what cannot be is refused", what_cannot_be_is_refused, NULL);
    return _cmocka_run_group_tests("readers", tests, used, open_device, close_device);
}
