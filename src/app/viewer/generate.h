/*
 * The session behind the window: begins a picture whenever the controls ask for another one than
 * the last, keeps its verbs going, takes the newest frame. Nothing here waits for the device,
 * except making a session.
 */
#ifndef VIEWER_GENERATE_H
#define VIEWER_GENERATE_H

#include "common/error.h"
#include "viewer/viewer.h"
#include "viewer/walk.h"
#include "viewer/window.h"

enum { GENERATE_RECIPES = 16, GENERATE_ARRIVALS = 32, GENERATE_OPS_MAX = 4096 };

typedef struct generator {
    qs_device *device;
    VkQueue queue; /* which draws the frames */
    bool offload;  /* text encoders leave the device when they have read */
    qs_session *session;
    qs_model *model; /* the session's, or the last that there was; NULL: none was ever made */

    viewer_controls asked; /* what the session was made for, then what it began last */
    viewer_place place;    /* of the walk, that it began last */
    bool edits;            /* the session can draw from a canvas */
    bool reads;            /* the session has text encoders: a second prompt takes another one */
    bool guides;           /* the session evaluates twice a step where the scale is above 1 */
    bool begun;            /* it did */
    uint64_t serial;       /* of the last begin in this session */
    viewer_drawn recipes[GENERATE_RECIPES]; /* by serial */
    bool hold;                              /* the last column is not on the screen yet */
    uint8_t *columns[COLUMNS_MAX];          /* their pixels, for the difference */
    size_t column_bytes;
    walk walk;
    uint32_t unseen; /* begins since the device was last seen to have finished a step */

    double arrivals[GENERATE_ARRIVALS]; /* seconds, when the last pictures came */
    uint32_t arrival_count;
    qs_op_time *ops;
} generator;

void generate_init(generator *g, qs_device *device, VkQueue queue, bool offload);
void generate_finish(generator *g);

/* Another model, batch, precision or profile than the session's: generate_make_session first. */
bool generate_needs_session(const generator *g, const viewer_controls *controls);

/* Takes seconds. On failure the last session that could be made is asked for again in `controls`,
 * and *again is set; without one, or if it is that one, the error is for the caller to leave with.
 */
qs_status generate_make_session(generator *g, viewer_controls *controls, viewer_readings *readings,
                                bool *again);

/* Moves `controls` to the next seed where pictures are played. *news: readings changed.
 * *new_frame: readings->frame is another picture, its slot is the caller's until the next call. */
qs_status generate_advance(generator *g, viewer_controls *controls, viewer_readings *readings,
                           bool *news, bool *new_frame);

/* All that is asked for is drawn, or there is nothing to draw. */
bool generate_is_done(const generator *g, const viewer_controls *controls,
                      const viewer_readings *readings);
/* Something is in flight. */
bool generate_is_running(const generator *g, const viewer_readings *readings);
/* At most timeout_ms, until something in flight finishes. */
qs_status generate_wait(generator *g, uint32_t timeout_ms);

/* What the frame on the screen was asked for. */
const viewer_drawn *generate_drawn(const generator *g, const viewer_readings *readings);

/* Into a recipe: what a model that reads is told, and the mix. The texts stay the caller's. */
void generate_tell(const qs_model_info *model, const viewer_words *words, qs_recipe *recipe);

/* A seed short enough to read out. */
uint64_t generate_seed(void);

#endif
