/* The noise of pictures on the way from seeds to other seeds. */
#ifndef VIEWER_WALK_H
#define VIEWER_WALK_H

#include "common/error.h"
#include "viewer/viewer.h"

typedef struct walk {
    const qs_model *model; /* of the noise below, like what follows */
    uint32_t batch;
    uint64_t from;
    viewer_place place;
    float *ends[2], *noise; /* [batch, c, h, w] */
    bool ends_there;        /* the ends are those of from and place.to */
    bool mix_returns;       /* from its end */
    double moved_s;         /* when it moved last, 0: it stands */
} walk;

/* The mix moves on likewise, to its end and back. */
void walk_mix(walk *w, viewer_controls *controls, double now_s);
/* Moves on, as far as the time since the last call takes it, and to the next seeds at the end of a
 * leg: `controls` has the seed that it left last. choose: another seed. */
void walk_move(walk *w, viewer_controls *controls, double now_s, uint64_t (*choose)(void));
void walk_stop(walk *w); /* it stands until it is moved again */
/* To another place, as a recipe has it. */
void walk_set(walk *w, uint64_t from, viewer_place place);
/* The noise at the place; *noise NULL: it is at the seed itself, whose noise the device makes. */
qs_status walk_noise(walk *w, const qs_model *model, uint32_t batch, uint64_t seed,
                     const float **noise);
void walk_finish(walk *w);

#endif
