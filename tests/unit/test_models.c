/* Models by name: one search for the one that is meant and for the list of all. */
#include "../harness/temporary.h"

#include "common/models.h"

#include <setjmp.h>
#include <cmocka.h>

static char *folder;

/* FOLDER/PLACE/NAME/FILE */
static void make(const char *place, const char *name, const char *file)
{
    char path[4352];
    snprintf(path, sizeof path, "%s/%s", folder, place);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%s/%s", folder, place, name);
    mkdir(path, 0700);
    strcat(strcat(path, "/"), file);
    temporary_write(path, "{}", 2);
}

static int set_up(void **state)
{
    (void)state;
    folder = temporary_create();
    make("first", "zebra", "model_index.json");
    make("first", "both", "config.json");
    make("first", "nothing", "notes.txt");
    make("first", ".hidden", "config.json");
    make("second", "both", "model_index.json");
    make("second", APP_DEFAULT_MODEL, "model_index.json");
    make("second", "ant", "model_index.json");
    char places[4352 * 3];
    snprintf(places, sizeof places, ":%s/first:%s/absent:%s/second", folder, folder, folder);
    return setenv("QUICKSTEP_MODELS", places, 1);
}

static int tear_down(void **state)
{
    (void)state;
    temporary_remove(folder);
    return unsetenv("QUICKSTEP_MODELS");
}

static uint32_t place_of(const app_model *models, uint32_t count, const char *name)
{
    uint32_t found = UINT32_MAX;
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(models[i].name, name) == 0) {
            assert_int_equal(found, UINT32_MAX); /* once */
            found = i;
        }
    }
    return found;
}

/* There are more: those of the source tree and of an installed program. */
static void test_list(void **state)
{
    (void)state;
    app_model *models = NULL;
    uint32_t count = 0;
    assert_int_equal(app_list_models(&models, &count), QS_OK);
    assert_string_equal(models[0].name, APP_DEFAULT_MODEL);
    for (uint32_t i = 2; i < count; i++)
        assert_true(strcmp(models[i - 1].name, models[i].name) < 0);
    assert_in_range(place_of(models, count, "ant"), 1, count - 1);
    assert_in_range(place_of(models, count, "zebra"), 1, count - 1);
    assert_int_equal(place_of(models, count, "nothing"), UINT32_MAX);
    assert_int_equal(place_of(models, count, ".hidden"), UINT32_MAX);
    assert_string_equal(models[place_of(models, count, "both")].path,
                        temporary_path(folder, "first/both"));
    assert_string_equal(models[0].path, temporary_path(folder, "second/" APP_DEFAULT_MODEL));
    app_free_models(models, count);
}

static void test_list_is_what_is_found(void **state)
{
    (void)state;
    app_model *models = NULL;
    uint32_t count = 0;
    assert_int_equal(app_list_models(&models, &count), QS_OK);
    for (uint32_t i = 0; i < count; i++) {
        char *path = NULL;
        assert_int_equal(app_find_model(models[i].name, &path), QS_OK);
        assert_string_equal(path, models[i].path);
        free(path);
    }
    app_free_models(models, count);
}

static void test_refusal_names_what_there_is(void **state)
{
    (void)state;
    char *path = NULL;
    assert_int_equal(app_find_model("antelope", &path), QS_ERROR_MODEL);
    assert_non_null(strstr(app_error_message(), temporary_path(folder, "first")));
    assert_non_null(strstr(app_error_message(), temporary_path(folder, "second")));
    assert_non_null(strstr(app_error_message(), "the models there: " APP_DEFAULT_MODEL ", ant, "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_list_is_what_is_found),
        cmocka_unit_test(test_refusal_names_what_there_is),
    };
    return cmocka_run_group_tests_name("models", tests, set_up, tear_down);
}
