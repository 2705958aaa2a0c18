// A section of the panel: how pictures are shown.

#include "viewer/ui_parts.hpp"

using namespace viewer_ui;

namespace
{

void view_row(viewer_controls &controls)
{
    static const struct {
        const char *label, *name, *about;
    } views[] = {
        { "one", "view.one", "At the slider's number of steps (V)" },
        { "columns", "view.columns", "Few steps and many, side by side, from the same noise (V)" },
        { "wipe", "view.wipe", "Two numbers of steps, one over the other (V)" },
    };
    caption("view");
    for (int i = 0; i < 3; i++) {
        if (segment(views[i].label, i, 3, controls.view == i, true))
            controls.view = (viewer_view)i;
        report_item(views[i].name);
        tooltip(views[i].about);
    }
}

// Which column is on one side of the wipe.
void side_row(const viewer_readings &readings, const char *side, uint32_t *column)
{
    caption(side);
    for (uint32_t i = 0; i < readings.column_count; i++) {
        char label[32], name[24];
        const uint32_t steps = readings.slider.steps[readings.columns[i].notch];
        snprintf(label, sizeof label, "%u##%s", steps, side);
        snprintf(name, sizeof name, "%s.%u", side, steps);
        if (segment(label, (int)i, (int)readings.column_count, *column == i, true))
            *column = i;
        report_item(name);
    }
}

void filter_row(viewer_controls &controls)
{
    caption("enlarged");
    if (segment("pixels", 0, 2, !controls.smooth, true))
        controls.smooth = false;
    report_item("filter.pixels");
    tooltip("Every pixel is a square (X)");
    if (segment("smooth", 1, 2, controls.smooth, true))
        controls.smooth = true;
    report_item("filter.smooth");
    tooltip("As a photograph is enlarged: a cubic filter (X)");
}

} // namespace

void viewer_ui::build_view(const viewer_readings &readings, viewer_controls &controls)
{
    view_row(controls);
    if (controls.view == VIEW_WIPE) {
        side_row(readings, "left", &controls.wipe_left);
        side_row(readings, "right", &controls.wipe_right);
        share_row("border", "border", 0, &controls.wipe, "Where the two meet");
    }
    filter_row(controls);
}
