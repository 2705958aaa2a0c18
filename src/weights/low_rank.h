/* Low-rank additions to a weight W (LoRA, arXiv 2106.09685): W + factor * up * down. */
#ifndef QS_WEIGHTS_LOW_RANK_H
#define QS_WEIGHTS_LOW_RANK_H

#include <quickstep/safetensors.h>

/* up: [rows, rank, ...], down: [rank, columns, ...], W being [rows, columns, ...]: kernels of a
 * convolution are down's, and what follows is 1. */
typedef struct low_rank {
    const char *path; /* of file, for messages */
    const qs_safetensors *file;
    const qs_tensor *up, *down;
    float factor;
    struct low_rank *next; /* to be added to the same weight after this one */
} low_rank;

/* Adds all of a list to the weight, in float32 and one after another, as diffusers' fuse_lora does.
 * QS_ERROR_MODEL: NaN or Inf in one of them. */
qs_status low_rank_add(const low_rank *list, float *weight);

#endif
