/* Models by name: one search for the one that is meant and for the list of all. */
#include "../harness/temporary.h"

#include <quickstep/quickstep.h>

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
    make("second", QS_DEFAULT_MODEL, "model_index.json");
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

static qs_model_place places[64];

/* There are more: those of the source tree and of an installed program. */
static size_t list(void)
{
    size_t count = 64;
    assert_int_equal(qs_model_list(places, &count), QS_OK);
    assert_true(count >= 4 && count <= 64);
    return count;
}

static size_t place_of(size_t count, const char *name)
{
    size_t found = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(places[i].name, name) == 0) {
            assert_int_equal(found, SIZE_MAX); /* once */
            found = i;
        }
    }
    return found;
}

static void test_list(void **state)
{
    (void)state;
    const size_t count = list();
    assert_string_equal(places[0].name, QS_DEFAULT_MODEL);
    for (size_t i = 2; i < count; i++)
        assert_true(strcmp(places[i - 1].name, places[i].name) < 0);
    assert_in_range(place_of(count, "ant"), 1, count - 1);
    assert_in_range(place_of(count, "zebra"), 1, count - 1);
    assert_int_equal(place_of(count, "nothing"), SIZE_MAX);
    assert_int_equal(place_of(count, ".hidden"), SIZE_MAX);
    assert_string_equal(places[place_of(count, "both")].path, temporary_path(folder, "first/both"));
    assert_string_equal(places[0].path, temporary_path(folder, "second/" QS_DEFAULT_MODEL));
}

static void test_list_keeps_to_its_room(void **state)
{
    (void)state;
    const size_t all = list();
    size_t count = 0;
    assert_int_equal(qs_model_list(NULL, &count), QS_OK);
    assert_int_equal(count, all);
    memset(places, 0, sizeof places);
    count = 2;
    assert_int_equal(qs_model_list(places, &count), QS_OK);
    assert_int_equal(count, all);
    assert_string_equal(places[1].name, "ant");
    assert_string_equal(places[2].name, "");
    assert_int_equal(qs_model_list(places, NULL), QS_ERROR_USAGE);
}

static void test_list_is_what_is_found(void **state)
{
    (void)state;
    const size_t count = list();
    for (size_t i = 0; i < count; i++) {
        char path[QS_PATH_SIZE];
        assert_int_equal(qs_model_find(places[i].name, path), QS_OK);
        assert_string_equal(path, places[i].path);
    }
}

/* What has a slash or is here is itself: opening it says what is wrong with it. */
static void test_paths_are_themselves(void **state)
{
    (void)state;
    char path[QS_PATH_SIZE], here[QS_PATH_SIZE], long_name[2 * QS_PATH_SIZE];
    assert_int_equal(qs_model_find("./absent", path), QS_OK);
    assert_string_equal(path, "./absent");
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(temporary_path(folder, "first")), 0);
    assert_int_equal(qs_model_find("both", path), QS_OK);
    assert_string_equal(path, "both");
    assert_int_equal(chdir(here), 0);
    memset(long_name, '/', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = 0;
    assert_int_equal(qs_model_find(long_name, path), QS_ERROR_USAGE);
    assert_int_equal(qs_model_find(NULL, path), QS_ERROR_USAGE);
}

/* The shipped models, by name, wherever the test runs. */
static void test_shipped_models_open_by_name(void **state)
{
    (void)state;
    char given[4352 * 3];
    snprintf(given, sizeof given, "%s", getenv("QUICKSTEP_MODELS"));
    unsetenv("QUICKSTEP_MODELS");
    const char *const names[] = { "sprites", "heroes", "emoji" };
    for (int i = 0; i < 3; i++) {
        qs_model *model = NULL;
        qs_model_info info;
        assert_int_equal(qs_model_open(names[i], &model), QS_OK);
        qs_model_get_info(model, &info);
        assert_string_equal(info.name, names[i]);
        qs_model_destroy(model);
    }
    setenv("QUICKSTEP_MODELS", given, 1);
}

static void test_refusal_names_what_there_is(void **state)
{
    (void)state;
    char path[QS_PATH_SIZE];
    assert_int_equal(qs_model_find("antelope", path), QS_ERROR_MODEL);
    assert_non_null(strstr(qs_last_error(), temporary_path(folder, "first")));
    assert_non_null(strstr(qs_last_error(), temporary_path(folder, "second")));
    assert_non_null(strstr(qs_last_error(), "the models there: " QS_DEFAULT_MODEL ", ant, "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_list_keeps_to_its_room),
        cmocka_unit_test(test_list_is_what_is_found),
        cmocka_unit_test(test_paths_are_themselves),
        cmocka_unit_test(test_shipped_models_open_by_name),
        cmocka_unit_test(test_refusal_names_what_there_is),
    };
    return cmocka_run_group_tests_name("models", tests, set_up, tear_down);
}
