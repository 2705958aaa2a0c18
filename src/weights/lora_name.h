/*
 * What the tensors of a LoRA file are called. Three families:
 *     kohya       lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight, .lora_up.weight
 * and .alpha; lora_te_, lora_te1_, lora_te2_ of the text encoders; of Stable Diffusion XL with the
 * first implementation's blocks: lora_unet_input_blocks_4_1_proj_in PEFT
 * unet.down_blocks.0.attentions.0.proj_in.lora_A.weight, .lora_B.weight diffusers   the same with
 * .lora.down.weight, .lora_linear_layer.down.weight or, the oldest,
 *                 .processor.to_q_lora.down.weight
 * All come down to a component, and a module as kohya writes it, with "_" between its parts.
 */
#ifndef QS_WEIGHTS_LORA_NAME_H
#define QS_WEIGHTS_LORA_NAME_H

#include "core/status.h"

typedef enum lora_part { LORA_DOWN, LORA_UP, LORA_ALPHA, LORA_PART_COUNT } lora_part;

enum { LORA_MODULE_SIZE = 544 }; /* a tensor's name in a file, and what a renaming adds */

typedef struct lora_name {
    const char *component; /* "unet", "text_encoder", "text_encoder_2" */
    lora_part part;
    char stem[LORA_MODULE_SIZE];   /* the name without component and part, as the file has it */
    char module[LORA_MODULE_SIZE]; /* as lora_module_of_tensor has it */
} lora_name;

/* False: no LoRA's; *kind then says of what else it is, or NULL. layers_per_block: of the UNet, for
 * the first implementation's blocks. */
bool lora_name_parse(const char *key, uint32_t layers_per_block, lora_name *name,
                     const char **kind);

/* Of a component's tensor, "down_blocks.0.attentions.0.proj_in.weight"; false: it is no weight. */
bool lora_module_of_tensor(const char *tensor, char module[LORA_MODULE_SIZE]);

#endif
