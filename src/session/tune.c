#include "session/session.h"

#include <math.h>

qs_status qs_tune(qs_device *device, qs_model *model, const qs_session_options *options,
                  qs_tune_fn report, void *user)
{
    qs_status status = QS_OK;
    qs_session *s = NULL;
    if (!device || !model)
        return qs_error(QS_ERROR_USAGE, "qs_tune: device and model must not be NULL");
    TRY(session_open(device, model, options, &s));
    if (!s->tuner)
        TRY(qs_error(QS_ERROR_USAGE,
                     "qs_tune: the options say not to tune: leave out no_tune (--no-tune) "
                     "and QUICKSTEP_DEBUG=defaults"));
    TRY(session_build_programs(s));
    TRY(tuner_measure(s->tuner, INFINITY, report, user));
fail:
    qs_session_destroy(s);
    return status;
}
