/* Every block type and option of a UNet2DModel, or of a UNet2DConditionModel with its text encoder,
 * against diffusers: the folders of tests/golden/KIND, networks or readers. A network is run three
 * times: in float32 and float16 on two pictures of different times and labels, and in float32 on
 * one picture with all activations kept, which are compared along the graph. */
#include "golden.h"

enum { NETWORKS_MIN = 5 };

static double output_error(const network *net, qs_precision precision)
{
    qs_session *session =
        make_session(net, (qs_session_options){ .batch = BATCH, .precision = precision });
    float *output = allocate(net->count, sizeof *output);
    const qs_network_input input = network_input(net);
    ok(qs_session_forward(session, &input, output));
    const double error = relative_error(output, net->expected, net->count);
    free(output);
    qs_session_destroy(session);
    return error;
}

static void check_output(const char *name, qs_precision precision, double limit)
{
    const char *word = precision == QS_F16 ? "f16" : "f32";
    network net = open_golden(name);
    const double error = output_error(&net, precision);
    fprintf(stderr, "# %s %s: relative L2 %.2e, limit %.0e\n", name, word, error, limit);
    if (!(error <= limit)) {
        const walk found = walk_graph(&net, precision, limit);
        fail_msg("%s %s: relative L2 %.2e; the first node that differs is %s", name, word, error,
                 found.first[0] ? found.first : "none of the stored ones");
    }
    close_network(&net);
}

static void output_f32(void **state)
{
    check_output(*state, QS_F32, F32_LIMIT);
}

static void output_f16(void **state)
{
    check_output(*state, QS_F16, F16_LIMIT);
}

static uint32_t count_golden_nodes(const qs_safetensors *golden)
{
    uint32_t count = 0;
    for (size_t i = 0; i < qs_safetensors_count(golden); ++i)
        count += strncmp(qs_safetensors_at(golden, i)->name, "node.", 5) == 0;
    return count;
}

static void nodes_f32(void **state)
{
    const char *name = *state;
    network net = open_golden(name);
    const walk found = walk_graph(&net, QS_F32, F32_LIMIT);
    fprintf(stderr, "# %s: %u nodes, largest relative L2 %.2e\n", name, found.compared,
            found.largest);
    if (found.first[0])
        fail_msg("%s: the first node that differs is %s", name, found.first);
    assert_int_equal(found.compared, count_golden_nodes(net.golden));
    close_network(&net);
}

/* ---- a planted error -------------------------------------------------------------------- */

static void swapped_q_and_k_differ(void **state)
{
    static const char name[] = "ddpm";
    (void)state;
    char *folder = swap_q_and_k(network_folder(name));
    network net = open_network(folder, name);
    const double f32 = output_error(&net, QS_F32), f16 = output_error(&net, QS_F16);
    const walk found = walk_graph(&net, QS_F32, F32_LIMIT);
    fprintf(stderr, "# q and k swapped: f32 %.2e, f16 %.2e, first %s\n", f32, f16, found.first);
    assert_true(f32 > 100 * F32_LIMIT);
    assert_true(f16 > 2 * F16_LIMIT);
    assert_string_equal(found.first, "down_blocks.1.attentions.0.to_out.0");
    close_network(&net);
    temporary_remove(folder);
}

/* A time between two that were learned must not show one of them. */
static void times_that_were_not_learned(void **state)
{
    static const float wrong[] = { 3.5f, 500, -1, NAN, INFINITY };
    (void)state;
    network net = open_golden("learned");
    qs_session *session = make_session(&net, (qs_session_options){ 0 });
    float *output = allocate(net.count, sizeof *output);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
        assert_int_equal(
            qs_session_forward(session,
                               &(qs_network_input){ .sample = net.sample, .timestep = &wrong[i] },
                               output),
            QS_ERROR_USAGE);
        assert_non_null(
            strstr(qs_last_error(), "this network has learned the whole ones 0 to 499"));
    }
    free(output);
    qs_session_destroy(session);
    close_network(&net);
}

int main(int argc, char **argv)
{
    golden_kind = argc > 1 ? argv[1] : golden_kind;
    struct CMUnitTest tests[3 * NETWORKS_MAX + 2];
    struct dirent **entries = NULL;
    const int count = scandir(networks_folder(), &entries, is_network, alphasort);
    if (count < NETWORKS_MIN || count > NETWORKS_MAX) {
        fprintf(stderr, "# %s: %d networks\n", networks_folder(), count);
        return 1;
    }
    size_t used = 0;
    for (int i = 0; i < count; ++i) {
        tests[used++] = make_test("f32", output_f32, entries[i]->d_name);
        tests[used++] = make_test("f16", output_f16, entries[i]->d_name);
        tests[used++] = make_test("nodes f32", nodes_f32, entries[i]->d_name);
    }
    if (argc < 2) {
        tests[used++] = make_test("times that were not learned", times_that_were_not_learned, NULL);
        tests[used++] = make_test("swapped q and k differ", swapped_q_and_k_differ, NULL);
    }
    return _cmocka_run_group_tests("golden", tests, used, open_device, close_device);
}
