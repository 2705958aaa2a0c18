/*
 * Pictures that move, to a file, one after another:
 *     .png                APNG (the PNG specification, third edition)
 *     .gif, .mp4, .webm   by ffmpeg, where it is installed
 */
#ifndef APP_ANIMATION_H
#define APP_ANIMATION_H

#include "common/png_file.h"

typedef struct app_animation app_animation;

/* Is it the name of one? */
bool app_animation_is(const char *path);

/* image: the size and transparency of all of them. frame_count: 0, not known yet. recipe: JSON for
 * an APNG, or NULL. QS_ERROR_WRITE, before anything is drawn: the name, no ffmpeg. */
qs_status app_animation_begin(const char *path, const app_image *image, uint32_t frame_count,
                              uint32_t frames_per_second, const char *recipe,
                              app_animation **animation);
qs_status app_animation_add(app_animation *animation, const uint8_t *pixels);
/* The file appears. After an error, without all frames or without any, it does not. Takes NULL. */
qs_status app_animation_end(app_animation *animation, bool good);

#endif
