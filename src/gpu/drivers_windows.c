/* Why there is no Vulkan device. The loader finds drivers through the registry's display adapters.
 */
#include "gpu/internal.h"

qs_status gpu_no_device(void)
{
    const char *named = getenv("VK_DRIVER_FILES");
    if (named && *named)
        return qs_error(QS_ERROR_DEVICE, "no Vulkan device: VK_DRIVER_FILES is %s", named);
    return qs_error(QS_ERROR_DEVICE,
                    "no Vulkan driver is installed: the GPU vendor's driver brings one");
}
