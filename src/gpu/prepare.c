/* Who wants to know how far something is that takes long. */
#include "gpu/internal.h"

#include "core/clock.h"

void qs_device_on_prepare(qs_device *device, qs_prepare_fn prepare, void *user)
{
    if (!device)
        return;
    device->prepare = prepare;
    device->prepare_user = user;
}

void gpu_tell_prepared(qs_device *device, uint32_t done, uint32_t total)
{
    static const double PAUSE_MS = 50;
    if (!device->prepare || clock_ms() - device->told_ms < PAUSE_MS)
        return;
    device->prepare(device->prepare_user, done, total);
    device->told_ms = clock_ms();
}
