/* Convolutions on matrix units: packed weights, in plain C; and, where the device has
 * such units, whether the trial before their first use finds wrong ones. Whether they compute the
 * right thing is tests/ops' subject. */
#include "gpu/internal.h"
#include "ops/conv2d_matrix_packing.h"
#include "program/matrix_trial.h"

#include "core/half.h"
#include "lib/args.h"

#include <quickstep/quickstep.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../harness/source.h"
#include "../harness/status.h"

/* ---- weights -------------------------------------------------------------------------------- */

static float weight_value(uint32_t o, uint32_t i, uint32_t tap)
{
    return (float)(1 + o) + (float)i * 0x1p-6f - (float)tap * 0.25f;
}

/* Row o of phase `phase`, read as conv2d_matrix.comp reads it: vectors of 8 channels, tap by tap.
 */
static void check_row(const void *packed, uint32_t co, uint32_t ci, uint32_t taps, uint32_t phase,
                      uint32_t o, float (*expected)(uint32_t, uint32_t, uint32_t, uint32_t))
{
    const uint32_t chunks = matrix_chunks(ci, taps), rows = (co + 3) / 4 * 4;
    const uint32_t vectors = (ci + 7) / 8;
    for (uint32_t v = 0; v < chunks * CONV2D_MATRIX_CHUNK / 8; ++v)
        for (uint32_t lane = 0; lane < 8; ++lane) {
            const uint32_t tap = v / vectors, i = v % vectors * 8 + lane;
            const uint32_t chunk = v / (CONV2D_MATRIX_CHUNK / 8);
            const size_t at = (((size_t)phase * chunks + chunk) * rows + o) * CONV2D_MATRIX_CHUNK +
                              v % (CONV2D_MATRIX_CHUNK / 8) * 8 + lane;
            const bool real = tap < taps && i < ci && o < co;
            const float wanted = real ? expected(phase, o, i, tap) : 0;
            assert_true(load_float(packed, at, true) == float_from_half(half_from_float(wanted)));
        }
}

static float plain_value(uint32_t phase, uint32_t o, uint32_t i, uint32_t tap)
{
    (void)phase;
    return weight_value(o, i, tap);
}

static void weights_are_packed_in_order_of_use(void **state)
{
    static const uint32_t shapes[][3] = { { 6, 5, 3 }, { 16, 32, 1 }, { 7, 41, 3 }, { 3, 8, 5 } };
    (void)state;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; ++s) {
        const uint32_t co = shapes[s][0], ci = shapes[s][1], kernel = shapes[s][2];
        const uint32_t taps = kernel * kernel, first = co / 2;
        float *values = calloc((size_t)co * ci * taps, sizeof *values);
        void *packed = calloc(1, matrix_packed_bytes(co, ci, taps, 1));
        for (uint32_t at = 0; at < co * ci * taps; ++at)
            values[at] = weight_value(at / (ci * taps), at / taps % ci, at % taps);
        matrix_pack(values, 0, first, co, ci, kernel, packed); /* two sources of a stack */
        matrix_pack(values + (size_t)first * ci * taps, first, co - first, co, ci, kernel, packed);
        for (uint32_t o = 0; o < (co + 3) / 4 * 4; ++o)
            check_row(packed, co, ci, taps, 0, o, plain_value);
        free(values);
        free(packed);
    }
}

/* A 3x3 tap (y, x) of an output row and column of parity phase / 2, phase % 2 falls on the input
 * rows (phase + y - 1) / 2 rounded down, of which tap 0 is phase - 1. */
static float phase_value(uint32_t phase, uint32_t o, uint32_t i, uint32_t tap)
{
    float sum = 0;
    for (int y = 0; y < 3; ++y)
        for (int x = 0; x < 3; ++x) {
            const int row = (int)floor(((int)(phase / 2) + y - 1) / 2.0) - ((int)(phase / 2) - 1);
            const int column =
                (int)floor(((int)(phase % 2) + x - 1) / 2.0) - ((int)(phase % 2) - 1);
            if (row == (int)(tap / 2) && column == (int)(tap % 2))
                sum += weight_value(o, i, (uint32_t)(3 * y + x));
        }
    return sum;
}

