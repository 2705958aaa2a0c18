/* Pictures in the terminal that the program was started from. */
#ifndef CLI_PREVIEW_H
#define CLI_PREVIEW_H

#include "common/png_file.h"

/* By kitty's graphics protocol or as sixels, if the terminal answers that it can. One that cannot
 * gets no more than the question which any VT100 answers, and the reason is a warning. */
void cli_preview_show(const app_image *image);

#endif
