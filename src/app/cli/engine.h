/* What most commands begin with: the model, the device and a session, from the shared options. */
#ifndef CLI_ENGINE_H
#define CLI_ENGINE_H

#include "common/error.h"

typedef struct cli_engine {
    qs_model *model;
    qs_model_info info;
    qs_device *device;
    qs_device_info device_info;
    qs_session *session;
    qs_session_options options; /* of the session */
} cli_engine;

/* Opens --model and then --device; no session yet. */
qs_status cli_engine_open(cli_engine *engine);
qs_status cli_engine_open_model(cli_engine *engine);
qs_status cli_engine_open_device(cli_engine *engine);

/* What a session would take: nothing is allocated. */
qs_status cli_engine_plan(cli_engine *engine, qs_session_options options,
                          qs_session_memory *memory);
/* QS_ERROR_MEMORY, and what takes less, if the device has less than that. */
qs_status cli_engine_check(const cli_engine *engine, const qs_session_memory *memory);

/* Makes the session, in place of an earlier one; the precision is that of --precision. */
qs_status cli_engine_start(cli_engine *engine, qs_session_options options);

void cli_engine_close(cli_engine *engine);

/* --precision. */
qs_status cli_precision(qs_precision *precision);

/* A label by name (any case) or number; -1, the model's default, for NULL. QS_ERROR_USAGE. */
qs_status cli_label(const cli_engine *engine, const char *option, const char *text, int32_t *label);

/* --sampler, checked against the model. NULL: the model's default. */
qs_status cli_sampler(const cli_engine *engine, const char *text, qs_sampler *sampler);

/* --rng; NULL: philox. */
qs_status cli_rng(const char *text, qs_rng *rng);

/* --seed; NULL: a random one below 2^32. */
qs_status cli_seed(const char *text, uint64_t *seed);

double cli_now_ms(void);

/* Prints in 'bytes' as KiB, MiB or GiB into a buffer of its own; valid until the fourth next call.
 */
const char *cli_bytes(uint64_t bytes);

#endif
