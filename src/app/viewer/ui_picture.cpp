// What is laid over the picture: the place of it, the seed under the mouse, what went wrong.

#include "viewer/ui_parts.hpp"

using namespace viewer_ui;

namespace
{

void banner(ImVec2 at, ImVec2 size, uint32_t hex, const char *text)
{
    ImDrawList *list = ImGui::GetForegroundDrawList();
    const float wrap = std::max(60 * ui.u, size.x - 48 * ui.u);
    const ImVec2 need = ui.text->CalcTextSizeA(font_size(ui.text), FLT_MAX, wrap, text);
    const ImVec2 middle(at.x + size.x / 2, at.y + size.y / 2);
    const ImVec2 pad(16 * ui.u, 9 * ui.u);
    list->AddRectFilled(ImVec2(middle.x - need.x / 2 - pad.x, middle.y - need.y / 2 - pad.y),
                        ImVec2(middle.x + need.x / 2 + pad.x, middle.y + need.y / 2 + pad.y),
                        rgb(PANEL, 235), 8 * ui.u);
    list->AddText(ui.text, font_size(ui.text),
                  ImVec2(floorf(middle.x - need.x / 2), floorf(middle.y - need.y / 2)), rgb(hex),
                  text, nullptr, wrap);
}

// How many of a session's pipelines there are, as a bar.
void preparation(ImVec2 at, ImVec2 size, const viewer_readings &readings)
{
    char text[64];
    snprintf(text, sizeof text,
             readings.to_prepare ? "preparing the model: %u of %u shaders"
                                 : "preparing the model: weights",
             readings.prepared, readings.to_prepare);
    banner(at, size, TEXT, text);
    const float width = std::min(260 * ui.u, size.x - 48 * ui.u), half = 2 * ui.u;
    const ImVec2 low(at.x + (size.x - width) / 2, at.y + size.y / 2 + 30 * ui.u - half);
    const float part = (float)readings.prepared / (float)std::max(1u, readings.to_prepare);
    ImDrawList *list = ImGui::GetForegroundDrawList();
    list->AddRectFilled(low, ImVec2(low.x + width, low.y + 2 * half), rgb(FIELD), half);
    list->AddRectFilled(low, ImVec2(low.x + std::max(2 * half, width * part), low.y + 2 * half),
                        rgb(ACCENT), half);
    report("progress", low, ImVec2(low.x + width, low.y + 2 * half));
}

// A red dot and how long, in the corner: something is recorded.
void recording_mark(ImVec2 at, double seconds)
{
    char text[24];
    snprintf(text, sizeof text, "%.0f s", floor(seconds));
    const float r = 5 * ui.u;
    const ImVec2 middle(at.x + 16 * ui.u, at.y + 16 * ui.u);
    ImDrawList *list = ImGui::GetForegroundDrawList();
    list->AddRectFilled(ImVec2(at.x + 6 * ui.u, at.y + 6 * ui.u),
                        ImVec2(middle.x + 14 * ui.u + text_width(ui.small, text), at.y + 26 * ui.u),
                        rgb(PANEL, 200), 5 * ui.u);
    list->AddCircleFilled(middle, r, rgb(BAD));
    draw_text(list, ui.small, ImVec2(middle.x + 9 * ui.u, middle.y - font_size(ui.small) / 2), TEXT,
              text);
    report("recording", ImVec2(middle.x - r, middle.y - r), ImVec2(middle.x + r, middle.y + r));
}

// What the picture under the mouse was drawn from; a click shows it alone, or all again.
void picture_hover(const viewer_readings &readings, const picture_grid &grid)
{
    const ImGuiIO &io = ImGui::GetIO();
    const ImVec2 s = io.DisplayFramebufferScale;
    if (io.WantCaptureMouse || !ImGui::IsMousePosValid() || grid.count == 0)
        return;
    const int cell = picture_cell_at(&grid, io.MousePos.x * s.x, io.MousePos.y * s.y);
    if (cell < 0)
        return;
    const qs_frame &frame = readings.frame;
    const uint32_t index = grid.first + (uint32_t)cell;
    ImGui::BeginTooltip();
    ImGui::Text("seed %" PRIu64, frame.seed + index);
    text_line(ui.small, DIM, "%u step%s, %s", frame.steps, frame.steps == 1 ? "" : "s",
              readout_sampler(readings.frame_sampler));
    if (frame.count > 1)
        text_line(ui.small, DIM, grid.count > 1 ? "click: this one alone" : "click: all of them");
    ImGui::EndTooltip();
    if (frame.count == 1)
        return;
    const float x = grid.x + (float)((uint32_t)cell % grid.columns) * grid.pitch_x;
    const float y = grid.y + (float)((uint32_t)cell / grid.columns) * grid.pitch_y;
    ImGui::GetBackgroundDrawList()->AddRect(
        ImVec2(x / s.x - 2, y / s.y - 2),
        ImVec2((x + grid.cell_w) / s.x + 2, (y + grid.cell_h) / s.y + 2), rgb(ACCENT), 2 * ui.u, 0,
        2 * ui.u);
    if (ImGui::IsMouseClicked(0)) {
        ui.solo = grid.count > 1 ? (int)index : -1;
        ui.layout.animating = true; // the next frame has the new grid
    }
}

} // namespace

