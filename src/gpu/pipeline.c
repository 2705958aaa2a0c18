/* Pipelines: made when first asked for, found again by shader and constants. Many at a time:
 * pipeline_batch.c. */
#include "gpu/internal.h"

#include "core/clock.h"
#include "core/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- layouts: one per shader -------------------------------------------------------------- */

static qs_status create_layout(qs_device *device, const struct shader_entry *shader,
                               gpu_layout *layout)
{
    qs_status status = QS_OK;
    const uint32_t texels = shader->texel_f32 | shader->texel_f16;
    VkDescriptorSetLayoutBinding bindings[GPU_BINDINGS_MAX];
    for (uint32_t i = 0; i < shader->binding_count; i++)
        bindings[i] = (VkDescriptorSetLayoutBinding){
            .binding = i,
            .descriptorType = texels >> i & 1 ? VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER
                                              : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .descriptorCount = 1,
            .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
        };
    const VkDescriptorSetLayoutCreateInfo set = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .flags = device->binder.layout_flags,
        .bindingCount = shader->binding_count,
        .pBindings = bindings,
    };
    const VkPushConstantRange push = { .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
                                       .offset = 0,
                                       .size = GPU_PUSH_BYTES_MAX };
    if (!layout->set)
        VK(device,
           device->vk.vkCreateDescriptorSetLayout(device->handle, &set, NULL, &layout->set));
    const VkPipelineLayoutCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &layout->set,
        .pushConstantRangeCount = 1,
        .pPushConstantRanges = &push,
    };
    VK(device, device->vk.vkCreatePipelineLayout(device->handle, &info, NULL, &layout->vk));
fail:
    return status;
}

/* ---- one pipeline ------------------------------------------------------------------------- */

static uint32_t local_size(const struct shader_entry *shader, const gpu_pipeline *key)
{
    uint32_t size = 1;
    for (uint32_t axis = 0; axis < shader->size_constants; axis++)
        size *= key->constants[axis];
    return size;
}

static qs_status check_shader(const qs_device *device, const gpu_pipeline *key)
{
    const struct shader_entry *shader = &shader_table[key->shader];
    const gpu_physical *physical = &device->physical;
    const char *missing = NULL;
    if (shader->f16 && !physical->limits.f16)
        missing = "16-bit floats";
    if (shader->cooperative_matrix && physical->limits.matrix.m == 0)
        missing = "cooperative matrices";
    if (shader->subgroup_operations & ~physical->subgroup_operations)
        missing = "its subgroup operations";
    if (missing)
        return qs_error(QS_ERROR_DEVICE, "shader %s needs %s, which %s lacks", shader->name,
                        missing, physical->info.name);
    if (local_size(shader, key) > physical->limits.workgroup_invocations)
        return qs_error(QS_ERROR_DEVICE, "shader %s wants workgroups of %u, %s allows %u",
                        shader->name, local_size(shader, key), physical->info.name,
                        physical->limits.workgroup_invocations);
    return QS_OK;
}

static VkResult create_vk(const qs_device *device, gpu_pipeline *pipeline, VkShaderModule module)
{
    VkSpecializationMapEntry entries[GPU_CONSTANTS_MAX];
    for (uint32_t i = 0; i < pipeline->constant_count; i++)
        entries[i] = (VkSpecializationMapEntry){ .constantID = i,
                                                 .offset = i * 4,
                                                 .size = sizeof(uint32_t) };
    const VkSpecializationInfo constants = {
        .mapEntryCount = pipeline->constant_count,
        .pMapEntries = entries,
        .dataSize = pipeline->constant_count * sizeof(uint32_t),
        .pData = pipeline->constants,
    };
    const gpu_physical *physical = &device->physical;
    const VkPipelineShaderStageRequiredSubgroupSizeCreateInfoEXT subgroup = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO_EXT,
        .requiredSubgroupSize = physical->limits.matrix.lanes,
    };
    /* its lanes are counted in whole subgroups */
    const bool whole =
        shader_table[pipeline->shader].cooperative_matrix && physical->full_subgroups;
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = { .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                   .pNext = whole ? &subgroup : NULL,
                   .flags =
                       whole ? VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT_EXT : 0,
                   .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                   .module = module,
                   .pName = "main",
                   .pSpecializationInfo = &constants },
        .layout = pipeline->layout,
    };
    return device->vk.vkCreateComputePipelines(device->handle, device->pipelines.cache, 1, &info,
                                               NULL, &pipeline->vk);
}

