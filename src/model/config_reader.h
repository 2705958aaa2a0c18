/* Typed, strict reading of one JSON object, and the parsers made of it. */
#ifndef QS_MODEL_CONFIG_READER_H
#define QS_MODEL_CONFIG_READER_H

#include "model/config.h"

#include <jansson.h>

/* Keys are taken one by one; what is left at the end is unknown, and refused. */
typedef struct config_reader {
    const char *path; /* for messages */
    const json_t *root;
    json_t *left;
} config_reader;

qs_status config_reader_init(config_reader *reader, const char *path, json_t *root);
void config_reader_finish(config_reader *reader); /* also of a zeroed one */

/* The value, or NULL; borrowed from the root. */
json_t *config_take(config_reader *reader, const char *key);
void config_ignore(config_reader *reader, const char *key);

/* Keys that start with "_" are diffusers' notes on the file (its version, where it came from), and
 * ignored there too. After what is needed of them was taken. */
void config_ignore_private(config_reader *reader);
qs_status config_check_all_taken(const config_reader *reader);

/* Instead, for a class of diffusers: where all that it has (or had, in any version) an argument for
 * was taken, the rest are other classes' keys, as from_config and training scripts leave them.
 * diffusers ignores them; so do we, with one notice. */
void config_pass_over_foreign(const config_reader *reader, const char *class);

/* 'FILE: key "KEY" is VALUE, EXPECTED', or '... is missing, EXPECTED' for a NULL value. */
qs_status config_refuse(const config_reader *reader, const char *key, const json_t *value,
                        const char *expected, ...) QS_PRINTF(4, 5);

/* These leave *out, the default, alone when the key is absent. */
qs_status config_take_u32(config_reader *reader, const char *key, uint32_t min, uint32_t max,
                          uint32_t *out);
qs_status config_take_u32_or_null(config_reader *reader, const char *key, uint32_t min,
                                  uint32_t max, uint32_t *out); /* null: 0 */
qs_status config_take_number(config_reader *reader, const char *key, double min, double max,
                             double *out);
qs_status config_take_bool(config_reader *reader, const char *key, bool *out);

/* *index: which of the words it is; words end with NULL. */
qs_status config_take_word(config_reader *reader, const char *key, const char *const *words,
                           uint32_t *index);

/* "a", "b", "c" */
void config_list_words(const char *const *words, char *text, size_t room);

/* Only a missing key is an error here. */
qs_status config_require(const config_reader *reader, const char *key, const char *expected);

/* What a whole file means. Cross-checks inside the file are done here, between files by
 * model_config_read. unet, scheduler and autoencoder are written completely; the arena gets what
 * they own. */
qs_status config_parse_unet(const char *path, json_t *root, unet_config *unet);
qs_status config_parse_scheduler(const char *path, json_t *root, arena *arena,
                                 scheduler_config *scheduler);
/* The keys of a class over discrete timesteps, scheduler->class. */
qs_status config_read_diffusion(config_reader *reader, arena *arena, scheduler_config *scheduler);

qs_status config_parse_text_encoder(const char *path, json_t *root, text_encoder_config *config);
qs_status config_parse_autoencoder(const char *path, json_t *root, autoencoder_config *config);

/* After the others: fills the labels and alpha. root NULL: the file is absent. */
qs_status config_parse_index(const char *path, json_t *root, model_config *config);

#endif
