/* Where the parts of a model are on disk. */
#ifndef QS_MODEL_FOLDER_H
#define QS_MODEL_FOLDER_H

#include "core/arena.h"
#include "core/status.h"

/* The parts of a model that have a folder with config.json and weights, diffusers' names. */
typedef enum model_component {
    COMPONENT_UNET,
    COMPONENT_VAE,
    COMPONENT_TEXT_ENCODER,
    COMPONENT_TEXT_ENCODER_2, /* Stable Diffusion XL's second one */
    COMPONENT_COUNT,
} model_component;

/* Text encoder i is component COMPONENT_TEXT_ENCODER + i, and has tokenizer i. */
enum { TEXT_ENCODERS_MAX = COMPONENT_COUNT - COMPONENT_TEXT_ENCODER };

/* All strings are the arena's. */
typedef struct model_folder {
    arena arena;
    const char *root;                          /* the folder that the others are in */
    const char *index;                         /* model_index.json; NULL: there is none */
    const char *dirs[COMPONENT_COUNT];         /* NULL: there is no such one */
    const char *unet;                          /* the network's config.json */
    const char *tokenizers[TEXT_ENCODERS_MAX]; /* tokenizer/, tokenizer_2/; NULL: there is none */
    const char *scheduler;                     /* scheduler_config.json; NULL: there is none */
    const char *scheduler_class; /* named by the caller, in place of the file's; or NULL */
    bool scheduler_named;        /* by the caller: model_index.json's is not looked at */
    bool decoder_named;          /* dirs[COMPONENT_VAE] is the caller's: the same */
} model_folder;

/*
 * path: any of these.
 *     DIR with unet/ and scheduler/             diffusers' layout
 *     DIR with config.json and the weights      a UNet alone, or a whole model in one folder, as
 *                                               google/ddpm-* are: scheduler_config.json beside
 *     models--ORG--NAME with snapshots/         Hugging Face's cache of one model: the snapshot
 *                                               that refs/main names, or the only one
 * model_index.json may be absent. scheduler: a scheduler_config.json, a folder with one, or a
 * class, which then reads the folder's own file, if there is one, as diffusers' from_config does:
 * what was trained with some betas is sampled with these; NULL: the folder's own, and an error if
 * it has none, for a network does not say how it was trained. After an error *folder is all zero.
 */
qs_status model_folder_find(const char *path, const char *scheduler, model_folder *folder);
void model_folder_finish(model_folder *folder);

/* *root, in the arena: what a folder stands for: itself, or its snapshot if it is Hugging Face's
 * cache of one model. */
qs_status model_folder_enter(arena *a, const char *path, const char **root);

/* The last part of a path, for people; cut where it is too long. */
void model_folder_name(const char *path, char name[128]);

#endif
