/* What encode and decode share: an autoencoder, a device, and a coder. */
#ifndef CLI_CODER_H
#define CLI_CODER_H

#include "options.h"

#include <quickstep/autoencoder.h>

extern struct poptOption cli_coder_options[]; /* --model, --precision */

typedef struct cli_coder {
    qs_autoencoder *autoencoder;
    qs_autoencoder_info info;
    qs_device *device;
    qs_coder *coder;
} cli_coder;

/* Opens --model, which must be given. command: for the message. */
qs_status cli_coder_open(cli_coder *coder, const char *command);

/* Opens --device, the first time, and makes the coder for pictures of this size in place of an
 * earlier one, with --precision. */
qs_status cli_coder_start(cli_coder *coder, qs_direction direction, uint32_t width,
                          uint32_t height);

void cli_coder_close(cli_coder *coder);

#endif
