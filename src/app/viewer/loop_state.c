/* What changes of the loop's state is seen at once: a message, another model's name. */
#include "viewer/loop.h"
#include "viewer/readout.h"

#include <stdarg.h>
#include <stdio.h>

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
    window_set_title(&l->window, readout_title(&l->readings, title));
}

void loop_choose_model(loop *l, const viewer_controls *before)
{
    if (catalog_choose(&l->catalog, before, &l->controls, &l->readings) == QS_OK)
        loop_show_title(l);
    else
        loop_note(l, true, "%s", app_error_message());
}
