/* Windows spreads threads over the cores by itself. */
#include "gpu/driver_threads.h"

void gpu_driver_threads_begin(gpu_driver_threads *threads)
{
    (void)threads;
}

void gpu_driver_threads_end(const gpu_driver_threads *threads)
{
    (void)threads;
}
