/* Long runs in one process: memory and open files stay as they were, and so do the pictures. $SOAK
 * times 100 pictures, 5 sessions opened and closed, 10 changes of batch, precision, size and model,
 * and 10 pictures of every shipped model, none flat; 1 unless it is set, 100 by hand and without
 * validation. On a driver that
 * computes on the CPU, the device's memory is the process's. */
#include <quickstep/quickstep.h>

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "../harness/device.h"
#include "../harness/source.h"
#include "../harness/status.h" /* wants cmocka.h */

/* What a heap may still grow by after the first tenth of a run: free lists, the driver's caches. */
enum { KIB_SLACK = 8 * 1024 };
enum { ALLOCATIONS_MOST = 64 }; /* of a device with a session; Vulkan promises 4,096 */
#define DEVIATION_LEAST 2.0     /* of a picture's bytes: below it is of one colour */

static const struct {
    const char *folder;
    uint32_t width, height;
} sources[] = {
    { "assets/models/sprites", 0, 0 },
    { "assets/models/emoji", 0, 0 },
    { "tests/golden/readers/sd1", 128, 64 },
    { "tests/golden/readers/sd1", 64, 192 },
};
enum { MODELS = sizeof sources / sizeof *sources };

static qs_model *models[MODELS];
static uint32_t times = 1;

static int open_soaked_device(void **state)
{
    const char *soak = getenv("SOAK");
    if (!soak)
        return open_device(state);
    times = (uint32_t)strtoul(soak, NULL, 10);
    setenv("QUICKSTEP_DEBUG", "defaults", 1);
    return times && qs_device_create(NULL, &device) == QS_OK ? 0 : -1;
}

static int open_all(void **state)
{
    if (open_soaked_device(state) != 0)
        return -1;
    for (int i = 0; i < MODELS; ++i) {
        const qs_model_options options = { .width = sources[i].width, .height = sources[i].height };
        if (qs_model_open_with(source_path("%s", sources[i].folder), &options, &models[i]) !=
            QS_OK) {
            fprintf(stderr, "# %s\n", qs_last_error());
            return -1;
        }
    }
    return 0;
}

static int close_all(void **state)
{
    for (int i = 0; i < MODELS; ++i)
        qs_model_destroy(models[i]);
    return close_device(state);
}

/* ---- what must not grow ---------------------------------------------------------------------- */

typedef struct usage {
    long kib, files;
} usage;

static usage measure(void)
{
    usage now = { 0 };
    long pages = 0, unused = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &unused, &pages), 2);
    fclose(file);
    now.kib = pages * (sysconf(_SC_PAGESIZE) / 1024);
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder))
        ++now.files;
    closedir(folder);
    return now;
}

static void check_flat(const char *what, uint32_t count, usage early)
{
    const usage now = measure();
    fprintf(stderr, "# %u %s: %ld KiB resident after a tenth, %ld at the end; %ld files, %ld\n",
            count, what, early.kib, now.kib, early.files, now.files);
    assert_int_equal(now.files, early.files);
    assert_in_range(now.kib, 0, early.kib + KIB_SLACK);
}

/* ---- what is done ---------------------------------------------------------------------------- */

static qs_session *make(qs_model *model, uint32_t batch, qs_precision precision)
{
    qs_session *session = NULL;
    qs_session_memory memory;
    ok(qs_session_create(
        device, model, &(qs_session_options){ .batch = batch, .precision = precision }, &session));
    qs_session_get_memory(session, &memory);
    assert_in_range(memory.allocation_count, 1, ALLOCATIONS_MOST);
    return session;
}

static uint64_t draw(qs_session *session, uint64_t seed)
{
    qs_frame f;
    uint64_t value = 1469598103934665603u; /* FNV-1a */
    ok(qs_session_render(session, &(qs_recipe){ .seed = seed }, NULL, NULL, &f, NULL));
    for (size_t i = 0; i < (size_t)4 * f.width * f.height; ++i)
        value = (value ^ f.pixels[i]) * 1099511628211u;
    return value;
}

