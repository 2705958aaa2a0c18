#include "gpu/internal.h"

#include "core/debug.h"
#include "core/log.h"
#include "gpu/layer_settings.h"

#include <stdlib.h>
#include <string.h>

static const char validation_layer[] = "VK_LAYER_KHRONOS_validation";
enum {
    EXTENSIONS_MAX = 32,
    MATRIX_LAYER_VERSION = VK_MAKE_API_VERSION(0, 1, 3, 255), /* knows cooperative matrices */
};

struct wishes {
    const char *extensions[EXTENSIONS_MAX];
    uint32_t extension_count;
    bool validate, sync, layer_settings, portability;
};

/* *version: of Vulkan, that the layer was written for; 0 if it is not there. */
static qs_status layer_version(const char *name, uint32_t *version)
{
    qs_status status = QS_OK;
    VkLayerProperties *layers = NULL;
    uint32_t count = 0;
    *version = 0;
    VK(NULL, vkEnumerateInstanceLayerProperties(&count, NULL));
    layers = calloc(count + 1, sizeof *layers);
    if (!layers)
        TRY(qs_error(QS_ERROR_MEMORY, "no memory for %u layers", count));
    VK(NULL, vkEnumerateInstanceLayerProperties(&count, layers));
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(layers[i].layerName, name) == 0)
            *version = layers[i].specVersion;
fail:
    free(layers);
    return status;
}

/* layer: NULL for the loader's and the drivers' own. */
static qs_status extension_exists(const char *layer, const char *name, bool *exists)
{
    qs_status status = QS_OK;
    VkExtensionProperties *extensions = NULL;
    uint32_t count = 0;
    *exists = false;
    const VkResult result = vkEnumerateInstanceExtensionProperties(layer, &count, NULL);
    if (result == VK_ERROR_OUT_OF_HOST_MEMORY) /* the loader's word for a manifest without JSON */
        TRY(gpu_no_device());
    if (result != VK_SUCCESS)
        TRY(gpu_error(NULL, result, "vkEnumerateInstanceExtensionProperties"));
    extensions = calloc(count + 1, sizeof *extensions);
    if (!extensions)
        TRY(qs_error(QS_ERROR_MEMORY, "no memory for %u extensions", count));
    VK(NULL, vkEnumerateInstanceExtensionProperties(layer, &count, extensions));
    for (uint32_t i = 0; i < count; i++)
        *exists |= strcmp(extensions[i].extensionName, name) == 0;
fail:
    free(extensions);
    return status;
}

static void wish(struct wishes *wishes, const char *extension)
{
    for (uint32_t i = 0; i < wishes->extension_count; i++)
        if (strcmp(wishes->extensions[i], extension) == 0)
            return;
    wishes->extensions[wishes->extension_count++] = extension;
}

static qs_status wish_window_system(struct wishes *wishes, const char *const *extensions,
                                    uint32_t count)
{
    if (count > EXTENSIONS_MAX / 2)
        return qs_error(QS_ERROR_USAGE, "%u instance extensions, at most %d", count,
                        EXTENSIONS_MAX / 2);
    for (uint32_t i = 0; i < count; i++) {
        bool exists;
        if (!extensions[i])
            return qs_error(QS_ERROR_USAGE, "qs_device_create: an instance extension is NULL");
        const qs_status status = extension_exists(NULL, extensions[i], &exists);
        if (status != QS_OK)
            return status;
        if (!exists)
            return qs_error(QS_ERROR_DEVICE, "no Vulkan driver here has the instance extension %s",
                            extensions[i]);
        wish(wishes, extensions[i]);
    }
    return QS_OK;
}

static qs_status wish_validation(gpu_instance *instance, struct wishes *wishes)
{
    qs_status status = QS_OK;
    bool exists;
    uint32_t version;
    TRY(layer_version(validation_layer, &version));
    if (version == 0)
        TRY(qs_error(QS_ERROR_DEVICE,
                     "QUICKSTEP_DEBUG=validate needs %s, which is not installed "
                     "(Debian: vulkan-validationlayers)",
                     validation_layer));
    wishes->validate = true;
    instance->matrices = version >= MATRIX_LAYER_VERSION;
    if (!debug_get()->sync)
        return QS_OK;
    TRY(extension_exists(validation_layer, VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME, &exists));
    if (!exists)
        TRY(qs_error(QS_ERROR_DEVICE, "QUICKSTEP_DEBUG=sync: this %s has no %s", validation_layer,
                     VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME));
    wishes->sync = true;
    wish(wishes, VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME);
    TRY(extension_exists(validation_layer, VK_EXT_LAYER_SETTINGS_EXTENSION_NAME,
                         &wishes->layer_settings));
    if (wishes->layer_settings)
        wish(wishes, VK_EXT_LAYER_SETTINGS_EXTENSION_NAME);
fail:
    return status;
}

