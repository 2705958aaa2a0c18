/* LoRAs, merged when weights are read, against diffusers' load_lora_weights and fuse_lora: the
 * files of tests/golden/loras on the readers of tests/golden/readers. */
#include "golden.h"

enum { LORAS_MAX = 4 };

static const char *lora_path(const char *name)
{
    return source_path("tests/golden/loras/%s.safetensors", name);
}

/* "kohya:0.5 peft:-0.25"; cuts it. */
static uint32_t read_loras(char *list, qs_lora loras[LORAS_MAX])
{
    uint32_t count = 0;
    for (char *rest = list, *entry; (entry = strsep(&rest, " ")) != NULL; ++count) {
        char *scale = strchr(entry, ':');
        assert_true(scale && count < LORAS_MAX);
        *scale = '\0';
        loras[count] = (qs_lora){ lora_path(entry), strtof(scale + 1, NULL) };
    }
    return count;
}

/* The reader with the golden file's LoRAs; the caller closes both. */
static network open_with_loras(const char *name, qs_safetensors **golden)
{
    char path[64];
    qs_lora loras[LORAS_MAX];
    snprintf(path, sizeof path, "%s.golden", name);
    ok(qs_safetensors_open(lora_path(path), golden));
    const char *reader = qs_safetensors_metadata(*golden, "reader");
    char *list = strdup(qs_safetensors_metadata(*golden, "loras"));
    network net = open_golden(reader);
    qs_model_destroy(net.model);
    const qs_model_options options = { .loras = loras, .lora_count = read_loras(list, loras) };
    ok(qs_model_open_with(network_folder(reader), &options, &net.model));
    free(list);
    return net;
}

static float *run_network(const network *net, qs_precision precision)
{
    float *output = allocate(net->count, sizeof *output);
    qs_session *session =
        make_session(net, (qs_session_options){ .batch = BATCH, .precision = precision });
    const qs_network_input input = network_input(net);
    ok(qs_session_forward(session, &input, output));
    qs_session_destroy(session);
    return output;
}

static void same_output(const char *name, qs_precision precision, double limit)
{
    qs_safetensors *golden = NULL;
    network net = open_with_loras(name, &golden);
    size_t count = 0;
    float *expected = read_floats(golden, "output", &count);
    assert_int_equal(count, net.count);
    float *output = run_network(&net, precision);
    const double error = relative_error(output, expected, count);
    const double plain = relative_error(net.expected, expected, count);
    fprintf(stderr, "# %s: %.2e; without it %.2f\n", name, error, plain);
    assert_true(plain > 0.1);
    if (!(error <= limit))
        fail_msg("relative error %.2e, at most %.0e", error, limit);
    free(output);
    free(expected);
    qs_safetensors_close(golden);
    close_network(&net);
}

static void output_f32(void **state)
{
    same_output(*state, QS_F32, F32_LIMIT);
}

static void output_f16(void **state)
{
    same_output(*state, QS_F16, F16_LIMIT);
}

/* A whole guided picture, from a seed of torch's. */
static void picture(void **state)
{
    qs_safetensors *golden = NULL;
    network net = open_with_loras(*state, &golden);
    size_t count = 0;
    float *expected = read_floats(golden, "picture.7.5", &count);
    float *sample = allocate(count, sizeof *sample);
    qs_session *session =
        make_session(&net, (qs_session_options){ .batch = BATCH, .guided = true });
    ok(qs_session_render(session,
                         &(qs_recipe){ .steps = 3,
                                       .rng = QS_RNG_TORCH,
                                       .sampler = QS_SAMPLER_DDIM,
                                       .prompts = net.prompts,
                                       .negative = qs_safetensors_metadata(golden, "negative"),
                                       .guidance = 7.5f },
                         NULL, NULL, NULL, sample));
    double largest = 0;
    for (size_t i = 0; i < count; ++i)
        largest = fmax(largest, fabs(sample[i] - expected[i]) * 0.5 * 255);
    fprintf(stderr, "# largest %.4f of 255\n", largest);
    assert_true(largest <= 0.05);
    qs_session_destroy(session);
    free(sample);
    free(expected);
    qs_safetensors_close(golden);
    close_network(&net);
}

/* Scale 0 is the model itself, bit for bit. */
static void scale_zero_is_nothing(void **state)
{
    (void)state;
    network net = open_golden("sd1");
    float *before = run_network(&net, QS_F32);
    qs_model_destroy(net.model);
    const qs_lora nothing = { lora_path("kohya"), 0 };
    ok(qs_model_open_with(network_folder("sd1"),
                          &(qs_model_options){ .loras = &nothing, .lora_count = 1 }, &net.model));
    float *after = run_network(&net, QS_F32);
    assert_memory_equal(before, after, net.count * sizeof *before);
    free(before);
    free(after);
    close_network(&net);
}

static void refused(const char *reader, const qs_lora *lora, qs_status status, const char *message)
{
    qs_model *model = NULL;
    assert_int_equal(qs_model_open_with(network_folder(reader),
                                        &(qs_model_options){ .loras = lora, .lora_count = 1 },
                                        &model),
                     status);
    assert_null(model);
    if (!strstr(qs_last_error(), message))
        fail_msg("\"%s\" is not in \"%s\"", message, qs_last_error());
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    refused("sd1", &(qs_lora){ "nosuch.safetensors", 1 }, QS_ERROR_MODEL, "cannot open");
    refused("sd1", &(qs_lora){ lora_path("kohya"), NAN }, QS_ERROR_USAGE, "scale");
    refused("sd1", &(qs_lora){ lora_path("kohya"), 1e6f }, QS_ERROR_USAGE, "scale");
    refused("sd1", &(qs_lora){ NULL, 1 }, QS_ERROR_USAGE, "NULL");
    refused("sd1", NULL, QS_ERROR_USAGE, "NULL");
    refused("sd1", &(qs_lora){ lora_path("first"), 1 }, QS_ERROR_MODEL, "for another model");
    refused("sd1", &(qs_lora){ lora_path("kohya.golden"), 1 }, QS_ERROR_MODEL, "is no LoRA");
    refused("sd1", &(qs_lora){ "weights.ckpt", 1 }, QS_ERROR_MODEL, "Python pickle");
}

int main(void)
{
    static const char *const names[] = { "kohya", "peft", "diffusers", "old", "first", "several" };
    struct CMUnitTest tests[24];
    size_t used = 0;
    golden_kind = "readers";
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
        tests[used++] = make_test("output f32", output_f32, (char *)names[i]);
        tests[used++] = make_test("output f16", output_f16, (char *)names[i]);
    }
    tests[used++] = make_test("picture", picture, "kohya");
    tests[used++] = make_test("scale 0 is nothing", scale_zero_is_nothing, NULL);
    tests[used++] = make_test("what does not fit is refused", what_does_not_fit_is_refused, NULL);
    return _cmocka_run_group_tests("loras", tests, used, open_device, close_device);
}
