#include "gpu/driver_threads.h"

#include <dirent.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREADS_MAX = 256 };

/* The mark is a name that no other thread has; a driver's threads inherit it from the one that
 * starts them. */
void gpu_driver_threads_begin(gpu_driver_threads *threads)
{
    snprintf(threads->mark, sizeof threads->mark, "starts%ld", (long)syscall(SYS_gettid));
    prctl(PR_GET_NAME, threads->name);
    prctl(PR_SET_NAME, threads->mark);
}

static FILE *open_name(const char *id, const char *mode)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", id);
    return fopen(path, mode);
}

static bool has_name(const char *id, const char *name)
{
    char line[GPU_THREAD_NAME_BYTES + 1] = "";
    FILE *file = open_name(id, "re");
    if (!file)
        return false;
    const bool read = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    line[strcspn(line, "\n")] = '\0';
    return read && strcmp(line, name) == 0;
}

static void set_name(const char *id, const char *name)
{
    FILE *file = open_name(id, "we");
    if (!file)
        return;
    fputs(name, file);
    fclose(file);
}

/* The threads that bear the mark get their name back; how many there are. */
static size_t find_marked(const gpu_driver_threads *threads, pid_t marked[THREADS_MAX])
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/task");
    if (!folder)
        return 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.' || !has_name(entry->d_name, threads->mark))
            continue;
        set_name(entry->d_name, threads->name);
        if (count < THREADS_MAX)
            marked[count++] = (pid_t)strtol(entry->d_name, NULL, 10);
    }
    closedir(folder);
    return count;
}

static int by_age(const void *a, const void *b)
{
    const pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
    return (x > y) - (x < y);
}

static int next_core(const cpu_set_t *cores, int core)
{
    do
        core = (core + 1) % CPU_SETSIZE;
    while (!CPU_ISSET(core, cores));
    return core;
}

/* The first hands out work and compiles shaders, and goes where there is room. Of the others, each
 * pool of as many as there are cores, started one after the other, has each core once. */
static void bind(const pid_t *threads, size_t count)
{
    cpu_set_t cores, one;
    if (sched_getaffinity(0, sizeof cores, &cores) != 0 || count <= (size_t)CPU_COUNT(&cores))
        return;
    int core = -1;
    for (size_t i = 1; i < count; i++) {
        core = next_core(&cores, core);
        CPU_ZERO(&one);
        CPU_SET(core, &one);
        sched_setaffinity(threads[i], sizeof one, &one); /* one that ended is none to bind */
    }
}

void gpu_driver_threads_end(const gpu_driver_threads *threads)
{
    pid_t marked[THREADS_MAX];
    prctl(PR_SET_NAME, threads->name);
    const size_t count = find_marked(threads, marked);
    qsort(marked, count, sizeof marked[0], by_age);
    bind(marked, count);
}
