/* Tensors, slices, scopes; what an op refuses. */
#include "ops/ops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static const gpu_limits limits = { .subgroup_size = 8, .workgroup_count = { 65535, 65535, 65535 } };

static void names_follow_the_scope(void **state)
{
    (void)state;
    graph g;
    graph_init(&g, &limits, DTYPE_F32);
    graph_push_scope(&g, "down_blocks.%u", 1u);
    graph_push_scope(&g, "resnets.%u", 0u);
    assert_string_equal(graph_name(&g, "conv1"), "down_blocks.1.resnets.0.conv1");
    graph_pop_scope(&g);
    assert_string_equal(graph_name(&g, "x"), "down_blocks.1.x");
    graph_pop_scope(&g);
    assert_string_equal(graph_name(&g, "x"), "x");
    graph_pop_scope(&g); /* one too many is harmless */
    assert_string_equal(graph_name(&g, "x"), "x");
    graph_finish(&g);
}

static void strides_are_multiples_of_four(void **state)
{
    (void)state;
    graph g;
    graph_init(&g, &limits, DTYPE_F16);
    const tensor *t = graph_tensor(&g, graph_activation(&g, "a", DTYPE_F16, 2, 3, 5, 7));
    assert_int_equal(t->stride, 8);
    assert_int_equal(t->bytes, 2 * 3 * 5 * 8 * 2);
    t = graph_tensor(&g, graph_state(&g, "labels", DTYPE_U32, 3, 1, 1, 1));
    assert_int_equal(t->bytes, 12);
    t = graph_tensor(&g, graph_state(&g, "frame", DTYPE_U32, 2, 8, 8, 1));
    assert_int_equal(t->bytes, 2 * 8 * 8 * 4);
    t = graph_tensor(&g, graph_state(&g, "latent", DTYPE_F32, 2, 8, 8, 3));
    assert_int_equal(t->bytes, 2 * 8 * 8 * 4 * 4);
    graph_finish(&g);
}

static void slices_share_their_parent(void **state)
{
    (void)state;
    graph g;
    graph_init(&g, &limits, DTYPE_F32);
    const tensor_id whole = graph_activation(&g, "whole", DTYPE_F32, 1, 4, 4, 13);
    const tensor_id a = graph_activation(&g, "a", DTYPE_F32, 1, 4, 4, 8);
    const tensor_id b = graph_activation(&g, "b", DTYPE_F32, 1, 4, 4, 5);
    const tensor_id c = graph_activation(&g, "c", DTYPE_F32, 1, 4, 4, 6);
    assert_true(graph_can_slice(&g, a, whole, 0));
    assert_false(graph_can_slice(&g, a, whole, 2)); /* not a multiple of four */
    assert_true(graph_can_slice(&g, b, whole, 8));  /* ends where the whole ends */
    assert_false(graph_can_slice(&g, c, whole, 4)); /* its pad lanes would be somebody's channels */
    assert_false(graph_can_slice(&g, whole, whole, 0));
    graph_slice(&g, a, whole, 0);
    graph_slice(&g, b, whole, 8);
    assert_int_equal(graph_root(&g, b), whole);
    assert_int_equal(graph_tensor(&g, b)->offset, 8);
    assert_int_equal(graph_tensor(&g, b)->stride, 16);
    assert_false(graph_can_slice(&g, a, whole, 0)); /* a slice already */
    assert_false(graph_can_slice(&g, whole, c, 0)); /* somebody's parent */
    graph_finish(&g);
}

static void bands_follow_their_tensor(void **state)
{
    (void)state;
    graph g;
    graph_init(&g, &limits, DTYPE_F32);
    const tensor_id whole = graph_activation(&g, "whole", DTYPE_F32, 2, 6, 5, 16);
    const tensor_id part = graph_activation(&g, "part", DTYPE_F32, 2, 6, 5, 8);
    const tensor_id band = graph_band(&g, part, 6 * 5 + 3, 2, 5); /* of the second image */
    const tensor *t = graph_tensor(&g, band);
    assert_int_equal(t->n, 1);
    assert_int_equal(t->offset, 33 * 8);
    assert_int_equal(graph_whole(&g, band), part);
    tensor_range range = graph_range(&g, band); /* pixels of 32 bytes */
    assert_int_equal(range.begin, 1024);
    assert_int_equal(range.begin + range.bytes, (33 + 10) * 32);
    assert_true(graph_can_slice(&g, part, whole, 8));
    graph_slice(&g, part, whole, 8);
    t = graph_tensor(&g, band);
    assert_int_equal(t->offset, 33 * 16 + 8);
    assert_int_equal(t->stride, 16);
    assert_int_equal(graph_root(&g, band), whole);
    assert_int_equal(graph_whole(&g, band), part);
    range = graph_range(&g, band); /* of 64 bytes */
    assert_int_equal(range.begin, 2048);
    assert_int_equal(range.begin + range.bytes, (33 + 10) * 64);
    range = graph_range(&g, part);
    assert_int_equal(range.begin, 0);
    assert_int_equal(range.bytes, 2 * 6 * 5 * 64);
    graph_finish(&g);
}

