/* What changes of the loop's state is seen at once: a message, another model's name. */
#include "viewer/loop.h"
#include "viewer/readout.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const double NOTE_S = 6;

void loop_note(loop *l, bool is_error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(l->note, sizeof l->note, format, args);
    va_end(args);
    l->readings.note_is_error = is_error;
    l->note_until = glfwGetTime() + NOTE_S;
    l->redraw = LOOP_SETTLE;
    if (l->options.report) {
        printf("note %s\n", l->note);
        fflush(stdout);
    }
}

void loop_show_title(const loop *l)
{
    char title[READOUT_TITLE_SIZE];
    window_set_title(&l->window, readout_title(&l->readings, l->controls.model, title));
}

void loop_choose_model(loop *l, const viewer_controls *before)
{
    if (catalog_choose(&l->catalog, before, &l->controls, &l->readings) == QS_OK) {
        l->readings.cannot = NULL;
        loop_show_title(l);
    } else {
        loop_note(l, true, "%s", app_error_message());
    }
}

bool loop_offer_another(loop *l, const viewer_model *failed, qs_status status)
{
    char message[sizeof l->lost];
    const bool others_may =
        status == QS_ERROR_MODEL || status == QS_ERROR_MEMORY || status == QS_ERROR_DEVICE;
    snprintf(message, sizeof message, "%s", app_error_message());
    if (!others_may || !catalog_other(&l->catalog, failed, &l->controls.model)) {
        app_error(status, "%s", message);
        return false;
    }
    memcpy(l->lost, message, sizeof l->lost);
    l->readings.cannot = l->lost;
    l->cannot_status = status;
    return true;
}
