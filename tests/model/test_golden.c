/* Every block type and option of a UNet2DModel against diffusers: the folders of
 * tests/golden/networks, made by tools/make_golden.py. A network is run three times: in float32
 * and float16 on two pictures of different times and labels, and in float32 on one picture with
 * all activations kept, which are compared along the graph. */
#include "swap_q_and_k.h" /* first: it defines _GNU_SOURCE */

#include <dirent.h>
#include <math.h>

enum { NETWORKS_MIN = 12, NETWORKS_MAX = 64, BATCH = 2 };

static const double F32_LIMIT = 1e-5, F16_LIMIT = 1e-2;
/* Of 1/255: what diffusers makes of sigma_min, and nothing else, is worth up to 0.3. */
static const double PICTURE_LIMIT = 0.05;

static qs_device *device;

/* One folder, opened. */
typedef struct network {
    qs_model *model;
    qs_safetensors *golden;
    float *sample, *timestep, *expected;
    int32_t *labels; /* NULL: no classes */
    size_t count;    /* of expected, all pictures */
} network;

static void ok(qs_status status)
{
    if (status != QS_OK)
        fail_msg("%s: %s", qs_status_name(status), qs_last_error());
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    assert_non_null(memory);
    return memory;
}

static const char *networks_folder(void)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/tests/golden/networks", getenv("QUICKSTEP_TEST_SOURCE"));
    return path;
}

/* Valid until the next call. */
static const char *network_folder(const char *name)
{
    static char path[4352];
    snprintf(path, sizeof path, "%s/%s", networks_folder(), name);
    return path;
}

/* ---- the golden file -------------------------------------------------------------------- */

static size_t element_count(const qs_tensor *t)
{
    size_t count = 1;
    for (uint32_t i = 0; i < t->rank; ++i)
        count *= (size_t)t->shape[i];
    return count;
}

/* NULL if the file has no such tensor; caller frees. */
static float *read_floats(const qs_safetensors *golden, const char *name, size_t *count)
{
    const qs_tensor *t = qs_safetensors_find(golden, name);
    if (!t)
        return NULL;
    *count = element_count(t);
    float *values = allocate(*count, sizeof *values);
    ok(qs_safetensors_read_floats(golden, t, values));
    return values;
}

static int32_t *read_labels(const qs_safetensors *golden)
{
    size_t count = 0;
    float *values = read_floats(golden, "class_labels", &count);
    if (!values)
        return NULL;
    int32_t *labels = allocate(count, sizeof *labels);
    for (size_t i = 0; i < count; ++i)
        labels[i] = (int32_t)values[i];
    free(values);
    return labels;
}

/* model_dir: may be another folder than the golden file's. */
static network open_network(const char *model_dir, const char *name)
{
    network net = { 0 };
    size_t unused = 0;
    char path[4400];
    ok(qs_model_open(model_dir, &net.model));
    snprintf(path, sizeof path, "%s/golden.safetensors", network_folder(name));
    ok(qs_safetensors_open(path, &net.golden));
    net.sample = read_floats(net.golden, "sample", &unused);
    net.timestep = read_floats(net.golden, "timestep", &unused);
    net.expected = read_floats(net.golden, "output", &net.count);
    net.labels = read_labels(net.golden);
    assert_true(net.sample && net.timestep && net.expected);
    return net;
}

static network open_golden(const char *name)
{
    return open_network(network_folder(name), name);
}

static void close_network(network *net)
{
    qs_safetensors_close(net->golden);
    qs_model_destroy(net->model);
    free(net->sample);
    free(net->timestep);
    free(net->expected);
    free(net->labels);
    assert_int_equal(qs_device_validation_messages(device), 0);
}

/* ---- the network once ------------------------------------------------------------------- */

/* A NaN anywhere is a difference of infinity. */
static double relative_error(const float *a, const float *b, size_t count)
{
    double difference = 0, size = 0;
    for (size_t i = 0; i < count; ++i) {
        difference += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        size += (double)b[i] * b[i];
    }
    return isfinite(difference) ? sqrt(difference / size) : INFINITY;
}

static qs_session *make_session(const network *net, qs_session_options options)
{
    qs_session *session = NULL;
    ok(qs_session_create(device, net->model, &options, &session));
    return session;
}

static double output_error(const network *net, qs_precision precision)
{
    qs_session *session =
        make_session(net, (qs_session_options){ .batch = BATCH, .precision = precision });
    float *output = allocate(net->count, sizeof *output);
    ok(qs_session_forward(session, net->sample, net->timestep, NULL, net->labels, output));
    const double error = relative_error(output, net->expected, net->count);
    free(output);
    qs_session_destroy(session);
    return error;
}

