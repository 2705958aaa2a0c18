/* The recipe that a picture carries: what is read is what is written, and what is out of range is
 * refused. */
#include "common/recipe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static qs_status read_with(const char *more, app_recipe *recipe)
{
    char json[512];
    snprintf(json, sizeof json,
             "{\"command\": \"grid\", \"version\": \"1\", \"model\": \"m\", \"sampler\": \"ddim\", "
             "\"precision\": \"f32\", \"seed\": 1, %s}",
             more);
    return app_recipe_from_json(json, recipe);
}

static void what_is_read_is_written(void **state)
{
    (void)state;
    static app_recipe recipe, again;
    static const char *const rows[][2] = {
        { "\"steps\": 4", "\"steps\": 4," },
        { "\"steps\": \"4\"", "\"steps\": 4," },
        { "\"steps\": \"1,2,64:addim\"", "\"steps\": \"1,2,64:addim\"" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
        assert_int_equal(read_with(rows[i][0], &recipe), QS_OK);
        char *json = app_recipe_to_json(&recipe);
        assert_non_null(strstr(json, rows[i][1]));
        assert_int_equal(app_recipe_from_json(json, &again), QS_OK);
        assert_string_equal(again.steps, recipe.steps);
        free(json);
    }
}

static void what_is_out_of_range_is_refused(void **state)
{
    (void)state;
    static app_recipe recipe;
    static const char *const rows[] = {
        "\"steps\": 0",
        "\"steps\": \"0\"",
        "\"steps\": \"99999999999999999999\"",
        "\"steps\": \"\"",
        "\"steps\": \"1;\"",
        "\"steps\": 4, \"count\": 0",
        "\"steps\": 4, \"eta\": 2",
        "\"steps\": 4, \"prompt\": \"\\u001b[2J\"",
        "\"steps\": 4, \"prompt\": \"\\u009b2J\"", /* the same for a terminal */
        "\"steps\": 4, \"init\": \"\\u0085\", \"strength\": 1",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
        assert_int_equal(read_with(rows[i], &recipe), QS_ERROR_OTHER);
        assert_non_null(strstr(app_error_message(), "the recipe's"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_written),
        cmocka_unit_test(what_is_out_of_range_is_refused),
    };
    return cmocka_run_group_tests_name("recipe", tests, NULL, NULL);
}
