/* What shapes plans: the device in numbers, no Vulkan. */
#ifndef QS_GPU_LIMITS_H
#define QS_GPU_LIMITS_H

#include <quickstep/quickstep.h>

/* Of every slice that a shader binds, and the largest that Vulkan lets a device ask for. */
enum { GPU_ALIGNMENT = 256 };

static inline uint64_t gpu_align(uint64_t bytes)
{
    return (bytes + GPU_ALIGNMENT - 1) / GPU_ALIGNMENT * GPU_ALIGNMENT;
}

/* What a subgroup of `lanes` multiplies: [m, k] x [k, n], halves in, floats out. */
typedef struct gpu_matrix {
    uint32_t m, n, k, lanes; /* m == 0: no matrix units, or not to be used */
    uint32_t invocations;    /* of a workgroup of such subgroups, at most */
} gpu_matrix;

typedef struct gpu_limits {
    uint64_t storage_range_bytes; /* maxStorageBufferRange */
    uint64_t texel_elements; /* vectors of four in a uniform texel buffer; 0: no such buffers */
    uint64_t memory_bytes;   /* budget of the device-local heap (VK_EXT_memory_budget, else size),
                                without what uploads pass through */
    uint32_t workgroup_count[3];
    uint32_t workgroup_invocations; /* of a workgroup, however many of them along x or y */
    uint32_t shared_bytes;          /* of a workgroup */
    uint32_t subgroup_size;         /* the default one; a software device's lanes: gpu_fit_lanes */
    gpu_matrix matrix;
    bool cpu;     /* a software device: other tile sizes pay */
    bool shuffle; /* subgroups shuffle, and are of subgroup_size */
    bool f16;     /* 16-bit storage and shaderFloat16 */
    bool timestamps;
} gpu_limits;

const gpu_limits *gpu_device_limits(const qs_device *device);
uint32_t gpu_device_allocation_count(const qs_device *device);

#endif
