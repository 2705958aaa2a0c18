#include "model/published.h"

#include <stdlib.h>
#include <string.h>

typedef struct published {
    const char *name;
    uint32_t size, points, second; /* picture, grid, two steps' second point; 0: none published */
} published;

static const published models[] = {
    { "cd_imagenet64", 64, 40, 22 },        { "ct_imagenet64", 64, 201, 106 },
    { "cd_bedroom256_lpips", 256, 40, 17 }, { "cd_bedroom256_l2", 256, 40, 18 },
    { "ct_bedroom256", 256, 151, 67 },      { "cd_cat256", 256, 40, 0 },
    { "ct_cat256", 256, 151, 62 },
};
enum { MODEL_COUNT = sizeof models / sizeof *models };

static bool fits(const published *p, const unet_config *unet, const scheduler_config *scheduler)
{
    return p->size == unet->sample_width && p->size == unet->sample_height &&
           p->points == scheduler->num_train_timesteps;
}

static const published *find_named(const char *text, const unet_config *unet,
                                   const scheduler_config *scheduler)
{
    for (int i = 0; text && i < MODEL_COUNT; ++i)
        if (strstr(text, models[i].name) && fits(&models[i], unet, scheduler))
            return &models[i];
    return NULL;
}

/* ImageNet's are the only ones with a thousand classes. */
static const published *find_alike(const unet_config *unet, const scheduler_config *scheduler)
{
    for (int i = 0; unet->num_class_embeds == 1000 && i < 2; ++i)
        if (fits(&models[i], unet, scheduler))
            return &models[i];
    return NULL;
}

void published_steps(const char *unet_dir, const json_t *const *files, size_t file_count,
                     const unet_config *unet, scheduler_config *scheduler)
{
    if (scheduler->class != SCHEDULER_CONSISTENCY)
        return;
    char *absolute = realpath(unet_dir, NULL); /* of "." too */
    const published *found = find_named(absolute ? absolute : unet_dir, unet, scheduler);
    free(absolute);
    for (size_t i = 0; !found && i < file_count; ++i)
        found = find_named(json_string_value(json_object_get(files[i], "_name_or_path")), unet,
                           scheduler);
    if (!found)
        found = find_alike(unet, scheduler);
    scheduler->two_step_index = found ? found->second : 0;
    scheduler->trained_steps_count = scheduler->two_step_index ? 2 : 1;
    scheduler->trained_steps[0] = 1;
    scheduler->trained_steps[1] = 2;
}
