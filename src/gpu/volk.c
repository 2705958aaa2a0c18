/* The one file with volk's code. Its variables have the names of the loader's functions; they are
 * hidden in the library, because a program may link the loader as well (libimgui does). */
#define VOLK_IMPLEMENTATION
#include "gpu/functions.h"

#include <pthread.h>

static pthread_once_t opened = PTHREAD_ONCE_INIT;
static pthread_mutex_t load_mutex = PTHREAD_MUTEX_INITIALIZER;
static VkResult open_result;

static void open_loader(void)
{
    open_result = volkInitialize();
}

qs_status gpu_loader_open(void)
{
    pthread_once(&opened, open_loader);
    if (open_result != VK_SUCCESS)
        return qs_error(QS_ERROR_DEVICE, "no Vulkan loader (libvulkan.so.1); install it and a "
                                         "driver (Debian: libvulkan1, mesa-vulkan-drivers)");
    const uint32_t version = volkGetInstanceVersion();
    if (version < VK_API_VERSION_1_1)
        return qs_error(QS_ERROR_DEVICE, "the Vulkan loader is version %u.%u, 1.1 is needed",
                        VK_API_VERSION_MAJOR(version), VK_API_VERSION_MINOR(version));
    return QS_OK;
}

qs_status gpu_functions_load_instance(VkInstance instance, struct gpu_instance_functions *vk)
{
#define LOAD(name) vk->name = (PFN_##name)vkGetInstanceProcAddr(instance, #name);
#define CHECK(name)                                                                                \
    if (!vk->name)                                                                                 \
        return qs_error(QS_ERROR_DEVICE, "the Vulkan loader has no " #name);
    GPU_INSTANCE_FUNCTIONS(LOAD)
    GPU_DEBUG_FUNCTIONS(LOAD)
    GPU_INSTANCE_FUNCTIONS(CHECK)
#undef LOAD
#undef CHECK
    return QS_OK;
}

/* volk fills a device's table through its variable vkGetDeviceProcAddr, which volkLoadInstance
 * would set together with hundreds of others. The loader returns the same function for every
 * instance; the mutex is for the variable. */
void gpu_functions_load_device(VkInstance instance, VkDevice device, struct VolkDeviceTable *vk)
{
    pthread_mutex_lock(&load_mutex);
    vkGetDeviceProcAddr =
        (PFN_vkGetDeviceProcAddr)vkGetInstanceProcAddr(instance, "vkGetDeviceProcAddr");
    volkLoadDeviceTable(vk, device);
    pthread_mutex_unlock(&load_mutex);
}
