/* Which published consistency model a folder is, and where its two steps look. */
#include "model/published.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void second_points(void **state)
{
    (void)state;
    static const struct {
        const char *unet_dir, *name_or_path; /* NULL: the file has no such key */
        uint32_t size, classes, points, second;
    } rows[] = {
        { "/m/diffusers-cd_imagenet64_l2/unet", NULL, 64, 1000, 40, 22 },
        { "/m/diffusers-cd_imagenet64_lpips/unet", NULL, 64, 1000, 40, 22 },
        { "/m/diffusers-ct_imagenet64", NULL, 64, 1000, 201, 106 },
        { "/m/models--openai--diffusers-cd_bedroom256_l2/snapshots/0a1b/unet", NULL, 256, 0, 40,
          18 },
        { "/m/diffusers-cd_bedroom256_lpips/unet", NULL, 256, 0, 40, 17 },
        { "/m/diffusers-ct_bedroom256/unet", NULL, 256, 0, 151, 67 },
        { "/m/diffusers-ct_cat256/unet", NULL, 256, 0, 151, 62 },
        { "/m/diffusers-cd_cat256_l2/unet", NULL, 256, 0, 40, 0 }, /* none is published */
        { "/m/mine/unet", "openai/diffusers-ct_cat256", 256, 0, 151, 62 },
        { "/m/diffusers-ct_cat256/unet", "openai/diffusers-ct_bedroom256", 256, 0, 151, 62 },
        { "/m/mine/unet", NULL, 64, 1000, 40, 22 }, /* nothing else has a thousand classes */
        { "/m/mine/unet", NULL, 64, 1000, 201, 106 },
        { "/m/mine/unet", NULL, 64, 10, 40, 0 },
        { "/m/mine/unet", NULL, 256, 0, 40, 0 }, /* a bedroom or a cat */
        { "/m/mine/unet", NULL, 256, 0, 151, 0 },
        { "/m/diffusers-cd_imagenet64_l2-tiny/unet", NULL, 32, 10, 40, 0 },
        { "/m/diffusers-cd_imagenet64_l2/unet", NULL, 64, 1000, 18, 0 }, /* another grid */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
        const unet_config unet = { .sample_width = rows[i].size,
                                   .sample_height = rows[i].size,
                                   .num_class_embeds = rows[i].classes };
        scheduler_config scheduler = { .class = SCHEDULER_CONSISTENCY,
                                       .num_train_timesteps = rows[i].points };
        json_t *file = json_object();
        if (rows[i].name_or_path)
            json_object_set_new(file, "_name_or_path", json_string(rows[i].name_or_path));
        published_steps(rows[i].unet_dir, (const json_t *const[]){ NULL, file }, 2, &unet,
                        &scheduler);
        json_decref(file);
        if (scheduler.two_step_index != rows[i].second)
            fail_msg("%s, %u points: %u, wanted %u", rows[i].unet_dir, rows[i].points,
                     scheduler.two_step_index, rows[i].second);
        assert_int_equal(scheduler.trained_steps_count, rows[i].second ? 2 : 1);
        assert_int_equal(scheduler.trained_steps[0], 1);
        assert_int_equal(scheduler.trained_steps[1], 2);
    }
}

static void others_are_left_alone(void **state)
{
    (void)state;
    const unet_config unet = { .sample_width = 64, .sample_height = 64, .num_class_embeds = 1000 };
    scheduler_config scheduler = { .class = SCHEDULER_DDPM, .num_train_timesteps = 40 };
    published_steps("/m/cd_imagenet64", NULL, 0, &unet, &scheduler);
    assert_int_equal(scheduler.trained_steps_count, 0);
    assert_int_equal(scheduler.two_step_index, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(second_points),
        cmocka_unit_test(others_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
