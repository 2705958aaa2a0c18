/* What the configs of both classes of UNet share. */
#ifndef QS_MODEL_CONFIG_UNET_H
#define QS_MODEL_CONFIG_UNET_H

#include "model/config_reader.h"

enum { CHANNELS_MAX = 16384 };

/* Names of block types, by unet_block_type up to the first NULL that follows; NULL before: the
 * class has no such block. */
typedef struct unet_block_names {
    const char *down[BLOCK_CROSS_ATTENTION + 1], *up[BLOCK_CROSS_ATTENTION + 1];
} unet_block_names;

/* sample_size, in_channels, out_channels, block_out_channels, both lists of blocks and
 * layers_per_block; the defaults are in *unet. */
qs_status unet_read_shapes(config_reader *r, const unet_block_names *names, unet_config *unet);

/* Words, NULL at the end: of time_embedding_type, by unet_time_embedding; of class_embed_type:
 * "timestep", "identity" and what takes the place of labels. */
typedef struct unet_embedding_names {
    const char *times[4], *classes[4];
} unet_embedding_names;

/* time_embedding_type, time_embedding_dim, freq_shift, flip_sin_to_cos, class_embed_type,
 * num_class_embeds, segment_embedding */
qs_status unet_read_embeddings(config_reader *r, const unet_embedding_names *names,
                               unet_config *unet);

/* dropout, downsample_padding, norm_num_groups, norm_eps, mid_block_scale_factor,
 * resnet_time_scale_shift, center_input_sample */
qs_status unet_read_resnets(config_reader *r, unet_config *unet);

qs_status unet_take_null(config_reader *r, const char *key);
qs_status unet_take_float(config_reader *r, const char *key, double min, double max, float *out);

/* Do sizes, widths, groups and channels fit each other? */
qs_status unet_check_shapes(const config_reader *r, const unet_config *unet);

/* diffusers.UNet2DConditionModel; _class_name has been taken. */
qs_status config_read_unet_condition(config_reader *r, unet_config *unet);

#endif
