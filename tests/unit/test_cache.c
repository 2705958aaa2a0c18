/* The pipeline cache: its file, damaged in every way, and its folder, which may be somebody else's.
 */
#include "../harness/folder.h"

#include "gpu_scene.h"

#include <sys/stat.h>
#include <sys/time.h>

static qs_device *device;

enum { PAYLOAD = 1000, FILE_BYTES = 64 + PAYLOAD };

static size_t read_file(const char *path, void *data, size_t room)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return 0;
    const size_t size = fread(data, 1, room, file);
    fclose(file);
    return size;
}

static bool cache_hit(const gpu_physical *physical, const char *path)
{
    size_t size = 0;
    void *data = gpu_cache_load(physical, path, &size);
    free(data);
    return data != NULL;
}

static void test_cache_file(void **state)
{
    (void)state;
    gpu_physical physical = device->physical;
    const char *path = temporary_path(folder, "deep/er/cache.bin");
    char payload[PAYLOAD], file[FILE_BYTES + 1];
    for (int i = 0; i < PAYLOAD; i++)
        payload[i] = (char)(i * 7);
    assert_false(cache_hit(&physical, path));
    gpu_cache_save(&physical, path, payload, PAYLOAD);
    assert_true(cache_hit(&physical, path));
    assert_int_equal(read_file(path, file, sizeof file), FILE_BYTES);

    for (size_t cut = 0; cut < FILE_BYTES; cut += 97) { /* truncated */
        temporary_write(path, file, cut);
        assert_false(cache_hit(&physical, path));
    }
    for (size_t bit = 0; bit < 8 * FILE_BYTES; bit += 61) { /* damaged */
        file[bit / 8] ^= (char)(1 << bit % 8);
        temporary_write(path, file, FILE_BYTES);
        assert_false(cache_hit(&physical, path));
        file[bit / 8] ^= (char)(1 << bit % 8);
    }
    file[FILE_BYTES] = 0;
    temporary_write(path, file, FILE_BYTES + 1); /* too long */
    assert_false(cache_hit(&physical, path));
    temporary_write(path, file, FILE_BYTES);
    assert_true(cache_hit(&physical, path));

    gpu_physical others[4] = { physical, physical, physical, physical };
    others[0].vendor_id++;
    others[1].device_id++;
    others[2].driver_version++;
    others[3].pipeline_cache_uuid[15]++;
    for (int i = 0; i < 4; i++)
        assert_false(cache_hit(&others[i], path));

    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0); /* must not stop us */
    assert_false(cache_hit(&physical, path));
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_false(cache_hit(&physical, path));
    gpu_cache_save(&physical, path, payload, PAYLOAD);
    rmdir(path);
    gpu_cache_save(&physical, "/dev/null/quickstep/cache.bin", payload, PAYLOAD);
}

static void test_cache_path(void **state)
{
    (void)state;
    char *xdg = copy_of(getenv("XDG_CACHE_HOME")), *home = copy_of(getenv("HOME"));
    setenv("HOME", "/nowhere/home", 1);
    setenv("XDG_CACHE_HOME", "/nowhere/xdg", 1);
    char *absolute = gpu_cache_path(&device->physical);
    setenv("XDG_CACHE_HOME", "relative", 1);
    char *relative = gpu_cache_path(&device->physical);
    unsetenv("HOME");
    char *none = gpu_cache_path(&device->physical);
    put_back("XDG_CACHE_HOME", xdg);
    put_back("HOME", home);
    assert_int_equal(strncmp(absolute, "/nowhere/xdg/quickstep/pipelines-", 33), 0);
    assert_int_equal(strncmp(relative, "/nowhere/home/.cache/quickstep/", 31), 0);
    assert_null(none);
    free(absolute);
    free(relative);
}

