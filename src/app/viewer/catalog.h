/*
 * The models that the window can show, and which are open. One that was opened stays open: the way
 * back from a model that has no room on the device must not depend on files, and an open model is
 * little more than its configs; the weights on the device go with the session.
 */
#ifndef VIEWER_CATALOG_H
#define VIEWER_CATALOG_H

#include "common/error.h"
#include "viewer/viewer.h"

#define CATALOG_DEFAULT "emoji" /* it reads: pictures follow what one types */

typedef struct catalog {
    viewer_model *models;
    uint32_t count;
} catalog;

/* What qs_model_list finds, without the autoencoders, and `name` (as for qs_model_find; NULL:
 * CATALOG_DEFAULT) in front if it is none of these. Opens that one, `first`, with its options. */
qs_status catalog_init(catalog *c, const char *name, const qs_model_options *options,
                       uint32_t *first);
/* After an error, too: the first one of the list that can be opened; false: there is none. */
bool catalog_other(const catalog *c, const viewer_model *than, uint32_t *model);
qs_status catalog_open(viewer_model *model);              /* of the list, if it is not open yet */
bool catalog_is(const viewer_model *m, const char *name); /* it is called so, here or in recipes */
/* The model in that folder, which joins the list. */
qs_status catalog_add(catalog *c, const char *path, uint32_t *model);
/* Model `of` with this LoRA, once, beside those that it has, which joins the list; it stays. */
qs_status catalog_add_lora(catalog *c, uint32_t of, const char *path, uint32_t *model);
/* *label: the model's of that name, -1 if there is none; false: and it has some. */
bool catalog_label(const qs_model *model, const char *name, int32_t *label);
void catalog_finish(catalog *c); /* after the last session */

/* Another model was chosen in `controls`, which were `before`: opens it and asks for it what it was
 * asked for last, at first its defaults, with as many steps as before where its slider has them.
 * `readings` are of the new model then. On failure everything is as before. */
qs_status catalog_choose(catalog *c, const viewer_controls *before, viewer_controls *controls,
                         viewer_readings *readings);

#endif
