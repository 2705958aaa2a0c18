/* LoRA files: low-rank additions to the weights of a model's components. */
#ifndef QS_WEIGHTS_LORA_H
#define QS_WEIGHTS_LORA_H

#include "weights/component.h"

typedef struct lora lora;

/* path: a safetensors file, or a folder with pytorch_lora_weights.safetensors, in one of the
 * namings of weights/lora_name.h. scale: what is added is multiplied by it and, where the file has
 * an alpha, by alpha / rank. QS_ERROR_USAGE: the scale. */
qs_status lora_open(const char *path, float scale, lora **l);
void lora_close(lora *l);                     /* after the components that it was added to */

/* From now on the components' weights are read with all of it added, behind what was added before.
 * model: its name, for messages. QS_ERROR_MODEL: it is another kind of file, has pairs that are not
 * whole, or something that is for no weight of theirs; the components are not to be used then. */
qs_status lora_add(lora *l, component *components, uint32_t count, const char *model);

#endif
