#include "desk.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

/* A client that waits: it lies on that thread's stack. */
typedef struct desk_waiter {
    const serve_request *request;
    desk_answer *answer;
    bool done;
    struct desk_waiter *next;
} desk_waiter;

struct desk {
    pthread_mutex_t mutex;
    pthread_cond_t asked;      /* there is something to draw */
    pthread_cond_t answered;   /* a picture is finished, or the desk is closed */
    desk_waiter *first, *last; /* in the order of their coming */
    serve_request live;
    uint64_t live_wanted, live_taken; /* numbers of recipes */
    desk_file *frame;                 /* the newest, or NULL */
    desk_state state;
    bool cancelled, closed;
};

desk *desk_create(const serve_request *live)
{
    desk *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    pthread_condattr_t steady;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_mutex_init(&d->mutex, NULL);
    pthread_cond_init(&d->asked, &steady);
    pthread_cond_init(&d->answered, &steady);
    pthread_condattr_destroy(&steady);
    d->live = *live;
    d->live_wanted = 1;
    return d;
}

static void drop(desk_file *file)
{
    if (file && --file->users == 0) {
        free(file->bytes);
        free(file);
    }
}

void desk_close(desk *d)
{
    pthread_mutex_lock(&d->mutex);
    d->closed = true;
    for (desk_waiter *w = d->first; w; w = w->next) {
        w->answer->outcome = DESK_CLOSED;
        w->done = true;
    }
    d->first = d->last = NULL;
    pthread_cond_broadcast(&d->answered);
    pthread_mutex_unlock(&d->mutex);
}

void desk_destroy(desk *d)
{
    if (!d)
        return;
    drop(d->frame);
    pthread_cond_destroy(&d->answered);
    pthread_cond_destroy(&d->asked);
    pthread_mutex_destroy(&d->mutex);
    free(d);
}

static void wait_until(desk *d, pthread_cond_t *condition, struct timespec now, long milliseconds)
{
    now.tv_nsec += milliseconds % 1000 * 1000000;
    now.tv_sec += milliseconds / 1000 + now.tv_nsec / 1000000000;
    now.tv_nsec %= 1000000000;
    pthread_cond_timedwait(condition, &d->mutex, &now);
}

static struct timespec steady_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now;
}

/* ---- a client's --------------------------------------------------------------------------------
 */

void desk_draw(desk *d, const serve_request *request, desk_answer *answer)
{
    desk_waiter own = { .request = request, .answer = answer };
    *answer = (desk_answer){ .outcome = DESK_BUSY };
    pthread_mutex_lock(&d->mutex);
    if (d->closed)
        answer->outcome = DESK_CLOSED;
    if (!d->closed && d->state.queued < DESK_QUEUE_MAX) {
        *(d->last ? &d->last->next : &d->first) = &own;
        d->last = &own;
        d->state.queued++;
        pthread_cond_signal(&d->asked);
        while (!own.done)
            pthread_cond_wait(&d->answered, &d->mutex);
        d->state.queued--;
    }
    pthread_mutex_unlock(&d->mutex);
}

serve_request desk_live(desk *d)
{
    pthread_mutex_lock(&d->mutex);
    const serve_request live = d->live;
    pthread_mutex_unlock(&d->mutex);
    return live;
}

void desk_set_live(desk *d, const serve_request *request)
{
    pthread_mutex_lock(&d->mutex);
    d->live = *request;
    d->live_wanted++;
    pthread_cond_signal(&d->asked);
    pthread_mutex_unlock(&d->mutex);
}

void desk_cancel(desk *d)
{
    pthread_mutex_lock(&d->mutex);
    d->cancelled = true;
    pthread_mutex_unlock(&d->mutex);
}

desk_state desk_look(desk *d)
{
    pthread_mutex_lock(&d->mutex);
    const desk_state state = d->state;
    pthread_mutex_unlock(&d->mutex);
    return state;
}

desk_file *desk_frame(desk *d, uint64_t *seen, bool *closed)
{
    const struct timespec now = steady_now();
    desk_file *file = NULL;
    pthread_mutex_lock(&d->mutex);
    if (!d->closed && d->state.live == *seen)
        wait_until(d, &d->answered, now, 1000);
    if (!d->closed && d->frame && d->state.live != *seen) {
        file = d->frame;
        file->users++;
        *seen = d->state.live;
    }
    *closed = d->closed;
    pthread_mutex_unlock(&d->mutex);
    return file;
}

void desk_file_drop(desk *d, desk_file *file)
{
    pthread_mutex_lock(&d->mutex);
    drop(file);
    pthread_mutex_unlock(&d->mutex);
}

/* ---- the drawer's ------------------------------------------------------------------------------
 */

bool desk_take(desk *d, desk_job *job)
{
    const struct timespec now = steady_now();
    *job = (desk_job){ .answer.outcome = DESK_FAILED };
    pthread_mutex_lock(&d->mutex);
    if (!d->first && d->live_taken == d->live_wanted)
        wait_until(d, &d->asked, now, 100);
    desk_waiter *first = d->first;
    const bool any = first || d->live_taken != d->live_wanted;
    if (first) {
        job->waiter = first;
        job->request = *first->request;
        d->first = first->next;
        d->last = d->first ? d->last : NULL;
    } else if (any) {
        job->live = true;
        job->request = d->live;
        d->live_taken = d->live_wanted;
    }
    d->cancelled = false;
    d->state.drawing = any;
    pthread_mutex_unlock(&d->mutex);
    return any;
}

bool desk_is_cancelled(desk *d)
{
    pthread_mutex_lock(&d->mutex);
    const bool cancelled = d->cancelled;
    pthread_mutex_unlock(&d->mutex);
    return cancelled;
}

void desk_give(desk *d, desk_job *job, double ms)
{
    pthread_mutex_lock(&d->mutex);
    d->state.drawing = false;
    if (job->answer.outcome == DESK_DRAWN) {
        d->state.drawn++;
        d->state.ms = ms;
    }
    if (job->live && job->answer.file) {
        drop(d->frame);
        d->frame = job->answer.file;
        d->state.live++;
    }
    if (job->waiter) {
        *job->waiter->answer = job->answer;
        job->waiter->done = true;
    }
    pthread_cond_broadcast(&d->answered);
    pthread_mutex_unlock(&d->mutex);
}

desk_file *desk_file_create(uint8_t *bytes, size_t size)
{
    desk_file *file = malloc(sizeof *file);
    if (file)
        *file = (desk_file){ .users = 1, .size = size, .bytes = bytes };
    else
        free(bytes);
    return file;
}
