/*
 * Between the clients of `quickstep serve`, each on a thread of its own, and the one thread that
 * draws: a bounded queue of pictures that were asked for, and the live picture, of which only the
 * newest recipe counts. Whatever waits here is woken when the desk closes.
 */
#ifndef SERVE_DESK_H
#define SERVE_DESK_H

#include "request.h"

enum { DESK_QUEUE_MAX = 16 };

/* What a picture became. Bytes are shared and counted: desk_file_drop them. */
typedef struct desk_file {
    uint32_t users;
    size_t size;
    uint8_t *bytes;
} desk_file;

typedef enum desk_outcome {
    DESK_DRAWN,     /* file */
    DESK_REFUSED,   /* message: the request cannot be drawn */
    DESK_FAILED,    /* message: it could have been */
    DESK_CANCELLED, /* by desk_cancel */
    DESK_BUSY,      /* the queue is full */
    DESK_CLOSED,    /* the program ends */
} desk_outcome;

typedef struct desk_answer {
    desk_outcome outcome;
    desk_file *file; /* a PNG */
    char message[512];
} desk_answer;

typedef struct desk_state {
    uint32_t queued; /* pictures that were asked for, that in the drawer's hands included */
    bool drawing;    /* one is in the drawer's hands: what desk_cancel gives up */
    uint64_t drawn;  /* since the start, live ones included */
    uint64_t live;   /* number of the newest live frame */
    double ms;       /* that the last picture took */
} desk_state;

typedef struct desk desk;

desk *desk_create(const serve_request *live); /* NULL without memory */
void desk_close(desk *d);                     /* no one is served any more */
void desk_destroy(desk *d);                   /* after every client's thread has ended */

/* ---- a client's ---- */

/* Waits until the picture is drawn. */
void desk_draw(desk *d, const serve_request *request, desk_answer *answer);

serve_request desk_live(desk *d);
void desk_set_live(desk *d, const serve_request *request);
/* Gives up the picture that is being drawn. */
void desk_cancel(desk *d);
desk_state desk_look(desk *d);

/* The newest live frame, a JPEG, if it is not number *seen; else waits for one, at most a second.
 * NULL: there was none, or (*closed) there will be none. */
desk_file *desk_frame(desk *d, uint64_t *seen, bool *closed);
void desk_file_drop(desk *d, desk_file *file);

/* ---- the drawer's ---- */

typedef struct desk_job {
    serve_request request;
    desk_answer answer; /* filled in by the drawer */
    bool live;          /* of the live picture: a JPEG */
    struct desk_waiter *waiter;
} desk_job;

/* The next picture, those that were asked for before the live one; false after at most 100 ms
 * without any. */
bool desk_take(desk *d, desk_job *job);
/* Was it cancelled since? */
bool desk_is_cancelled(desk *d);
void desk_give(desk *d, desk_job *job, double ms);
/* Takes the bytes, also when it fails: NULL without memory. */
desk_file *desk_file_create(uint8_t *bytes, size_t size);

#endif
