/* Whole pictures against diffusers' pipelines with a seeded torch generator: consistency models,
 * DDPM and DDIM, 1, 2 and 4 steps, every option of their schedulers. The folders and pictures are
 * those of tests/golden/networks that tools/make_golden.py gave pictures. */
#include "golden.h"

/* Of 255. In float32 only the order of the sums differs from diffusers', which is worth 0.003. The
 * noisiest times multiply the network's rounding errors, so that single pixels of a float16 picture
 * are off by 5 while the mean stays at 0.3. */
static const double F32_MAX = 0.05, F16_MEAN = 0.5;

/* How much of the other picture's label those of "mixed." have. */
static const float MIX = 0.25f;

/* A tensor "pictures.SCHEDULER,SAMPLER,ETA,STEPS" of the golden file, or "mixed." */
typedef struct picture_case {
    const char *key;
    bool mixed;
    char scheduler[64], sampler[16];
    float eta;
    unsigned steps;
} picture_case;

typedef struct difference {
    double max, mean; /* of 255 */
} difference;

static bool parse_case(const char *key, picture_case *c)
{
    char kind[16];
    c->key = key;
    if (sscanf(key, "%15[^.].%63[^,],%15[^,],%f,%u", kind, c->scheduler, c->sampler, &c->eta,
               &c->steps) != 5)
        return false;
    c->mixed = strcmp(kind, "mixed") == 0;
    return c->mixed || strcmp(kind, "pictures") == 0;
}

/* diffusers' pipelines clip at the very end. */
static difference compare(const float *a, const float *b, size_t count)
{
    difference d = { 0 };
    for (size_t i = 0; i < count; ++i) {
        const double error = fabs(fmin(fmax(a[i], -1), 1) - b[i]) * 0.5 * 255;
        d.max = isnan(error) ? INFINITY : fmax(d.max, error);
        d.mean += error / (double)count;
    }
    return d;
}

static qs_recipe make_recipe(const network *net, const picture_case *c)
{
    static const uint32_t two_points[] = { 22, 0 };
    qs_recipe recipe = { .steps = c->steps, .rng = QS_RNG_TORCH, .eta = c->eta };
    recipe.labels = net->labels;
    ok(qs_sampler_parse(c->sampler, &recipe.sampler));
    if (recipe.sampler == QS_SAMPLER_CONSISTENCY && c->steps == 2)
        recipe.timesteps = two_points;
    return recipe;
}

static difference draw(const network *net, qs_session *session, const picture_case *c)
{
    size_t count = 0;
    float *expected = read_floats(net->golden, c->key, &count);
    float *sample = allocate(count, sizeof *sample);
    qs_recipe recipe = make_recipe(net, c);
    const int32_t others[BATCH] = { c->mixed ? net->labels[1] : 0, c->mixed ? net->labels[0] : 0 };
    recipe.labels_to = c->mixed ? others : NULL;
    recipe.mix = c->mixed ? MIX : 0;
    assert_int_equal(count, net->count);
    ok(qs_session_render(session, &recipe, NULL, NULL, NULL, sample));
    const difference d = compare(sample, expected, count);
    free(sample);
    free(expected);
    return d;
}

/* The model with this scheduler in place of its own. */
static network open_with_scheduler(const char *name, const char *scheduler)
{
    network net = open_golden(name);
    if (strcmp(scheduler, "own") == 0)
        return net;
    char path[4480];
    snprintf(path, sizeof path, "%s/schedulers/%s.json", network_folder(name), scheduler);
    qs_model_destroy(net.model);
    net.model = NULL;
    ok(qs_model_open_with(network_folder(name), &(qs_model_options){ .scheduler = path },
                          &net.model));
    return net;
}

static void check_case(const char *name, const picture_case *c, qs_precision precision)
{
    network net = open_with_scheduler(name, c->scheduler);
    qs_session *session =
        make_session(&net, (qs_session_options){ .batch = BATCH, .precision = precision });
    const difference d = draw(&net, session, c);
    qs_session_destroy(session);
    fprintf(stderr, "# %s %s %s: max %.4f, mean %.5f of 255\n", name,
            precision == QS_F16 ? "f16" : "f32", c->key, d.max, d.mean);
    if (precision == QS_F32 ? !(d.max <= F32_MAX) : !(d.mean <= F16_MEAN)) {
        const walk found = walk_graph(&net, QS_F32, F32_LIMIT);
        fail_msg("%s, %s: max %.3f, mean %.3f of 255; the first node that differs is %s", name,
                 c->key, d.max, d.mean,
                 found.first[0] ? found.first : "none: look at the sampler or the noise");
    }
    close_network(&net);
}

/* All pictures of a folder. */
static void check_folder(const char *name, qs_precision precision)
{
    network net = open_golden(name);
    picture_case c;
    uint32_t pictures = 0;
    for (size_t i = 0; i < qs_safetensors_count(net.golden); ++i)
        if (parse_case(qs_safetensors_at(net.golden, i)->name, &c)) {
            check_case(name, &c, precision);
            pictures++;
        }
    close_network(&net);
    assert_true(pictures >= 1);
}

static void pictures_f32(void **state)
{
    check_folder(*state, QS_F32);
}

static void pictures_f16(void **state)
{
    check_folder(*state, QS_F16);
}

/* Nothing of the second label is the first one to the last bit, as if there were no second; all of
 * it is the second. */
