/* Which device is taken, and what of it is used: no device needed. */
#include "gpu_scene.h"

static gpu_physical fake(uint32_t index, const char *name, qs_device_type type, bool usable)
{
    gpu_physical p = { .info = { .index = index, .type = type, .usable = usable } };
    snprintf(p.info.name, sizeof p.info.name, "%s", name);
    memset(p.info.uuid, 0xa0 + (int)index, sizeof p.info.uuid);
    if (!usable)
        snprintf(p.info.unusable_reason, sizeof p.info.unusable_reason, "no reason");
    return p;
}

static void selection(void **state)
{
    (void)state;
    gpu_physical list[] = {
        fake(0, "llvmpipe", QS_DEVICE_CPU, true),
        fake(1, "Iris Xe", QS_DEVICE_INTEGRATED, true),
        fake(2, "GeForce RTX 4090", QS_DEVICE_DISCRETE, true),
        fake(3, "GeForce RTX 4090 D", QS_DEVICE_DISCRETE, true),
        fake(4, "Old Radeon", QS_DEVICE_DISCRETE, false),
    };
    const struct {
        const char *select;
        size_t expected;
    } good[] = {
        { NULL, 2 },
        { "0", 0 },
        { "3", 3 },
        { "xe", 1 },
        { "LLVMPIPE", 0 },
        { "geforce rtx 4090", 2 }, /* exactly, before "D" */
        { "4090 d", 3 },
        { "a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1", 1 },
        { "A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0", 0 },
    };
    size_t chosen = 99;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_ok(gpu_physical_select(list, 5, good[i].select, &chosen));
        assert_int_equal(chosen, good[i].expected);
    }
    list[2].dozen = true;
    assert_ok(gpu_physical_select(list, 5, NULL, &chosen));
    assert_int_equal(chosen, 3);
    assert_ok(gpu_physical_select(list, 1, NULL, &chosen));
    assert_int_equal(chosen, 0);
    const qs_status wrong = QS_ERROR_DEVICE;
    assert_error(wrong, "more than one", gpu_physical_select(list, 5, "4090", &chosen));
    assert_error(wrong, "Iris Xe", gpu_physical_select(list, 5, "Arc", &chosen));
    assert_error(wrong, "'5' is no", gpu_physical_select(list, 5, "5", &chosen));
    assert_error(wrong, "'' is no", gpu_physical_select(list, 5, "", &chosen));
    assert_error(wrong, "no reason", gpu_physical_select(list, 5, "radeon", &chosen));
    assert_error(wrong, "no usable", gpu_physical_select(list + 4, 1, NULL, &chosen));
}

static void lowered_limits(void **state)
{
    (void)state;
    const gpu_physical large = { .limits = { .workgroup_invocations = 1024,
                                             .shared_bytes = 49152,
                                             .storage_range_bytes = UINT32_MAX,
                                             .texel_elements = 1 << 28,
                                             .f16 = true },
                                 .info = { .push_descriptors = true },
                                 .storage_buffers_max = 32,
                                 .subgroup_operations = VK_SUBGROUP_FEATURE_BASIC_BIT |
                                                        VK_SUBGROUP_FEATURE_SHUFFLE_BIT };
    gpu_physical p = large;
    assert_ok(gpu_lower_limits(&p, NULL));
    assert_memory_equal(&p, &large, sizeof p);
    assert_ok(
        gpu_lower_limits(&p, "workgroup:128+shared:16384+range:134217728+texels:65536+buffers:4"));
    assert_int_equal(p.limits.workgroup_invocations, 128);
    assert_int_equal(p.limits.shared_bytes, 16384);
    assert_int_equal(p.limits.storage_range_bytes, 1 << 27);
    assert_int_equal(p.limits.texel_elements, 65536);
    assert_int_equal(p.storage_buffers_max, 4);
    assert_true(p.limits.f16 && p.info.push_descriptors);
    assert_ok(gpu_lower_limits(&p, "workgroup:512")); /* never raised */
    assert_int_equal(p.limits.workgroup_invocations, 128);
    assert_ok(gpu_lower_limits(&p, "no_push_descriptor+no_f16+no_shuffle"));
    assert_false(p.limits.f16 || p.info.push_descriptors);
    assert_int_equal(p.subgroup_operations, VK_SUBGROUP_FEATURE_BASIC_BIT);
    const char *const wrong[] = { "workgroup:64",  "workgroup",    "workgroup:",
                                  "shared:16384x", "shader:16384", "buffers:3",
                                  "no_f16:1",      "+no_f16",      "range:1048575" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_error(QS_ERROR_USAGE, "limits=", gpu_lower_limits(&p, wrong[i]));
}

/* Whatever the subgroups of a software device are, its tiles have 4 to 16 lanes, and shuffles only
 * where a workgroup is one whole subgroup; hardware's tiles do not depend on them. */
static void lanes(void **state)
{
    static const struct {
        uint32_t size, lanes;
    } cases[] = { { 1, 4 },   { 2, 4 },   { 4, 4 },   { 8, 8 },
                  { 16, 16 }, { 32, 16 }, { 64, 16 }, { 128, 16 } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gpu_limits software = { .subgroup_size = cases[i].size, .cpu = true, .shuffle = true };
        gpu_limits hardware = { .subgroup_size = cases[i].size, .shuffle = true };
        gpu_fit_lanes(&software);
        gpu_fit_lanes(&hardware);
        assert_int_equal(software.subgroup_size, cases[i].lanes);
        assert_int_equal(software.shuffle, cases[i].lanes == cases[i].size);
        assert_int_equal(hardware.subgroup_size, cases[i].size);
        assert_true(hardware.shuffle);
    }
}

/* What shuffles is built for subgroups that are whole workgroups, what else knows of subgroups is
 * for matrix units, and everything else is right for any size because it asks for none. */
static void few_shaders_know_subgroups(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHADER_COUNT; i++) {
        const struct shader_entry *shader = &shader_table[i];
        const bool shuffles = strstr(shader->name, "_shuffle_") || strstr(shader->name, "_texel_");
        if (shader->subgroup_operations && !shuffles && !shader->cooperative_matrix)
            fail_msg("%s uses subgroup operations %x", shader->name, shader->subgroup_operations);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selection),
        cmocka_unit_test(lowered_limits),
        cmocka_unit_test(lanes),
        cmocka_unit_test(few_shaders_know_subgroups),
    };
    return cmocka_run_group_tests_name("physical", tests, NULL, NULL);
}
