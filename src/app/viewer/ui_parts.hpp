// What the C++ files of the user interface share. Only they see Dear ImGui (C++; its versions:
// ui_backend.hpp); ui.h is what the rest of the viewer sees.
#ifndef VIEWER_UI_PARTS_HPP
#define VIEWER_UI_PARTS_HPP

#include "viewer/ui_backend.hpp"

#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>

extern "C" { // the viewer's own headers are C
#include "viewer/readout.h"
#include "viewer/ui.h"
}

namespace viewer_ui
{

// Sizes are in 1/96 inch; `ui.u` turns them into Dear ImGui's units.
constexpr float MARGIN = 22, STEPS_HEIGHT = 118, FILM_HEIGHT = 62;

// Colours are 0xRRGGBB.
constexpr ImU32 rgb(uint32_t hex, uint32_t alpha = 255)
{
    return IM_COL32(hex >> 16 & 255, hex >> 8 & 255, hex & 255, alpha);
}
constexpr uint32_t BACKGROUND = 0x131519, BAR = 0x181b20, PANEL = 0x1b1e24;
constexpr uint32_t FIELD = 0x272b33, FIELD_HOVER = 0x31363f, LINE = 0x2c313a;
// DIM is text: 4.5 to 1 against each of the surfaces above (WCAG 2.1); FAINT is marks only.
constexpr uint32_t TEXT = 0xe4e7ec, DIM = 0x9aa2b0, FAINT = 0x5b6371, BAD = 0xf0767b;
constexpr uint32_t GOLD = 0xf0c35e, ACCENT = 0x6cb2eb, ACCENT_DARK = 0x2d4f6c, ON_ACCENT = 0x10151b;

struct state {
    ImFont *text, *small, *large, *huge;
    float u;             // Dear ImGui's units per 1/96 inch
    int solo;            // the picture shown alone, -1: all
    uint32_t solo_count; // of the batch it was chosen in
    bool panel_turned;   // the panel is hidden where it would be shown, or the other way
    bool beside, below;  // where the panel has room; neither: over the picture
    bool notes_below;    // the bar of the steps has room for a message
    bool help;
    bool in_panel;     // what is made now: keys reach it
    bool stroking;     // the brush is down
    ImVec2 stroke_at;  // where it was last, in pixels of the canvas
    uint32_t requests; // bits of viewer_request that keys asked for in this frame
    ui_layout layout;
};
extern state ui;

inline bool asked(viewer_request request)
{
    return ui.requests & request;
}

// The widget of this name is at `low` to `high`; report_item: the last one made, and true if it has
// the focus.
void report(const char *name, ImVec2 low, ImVec2 high);
bool report_item(const char *name);
void report_focus(const char *name, ImVec2 low, ImVec2 high);

// What keys reach (ui_focus.cpp): report_item's widgets of the panel, and a picture of the film
// strip. True: it has the focus.
bool focus_item(const char *name); // the last widget made
bool focus_on(const char *name, ImVec2 low, ImVec2 high);
float focus_slide(); // of the slider that has it: how far keys move it, of its length
void focus_begin();  // of a frame, before Dear ImGui's
void focus_end();
void reset_focus();
bool focus_take_key(int key);

// align 0: starts at x, 0.5: centred, 1: ends there.
void draw_text(ImDrawList *list, ImFont *font, ImVec2 at, uint32_t hex, const char *text,
               float align = 0);
float text_width(ImFont *font, const char *text);
// A line of text as a widget.
void text_line(ImFont *font, uint32_t hex, const char *format, ...) IM_FMTARGS(3);
void tooltip(const char *text); // of the last widget
void gap(float height);         // above the next widget, in 1/96 inch
// "down_blocks.0.resnets.1.conv1" -> "\u2026resnets.1.conv1", so that it fits: cut behind a
// separator while there is one, then anywhere.
std::string fit_end(const char *name, float width, const char *separators = "");

// The rows of a list, from 0.
struct list_rows {
    int count;
    const void *context;
    const char *(*name)(const void *context, int row);
    bool (*enabled)(const void *context, int row); // NULL: all are
    const char *why_not;
};
// As wide as there is room. open: a key asked for it. True: *chosen is another row.
bool build_list(const char *id, const char *shown, const list_rows &rows, bool open, int *chosen);
void reset_list();
bool list_take_key(int key);
bool list_take_character(unsigned codepoint);

// "label" before the widget of a row.
void caption(const char *text);
// One of a row of buttons, `index` of `count`, that fill the rest of the line. True: it was clicked
// and is another one than the chosen.
bool segment(const char *label, int index, int count, bool chosen, bool enabled);
void line(); // between two sections
// What unfolds a second label or prompt; true: it is unfolded. Then comes what it is, and the mix.
bool build_fold(const char *what, const char *about, viewer_words &words);
void build_mix(viewer_words &words);

// Sections of the panel: a file each.
void build_prompt(const viewer_readings &readings, viewer_controls &controls);
void build_recipe(const viewer_readings &readings, viewer_controls &controls,
                  viewer_requests &requests);
void build_touch(const viewer_readings &readings, viewer_controls &controls,
                 viewer_requests &requests);
void build_motion(const viewer_readings &readings, viewer_controls &controls,
                  viewer_requests &requests);
void build_view(const viewer_readings &readings, viewer_controls &controls);
void build_speed(const viewer_readings &readings);
void build_panel(const viewer_readings &readings, viewer_controls &controls,
                 viewer_requests &requests, ImVec2 at, ImVec2 size);
void build_profile(const viewer_readings &readings, viewer_controls &controls,
                   viewer_requests &requests);
void build_steps(const viewer_readings &readings, viewer_controls &controls, ImVec2 at,
                 ImVec2 size);
void build_picture(const viewer_readings &readings, viewer_controls &controls,
                   viewer_requests &requests, ImVec2 at, ImVec2 size);
// In its place: several numbers of steps.
void build_columns(const viewer_readings &readings, const viewer_controls &controls, ImVec2 at,
                   ImVec2 size);
void build_wipe(const viewer_readings &readings, viewer_controls &controls, ImVec2 at, ImVec2 size);
// Beside it: what is painted on.
void build_canvas(const viewer_readings &readings, viewer_controls &controls,
                  viewer_requests &requests, ImVec2 at, ImVec2 size);
// Below it: the last pictures.
void build_film(const viewer_readings &readings, const viewer_controls &controls,
                viewer_requests &requests, ImVec2 at, ImVec2 size);
// Another part of what is drawn below the controls, to be filled in; NULL: there are too many.
picture_part *add_part(const viewer_readings &readings, const viewer_controls &controls, ImVec2 at,
                       ImVec2 size);
// A slider as wide as there is room. True: it is being moved.
bool build_slider(const char *id, float low, float high, float *value, const char *text);
// The same of a share, from low to 1, with its caption before it and told in percent.
void share_row(const char *name, const char *id, float low, float *value, const char *tip);
void build_help();

} // namespace viewer_ui

#endif