/* What walking the graph found. */
typedef struct walk {
    uint32_t compared;
    double largest;
    char first[128]; /* the first node above the limit, "" if there is none */
} walk;

static void compare_node(const network *net, qs_session *session, uint32_t index,
                         const qs_activation *node, double limit, walk *found)
{
    char key[192];
    size_t count = 0;
    snprintf(key, sizeof key, "node.%s", node->name);
    float *expected = read_floats(net->golden, key, &count);
    if (!expected)
        return;
    if (count != (size_t)node->n * node->c * node->h * node->w)
        fail_msg("%s is [%u, %u, %u, %u], diffusers has %zu values", node->name, node->n, node->c,
                 node->h, node->w, count);
    float *values = allocate(count, sizeof *values);
    ok(qs_session_activation(session, index, &(qs_activation){ 0 }, values));
    const double error = relative_error(values, expected, count);
    found->compared++;
    found->largest = fmax(found->largest, error);
    if (error > limit && !found->first[0])
        snprintf(found->first, sizeof found->first, "%s", node->name);
    free(values);
    free(expected);
}

/* Picture 0 with all activations kept. */
static walk walk_graph(const network *net, qs_precision precision, double limit)
{
    walk found = { 0 };
    const qs_session_options options = { .precision = precision, .keep_activations = true };
    qs_session *session = make_session(net, options);
    float *output = allocate(net->count, sizeof *output);
    qs_activation node;
    ok(qs_session_forward(session, net->sample, net->timestep, NULL, net->labels, output));
    for (uint32_t i = 0; qs_session_activation(session, i, &node, NULL) == QS_OK; ++i)
        compare_node(net, session, i, &node, limit, &found);
    free(output);
    qs_session_destroy(session);
    return found;
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

/* ---- whole pictures --------------------------------------------------------------------- */

static double largest_255(const float *a, const float *b, size_t count)
{
    double largest = 0;
    for (size_t i = 0; i < count; ++i)
        largest = fmax(largest, fabs((double)a[i] - b[i]) * 0.5 * 255.0);
    return largest;
}

static bool check_pictures(const network *net, const char *name, uint32_t steps)
{
    char key[32];
    size_t count = 0;
    snprintf(key, sizeof key, "pictures.%u", steps);
    float *noise = read_floats(net->golden, "noise", &count);
    float *expected = read_floats(net->golden, key, &count);
    if (expected) {
        qs_session *session = make_session(net, (qs_session_options){ .batch = BATCH });
        float *sample = allocate(count, sizeof *sample);
        const qs_recipe recipe = { .steps = steps, .noise = noise, .labels = net->labels };
        ok(qs_session_render(session, &recipe, NULL, NULL, NULL, sample));
        const double largest = largest_255(sample, expected, count);
        fprintf(stderr, "# %s, %u steps: max %.4f / 255\n", name, steps, largest);
        assert_true(largest <= PICTURE_LIMIT);
        free(sample);
        qs_session_destroy(session);
    }
    free(noise);
    free(expected);
    return expected != NULL;
}

/* ConsistencyModelPipeline, with the noise of the first step given and s_noise 0 for the rest. */
static void pictures_f32(void **state)
{
    const char *const names[] = { "openai_imagenet", "openai_lsun" };
    uint32_t pictures = 0;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
        network net = open_golden(names[i]);
        for (uint32_t steps = 1; steps <= 4; steps *= 2)
            pictures += check_pictures(&net, names[i], steps);
        close_network(&net);
    }
    assert_int_equal(pictures, 4);
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

/* ---- all folders ------------------------------------------------------------------------ */

static int open_device(void **state)
{
    (void)state;
    setenv("QUICKSTEP_DEBUG", "validate,sync", 1);
    if (qs_device_create(NULL, &device) == QS_OK)
        return 0;
    fprintf(stderr, "# %s\n", qs_last_error());
    return -1;
}

static int close_device(void **state)
{
    (void)state;
    const uint64_t messages = qs_device_validation_messages(device);
    qs_device_destroy(device);
    return messages == 0 ? 0 : -1;
}

static int is_network(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static struct CMUnitTest make_test(const char *what, CMUnitTestFunction function, char *name)
{
    char *title = NULL;
    if (name && asprintf(&title, "%s %s", name, what) < 0)
        exit(1);
    return (struct CMUnitTest){ .name = title ? title : what,
                                .test_func = function,
                                .initial_state = name };
}

int main(void)
{
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
    tests[used++] = make_test("pictures f32", pictures_f32, NULL);
    tests[used++] = make_test("swapped q and k differ", swapped_q_and_k_differ, NULL);
    return _cmocka_run_group_tests("golden", tests, used, open_device, close_device);
}