static qs_status wish_debugging(gpu_instance *instance, struct wishes *wishes)
{
    qs_status status = QS_OK;
    bool exists;
    if (debug_get()->validate)
        TRY(wish_validation(instance, wishes));
    if (!debug_get()->validate && !debug_get()->labels)
        return QS_OK;
    TRY(extension_exists(NULL, VK_EXT_DEBUG_UTILS_EXTENSION_NAME, &exists));
    if (!exists && wishes->validate)
        TRY(extension_exists(validation_layer, VK_EXT_DEBUG_UTILS_EXTENSION_NAME, &exists));
    if (!exists)
        TRY(qs_error(QS_ERROR_DEVICE, "QUICKSTEP_DEBUG: no %s here",
                     VK_EXT_DEBUG_UTILS_EXTENSION_NAME));
    wish(wishes, VK_EXT_DEBUG_UTILS_EXTENSION_NAME);
    instance->debug_utils = true;
fail:
    return status;
}

static qs_status create(gpu_instance *instance, const struct wishes *wishes)
{
    const char *const layers[] = { validation_layer };
    const VkValidationFeatureEnableEXT sync[] = {
        VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT
    };
    /* newer layers leave what shaders access out of it, unless they are told not to */
    const VkBool32 yes = VK_TRUE;
    const VkLayerSettingEXT heuristic = {
        .pLayerName = validation_layer,
        .pSettingName = "syncval_shader_accesses_heuristic",
        .type = VK_LAYER_SETTING_TYPE_BOOL32_EXT,
        .valueCount = 1,
        .pValues = &yes,
    };
    const VkLayerSettingsCreateInfoEXT settings = {
        .sType = VK_STRUCTURE_TYPE_LAYER_SETTINGS_CREATE_INFO_EXT,
        .settingCount = 1,
        .pSettings = &heuristic,
    };
    const VkValidationFeaturesEXT features = {
        .sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
        .pNext = wishes->layer_settings ? &settings : NULL,
        .enabledValidationFeatureCount = 1,
        .pEnabledValidationFeatures = sync,
    };
    VkDebugUtilsMessengerCreateInfoEXT messenger = gpu_messenger_info(instance);
    messenger.pNext = wishes->sync ? &features : NULL;
    const VkApplicationInfo application = {
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
        .pEngineName = "quickstep",
        .apiVersion = VK_API_VERSION_1_2,
    };
    const VkInstanceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pNext = wishes->validate ? &messenger : NULL, /* for vkCreateInstance itself */
        .flags = wishes->portability ? VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR : 0,
        .pApplicationInfo = &application,
        .enabledLayerCount = wishes->validate,
        .ppEnabledLayerNames = layers,
        .enabledExtensionCount = wishes->extension_count,
        .ppEnabledExtensionNames = wishes->extensions,
    };
    gpu_lock_loader_lists();
    const VkResult result = vkCreateInstance(&info, NULL, &instance->handle);
    gpu_unlock_loader_lists();
    if (result == VK_ERROR_INCOMPATIBLE_DRIVER)
        return gpu_no_device();
    return result == VK_SUCCESS ? QS_OK : gpu_error(NULL, result, "vkCreateInstance");
}

static qs_status create_messenger(gpu_instance *instance)
{
    qs_status status = QS_OK;
    const VkDebugUtilsMessengerCreateInfoEXT info = gpu_messenger_info(instance);
    VK(NULL, instance->vk.vkCreateDebugUtilsMessengerEXT(instance->handle, &info, NULL,
                                                         &instance->messenger));
fail:
    return status;
}

qs_status gpu_instance_init(gpu_instance *instance, const char *const *extensions,
                            uint32_t extension_count, bool debug)
{
    qs_status status = QS_OK;
    struct wishes wishes = { 0 };
    instance->matrices = true;
    TRY(gpu_loader_open());
    TRY(wish_window_system(&wishes, extensions, extension_count));
    if (debug)
        TRY(wish_debugging(instance, &wishes));
    TRY(extension_exists(NULL, VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME, &wishes.portability));
    if (wishes.portability)
        wish(&wishes, VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME);
    TRY(create(instance, &wishes));
    TRY(gpu_functions_load_instance(instance->handle, &instance->vk));
    if (wishes.validate)
        TRY(create_messenger(instance));
    return QS_OK;
fail:
    gpu_instance_finish(instance);
    return status;
}

void gpu_instance_finish(gpu_instance *instance)
{
    if (instance->messenger)
        instance->vk.vkDestroyDebugUtilsMessengerEXT(instance->handle, instance->messenger, NULL);
    if (instance->handle && instance->vk.vkDestroyInstance) {
        gpu_lock_loader_lists();
        instance->vk.vkDestroyInstance(instance->handle, NULL);
        gpu_unlock_loader_lists();
    }
    instance->messenger = VK_NULL_HANDLE;
    instance->handle = VK_NULL_HANDLE;
}