namespace
{

// What happened, and a button that goes on.
void stopped(const char *what, const char *why, const char *go_on, viewer_requests &requests,
             ImVec2 at, ImVec2 size)
{
    const float width = std::min(440 * ui.u, size.x - 24 * ui.u);
    const ImVec2 words =
        ui.small->CalcTextSizeA(font_size(ui.small), FLT_MAX, width - 40 * ui.u, why);
    const float height = std::min(words.y + 122 * ui.u, size.y);
    ImGui::SetNextWindowPos(
        ImVec2(at.x + (size.x - width) / 2, std::max(at.y, at.y + (size.y - height) / 2)));
    ImGui::SetNextWindowSize(ImVec2(width, height));
    ImGui::PushStyleVar(ImGuiStyleVar_WindowRounding, 8 * ui.u);
    ImGui::Begin("stopped", nullptr,
                 ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove |
                     ImGuiWindowFlags_NoSavedSettings);
    ImGui::PushTextWrapPos(0);
    text_line(ui.text, BAD, "%s", what);
    text_line(ui.small, DIM, "%s", why);
    ImGui::PopTextWrapPos();
    gap(4);
    if (ImGui::Button(go_on, ImVec2(ImGui::GetContentRegionAvail().x, 34 * ui.u)) ||
        asked(REQUEST_PLAY))
        requests.go_on = true;
    report_item("again");
    ImGui::End();
    ImGui::PopStyleVar();
}

void build_batch(const viewer_readings &readings, const viewer_controls &controls, ImVec2 at,
                 ImVec2 size, ImVec2 inner_at, ImVec2 inner_size)
{
    const qs_frame &frame = readings.frame;
    const ImVec2 s = ImGui::GetIO().DisplayFramebufferScale;
    const viewer_rect room = { inner_at.x * s.x, inner_at.y * s.y,
                               std::max(1.0f, inner_size.x * s.x),
                               std::max(1.0f, inner_size.y * s.y) };
    if (ui.solo_count != frame.count)
        ui.solo = -1;
    ui.solo_count = frame.count;
    if (asked(REQUEST_ALONE) && frame.count > 1)
        ui.solo = ui.solo + 1 < (int)frame.count ? ui.solo + 1 : -1;
    picture_part *part = add_part(readings, controls, at, size);
    if (!part)
        return;
    part->grid = picture_place(&room, frame.width, frame.height, frame.count, ui.solo,
                               floorf(8 * ui.u * s.x), controls.smooth);
    if (frame.serial && !readings.preparing && !readings.present)
        picture_hover(readings, part->grid);
}

} // namespace

void viewer_ui::build_picture(const viewer_readings &readings, viewer_controls &controls,
                              viewer_requests &requests, ImVec2 at, ImVec2 size)
{
    const qs_frame &frame = readings.frame;
    if (readings.canvas && !readings.present) { // to the left of it, or above
        const bool beside = size.x >= size.y;
        const ImVec2 half(beside ? floorf(size.x / 2) : size.x,
                          beside ? size.y : floorf(size.y / 2));
        build_canvas(readings, controls, requests, at, half);
        at = ImVec2(beside ? at.x + half.x : at.x, beside ? at.y : at.y + half.y);
        size = ImVec2(beside ? size.x - half.x : size.x, beside ? size.y : size.y - half.y);
    }
    const float margin =
        readings.present ? 0 : std::min(MARGIN * ui.u, std::min(size.x, size.y) / 16);
    const ImVec2 inner_at(at.x + margin, at.y + margin);
    const ImVec2 inner(std::max(1.0f, size.x - 2 * margin), std::max(1.0f, size.y - 2 * margin));
    report("picture", at, ImVec2(at.x + size.x, at.y + size.y));
    if (controls.view == VIEW_COLUMNS)
        build_columns(readings, controls, inner_at, inner);
    else if (controls.view == VIEW_WIPE)
        build_wipe(readings, controls, inner_at, inner);
    else
        build_batch(readings, controls, at, size, inner_at, inner);
    ui.layout.solo = controls.view == VIEW_PICTURES ? ui.solo : -1;
    char text[96];
    const ImVec2 strip(size.x, 64 * ui.u);
    if (readings.recording && !readings.present)
        recording_mark(at, readings.recorded_s);
    if (readings.lost) {
        stopped("The device was lost.", readings.lost, "start it again", requests, at, size);
    } else if (readings.cannot) {
        snprintf(text, sizeof text, "draw with %.60s instead",
                 readings.models[controls.model].name);
        stopped("This model cannot run. Choose another one, or drop a model's folder here.",
                readings.cannot, text, requests, at, size);
    } else if (readings.preparing) {
        preparation(at, size, readings);
    } else if (readings.model.fills_in && !(readings.canvas && readings.canvas->masked)) {
        banner(at, strip, ACCENT,
               "this model fills in: begin from a picture, and brush what is to be drawn anew");
    } else if (frame.serial && frame.check != QS_OK) {
        snprintf(text, sizeof text,
                 frame.bad_count ? "this picture is broken: %u values are not numbers"
                                 : "this picture is broken: it is flat",
                 frame.bad_count);
        banner(at, strip, BAD, text);
    } else if (readings.note[0] && !ui.notes_below) {
        banner(at, strip, readings.note_is_error ? BAD : ACCENT, readings.note);
    }
}