static void upsampling_weights(void **state)
{
    enum { CO = 5, CI = 11 };
    float values[CO * CI * 9];
    (void)state;
    for (uint32_t at = 0; at < CO * CI * 9; ++at)
        values[at] = weight_value(at / (CI * 9), at / 9 % CI, at % 9);
    void *packed = calloc(1, matrix_packed_bytes(CO, CI, 4, 4));
    matrix_pack_upsampling(values, CO, CI, packed);
    for (uint32_t phase = 0; phase < 4; ++phase)
        for (uint32_t o = 0; o < CO; ++o)
            check_row(packed, CO, CI, 4, phase, o, phase_value);
    free(packed);
}

/* ---- the trial ------------------------------------------------------------------------------ */

enum { OP_NOP = 0, OP_COPY_OBJECT = 83, OP_MATRIX_MUL_ADD = 4459, SIZE = 8 };
enum { TRIAL_MODULES = 5 }; /* three convolutions, two attentions */

static PFN_vkCreateShaderModule create_shader_module;
/* A driver whose matrices do not multiply, in shaders whose names begin so; NULL: a right one. */
static const char *planted;
static _Atomic uint32_t matrix_modules; /* shaders with matrices that the driver was given */
static uint32_t warnings;

static bool is_planted(const uint32_t *code)
{
    for (uint32_t i = 0; planted && i < SHADER_COUNT; ++i)
        if (shader_table[i].code == code)
            return strncmp(shader_table[i].name, planted, strlen(planted)) == 0;
    return false;
}

/* In place: a * b + c becomes c. Returns whether there is one. */
static bool spoil_products(uint32_t *words, size_t count, bool planting)
{
    bool found = false;
    for (size_t at = 5; at < count; at += words[at] >> 16) {
        const uint32_t length = words[at] >> 16;
        if ((words[at] & 0xffff) != OP_MATRIX_MUL_ADD)
            continue;
        found = true;
        if (!planting)
            continue;
        words[at + 3] = words[at + 5];
        words[at] = 4u << 16 | OP_COPY_OBJECT;
        for (uint32_t i = 4; i < length; ++i)
            words[at + i] = 1u << 16 | OP_NOP;
    }
    return found;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_spoilt(VkDevice handle,
                                                    const VkShaderModuleCreateInfo *info,
                                                    const VkAllocationCallbacks *allocator,
                                                    VkShaderModule *module)
{
    VkShaderModuleCreateInfo spoilt = *info;
    uint32_t *words = malloc(info->codeSize);
    memcpy(words, info->pCode, info->codeSize);
    matrix_modules += spoil_products(words, info->codeSize / 4, is_planted(info->pCode));
    spoilt.pCode = words;
    const VkResult result = create_shader_module(handle, &spoilt, allocator, module);
    free(words);
    return result;
}

static void count_warnings(void *user, qs_log_level level, const char *message)
{
    (void)user;
    warnings += level == QS_LOG_WARNING && strstr(message, "matrix units");
    fprintf(stderr, "# %s\n", message);
}

/* A device whose matrix units count as hardware, software though it may be. */
static qs_device *open_device(bool no_matrix, const char *wrong)
{
    qs_device *device = NULL;
    ok(qs_device_create(&(qs_device_options){ .no_matrix = no_matrix }, &device));
    device->physical.limits.cpu = false;
    create_shader_module = device->vk.vkCreateShaderModule;
    device->vk.vkCreateShaderModule = create_spoilt;
    planted = wrong;
    matrix_modules = warnings = 0;
    return device;
}

/* One evaluation of a small network in float16, by default on matrices, which measurements might
 * find too slow. */
static void evaluate(qs_device *device, float output[SIZE * SIZE])
{
    const qs_session_options options = { .precision = QS_F16, .no_tune = true };
    float sample[SIZE * SIZE];
    const float timestep = 10;
    qs_model *model = NULL;
    qs_session *session = NULL;
    for (int i = 0; i < SIZE * SIZE; ++i)
        sample[i] = sinf((float)i);
    ok(qs_model_open(source_path("tests/golden/networks/plain"), &model));
    ok(qs_session_create(device, model, &options, &session));
    ok(qs_session_forward(session, &(qs_network_input){ .sample = sample, .timestep = &timestep },
                          output));
    qs_session_destroy(session);
    qs_model_destroy(model);
}

static double difference(const float *a, const float *b)
{
    double most = 0;
    for (int i = 0; i < SIZE * SIZE; ++i)
        most = fmax(most, isnan(a[i] - b[i]) ? INFINITY : fabs(a[i] - b[i]));
    return most;
}

static void close_device(qs_device *device)
{
    assert_int_equal(qs_device_validation_messages(device), 0);
    qs_device_destroy(device);
}

/* The evaluation without matrices. */
static const float *plain_output(void)
{
    static float without[SIZE * SIZE];
    static bool evaluated;
    if (!evaluated) {
        qs_device *device = open_device(true, NULL);
        evaluate(device, without);
        close_device(device);
        evaluated = true;
    }
    return without;
}

static void right_matrices_are_used(void **state)
{
    const float *without = plain_output();
    (void)state;
    float with[SIZE * SIZE];
    qs_device *device = open_device(false, NULL);
    evaluate(device, with);
    assert_true(gpu_device_limits(device)->matrix.m > 0);
    assert_true(matrix_modules > TRIAL_MODULES);
    assert_int_equal(warnings, 0);
    assert_true(difference(with, without) < 0.02);
    close_device(device);
}

/* In all shaders, or in those of one op. */
static void wrong_matrices_are_refused(void **state)
{
    static const char *const wrong[] = { "", "conv2d", "attention" };
    const float *without = plain_output();
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
        float with[SIZE * SIZE];
        qs_device *device = open_device(false, wrong[i]);
        evaluate(device, with);
        assert_int_equal(gpu_device_limits(device)->matrix.m, 0);
        assert_int_equal(matrix_modules, TRIAL_MODULES);
        assert_int_equal(warnings, 1);
        assert_true(difference(with, without) == 0);
        evaluate(device, with); /* and once is enough */
        assert_int_equal(matrix_modules, TRIAL_MODULES);
        close_device(device);
    }
}

