#include "selftest/measure.h"

#include "core/clock.h"

qs_status measure_commands(qs_device *device, const gpu_commands *commands, double *ms)
{
    qs_status status = QS_OK;
    uint64_t ticket = 0;
    const double start = clock_ms();
    TRY(gpu_submit(device, commands, &ticket));
    TRY(gpu_wait(device, ticket, UINT32_MAX));
    *ms = clock_ms() - start;
    if (gpu_device_limits(device)->timestamps) {
        double ns[2];
        TRY(gpu_commands_timestamps(device, commands, ns));
        *ms = (ns[1] - ns[0]) * 1e-6;
    }
fail:
    return status;
}