static void ends_of_a_mix(void **state)
{
    network net = open_golden(*state);
    const int32_t others[BATCH] = { net.labels[1], net.labels[0] };
    const qs_recipe recipes[] = {
        { .labels = net.labels },
        { .labels = net.labels, .labels_to = others },
        { .labels = others, .labels_to = net.labels, .mix = 1 },
        { .labels = net.labels, .labels_to = others, .mix = 0.5f },
        { .labels = others, .labels_to = net.labels, .mix = 0.5f },
        { .labels = net.labels, .mix = 0 },
    };
    enum { COUNT = sizeof recipes / sizeof *recipes };
    float *samples[COUNT];
    qs_session *session = make_session(&net, (qs_session_options){ .batch = BATCH });
    for (int i = 0; i < COUNT; ++i) {
        samples[i] = allocate(net.count, sizeof(float));
        qs_recipe recipe = recipes[i];
        recipe.steps = 2;
        ok(qs_session_render(session, &recipe, NULL, NULL, NULL, samples[i]));
    }
    const size_t bytes = net.count * sizeof(float);
    assert_memory_equal(samples[1], samples[0], bytes);
    assert_memory_equal(samples[2], samples[0], bytes);
    assert_memory_not_equal(samples[3], samples[0], bytes);
    assert_memory_equal(samples[4], samples[3], bytes);
    assert_memory_equal(samples[5], samples[0], bytes);
    for (int i = 0; i < COUNT; ++i)
        free(samples[i]);
    qs_session_destroy(session);
    close_network(&net);
}

/* Of a network whose labels are numbers. */
static void between_two_numbers(void **state)
{
    (void)state;
    network net = open_golden("label_numbers");
    const int32_t one = 1, two = 2, three = 3;
    float *sample = allocate(net.count, sizeof *sample), *between = allocate(net.count, 4);
    qs_session *session = make_session(&net, (qs_session_options){ .batch = 1 });
    ok(qs_session_render(session, &(qs_recipe){ .steps = 2, .labels = &two }, NULL, NULL, NULL,
                         sample));
    ok(qs_session_render(
        session, &(qs_recipe){ .steps = 2, .labels = &three, .labels_to = &one, .mix = 0.5f }, NULL,
        NULL, NULL, between));
    assert_memory_equal(between, sample, net.count / BATCH * sizeof *sample);
    free(sample);
    free(between);
    qs_session_destroy(session);
    close_network(&net);
}

static void mixes_that_cannot_be(void **state)
{
    network net = open_golden("openai_imagenet"), plain = open_golden("openai_lsun");
    qs_session *session = make_session(&net, (qs_session_options){ .batch = 1 });
    qs_session *without = make_session(&plain, (qs_session_options){ .batch = 1 });
    const int32_t none = 10, one = 1;
    (void)state;
    recipe_refused(session, &(qs_recipe){ .labels_to = &one, .mix = 1.5f }, "a mix of 1.5");
    recipe_refused(session, &(qs_recipe){ .labels_to = &one, .mix = -0.5f }, "a mix of -0.5");
    recipe_refused(session, &(qs_recipe){ .labels_to = &one, .mix = NAN }, "a mix of nan");
    recipe_refused(session, &(qs_recipe){ .labels_to = &none }, "label 10: this model has 10");
    recipe_refused(session, &(qs_recipe){ .mix = 0.5f }, "there are no labels_to");
    recipe_refused(without, &(qs_recipe){ .labels_to = &one, .mix = 0.5f }, "has 0 labels");
    qs_session_destroy(session);
    qs_session_destroy(without);
    close_network(&net);
    close_network(&plain);
}

static void swapped_q_and_k_give_other_pictures(void **state)
{
    static const char name[] = "ddpm";
    const picture_case c = { "pictures.own,ddpm,0,4", false, "own", "ddpm", 0, 4 };
    (void)state;
    char *folder = swap_q_and_k(network_folder(name));
    network net = open_network(folder, name);
    qs_session *session = make_session(&net, (qs_session_options){ .batch = BATCH });
    const difference d = draw(&net, session, &c);
    qs_session_destroy(session);
    fprintf(stderr, "# q and k swapped: max %.2f, mean %.2f of 255\n", d.max, d.mean);
    assert_true(d.max > 10 * F32_MAX && d.mean > 2 * F16_MEAN);
    close_network(&net);
    temporary_remove(folder);
}

int main(void)
{
    static char *const names[] = { "ddpm", "ddpm_flat", "openai_imagenet", "openai_lsun",
                                   "label_times" };
    enum { COUNT = sizeof names / sizeof *names };
    struct CMUnitTest tests[2 * COUNT + 5];
    size_t used = 0;
    for (int i = 0; i < COUNT; ++i) {
        tests[used++] = make_test("f32", pictures_f32, names[i]);
        tests[used++] = make_test("f16", pictures_f16, names[i]);
    }
    tests[used++] = make_test("ends of a mix", ends_of_a_mix, "openai_imagenet");
    tests[used++] = make_test("ends of a mix", ends_of_a_mix, "label_times");
    tests[used++] = make_test("between two numbers is a number", between_two_numbers, NULL);
    tests[used++] = make_test("mixes that cannot be", mixes_that_cannot_be, NULL);
    tests[used++] = make_test("swapped q and k", swapped_q_and_k_give_other_pictures, NULL);
    return _cmocka_run_group_tests("pictures", tests, used, open_device, close_device);
}
