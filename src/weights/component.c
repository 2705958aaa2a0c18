#include "weights/component.h"

#include "weights/check.h"

#include <pthread.h>

/* A model's sessions may be made and destroyed on several threads, a device each. */
static pthread_mutex_t stores_mutex = PTHREAD_MUTEX_INITIALIZER;

qs_status component_open(component *c, const char *name, const char *dir, const char *stem,
                         const char *variant)
{
    c->name = name;
    return weight_files_open(dir, stem, variant, &c->files);
}

void component_close(component *c)
{
    for (uint32_t i = 0; i < COMPONENT_DEVICES_MAX; ++i)
        weight_store_destroy(c->stores[i].store);
    weight_files_close(c->files);
    *c = (component){ 0 };
}

qs_status component_check(component *c, const graph *g)
{
    const qs_status built = graph_status(g);
    return built == QS_OK ? weights_check(c->files, g, &c->parameter_count) : built;
}

static qs_status acquire(component *c, qs_device *device, weight_store **store)
{
    struct component_store *empty = NULL;
    for (uint32_t i = 0; i < COMPONENT_DEVICES_MAX; ++i) {
        struct component_store *s = &c->stores[i];
        if (s->store && s->device == device) {
            ++s->users;
            *store = s->store;
            return QS_OK;
        }
        if (!s->store && !empty)
            empty = s;
    }
    if (!empty)
        return qs_error(QS_ERROR_USAGE, "a model can be on at most %d devices at a time",
                        COMPONENT_DEVICES_MAX);
    const qs_status status = weight_store_create(device, c->files, &empty->store);
    if (status != QS_OK)
        return status;
    empty->device = device;
    empty->users = 1;
    *store = empty->store;
    return QS_OK;
}

qs_status component_acquire(component *c, qs_device *device, weight_store **store)
{
    *store = NULL;
    if (!c->files)
        return QS_OK;
    pthread_mutex_lock(&stores_mutex);
    const qs_status status = acquire(c, device, store);
    pthread_mutex_unlock(&stores_mutex);
    return status;
}

void component_release(component *c, const weight_store *store)
{
    pthread_mutex_lock(&stores_mutex);
    for (uint32_t i = 0; i < COMPONENT_DEVICES_MAX; ++i) {
        struct component_store *s = &c->stores[i];
        if (store && s->store == store && --s->users == 0) {
            weight_store_destroy(s->store);
            *s = (struct component_store){ 0 };
        }
    }
    pthread_mutex_unlock(&stores_mutex);
}
