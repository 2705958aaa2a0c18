/* quickstep devices: what Vulkan offers here. */
#include "commands.h"
#include "engine.h"
#include "json_out.h"

#include <stdlib.h>

static struct {
    int json;
} flags;

static const struct poptOption options[] = {
    { "json", 'j', POPT_ARG_NONE, &flags.json, 1, "Print JSON", NULL },
    CLI_INCLUDE(cli_help_options),
    CLI_END,
};

static const char *type_name(qs_device_type type)
{
    static const char *const names[] = { "discrete", "integrated", "virtual", "cpu", "other" };
    return names[type <= QS_DEVICE_OTHER ? type : QS_DEVICE_OTHER];
}

static const char *uuid_text(const uint8_t uuid[16])
{
    static char text[37];
    char *at = text;
    for (int i = 0; i < 16; i++)
        at += sprintf(at, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
    return text;
}

static const char *version_text(uint32_t version)
{
    static char text[32];
    snprintf(text, sizeof text, "%u.%u.%u", version >> 22 & 0x7f, version >> 12 & 0x3ff,
             version & 0xfff);
    return text;
}

static void print_device(const qs_device_info *d)
{
    printf("%u  %s\n", d->index, d->name);
    if (!d->usable)
        printf("   NOT USABLE: %s\n", d->unusable_reason);
    printf("   %s, Vulkan %s, driver %s %s\n", type_name(d->type), version_text(d->api_version),
           d->driver_name, d->driver_info);
    printf("   UUID %s, memory %s\n", uuid_text(d->uuid), cli_bytes(d->memory_bytes));
    printf("   subgroups of %u", d->subgroup_size);
    if (d->subgroup_size_min != d->subgroup_size_max)
        printf(" (%u to %u)", d->subgroup_size_min, d->subgroup_size_max);
    printf("; f16 storage %s, f16 arithmetic %s, push descriptors %s, timestamps %s\n",
           d->f16_storage ? "yes" : "no", d->f16_arithmetic ? "yes" : "no",
           d->push_descriptors ? "yes" : "no", d->timestamps ? "yes" : "no");
    printf("   cooperative matrices:%s\n", d->matrix_shape_count ? "" : " none");
    for (uint32_t i = 0; i < d->matrix_shape_count && i < 16; i++) {
        const qs_matrix_shape *s = &d->matrix_shapes[i];
        printf("     [%u, %u] x [%u, %u] %s\n", s->m, s->k, s->k, s->n, s->types);
    }
}

static json_t *device_json(const qs_device_info *d)
{
    json_t *shapes = json_array();
    for (uint32_t i = 0; i < d->matrix_shape_count && i < 16; i++) {
        const qs_matrix_shape *s = &d->matrix_shapes[i];
        json_array_append_new(shapes, json_pack("{s:i, s:i, s:i, s:s}", "m", s->m, "n", s->n, "k",
                                                s->k, "types", s->types));
    }
    return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:b, s:b, s:b, s:b, s:i, s:i, s:i, "
                     "s:o, s:b, s:s}",
                     "index", (int)d->index, "name", d->name, "type", type_name(d->type), "driver",
                     d->driver_name, "driver_info", d->driver_info, "vulkan",
                     version_text(d->api_version), "uuid", uuid_text(d->uuid), "memory_bytes",
                     (json_int_t)d->memory_bytes, "f16_storage", d->f16_storage, "f16_arithmetic",
                     d->f16_arithmetic, "push_descriptors", d->push_descriptors, "timestamps",
                     d->timestamps, "subgroup_size", (int)d->subgroup_size, "subgroup_size_min",
                     (int)d->subgroup_size_min, "subgroup_size_max", (int)d->subgroup_size_max,
                     "matrix_shapes", shapes, "usable", d->usable, "unusable_reason",
                     d->unusable_reason);
}

static qs_status list_devices(qs_device_info **infos, size_t *count)
{
    qs_status status = app_library(qs_device_list(NULL, count));
    if (status != QS_OK)
        return status;
    *infos = calloc(*count, sizeof **infos);
    if (!*infos)
        return app_error(QS_ERROR_MEMORY, "no memory");
    return app_library(qs_device_list(*infos, count));
}

static qs_status run_devices(const char *argument)
{
    (void)argument;
    qs_device_info *infos = NULL;
    size_t count = 0;
    qs_status status = list_devices(&infos, &count);
    if (status == QS_OK && flags.json) {
        json_t *list = json_array();
        for (size_t i = 0; i < count; i++)
            json_array_append_new(list, device_json(&infos[i]));
        status = cli_print_json(list);
    } else if (status == QS_OK) {
        for (size_t i = 0; i < count; i++)
            print_device(&infos[i]);
    }
    free(infos);
    return status;
}

const cli_command cli_devices = {
    .name = "devices",
    .summary = "list the Vulkan devices",
    .options = options,
    .run = run_devices,
};
