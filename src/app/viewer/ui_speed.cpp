// A section of the panel: how fast the last pictures were.

#include "viewer/ui_parts.hpp"

using namespace viewer_ui;

namespace
{

void speed_cell(int index, double value, const char *unit)
{
    char number[READOUT_SIZE];
    const float width = ImGui::GetContentRegionMax().x / 3;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    ImDrawList *list = ImGui::GetWindowDrawList();
    const float x = at.x + width * (float)index;
    draw_text(list, ui.large, ImVec2(x, at.y), TEXT, readout_number(value, number));
    draw_text(list, ui.small, ImVec2(x, at.y + 31 * ui.u), DIM, unit);
}

} // namespace

void viewer_ui::build_speed(const viewer_readings &readings)
{
    speed_cell(0, readings.step_ms, "ms per step");
    speed_cell(1, readings.picture_ms,
               readings.frame.count > 1 ? "ms per batch" : "ms per picture");
    speed_cell(2, readings.pictures_per_second, "pictures/s");
    gap(46);
}
