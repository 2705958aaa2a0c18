/* The sub-commands, one file each. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "options.h"

extern const cli_command cli_sample, cli_grid, cli_walk, cli_metadata, cli_encode, cli_decode,
    cli_embed, cli_forward, cli_devices, cli_inspect, cli_tune, cli_bench, cli_selftest;
#ifdef HAVE_SERVE
extern const cli_command cli_serve;
#endif

#endif
