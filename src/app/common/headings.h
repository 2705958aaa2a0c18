/* Words around a grid of pictures: above its columns, beside its rows. */
#ifndef APP_HEADINGS_H
#define APP_HEADINGS_H

#include "common/png_file.h"

enum { HEADING_SIZE = 40 };

/* What is said of a column: the longest text that fits above it, or none. */
typedef struct app_column_heading {
    char texts[3][HEADING_SIZE]; /* the longest first; "": there are no more */
} app_column_heading;

typedef struct app_headings {
    uint32_t column_count, row_count;
    const app_column_heading *columns;
    const char (*rows)[HEADING_SIZE];
    char corner[HEADING_SIZE]; /* of all of them */
} app_headings;

/* Replaces the picture of a grid (app_montage) by a larger one with the words around it. Printable
 * ASCII; other characters are drawn as question marks. QS_ERROR_MEMORY: the picture stays. */
qs_status app_headings_add(const app_headings *headings, app_image *image);

#endif
