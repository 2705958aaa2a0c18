/* QUICKSTEP_DEBUG=limits=...: a device pretends to be a smaller one. */
#include "gpu/internal.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* What Vulkan promises of every device is the least that can be asked for; of a range, what lets
 * small networks be tried in bands. */
static const struct {
    const char *word;
    size_t offset; /* of a uint32_t or, if wide, a uint64_t in gpu_physical */
    bool wide;
    uint64_t least;
} numbers[] = {
    { "workgroup", offsetof(gpu_physical, limits.workgroup_invocations), false, 128 },
    { "shared", offsetof(gpu_physical, limits.shared_bytes), false, 16384 },
    { "range", offsetof(gpu_physical, limits.storage_range_bytes), true, 1 << 20 },
    { "buffers", offsetof(gpu_physical, storage_buffers_max), false, 4 },
    { "texels", offsetof(gpu_physical, limits.texel_elements), true, 65536 },
};

static bool is_word(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && strncmp(text, word, length) == 0;
}

static void lower(gpu_physical *physical, size_t which, uint64_t value)
{
    char *at = (char *)physical + numbers[which].offset;
    if (numbers[which].wide) {
        uint64_t *limit = (uint64_t *)at;
        *limit = value < *limit ? value : *limit;
    } else {
        uint32_t *limit = (uint32_t *)at;
        *limit = value < *limit ? (uint32_t)value : *limit;
    }
}

static qs_status lower_number(gpu_physical *physical, const char *text, size_t length)
{
    const size_t word = strcspn(text, ":");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char *end;
        if (word >= length || !is_word(text, word, numbers[i].word))
            continue;
        const uint64_t value = strtoull(text + word + 1, &end, 10);
        if (end != text + length || value < numbers[i].least)
            return qs_error(QS_ERROR_USAGE, "QUICKSTEP_DEBUG: limits=%.*s: it must be %llu or more",
                            (int)length, text, (unsigned long long)numbers[i].least);
        lower(physical, i, value);
        return QS_OK;
    }
    return qs_error(QS_ERROR_USAGE, "QUICKSTEP_DEBUG: limits=%.*s is unknown (see --help-debug)",
                    (int)length, text);
}

static qs_status lower_one(gpu_physical *physical, const char *text, size_t length)
{
    if (is_word(text, length, "no_push_descriptor"))
        physical->info.push_descriptors = false;
    else if (is_word(text, length, "no_f16"))
        physical->info.f16_storage = physical->info.f16_arithmetic = physical->limits.f16 = false;
    else if (is_word(text, length, "no_shuffle"))
        physical->subgroup_operations &= VK_SUBGROUP_FEATURE_BASIC_BIT;
    else if (is_word(text, length, "hardware"))
        physical->limits.cpu = false;
    else
        return lower_number(physical, text, length);
    return QS_OK;
}

qs_status gpu_lower_limits(gpu_physical *physical, const char *words)
{
    for (const char *at = words; at && *at;) {
        const size_t length = strcspn(at, "+");
        const qs_status status = lower_one(physical, at, length);
        if (status != QS_OK)
            return status;
        at += length + (at[length] == '+');
    }
    return QS_OK;
}
