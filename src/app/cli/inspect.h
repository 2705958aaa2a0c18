/* The parts of inspect: models that draw, autoencoders. */
#ifndef CLI_INSPECT_H
#define CLI_INSPECT_H

#include "engine.h"

void cli_print_plan(const qs_session_memory *memory);

/* Is --model one? */
bool cli_is_autoencoder(void);
qs_status cli_inspect_autoencoder(void);

#endif