static void the_first_failure_stays(void **state)
{
    (void)state;
    graph g;
    graph_init(&g, &limits, DTYPE_F32);
    graph_activation(&g, "huge", DTYPE_F32, 64, 65535, 65535, 64);
    assert_int_equal(graph_status(&g), QS_ERROR_MODEL);
    assert_non_null(strstr(qs_last_error(), "huge"));
    graph_fail(&g, QS_ERROR_OTHER);
    assert_int_equal(graph_status(&g), QS_ERROR_MODEL);
    graph_finish(&g);
}

static void states_are_found_by_name(void **state)
{
    (void)state;
    graph g;
    graph_init(&g, &limits, DTYPE_F32);
    graph_activation(&g, "time", DTYPE_F32, 1, 1, 1, 4);
    const tensor_id time = graph_state(&g, "time", DTYPE_F32, 1, 1, 1, 1);
    assert_int_equal(graph_find_state(&g, "time"), time);
    assert_int_equal(graph_find_state(&g, "latent"), NO_TENSOR);
    graph_finish(&g);
}

static qs_status attention_status(uint32_t width, bool cpu)
{
    gpu_limits device = limits;
    device.cpu = cpu;
    graph g;
    graph_init(&g, &device, DTYPE_F32);
    const tensor_id qkv = graph_activation(&g, "qkv", DTYPE_F32, 1, 64, 64, 3 * width);
    op_attention(&g, "y", &(attention_params){ qkv, 1, 1 });
    const qs_status status = graph_status(&g);
    graph_finish(&g);
    return status;
}

static void loops_that_llvmpipe_leaves_are_refused(void **state)
{
    (void)state;
    assert_int_equal(attention_status(20, true), QS_OK);
    assert_int_equal(attention_status(18, false), QS_OK);
    assert_int_equal(attention_status(18, true), QS_ERROR_DEVICE);
}

/* Where the two orders of rounding differ, torch 2.13.0's of diffusers'
 * get_guidance_scale_embedding and get_timestep_embedding, 256 channels. A scale of 8.5 multiplies
 * the difference by 7500. */
static void frequencies_are_rounded_as_pytorch_rounds(void **state)
{
    static const struct {
        uint32_t i;
        float guidance, time;
    } expected[] = { { 5, 0x1.64474ep-1f, 0x1.64474cp-1f },
                     { 24, 0x1.6745dep-3f, 0x1.6745dap-3f } };
    (void)state;
    for (int guidance = 0; guidance <= 1; ++guidance) {
        float packed[128];
        graph g;
        graph_init(&g, &limits, DTYPE_F32);
        op_time_embedding(&g, "y",
                          &(time_embedding_params){
                              .time = graph_state(&g, "time", DTYPE_F32, 1, 1, 1, 1),
                              .channels = 256,
                              .freq_shift = 1,
                              .max_period = 10000,
                              .divides_first = guidance,
                          });
        const weight *w = graph_tensor(&g, g.nodes[0].in[1])->weight;
        assert_int_equal(w->packed_bytes, sizeof packed);
        w->pack(w, 0, NULL, packed);
        for (size_t k = 0; k < sizeof expected / sizeof *expected; ++k)
            assert_true(packed[expected[k].i] ==
                        (guidance ? expected[k].guidance : expected[k].time));
        graph_finish(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_follow_the_scope),
        cmocka_unit_test(strides_are_multiples_of_four),
        cmocka_unit_test(slices_share_their_parent),
        cmocka_unit_test(bands_follow_their_tensor),
        cmocka_unit_test(the_first_failure_stays),
        cmocka_unit_test(states_are_found_by_name),
        cmocka_unit_test(loops_that_llvmpipe_leaves_are_refused),
        cmocka_unit_test(frequencies_are_rounded_as_pytorch_rounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
