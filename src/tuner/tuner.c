#include "tuner/tuner.h"

#include "core/clock.h"
#include "core/log.h"
#include "tuner/measure.h"
#include "tuner/timings.h"

#include <stdlib.h>
#include <string.h>

/* A choice without an answer. */
typedef struct question {
    choice choice; /* its params are a copy */
    dtype storage;
} question;

struct tuner {
    qs_device *device;
    char *path; /* NULL: no file */
    char identity[GPU_IDENTITY_BYTES];
    json_t *timings;
    struct chooser chooser;
    question *questions;
    uint32_t question_count;
};

static bool add_question(tuner *t, const graph *g, const choice *c)
{
    question *grown = realloc(t->questions, (t->question_count + 1) * sizeof *grown);
    void *params = malloc(c->params_bytes + 1);
    if (grown)
        t->questions = grown;
    if (!grown || !params) {
        free(params);
        return false;
    }
    memcpy(params, c->params, c->params_bytes);
    grown[t->question_count] = (question){ *c, g->storage };
    grown[t->question_count++].choice.params = params;
    return true;
}

static bool is_question(const tuner *t, const choice *c)
{
    for (uint32_t i = 0; i < t->question_count; ++i)
        if (strcmp(t->questions[i].choice.key, c->key) == 0)
            return true;
    return false;
}

static uint32_t choose(void *user, graph *g, const choice *c)
{
    tuner *t = user;
    const uint32_t known = timings_fastest(t->timings, c);
    if (known < c->variant_count)
        return known;
    if (c->variant_count > 1 && !is_question(t, c) && !add_question(t, g, c))
        graph_fail(g, qs_error(QS_ERROR_MEMORY, "no host memory for the tuner"));
    return 0;
}

qs_status tuner_create(qs_device *device, tuner **out)
{
    tuner *t = calloc(1, sizeof *t);
    if (!t)
        return qs_error(QS_ERROR_MEMORY, "no host memory for the tuner");
    t->device = device;
    t->chooser = (struct chooser){ choose, t };
    t->path = gpu_cache_file(device, "timings", "json");
    gpu_device_identity(device, t->identity);
    t->timings = timings_read(t->path, t->identity);
    if (!t->timings) {
        tuner_destroy(t);
        return qs_error(QS_ERROR_MEMORY, "no host memory for the tuner");
    }
    *out = t;
    return QS_OK;
}

static void drop_questions(tuner *t)
{
    for (uint32_t i = 0; i < t->question_count; ++i)
        free((void *)t->questions[i].choice.params);
    free(t->questions);
    t->questions = NULL;
    t->question_count = 0;
}

void tuner_destroy(tuner *t)
{
    if (!t)
        return;
    drop_questions(t);
    json_decref(t->timings);
    free(t->path);
    free(t);
}

const struct chooser *tuner_chooser(tuner *t)
{
    return &t->chooser;
}

uint32_t tuner_open_count(const tuner *t)
{
    return t->question_count;
}

static bool report_one(const tuner *t, const choice *c, const double *ms, qs_tune_fn report,
                       void *user)
{
    const char *names[CHOICE_VARIANTS_MAX];
    for (uint32_t i = 0; i < c->variant_count; ++i)
        names[i] = c->variants[i];
    return report(user, &(qs_tune_result){ .choice = c->key,
                                           .variant_count = c->variant_count,
                                           .variants = names,
                                           .ms = ms,
                                           .chosen = timings_fastest(t->timings, c) });
}

/* What cannot be measured, for want of memory perhaps, is passed over, and asked again by the next
 * session. *done: false if the time was up before. */
static qs_status answer(tuner *t, const question *q, double end_ms, qs_tune_fn report, void *user,
                        bool *done)
{
    double ms[CHOICE_VARIANTS_MAX];
    *done = clock_ms() <= end_ms;
    if (!*done)
        return QS_OK;
    const qs_status status = measure_variants(t->device, &q->choice, q->storage, end_ms, ms, done);
    if (status == QS_ERROR_DEVICE_LOST)
        return qs_error_prefix(status, "measuring %s", q->choice.key);
    if (status != QS_OK) {
        log_line(QS_LOG_WARNING, "%s is not measured: %s", q->choice.key, qs_last_error());
        *done = true;
        return QS_OK;
    }
    if (!*done)
        return QS_OK;
    if (!timings_set(t->timings, &q->choice, ms))
        return qs_error(QS_ERROR_MEMORY, "no host memory for the tuner");
    if (report && !report_one(t, &q->choice, ms, report, user))
        return qs_error(QS_CANCELLED, "tuning was cancelled");
    return QS_OK;
}

qs_status tuner_measure(tuner *t, double end_ms, qs_tune_fn report, void *user)
{
    qs_status status = QS_OK;
    bool done = true;
    for (uint32_t i = 0; i < t->question_count && done && status == QS_OK; ++i)
        status = answer(t, &t->questions[i], end_ms, report, user, &done);
    if (json_object_size(t->timings) > 0)
        timings_write(t->path, t->identity, t->timings);
    drop_questions(t);
    return status;
}
