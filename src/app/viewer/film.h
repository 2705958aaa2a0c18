/* What is kept of pictures: the film strip, favourites on disk, recipes in PNG files. */
#ifndef VIEWER_FILM_H
#define VIEWER_FILM_H

#include "common/recipe.h"
#include "viewer/catalog.h"
#include "viewer/picture.h"

typedef struct film {
    picture *picture; /* whose strip has the small pictures */
    viewer_readings *readings;
    uint32_t next_slot;
} film;

void film_init(film *f, picture *p, viewer_readings *readings);

void film_finish(film *f);

/* In front of the others; the last one goes if there are too many, favourites last. rgba: of one
 * picture. */
void film_push(film *f, const viewer_recipe *recipe, const uint8_t *rgba, uint32_t width,
               uint32_t height, bool favourite);

/* $XDG_DATA_HOME/quickstep/favourites or ~/.local/share/...; made if it is not there.
 * QS_ERROR_WRITE */
qs_status film_favourites_folder(char *folder, size_t size);
/* Those on disk, the newest in front; what cannot be read is left out. */
void film_load_favourites(film *f, const catalog *c);

/* From a PNG of Quickstep's; what it was begun from, canvas and strength, is in `from` only.
 * QS_ERROR_OTHER: it has no recipe, or of a model or command that the window does not have. */
qs_status film_read_recipe(const catalog *c, const char *path, viewer_recipe *recipe,
                           app_recipe *from);

#endif