void gpu_pipeline_destroy(qs_device *device, gpu_pipeline *pipeline)
{
    if (!pipeline)
        return;
    device->vk.vkDestroyPipeline(device->handle, pipeline->vk, NULL);
    free(pipeline);
}

qs_status gpu_compilation_begin(qs_device *device, const gpu_pipeline *key, gpu_compilation *c)
{
    qs_status status = QS_OK;
    const struct shader_entry *shader = &shader_table[key->shader];
    gpu_layout *layout = &device->pipelines.layouts[key->shader];
    TRY(check_shader(device, key));
    if (!layout->vk)
        TRY(create_layout(device, shader, layout));
    *c = (gpu_compilation){ .pipeline = malloc(sizeof *c->pipeline) };
    if (!c->pipeline)
        TRY(qs_error(QS_ERROR_MEMORY, "no memory for a pipeline"));
    *c->pipeline = *key;
    c->pipeline->binding_count = shader->binding_count;
    c->pipeline->layout = layout->vk;
    return QS_OK;
fail:
    return qs_error_prefix(status, "shader %s", shader->name);
}

void gpu_compilation_run(const qs_device *device, gpu_compilation *c)
{
    const struct shader_entry *shader = &shader_table[c->pipeline->shader];
    const VkShaderModuleCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
        .codeSize = shader->code_bytes,
        .pCode = shader->code,
    };
    VkShaderModule module = VK_NULL_HANDLE;
    const uint64_t start = clock_ns();
    c->call = "vkCreateShaderModule";
    c->result = device->vk.vkCreateShaderModule(device->handle, &info, NULL, &module);
    if (c->result == VK_SUCCESS) {
        c->call = "vkCreateComputePipelines";
        c->result = create_vk(device, c->pipeline, module);
    }
    device->vk.vkDestroyShaderModule(device->handle, module, NULL);
    c->ms = (double)(clock_ns() - start) * 1e-6;
}

/* ---- the table ---------------------------------------------------------------------------- */

static uint64_t hash_key(const gpu_pipeline *key)
{
    uint64_t hash = 0xcbf29ce484222325u;
    hash = (hash ^ (uint64_t)key->shader) * 0x100000001b3u;
    hash = (hash ^ key->constant_count) * 0x100000001b3u;
    for (uint32_t i = 0; i < key->constant_count; i++)
        hash = (hash ^ key->constants[i]) * 0x100000001b3u;
    return hash ^ hash >> 32;
}

bool gpu_pipeline_same(const gpu_pipeline *a, const gpu_pipeline *b)
{
    return a->hash == b->hash && a->shader == b->shader && a->constant_count == b->constant_count &&
           memcmp(a->constants, b->constants, a->constant_count * sizeof *a->constants) == 0;
}

/* Where the key is, or the free slot where it belongs. */
static gpu_pipeline **find_slot(gpu_pipeline **slots, size_t count, const gpu_pipeline *key)
{
    size_t at = key->hash & (count - 1);
    while (slots[at] && !gpu_pipeline_same(slots[at], key))
        at = (at + 1) & (count - 1);
    return &slots[at];
}

/* Room for one more, at most three quarters full. */
static qs_status grow(gpu_pipelines *pipelines)
{
    if (4 * (pipelines->used + 1) <= 3 * pipelines->slot_count)
        return QS_OK;
    const size_t count = pipelines->slot_count ? 2 * pipelines->slot_count : 64;
    gpu_pipeline **slots = calloc(count, sizeof *slots);
    if (!slots)
        return qs_error(QS_ERROR_MEMORY, "no memory for %zu pipelines", count);
    for (size_t i = 0; i < pipelines->slot_count; i++)
        if (pipelines->slots[i])
            *find_slot(slots, count, pipelines->slots[i]) = pipelines->slots[i];
    free(pipelines->slots);
    pipelines->slots = slots;
    pipelines->slot_count = count;
    return QS_OK;
}

gpu_pipeline gpu_pipeline_key_of(enum shader_id shader, const uint32_t *constants, uint32_t count)
{
    assert((unsigned)shader < SHADER_COUNT && count <= GPU_CONSTANTS_MAX);
    gpu_pipeline key = { .shader = shader, .constant_count = count };
    if (count > 0)
        memcpy(key.constants, constants, count * sizeof *constants);
    key.hash = hash_key(&key);
    return key;
}

