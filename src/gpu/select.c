/* Which devices there are, and which one is meant. */
#include "gpu/internal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- the list ----------------------------------------------------------------------------- */

/* One device may come from two drivers, or twice from one (an ICD file listed twice). */
static size_t find_duplicate(const gpu_physical *list, size_t count, const gpu_physical *new)
{
    static const uint8_t none[16];
    if (memcmp(new->info.uuid, none, sizeof none) == 0)
        return count;
    for (size_t i = 0; i < count; i++)
        if (memcmp(list[i].info.uuid, new->info.uuid, sizeof none) == 0)
            return i;
    return count;
}

static VkResult enumerate(const gpu_instance *instance, uint32_t *count, VkPhysicalDevice *handles)
{
    gpu_lock_loader_lists();
    const VkResult result =
        instance->vk.vkEnumeratePhysicalDevices(instance->handle, count, handles);
    gpu_unlock_loader_lists();
    return result;
}

qs_status gpu_physical_list(const gpu_instance *instance, gpu_physical **list, size_t *count)
{
    qs_status status = QS_OK;
    uint32_t handle_count = 0;
    VkPhysicalDevice *handles = NULL;
    gpu_physical *found = NULL;
    size_t used = 0;
    VkResult result = enumerate(instance, &handle_count, NULL);
    if (result == VK_ERROR_INITIALIZATION_FAILED) /* so the loader says that no driver has one */
        TRY(gpu_no_device());
    if (result != VK_SUCCESS)
        TRY(gpu_error(NULL, result, "vkEnumeratePhysicalDevices"));
    handles = calloc(handle_count + 1, sizeof *handles);
    found = calloc(handle_count + 1, sizeof *found);
    if (!handles || !found)
        TRY(qs_error(QS_ERROR_MEMORY, "no memory for %u devices", handle_count));
    result = enumerate(instance, &handle_count, handles);
    if (result != VK_SUCCESS)
        TRY(gpu_error(NULL, result, "vkEnumeratePhysicalDevices"));
    for (uint32_t i = 0; i < handle_count; i++) {
        gpu_physical physical;
        TRY(gpu_physical_read(instance, handles[i], &physical));
        const size_t at = find_duplicate(found, used, &physical);
        if (at < used && (found[at].info.usable || !physical.info.usable))
            continue;
        physical.info.index = (uint32_t)at;
        found[at] = physical;
        used += at == used;
    }
    if (used == 0)
        TRY(gpu_no_device());
    *list = found;
    *count = used;
    found = NULL;
fail:
    free(found);
    free(handles);
    return status;
}

qs_status qs_device_list(qs_device_info *infos, size_t *count)
{
    if (!count)
        return qs_error(QS_ERROR_USAGE, "qs_device_list: count is NULL");
    qs_status status = QS_OK;
    gpu_instance instance = { 0 };
    gpu_physical *list = NULL;
    size_t found;
    TRY(gpu_instance_init(&instance, NULL, 0, false));
    TRY(gpu_physical_list(&instance, &list, &found));
    for (size_t i = 0; infos && i < found && i < *count; i++)
        infos[i] = list[i].info;
    *count = found;
fail:
    free(list);
    gpu_instance_finish(&instance);
    return status;
}

/* ---- the choice --------------------------------------------------------------------------- */

static void append(char *text, size_t size, const char *more)
{
    const size_t length = strlen(text);
    snprintf(text + length, size - length, "%s", more);
}

/* "0: NAME (discrete, UUID); 1: NAME (cpu, UUID, unusable: no compute queue)" */
static void describe(const gpu_physical *list, size_t count, char *text, size_t size)
{
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        const qs_device_info *info = &list[i].info;
        char line[512], uuid[33];
        for (size_t b = 0; b < sizeof info->uuid; b++)
            snprintf(uuid + 2 * b, 3, "%02x", info->uuid[b]);
        snprintf(line, sizeof line, "%s%zu: %s (%s, %s%s%s)", i ? "; " : "", i, info->name,
                 gpu_device_type_name(info->type), uuid,
                 info->usable ? "" : ", unusable: ", info->unusable_reason);
        append(text, size, line);
    }
}

