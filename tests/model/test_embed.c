/* Text encoders by themselves against transformers: the folders of tests/golden/readers. */
#include "golden.h"

typedef struct embedding {
    uint32_t *ids;
    float *states, *pooled;
    size_t id_count, state_count, pooled_count;
} embedding;

static embedding embed(const network *net, qs_precision precision, const char *const *prompts,
                       uint32_t count)
{
    qs_model_info info;
    qs_model_get_info(net->model, &info);
    embedding e = { .id_count = (size_t)count * info.prompt_tokens * info.text_encoder_count,
                    .state_count = (size_t)count * info.prompt_tokens * info.text_width,
                    .pooled_count = (size_t)count * info.pooled_width };
    e.ids = allocate(e.id_count, sizeof *e.ids);
    e.states = allocate(e.state_count, sizeof *e.states);
    e.pooled = allocate(e.pooled_count + 1, sizeof *e.pooled);
    ok(qs_model_embed(device, net->model, precision, prompts, count, e.ids, e.states, e.pooled));
    return e;
}

static void finish(embedding *e)
{
    free(e->ids);
    free(e->states);
    free(e->pooled);
}

static void compare(const network *net, const char *name, const float *values, size_t count,
                    double limit)
{
    size_t wanted = 0;
    float *expected = read_floats(net->golden, name, &wanted);
    assert_int_equal(count, wanted);
    const double error = relative_error(values, expected, count);
    fprintf(stderr, "# %s: %.2e\n", name, error);
    if (!(error <= limit))
        fail_msg("%s: relative error %.2e, at most %.0e", name, error, limit);
    free(expected);
}

static void same_states(const char *reader, qs_precision precision, double limit)
{
    network net = open_golden(reader);
    embedding e = embed(&net, precision, net.prompts, BATCH);
    compare(&net, "text_states", e.states, e.state_count, limit);
    if (e.pooled_count > 0)
        compare(&net, "pooled", e.pooled, e.pooled_count, limit);
    finish(&e);
    close_network(&net);
}

static void states_f32(void **state)
{
    same_states(*state, QS_F32, F32_LIMIT);
}

static void states_f16(void **state)
{
    same_states(*state, QS_F16, F16_LIMIT);
}

/* One by one is what all at once are; two different prompts are different. */
static void a_prompt_at_a_time(void **state)
{
    (void)state;
    network net = open_golden("sd1");
    embedding both = embed(&net, QS_F32, net.prompts, 2);
    embedding second = embed(&net, QS_F32, net.prompts + 1, 1);
    assert_memory_equal(both.ids + second.id_count, second.ids,
                        second.id_count * sizeof *second.ids);
    assert_memory_not_equal(both.ids, second.ids, second.id_count * sizeof *second.ids);
    assert_memory_equal(both.states + second.state_count, second.states,
                        second.state_count * sizeof *second.states);
    finish(&both);
    finish(&second);
    close_network(&net);
}

/* ---- options.offload ------------------------------------------------------------------------- */

static void draw(qs_session *session, const char *prompt, float guidance, float *sample)
{
    const qs_recipe recipe = { .seed = 5, .prompt = prompt, .guidance = guidance };
    ok(qs_session_render(session, &recipe, NULL, NULL, NULL, sample));
}

/* The same pictures bit for bit, whatever prompt and scale come after which; and less memory. */
static void offloaded(void **state)
{
    static const struct {
        const char *prompt;
        float guidance;
    } turns[] = { { "red sword", 3 }, { "a small knight", 3 }, { "a small knight", 5 },
                  { "red sword", 5 }, { "red sword", 5 },      { "red sword", 3 } };
    network net = open_golden(*state);
    qs_model_info info;
    qs_model_get_info(net.model, &info);
    const bool guided = !info.embeds_guidance;
    const size_t count = (size_t)info.channels * info.height * info.width;
    float *kept = allocate(count, 4), *left = allocate(count, 4);
    qs_session_memory with, without;
    qs_session *offload =
        make_session(&net, (qs_session_options){ .guided = guided, .offload = true });
    draw(offload, "red sword", 3, left); /* and gone again, before another session has them */
    qs_session_get_memory(offload, &without);
    qs_session *plain = make_session(&net, (qs_session_options){ .guided = guided });
    qs_session_get_memory(plain, &with);
    assert_true(without.weights_bytes + 4 * info.text_encoder_parameter_count / 2 <
                with.weights_bytes);
    for (size_t i = 0; i < sizeof turns / sizeof *turns; ++i) {
        draw(plain, turns[i].prompt, turns[i].guidance, kept);
        draw(offload, turns[i].prompt, turns[i].guidance, left);
        assert_memory_equal(kept, left, count * 4);
    }
    assert_int_equal(
        qs_session_forward(offload,
                           &(qs_network_input){ .sample = net.sample, .timestep = net.timestep },
                           net.expected),
        QS_ERROR_USAGE);
    qs_session_destroy(plain);
    qs_session_destroy(offload);
    free(kept);
    free(left);
    close_network(&net);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const char *const broken[] = { "a \xff" };
    uint32_t ids[64];
    float states[16 * 16];
    network net = open_golden("sd1");
    assert_int_equal(qs_model_embed(device, net.model, QS_F32, broken, 1, ids, states, NULL),
                     QS_ERROR_USAGE);
    assert_non_null(strstr(qs_last_error(), "UTF-8"));
    assert_int_equal(qs_model_embed(device, net.model, QS_F32, broken, 0, ids, states, NULL),
                     QS_ERROR_USAGE);
    assert_int_equal(
        qs_model_embed(device, net.model, QS_F32, broken, QS_BATCH_MAX + 1, ids, states, NULL),
        QS_ERROR_USAGE);
    close_network(&net);
}

int main(void)
{
    static const char *const names[] = { "sd1", "sd2", "scaled", "xl" };
    struct CMUnitTest tests[16];
    size_t used = 0;
    golden_kind = "readers";
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
        tests[used++] = make_test("states f32", states_f32, (char *)names[i]);
        tests[used++] = make_test("states f16", states_f16, (char *)names[i]);
    }
    tests[used++] = make_test("offloaded", offloaded, "sd1");
    tests[used++] = make_test("offloaded", offloaded, "scaled");
    tests[used++] = make_test("offloaded", offloaded, "xl");
    tests[used++] = make_test("a prompt at a time", a_prompt_at_a_time, NULL);
    tests[used++] = make_test("what cannot be is refused", what_cannot_be_is_refused, NULL);
    return _cmocka_run_group_tests("embed", tests, used, open_device, close_device);
}