qs_status gpu_compilation_finish(qs_device *device, gpu_compilation *c)
{
    qs_status status = QS_OK;
    gpu_pipelines *pipelines = &device->pipelines;
    const char *name = shader_table[c->pipeline->shader].name;
    if (c->result != VK_SUCCESS)
        TRY(gpu_error(device, c->result, c->call));
    GPU_NAME(device, VK_OBJECT_TYPE_PIPELINE, c->pipeline->vk, name);
    log_line(QS_LOG_DEBUG, "pipeline %s: %.1f ms", name, c->ms);
    TRY(grow(pipelines));
    gpu_pipeline **slot = find_slot(pipelines->slots, pipelines->slot_count, c->pipeline);
    assert(!*slot); /* nobody made it meanwhile */
    *slot = c->pipeline;
    pipelines->used++;
    c->pipeline = NULL;
    return QS_OK;
fail:
    return qs_error_prefix(status, "shader %s", name);
}

gpu_pipeline *gpu_pipeline_find(const qs_device *device, const gpu_pipeline *key)
{
    const gpu_pipelines *pipelines = &device->pipelines;
    return pipelines->slot_count ? *find_slot(pipelines->slots, pipelines->slot_count, key) : NULL;
}

qs_status gpu_pipeline_get(qs_device *device, enum shader_id shader, const uint32_t *constants,
                           uint32_t constant_count, const gpu_pipeline **pipeline)
{
    qs_status status = QS_OK;
    const gpu_pipeline key = gpu_pipeline_key_of(shader, constants, constant_count);
    gpu_compilation c = { 0 };
    TRY(gpu_check_alive(device));
    if (!gpu_pipeline_find(device, &key)) {
        TRY(gpu_compilation_begin(device, &key, &c));
        gpu_compilation_run(device, &c);
        TRY(gpu_compilation_finish(device, &c));
    }
    *pipeline = gpu_pipeline_find(device, &key);
fail:
    gpu_pipeline_destroy(device, c.pipeline);
    return status;
}

/* ---- life, and the cache ------------------------------------------------------------------ */

static VkResult create_cache(qs_device *device, const void *data, size_t size)
{
    const VkPipelineCacheCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
        .initialDataSize = size,
        .pInitialData = data,
    };
    return device->vk.vkCreatePipelineCache(device->handle, &info, NULL, &device->pipelines.cache);
}

qs_status gpu_pipelines_init(qs_device *device)
{
    qs_status status = QS_OK;
    size_t size = 0;
    char *path = gpu_cache_path(&device->physical);
    void *data = path ? gpu_cache_load(&device->physical, path, &size) : NULL;
    if (data && create_cache(device, data, size) == VK_SUCCESS)
        device->pipelines.cache_loaded_bytes = size;
    else
        VK(device, create_cache(device, NULL, 0));
fail:
    free(data);
    free(path);
    return status;
}

/* A cache that cannot be written is a slower start next time, nothing more. */
static void save_cache(qs_device *device)
{
    size_t size = 0;
    char *path = gpu_cache_path(&device->physical);
    void *data = NULL;
    const VkPipelineCache cache = device->pipelines.cache;
    if (!path || !cache || device->state != GPU_ALIVE || device->pipelines.used == 0 ||
        device->vk.vkGetPipelineCacheData(device->handle, cache, &size, NULL) != VK_SUCCESS ||
        size <= device->pipelines.cache_loaded_bytes)
        goto done;
    data = malloc(size);
    if (data && device->vk.vkGetPipelineCacheData(device->handle, cache, &size, data) == VK_SUCCESS)
        gpu_cache_save(&device->physical, path, data, size);
done:
    free(data);
    free(path);
}

void gpu_pipelines_finish(qs_device *device)
{
    gpu_pipelines *pipelines = &device->pipelines;
    save_cache(device);
    for (size_t i = 0; i < pipelines->slot_count; i++)
        gpu_pipeline_destroy(device, pipelines->slots[i]);
    free(pipelines->slots);
    for (uint32_t i = 0; i < SHADER_COUNT; i++) {
        device->vk.vkDestroyPipelineLayout(device->handle, pipelines->layouts[i].vk, NULL);
        device->vk.vkDestroyDescriptorSetLayout(device->handle, pipelines->layouts[i].set, NULL);
    }
    device->vk.vkDestroyPipelineCache(device->handle, pipelines->cache, NULL);
    *pipelines = (gpu_pipelines){ 0 };
}
