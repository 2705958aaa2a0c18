/*
 * VK_KHR_cooperative_matrix, declared here because it is newer than the Vulkan headers that
 * Quickstep builds with (1.3.239). Values from the Vulkan registry.
 */
#include "gpu/internal.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    TYPE_MATRIX_FEATURES = 1000506000,
    TYPE_MATRIX_PROPERTIES = 1000506001,
    SCOPE_SUBGROUP = 3,
};

typedef struct matrix_properties { /* VkCooperativeMatrixPropertiesKHR */
    VkStructureType type;
    void *next;
    uint32_t m, n, k;
    uint32_t a, b, c, result; /* VkComponentTypeKHR */
    VkBool32 saturating;
    uint32_t scope;
} matrix_properties;

typedef VkResult(VKAPI_PTR *get_properties_fn)(VkPhysicalDevice device, uint32_t *count,
                                               matrix_properties *properties);

static const char *component_name(uint32_t type)
{
    static const char *const names[] = { "f16", "f32", "f64", "i8",  "i16", "i32",
                                         "i64", "u8",  "u16", "u32", "u64" };
    if (type < sizeof names / sizeof *names)
        return names[type];
    switch (type) {
    case 1000141000: return "bf16";
    case 1000491002: return "f8e4m3";
    case 1000491003: return "f8e5m2";
    default: return "?";
    }
}

static void add_shape(qs_device_info *info, const matrix_properties *p)
{
    const uint32_t room = sizeof info->matrix_shapes / sizeof *info->matrix_shapes;
    if (p->scope != SCOPE_SUBGROUP || info->matrix_shape_count == room)
        return;
    qs_matrix_shape *shape = &info->matrix_shapes[info->matrix_shape_count++];
    *shape = (qs_matrix_shape){ .m = p->m, .n = p->n, .k = p->k };
    snprintf(shape->types, sizeof shape->types, "%s x %s -> %s", component_name(p->a),
             component_name(p->b), component_name(p->result));
}

qs_status gpu_matrix_shapes_read(const gpu_instance *instance, VkPhysicalDevice handle,
                                 qs_device_info *info)
{
    qs_status status = QS_OK;
    matrix_properties *list = NULL;
    uint32_t count = 0;
    const get_properties_fn get = (get_properties_fn)vkGetInstanceProcAddr(
        instance->handle, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
    if (!get)
        return QS_OK;
    VK(NULL, get(handle, &count, NULL));
    list = calloc(count + 1, sizeof *list);
    if (!list)
        TRY(qs_error(QS_ERROR_MEMORY, "no memory for %u matrix shapes", count));
    for (uint32_t i = 0; i < count; i++)
        list[i].type = (VkStructureType)TYPE_MATRIX_PROPERTIES;
    VK(NULL, get(handle, &count, list));
    for (uint32_t i = 0; i < count; i++)
        add_shape(info, &list[i]);
fail:
    free(list);
    return status;
}

void *gpu_matrix_features_chain(gpu_matrix_features *storage, void *next)
{
    *storage = (gpu_matrix_features){
        .type = (VkStructureType)TYPE_MATRIX_FEATURES,
        .next = next,
        .cooperative_matrix = VK_TRUE,
    };
    return storage;
}
