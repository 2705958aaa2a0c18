/*
 * The viewer's loop: one thread that never waits for the compute. Events, verbs, newest frame,
 * user interface, present; asleep when there is nothing to do.
 */
#ifndef VIEWER_LOOP_H
#define VIEWER_LOOP_H

#include "viewer/camera.h"
#include "viewer/catalog.h"
#include "viewer/film.h"
#include "viewer/generate.h"
#include "viewer/record.h"
#include "viewer/touch.h"
#include "viewer/ui.h"

typedef struct loop_options {
    double exit_after;  /* seconds, 0: never */
    const char *camera; /* its path, NULL: the first that there is */
    bool report;        /* say on standard output where the widgets are and what was drawn */
} loop_options;

/* Undo and redo: the controls before each change, and after the last. */
typedef struct history {
    viewer_controls states[64];
    uint32_t count, at;
    double changed_at;
} history;

typedef struct loop {
    loop_options options;
    window window;
    qs_vulkan_device vulkan;
    present present;
    picture picture;
    catalog catalog;
    generator generator;
    film film;
    touch touch;
    camera *camera; /* NULL: none is read */
    recording recording;
    const char *record_as; /* ".gif", NULL: ".png" */
    history history;
    viewer_controls controls;
    viewer_readings readings;
    const ui_layout *layout;
    bool building;            /* the user interface is being laid out */
    int redraw;               /* times the user interface is still to be laid out */
    bool unpresented;         /* something is not on the screen yet */
    bool untaken;             /* readings.frame is not in `picture` yet */
    uint32_t taken;           /* frame_number of the picture that is */
    double preparing_since;   /* seconds */
    double gave_back;         /* memory, likewise */
    qs_status prepare_status; /* of drawing meanwhile */
    char lost[320];           /* readings.lost, readings.cannot */
    qs_status cannot_status;
    char note[320];
    double note_until;
    bool rested; /* --report said so */
    char reported[64 * UI_WIDGETS_MAX];
} loop;

/* Dear ImGui needs a few layouts after an event until everything has reacted. */
enum { LOOP_SETTLE = 3 };

/* A message, for a few seconds. */
void loop_note(loop *l, bool is_error, const char *format, ...)
    __attribute__((format(QS_PRINTF_FORMAT, 3, 4)));
void loop_show_title(const loop *l); /* of the window: the model's and the device's names */
/* After controls.model has changed; the controls were `before`. What cannot be opened stays out of
 * the controls, and a note says why. */
void loop_choose_model(loop *l, const viewer_controls *before);

/* The model that was asked for first has failed with the last error, which the window says until
 * somebody goes on with another one. False: that would not help, or there is no other. */
bool loop_offer_another(loop *l, const viewer_model *failed, qs_status status);

/* Until the window is closed, or (QS_ERROR_DEVICE_LOST) the device is lost; with readings.lost or
 * cannot it draws nothing before somebody has asked to go on. window, vulkan, present, picture,
 * catalog, generator, controls, readings are filled in. */
qs_status loop_run(loop *l);

#endif
