/* What keys and buttons ask for, done. */
#ifndef VIEWER_REQUESTS_H
#define VIEWER_REQUESTS_H

#include "viewer/loop.h"

/* Returns what the keys ask of the user interface. */
uint32_t requests_take_keys(loop *l);
void requests_take(loop *l, uint32_t bits);
void requests_take_canvas(loop *l, const viewer_requests *requests);

/* The next picture of the camera, when the last one was drawn from. */
void requests_follow_camera(loop *l);
/* What is drawn from is the controls' canvas, as long as this model can. */
void requests_follow_canvas(loop *l);
/* The picture on the screen, into what is recorded. */
void requests_record(loop *l);
/* A note says what became of it. */
qs_status requests_end_recording(loop *l);
/* The picture on the screen, in the film strip. */
void requests_keep(loop *l, bool favourite);

#endif