/* What the trial keeps away: trusted blindly, these matrices make another picture. */
static void wrong_matrices_would_matter(void **state)
{
    const float *without = plain_output();
    (void)state;
    float with[SIZE * SIZE];
    qs_device *device = open_device(false, "");
    gpu_matrices_judge(device, true);
    evaluate(device, with);
    assert_true(difference(with, without) > 0.1);
    close_device(device);
}

/* It checks its sums itself. */
static void matrices_have_a_rate(void **state)
{
    qs_roofline roofline;
    (void)state;
    qs_device *device = open_device(false, NULL);
    ok(qs_bench_roofline(device, &roofline));
    assert_true(roofline.matrix_gflops > 0);
    close_device(device);
    device = open_device(false, "");
    assert_int_equal(qs_bench_roofline(device, &roofline), QS_ERROR_OTHER);
    close_device(device);
}

/* ---- all ------------------------------------------------------------------------------------ */

static bool have_matrices(void)
{
    qs_device *device = NULL;
    const bool have = qs_device_create(NULL, &device) == QS_OK && device->physical.limits.matrix.m;
    qs_device_destroy(device);
    return have;
}

#define PLAIN_TESTS                                                                                \
    cmocka_unit_test(weights_are_packed_in_order_of_use), cmocka_unit_test(upsampling_weights)

int main(void)
{
    const struct CMUnitTest plain[] = { PLAIN_TESTS };
    const struct CMUnitTest all[] = {
        PLAIN_TESTS,
        cmocka_unit_test(right_matrices_are_used),
        cmocka_unit_test(wrong_matrices_are_refused),
        cmocka_unit_test(wrong_matrices_would_matter),
        cmocka_unit_test(matrices_have_a_rate),
    };
    setenv("QUICKSTEP_DEBUG", "validate,sync", 0);
    qs_set_log(count_warnings, NULL);
    /* where the device has none, tests/matrix runs the others on a driver that has them */
    return have_matrices() ? cmocka_run_group_tests_name("matrices", all, NULL, NULL)
                           : cmocka_run_group_tests_name("matrices", plain, NULL, NULL);
}
