/* A part of a model that has weights (diffusers' word): its files, and its weights on the devices
 * that use it. */
#ifndef QS_WEIGHTS_COMPONENT_H
#define QS_WEIGHTS_COMPONENT_H

#include "weights/store.h"

enum { COMPONENT_DEVICES_MAX = 8 };

typedef struct component {
    const char *name;    /* "unet"; not copied */
    weight_files *files; /* NULL: there is no such part */
    uint64_t parameter_count;
    struct component_store {
        qs_device *device;
        weight_store *store;
        uint32_t users;
    } stores[COMPONENT_DEVICES_MAX];
} component;

/* The files in a folder; stem and variant as for weight_files_open. *c is all zero before. */
qs_status component_open(component *c, const char *name, const char *dir, const char *stem,
                         const char *variant);
void component_close(component *c);

/* Holds the files against a graph that needs every weight of the component, and counts them. */
qs_status component_check(component *c, const graph *g);

/* The component's weights on the device, none at first; the last release frees them. A component
 * that is not there has none: *store is NULL. */
qs_status component_acquire(component *c, qs_device *device, weight_store **store);
void component_release(component *c, const weight_store *store);

#endif
