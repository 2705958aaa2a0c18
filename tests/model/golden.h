/* The folders of tests/golden/networks, made by tools/make_golden.py, or those of
 * tests/golden/readers, by tools/golden/readers.py, and one device to run them on. Include it
 * first: it defines _GNU_SOURCE. */
#ifndef QS_TESTS_MODEL_GOLDEN_H
#define QS_TESTS_MODEL_GOLDEN_H

#include "swap_q_and_k.h"

#include "../harness/device.h"
#include "../harness/source.h"

#include <dirent.h>
#include <math.h>

enum { NETWORKS_MAX = 64, BATCH = 2 };

/* Relative L2 of a node. */
static const double F32_LIMIT = 1e-5, F16_LIMIT = 1e-2;

static const char *golden_kind = "networks"; /* or "readers" */

/* One folder, opened. */
typedef struct network {
    qs_model *model;
    qs_safetensors *golden;
    float *sample, *timestep, *expected;
    int32_t *labels; /* NULL: no classes */
    char *text;      /* what the prompts are made of; NULL: the network reads none */
    const char *prompts[BATCH];
    float *guidance; /* scale; NULL: the network takes none */
    size_t count;    /* of expected, all pictures */
} network;

static inline void ok(qs_status status)
{
    if (status != QS_OK)
        fail_msg("%s: %s", qs_status_name(status), qs_last_error());
}

static inline void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    assert_non_null(memory);
    return memory;
}

static inline const char *networks_folder(void)
{
    return source_path("tests/golden/%s", golden_kind);
}

static inline const char *network_folder(const char *name)
{
    return source_path("tests/golden/%s/%s", golden_kind, name);
}

/* ---- the golden file -------------------------------------------------------------------- */

static inline size_t element_count(const qs_tensor *t)
{
    size_t count = 1;
    for (uint32_t i = 0; i < t->rank; ++i)
        count *= (size_t)t->shape[i];
    return count;
}

/* NULL if the file has no such tensor; caller frees. */
static inline float *read_floats(const qs_safetensors *golden, const char *name, size_t *count)
{
    const qs_tensor *t = qs_safetensors_find(golden, name);
    if (!t)
        return NULL;
    *count = element_count(t);
    float *values = allocate(*count, sizeof *values);
    ok(qs_safetensors_read_floats(golden, t, values));
    return values;
}

static inline int32_t *read_labels(const qs_safetensors *golden)
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

static inline void read_prompts(network *net)
{
    size_t unused = 0;
    const char *lines = qs_safetensors_metadata(net->golden, "prompts");
    net->text = lines ? strdup(lines) : NULL;
    char *rest = net->text;
    for (int i = 0; net->text && i < BATCH; ++i)
        assert_non_null(net->prompts[i] = strsep(&rest, "\n"));
    net->guidance = read_floats(net->golden, "guidance", &unused);
}

/* model_dir: may be another folder than the golden file's. */
static inline network open_network(const char *model_dir, const char *name)
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
    read_prompts(&net);
    assert_true(net.sample && net.timestep && net.expected);
    return net;
}

static inline network open_golden(const char *name)
{
    return open_network(network_folder(name), name);
}

static inline void close_network(network *net)
{
    qs_safetensors_close(net->golden);
    qs_model_destroy(net->model);
    free(net->sample);
    free(net->timestep);
    free(net->expected);
    free(net->labels);
    free(net->text);
    free(net->guidance);
    assert_int_equal(qs_device_validation_messages(device), 0);
}

/* ---- the network once ------------------------------------------------------------------- */

/* A NaN anywhere is a difference of infinity. */
static inline double relative_error(const float *a, const float *b, size_t count)
{
    double difference = 0, size = 0;
    for (size_t i = 0; i < count; ++i) {
        difference += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        size += (double)b[i] * b[i];
    }
    return isfinite(difference) ? sqrt(difference / size) : INFINITY;
}

static inline qs_session *make_session(const network *net, qs_session_options options)
{
    qs_session *session = NULL;
    ok(qs_session_create(device, net->model, &options, &session));
    return session;
}

static inline qs_network_input network_input(const network *net)
{
    return (qs_network_input){ .sample = net->sample,
                               .timestep = net->timestep,
                               .labels = net->labels,
                               .prompts = net->text ? net->prompts : NULL,
                               .guidance = net->guidance ? *net->guidance : 0 };
}

/* What walking the graph found. */
typedef struct walk {
    uint32_t compared;
    double largest;
    char first[128]; /* the first node above the limit, "" if there is none */
} walk;

static inline void compare_node(const network *net, qs_session *session, uint32_t index,
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
static inline walk walk_graph(const network *net, qs_precision precision, double limit)
{
    walk found = { 0 };
    const qs_session_options options = { .precision = precision, .keep_activations = true };
    qs_session *session = make_session(net, options);
    float *output = allocate(net->count, sizeof *output);
    qs_activation node;
    const qs_network_input input = network_input(net);
    ok(qs_session_forward(session, &input, output));
    for (uint32_t i = 0; qs_session_activation(session, i, &node, NULL) == QS_OK; ++i)
        compare_node(net, session, i, &node, limit, &found);
    free(output);
    qs_session_destroy(session);
    return found;
}

/* ---- all folders ------------------------------------------------------------------------ */

static inline int is_network(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static inline struct CMUnitTest make_test(const char *what, CMUnitTestFunction function, char *name)
{
    char *title = NULL;
    if (name && asprintf(&title, "%s %s", name, what) < 0)
        exit(1);
    return (struct CMUnitTest){ .name = title ? title : what,
                                .test_func = function,
                                .initial_state = name };
}

/* A recipe that cannot be drawn, and what of the reason. */
static inline void recipe_refused(qs_session *session, const qs_recipe *recipe, const char *message)
{
    assert_int_equal(qs_session_begin(session, recipe), QS_ERROR_USAGE);
    if (!strstr(qs_last_error(), message))
        fail_msg("\"%s\" is not in \"%s\"", message, qs_last_error());
}

#endif
