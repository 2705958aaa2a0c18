/*
 * The threads of a driver that computes on the host's cores, one to a core.
 *
 * lavapipe starts a worker for each core and gives each its share of a dispatch. All are woken at
 * once; the thread that wakes them occupies one core, so Linux puts two workers on another, and
 * leaves them there: a dispatch of a small picture is too short for it to move a thread. A core
 * idles for as long as pictures are drawn, and with two cores a picture takes twice as long. So
 * each worker is bound to a core of its own. The thread that wakes them also compiles shaders, for
 * seconds, and is left free: another process's may compile, too.
 */
#ifndef QS_GPU_DRIVER_THREADS_H
#define QS_GPU_DRIVER_THREADS_H

enum { GPU_THREAD_NAME_BYTES = 16 };

typedef struct gpu_driver_threads {
    char name[GPU_THREAD_NAME_BYTES]; /* of the calling thread, */
    char mark[GPU_THREAD_NAME_BYTES]; /* and in its place meanwhile */
} gpu_driver_threads;

/* The threads that a driver starts from this thread between the two calls are bound, but for the
 * first, if there are more than cores that the process may use. Fewer have room anyway
 * (LP_NUM_THREADS=1), and threads that name themselves are let alone, as far as they have by then.
 * This thread's name is another meanwhile: names are inherited, and so it is known whose a thread
 * is. On other systems than Linux, and without /proc, nothing is done. */
void gpu_driver_threads_begin(gpu_driver_threads *threads);
void gpu_driver_threads_end(const gpu_driver_threads *threads);

#endif
