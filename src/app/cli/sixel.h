/* Pictures as sixels (DEC STD 070; as xterm, foot, mlterm, WezTerm draw them). */
#ifndef CLI_SIXEL_H
#define CLI_SIXEL_H

#include "common/png_file.h"

/* With all its colours if there are at most 255, otherwise with 6 x 6 x 6, dithered; what is more
 * than half clear is left as the terminal has it. To be freed by the caller; NULL without memory. */
char *cli_sixel_encode(const app_image *image, size_t *size);

#endif
