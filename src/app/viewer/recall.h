/* Back to what was: undo and redo, pictures of the film strip and of files. */
#ifndef VIEWER_RECALL_H
#define VIEWER_RECALL_H

#include "viewer/loop.h"

/* The controls were `before`; if somebody has changed them, that can be undone. */
void recall_remember(loop *l, const viewer_controls *before);
void recall_travel(loop *l, bool back); /* undo, or redo */

void recall_kept(loop *l, uint32_t index); /* of the film strip */
/* What was dropped on the window: a PNG of Quickstep's, a model's folder. A note says what is wrong
 * with anything else. */
void recall_dropped(loop *l);

#endif
