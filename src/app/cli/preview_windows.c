#include "preview.h"

#include "common/log.h"

void cli_preview_show(const app_image *image)
{
    (void)image;
    app_warning("--preview: not on Windows");
}