static void pictures(void **state)
{
    (void)state;
    const uint32_t count = 100 * times;
    usage early = { 0 };
    qs_session *session = make(models[0], 1, QS_F32);
    const uint64_t first = draw(session, 0);
    for (uint32_t i = 1; i < count; ++i) {
        draw(session, i);
        if (i == count / 10)
            early = measure();
    }
    check_flat("pictures", count, early);
    assert_true(draw(session, 0) == first);
    qs_session_destroy(session);
}

static void sessions(void **state)
{
    (void)state;
    const uint32_t count = 5 * times;
    usage early = { 0 };
    uint64_t first = 0;
    for (uint32_t i = 0; i < count; ++i) {
        qs_session *session = make(models[0], 1, QS_F32);
        const uint64_t drawn = draw(session, 0);
        first = i == 0 ? drawn : first;
        assert_true(drawn == first);
        qs_session_destroy(session);
        if (i == count / 10)
            early = measure();
    }
    check_flat("sessions", count, early);
}

/* Every model and size, in each precision, with batches of 1 to BATCHES: what was drawn once is
 * drawn the next time. (Another batch may take other tiles, and end in another rounding.) */
static void changes(void **state)
{
    (void)state;
    enum { BATCHES = 4, CYCLE = MODELS * 2 * BATCHES };
    qs_device_info about;
    qs_device_get_info(device, &about);
    const uint32_t count = 10 * times;
    uint64_t seen[CYCLE] = { 0 };
    usage early = { 0 };
    for (uint32_t i = 0; i < count; ++i) {
        const uint32_t way = i % CYCLE, batch = 1 + way / (2 * MODELS);
        const bool half = about.f16_storage && way / MODELS % 2;
        qs_session *session = make(models[way % MODELS], batch, half ? QS_F16 : QS_F32);
        const uint64_t drawn = draw(session, 3);
        if (seen[way] && seen[way] != drawn)
            fail_msg("change %u draws another picture", i);
        seen[way] = drawn;
        qs_session_destroy(session);
        if (i == count / 10 + CYCLE) /* all of them were there once */
            early = measure();
    }
    if (count > 2 * CYCLE)
        check_flat("changes", count, early);
}

/* Of the colours. */
static double deviation(const qs_frame *f)
{
    const size_t pixels = (size_t)f->width * f->height;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < 4 * pixels; ++i)
        if (i % 4 != 3) {
            sum += f->pixels[i];
            squares += (double)f->pixels[i] * f->pixels[i];
        }
    const double mean = sum / (3.0 * (double)pixels);
    return sqrt(squares / (3.0 * (double)pixels) - mean * mean);
}

/* Seeds of every label, or of every prompt that the model proposes. */
static void draw_seeds(const char *name)
{
    qs_model *model;
    qs_model_info info;
    double least = 255;
    uint32_t examples = 0;
    ok(qs_model_open(name, &model));
    qs_model_get_info(model, &info);
    while (qs_model_example(model, examples))
        ++examples;
    qs_session *session = make(model, 1, QS_F32);
    for (uint32_t seed = 0; seed < 10 * times; ++seed) {
        const int32_t label = info.label_count ? (int32_t)(seed % info.label_count) : 0;
        const char *prompt = examples ? qs_model_example(model, seed % examples) : NULL;
        qs_frame f;
        ok(qs_session_render(session,
                             &(qs_recipe){ .steps = 1,
                                           .seed = seed,
                                           .labels = info.label_count ? &label : NULL,
                                           .prompts = prompt ? &prompt : NULL },
                             NULL, NULL, &f, NULL));
        const double here = deviation(&f);
        least = here < least ? here : least;
        if (here < DEVIATION_LEAST)
            fail_msg("%s, seed %u: a picture with a deviation of %.2f", name, seed, here);
    }
    fprintf(stderr, "# %s: %u seeds, a deviation of %.1f and more\n", name, 10 * times, least);
    qs_session_destroy(session);
    qs_model_destroy(model);
}

/* A picture with NaN or of one colour is an error of qs_session_render. */
static void seeds(void **state)
{
    (void)state;
    draw_seeds("sprites");
    draw_seeds("heroes");
    draw_seeds("emoji");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures),
        cmocka_unit_test(sessions),
        cmocka_unit_test(changes),
        cmocka_unit_test(seeds),
    };
    if (argc > 1) /* one of them */
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("soak", tests, open_all, close_all);
}