/* Not a folder that somebody else could fill. */
static void test_cache_of_others(void **state)
{
    (void)state;
    char *xdg = copy_of(getenv("XDG_CACHE_HOME"));
    const char *path = temporary_path(folder, "shared");
    assert_int_equal(mkdir(path, 0700), 0);
    setenv("XDG_CACHE_HOME", path, 1);
    const char *ours = temporary_path(folder, "shared/quickstep");
    const char *other = temporary_path(folder, "shared/other");
    for (int way = 0; way < 4; way++) {
        const bool theirs = way == 1 && geteuid() == 0;
        assert_int_equal(mkdir(other, 0700), 0);
        if (way == 2) /* a link of one's own to a ours of one's own */
            assert_int_equal(symlink(other, ours), 0);
        else
            assert_int_equal(mkdir(ours, 0700), 0);
        if (theirs)
            assert_int_equal(chown(ours, 12345, 12345), 0);
        if (way == 3)
            assert_int_equal(chmod(ours, 0777), 0);
        char *found = gpu_cache_path(&device->physical);
        assert_int_equal(found != NULL, !theirs && way != 3);
        free(found);
        assert_int_equal(way == 2 ? unlink(ours) : rmdir(ours), 0);
        if (way == 2 && geteuid() == 0) { /* and to somebody else's */
            assert_int_equal(chown(other, 12345, 12345), 0);
            assert_int_equal(symlink(other, ours), 0);
            assert_null(gpu_cache_path(&device->physical));
            assert_int_equal(unlink(ours), 0);
        }
        assert_int_equal(rmdir(other), 0);
    }
    put_back("XDG_CACHE_HOME", xdg);
}

/* What a killed program left goes, and what another one is writing stays. */
static void test_cache_leftovers(void **state)
{
    (void)state;
    const char *path = temporary_path(folder, "left.bin");
    const char *old = temporary_path(folder, "left.bin.abc123");
    const char *fresh = temporary_path(folder, "left.bin.def456");
    const struct timeval long_ago[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
    temporary_write(old, "x", 1);
    temporary_write(fresh, "x", 1);
    assert_int_equal(utimes(old, long_ago), 0);
    assert_true(gpu_cache_write(path, "head", 4, "data", 4));
    assert_int_equal(access(path, F_OK), 0);
    assert_int_not_equal(access(old, F_OK), 0);
    assert_int_equal(access(fresh, F_OK), 0);
}

/* A whole device with a cache folder that is good, damaged, and impossible. */
static void run_device(void)
{
    qs_device *other;
    struct scene scene;
    uint64_t ticket;
    assert_ok(qs_device_create(NULL, &other));
    scene_init(&scene, other, 1000);
    record_scene(&scene, other, 0);
    assert_ok(gpu_submit(other, scene.commands, &ticket));
    assert_ok(gpu_wait(other, ticket, UINT32_MAX));
    check_scene(&scene);
    assert_int_equal(qs_device_validation_messages(other), 0);
    scene_finish(&scene, other);
    qs_device_destroy(other);
}

static void test_cache_of_device(void **state)
{
    (void)state;
    char *xdg = copy_of(getenv("XDG_CACHE_HOME")), *path = gpu_cache_path(&device->physical);
    const unsigned errors = log_errors;
    run_device();
    assert_int_equal(access(path, R_OK), 0);
    assert_true(cache_hit(&device->physical, path));
    run_device(); /* from the file */
    temporary_write(path, "rubbish", 7);
    run_device();
    assert_true(cache_hit(&device->physical, path));
    setenv("XDG_CACHE_HOME", "/dev/null", 1);
    run_device();
    put_back("XDG_CACHE_HOME", xdg);
    free(path);
    assert_int_equal(log_errors, errors);
}

/* ---- all ----------------------------------------------------------------------------------------
 */

static void make_device(void **state)
{
    (void)state;
    assert_ok(qs_device_create(NULL, &device));
}

static void test_no_messages(void **state)
{
    (void)state;
    assert_int_equal(qs_device_validation_messages(device), 0);
    qs_device_destroy(device);
    assert_int_equal(log_errors, 0);
}

int main(void)
{
    create_folder(NULL);
    setenv("QUICKSTEP_DEBUG", "validate,sync,labels", 1);
    setenv("XDG_CACHE_HOME", folder, 1);
    qs_set_log(on_log, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(make_device),          cmocka_unit_test(test_cache_file),
        cmocka_unit_test(test_cache_path),      cmocka_unit_test(test_cache_of_others),
        cmocka_unit_test(test_cache_leftovers), cmocka_unit_test(test_cache_of_device),
        cmocka_unit_test(test_no_messages),
    };
    const int failed = cmocka_run_group_tests_name("cache", tests, NULL, NULL);
    remove_folder(NULL);
    return failed;
}