static bool parse_uuid(const char *text, uint8_t uuid[16])
{
    size_t digits = 0;
    memset(uuid, 0, 16);
    for (; *text; text++) {
        if (*text == '-')
            continue;
        if (!isxdigit((unsigned char)*text) || digits == 32)
            return false;
        const int c = tolower((unsigned char)*text);
        const int value = isdigit(c) ? c - '0' : c - 'a' + 10;
        uuid[digits / 2] = (uint8_t)(uuid[digits / 2] << 4 | value);
        digits++;
    }
    return digits == 32;
}

/* An index must exist to be one: "4090" is a part of a name. */
static bool parse_index(const char *text, size_t count, size_t *index)
{
    if (*text == '\0' || strlen(text) > 4 || strspn(text, "0123456789") != strlen(text))
        return false;
    *index = strtoul(text, NULL, 10);
    return *index < count;
}

static bool contains(const char *name, const char *part)
{
    const size_t length = strlen(part);
    for (; length > 0 && *name; name++)
        if (strncasecmp(name, part, length) == 0)
            return true;
    return false;
}

enum { NAME_EXACT, NAME_PART };

/* How many names match; *first is the first of them. */
static size_t match_names(const gpu_physical *list, size_t count, const char *select, int how,
                          size_t *first)
{
    size_t matches = 0;
    for (size_t i = count; i-- > 0;) {
        const char *name = list[i].info.name;
        if (how == NAME_EXACT ? strcasecmp(name, select) == 0 : contains(name, select)) {
            *first = i;
            matches++;
        }
    }
    return matches;
}

static bool match_uuid(const gpu_physical *list, size_t count, const char *select, size_t *chosen)
{
    uint8_t uuid[16];
    if (!parse_uuid(select, uuid))
        return false;
    for (size_t i = 0; i < count; i++)
        if (memcmp(list[i].info.uuid, uuid, sizeof uuid) == 0) {
            *chosen = i;
            return true;
        }
    return false;
}

static size_t count_matches(const gpu_physical *list, size_t count, const char *select,
                            size_t *chosen)
{
    if (parse_index(select, count, chosen) || match_uuid(list, count, select, chosen))
        return 1;
    const size_t exact = match_names(list, count, select, NAME_EXACT, chosen);
    return exact ? exact : match_names(list, count, select, NAME_PART, chosen);
}

/* Smaller is better. */
static unsigned rank(const gpu_physical *physical)
{
    return 2u * (unsigned)physical->info.type + physical->dozen;
}

static bool choose_best(const gpu_physical *list, size_t count, size_t *chosen)
{
    bool found = false;
    for (size_t i = 0; i < count; i++)
        if (list[i].info.usable && (!found || rank(&list[i]) < rank(&list[*chosen]))) {
            *chosen = i;
            found = true;
        }
    return found;
}

qs_status gpu_physical_select(const gpu_physical *list, size_t count, const char *select,
                              size_t *chosen)
{
    char there[1536];
    describe(list, count, there, sizeof there);
    if (!select)
        return choose_best(list, count, chosen)
                   ? QS_OK
                   : qs_error(QS_ERROR_DEVICE, "no usable Vulkan device; there is %s", there);
    const size_t matches = count_matches(list, count, select, chosen);
    if (matches != 1)
        return qs_error(QS_ERROR_DEVICE, "'%s' %s; there is %s", select,
                        matches ? "is the name of more than one device"
                                : "is no device's index, UUID or part of a name",
                        there);
    if (!list[*chosen].info.usable)
        return qs_error(QS_ERROR_DEVICE, "%s cannot be used: %s", list[*chosen].info.name,
                        list[*chosen].info.unusable_reason);
    return QS_OK;
}
