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
    COMPONENT_F16 = 0,
    COMPONENT_F32 = 1,
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

static bool is_size(uint32_t size)
{
    return size == 8 || size == 16 || size == 32;
}

/* The largest shape of halves with sums in float: the most work for an instruction. */
static void choose_shape(gpu_matrix *chosen, const matrix_properties *p)
{
    if (p->scope == SCOPE_SUBGROUP && p->a == COMPONENT_F16 && p->b == COMPONENT_F16 &&
        p->c == COMPONENT_F32 && p->result == COMPONENT_F32 && is_size(p->m) && is_size(p->n) &&
        is_size(p->k) && p->m * p->n * p->k > chosen->m * chosen->n * chosen->k)
        *chosen = (gpu_matrix){ .m = p->m, .n = p->n, .k = p->k };
}

/* The subgroup size to ask for. Intel's matrix instructions have the smallest that the hardware
 * has, its driver's default is the largest. */
static uint32_t lanes_for(const gpu_physical *physical)
{
    enum { INTEL = 0x8086 };
    const qs_device_info *info = &physical->info;
    return physical->full_subgroups && physical->vendor_id == INTEL ? info->subgroup_size_min
                                                                    : info->subgroup_size;
}

static uint32_t invocations_for(const gpu_physical *physical, uint32_t lanes)
{
    const uint32_t most = physical->limits.workgroup_invocations;
    const uint64_t asked = (uint64_t)physical->subgroups_max * lanes;
    return physical->full_subgroups && asked < most ? (uint32_t)asked : most;
}

static bool has_feature(const gpu_instance *instance, VkPhysicalDevice handle)
{
    gpu_matrix_features matrix;
    VkPhysicalDeviceFeatures2 all = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2 };
    all.pNext = gpu_matrix_features_chain(&matrix, NULL);
    matrix.cooperative_matrix = VK_FALSE;
    instance->vk.vkGetPhysicalDeviceFeatures2(handle, &all);
    return matrix.cooperative_matrix;
}

qs_status gpu_matrix_read(const gpu_instance *instance, gpu_physical *physical)
{
    qs_status status = QS_OK;
    matrix_properties *list = NULL;
    uint32_t count = 0;
    gpu_matrix chosen = { 0 };
    const get_properties_fn get = (get_properties_fn)vkGetInstanceProcAddr(
        instance->handle, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
    if (!get || !has_feature(instance, physical->handle))
        return QS_OK;
    VK(NULL, get(physical->handle, &count, NULL));
    list = calloc(count + 1, sizeof *list);
    if (!list)
        TRY(qs_error(QS_ERROR_MEMORY, "no memory for %u matrix shapes", count));
    for (uint32_t i = 0; i < count; i++)
        list[i].type = (VkStructureType)TYPE_MATRIX_PROPERTIES;
    VK(NULL, get(physical->handle, &count, list));
    for (uint32_t i = 0; i < count; i++) {
        add_shape(&physical->info, &list[i]);
        choose_shape(&chosen, &list[i]);
    }
    chosen.lanes = lanes_for(physical);
    chosen.invocations = invocations_for(physical, chosen.lanes);
    if (physical->limits.f16 && physical->memory_model)
        physical->limits.matrix = chosen;
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

bool gpu_matrices_untried(const qs_device *device)
{
    return device->physical.limits.matrix.m > 0 && !device->matrices_tried;
}

void gpu_matrices_judge(qs_device *device, bool right)
{
    device->matrices_tried = true;
    if (!right)
        device->physical.limits.matrix = (gpu_matrix){ 0 };
}
