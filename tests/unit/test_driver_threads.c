/* The threads of a driver on the host's cores: started here, and by the software device. */
#include "gpu/driver_threads.h"

#include "../harness/skip.h"
#include "core/host.h"

#include <quickstep/quickstep.h>

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <cmocka.h>

enum { WORKERS_MAX = 1024 };

static struct {
    pthread_t threads[WORKERS_MAX];
    pthread_barrier_t started, finished;
    uint32_t count, first_bound;
    char name[GPU_THREAD_NAME_BYTES]; /* that they give themselves, if any */
} workers;

static void *work(void *user)
{
    (void)user;
    if (workers.name[0])
        prctl(PR_SET_NAME, workers.name);
    pthread_barrier_wait(&workers.started);
    pthread_barrier_wait(&workers.finished);
    return NULL;
}

static void start_workers(uint32_t count, const char *name)
{
    assert_true(count <= WORKERS_MAX);
    workers.count = count;
    snprintf(workers.name, sizeof workers.name, "%s", name);
    pthread_barrier_init(&workers.started, NULL, count + 1);
    pthread_barrier_init(&workers.finished, NULL, count + 1);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(pthread_create(&workers.threads[i], NULL, work, NULL), 0);
    pthread_barrier_wait(&workers.started);
}

static void stop_workers(void)
{
    pthread_barrier_wait(&workers.finished);
    for (uint32_t i = 0; i < workers.count; i++)
        pthread_join(workers.threads[i], NULL);
}

/* How many workers are bound to one core, and the cores that those have. */
static uint32_t count_bound(cpu_set_t *together)
{
    uint32_t bound = 0;
    CPU_ZERO(together);
    for (uint32_t i = 0; i < workers.count; i++) {
        cpu_set_t cores;
        assert_int_equal(pthread_getaffinity_np(workers.threads[i], sizeof cores, &cores), 0);
        if (CPU_COUNT(&cores) != 1)
            continue;
        if (bound++ == 0)
            workers.first_bound = i;
        CPU_OR(together, together, &cores);
    }
    return bound;
}

/* Between the two calls, unless `outside`. */
static uint32_t bound_of(uint32_t count, const char *name, bool outside, cpu_set_t *together)
{
    gpu_driver_threads threads;
    if (outside)
        start_workers(count, name);
    gpu_driver_threads_begin(&threads);
    if (!outside)
        start_workers(count, name);
    gpu_driver_threads_end(&threads);
    const uint32_t bound = count_bound(together);
    stop_workers();
    return bound;
}

static cpu_set_t own_cores(void)
{
    cpu_set_t cores;
    assert_int_equal(sched_getaffinity(0, sizeof cores, &cores), 0);
    return cores;
}

static void every_core_gets_a_worker_and_the_first_is_free(void **state)
{
    (void)state;
    const cpu_set_t all = own_cores();
    cpu_set_t together;
    const uint32_t cores = host_core_count(), counts[] = { cores + 1, cores * 2 };
    if (cores == 1)
        skip_test("one core");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        assert_int_equal(bound_of(counts[i], "", false, &together), counts[i] - 1);
        assert_int_equal(workers.first_bound, 1);
        assert_true(CPU_EQUAL(&together, &all));
    }
}

static void others_keep_all_cores(void **state)
{
    (void)state;
    const uint32_t cores = host_core_count();
    cpu_set_t together;
    if (cores == 1)
        skip_test("one core");
    assert_int_equal(bound_of(cores + 1, "", true, &together), 0);     /* there before */
    assert_int_equal(bound_of(cores + 1, "own", false, &together), 0); /* names itself */
    assert_int_equal(bound_of(cores, "", false, &together), 0);        /* room for each anyway */
}

static void the_caller_stays_as_it_was(void **state)
{
    (void)state;
    char name[GPU_THREAD_NAME_BYTES];
    const cpu_set_t before = own_cores();
    cpu_set_t together;
    prctl(PR_SET_NAME, "caller");
    bound_of(host_core_count() + 1, "", false, &together);
    prctl(PR_GET_NAME, name);
    assert_string_equal(name, "caller");
    const cpu_set_t after = own_cores();
    assert_true(CPU_EQUAL(&before, &after));
}

/* Threads of this process that are bound to a core each, and the cores; all are named as before. */
static uint32_t count_bound_threads(cpu_set_t *together)
{
    uint32_t bound = 0;
    CPU_ZERO(together);
    DIR *folder = opendir("/proc/self/task");
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char path[64], name[32] = "";
        cpu_set_t cores;
        if (entry->d_name[0] == '.' ||
            sched_getaffinity((pid_t)strtol(entry->d_name, NULL, 10), sizeof cores, &cores) != 0)
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%.16s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        assert_true(file && fgets(name, sizeof name, file));
        fclose(file);
        assert_int_not_equal(strncmp(name, "starts", 6), 0);
        if (CPU_COUNT(&cores) != 1)
            continue;
        bound++;
        CPU_OR(together, together, &cores);
    }
    closedir(folder);
    return bound;
}

static void a_software_device_has_every_core(void **state)
{
    (void)state;
    const cpu_set_t all = own_cores();
    cpu_set_t together;
    qs_device *device = NULL;
    qs_device_info info;
    if (host_core_count() == 1 || host_core_count() > 32 || getenv("LP_NUM_THREADS"))
        skip_test("one core, or fewer workers than cores: llvmpipe has at most 32");
    if (qs_device_create(NULL, &device) != QS_OK)
        fail_msg("%s", qs_last_error());
    qs_device_get_info(device, &info);
    const uint32_t bound = count_bound_threads(&together);
    if (info.type == QS_DEVICE_CPU) {
        assert_true(bound >= host_core_count());
        assert_true(CPU_EQUAL(&together, &all));
    } else {
        assert_int_equal(bound, 0);
    }
    qs_device_destroy(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_core_gets_a_worker_and_the_first_is_free),
        cmocka_unit_test(others_keep_all_cores),
        cmocka_unit_test(the_caller_stays_as_it_was),
        cmocka_unit_test(a_software_device_has_every_core),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
