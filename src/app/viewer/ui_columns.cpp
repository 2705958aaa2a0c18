// The same pictures at several numbers of steps: side by side, or one over the other.

#include "viewer/ui_parts.hpp"

using namespace viewer_ui;

namespace
{

constexpr float CAPTION_HEIGHT = 54;

// "4 steps", "52 ms", "31.2 dB to the limit"
void describe(const viewer_readings &readings, const viewer_column &column, char steps[24],
              char speed[24], char difference[24])
{
    char number[READOUT_SIZE];
    const uint32_t count = readings.slider.steps[column.notch];
    const bool last = &column == &readings.columns[readings.column_count - 1];
    snprintf(steps, 24, "%u step%s", count, count == 1 ? "" : "s");
    snprintf(speed, 24, "%s ms", readout_number(column.ms, number));
    if (last)
        snprintf(difference, 24, "the limit");
    else if (std::isinf(column.psnr))
        snprintf(difference, 24, "equal");
    else if (column.psnr > 0)
        snprintf(difference, 24, "%.1f dB", column.psnr);
    else
        snprintf(difference, 24, "\xe2\x80\xa6 dB");
}

void column_caption(const viewer_readings &readings, const viewer_column &column, float middle,
                    float y)
{
    char steps[24], speed[24], difference[24], name[24];
    ImDrawList *list = ImGui::GetBackgroundDrawList();
    describe(readings, column, steps, speed, difference);
    const uint32_t hex = column.ready ? TEXT : DIM;
    draw_text(list, ui.text, ImVec2(middle, y), hex, steps, 0.5f);
    if (column.shown) {
        draw_text(list, ui.small, ImVec2(middle, y + 19 * ui.u), DIM, speed, 0.5f);
        draw_text(list, ui.small, ImVec2(middle, y + 34 * ui.u), DIM, difference, 0.5f);
    }
    snprintf(name, sizeof name, "column.%u", readings.slider.steps[column.notch]);
    const float half = 40 * ui.u;
    report(name, ImVec2(middle - half, y), ImVec2(middle + half, y + CAPTION_HEIGHT * ui.u));
}

uint32_t batch_of(const viewer_readings &readings)
{
    return std::max(1u, readings.frame.count);
}

// The arrangement in rows of columns in which pictures are largest.
int best_rows(const viewer_readings &readings, ImVec2 size, float gap)
{
    const int count = (int)readings.column_count;
    const float aspect = (float)(readings.model.height * batch_of(readings)) /
                         (float)std::max(1u, readings.model.width);
    int best = 1;
    float widest = 0;
    for (int rows = 1; rows <= count; rows++) {
        const int columns = (count + rows - 1) / rows;
        const float x = size.x / (float)columns - gap;
        const float y = (size.y / (float)rows - CAPTION_HEIGHT * ui.u - gap) / aspect;
        if (std::min(x, y) > widest) {
            widest = std::min(x, y);
            best = rows;
        }
    }
    return best;
}

void build_column(const viewer_readings &readings, const viewer_controls &controls, uint32_t index,
                  ImVec2 at, ImVec2 size)
{
    const viewer_column &column = readings.columns[index];
    const ImVec2 s = ImGui::GetIO().DisplayFramebufferScale;
    const float height = size.y - CAPTION_HEIGHT * ui.u;
    const viewer_rect room = { at.x * s.x, at.y * s.y, std::max(1.0f, size.x * s.x),
                               std::max(1.0f, height * s.y) };
    const qs_model_info &model = readings.model;
    const uint32_t batch = batch_of(readings);
    const picture_grid grid = picture_place(&room, model.width, model.height, batch, -1,
                                            floorf(6 * ui.u * s.x), controls.smooth);
    picture_part *part = column.shown ? add_part(readings, controls, at, size) : nullptr;
    if (part) {
        part->grid = grid;
        part->first_pixel = index * batch * model.width * model.height;
        part->brightness *= column.ready ? 1.0f : 0.55f;
    } else {
        ImGui::GetBackgroundDrawList()->AddRectFilled(
            ImVec2(grid.x / s.x, grid.y / s.y),
            ImVec2((grid.x + grid.pitch_x * (float)grid.columns) / s.x,
                   (grid.y + grid.pitch_y * (float)grid.rows) / s.y),
            rgb(BAR));
    }
    const float bottom = (grid.y + grid.pitch_y * (float)grid.rows) / s.y;
    column_caption(readings, column, at.x + size.x / 2, bottom + 4 * ui.u);
}

} // namespace

void viewer_ui::build_columns(const viewer_readings &readings, const viewer_controls &controls,
                              ImVec2 at, ImVec2 size)
{
    const float gap = std::min(10 * ui.u, size.x / 40);
    const int count = (int)readings.column_count, rows = best_rows(readings, size, gap);
    const int columns = (count + rows - 1) / rows;
    const ImVec2 pitch(size.x / (float)columns, size.y / (float)rows);
    for (int i = 0; i < count; i++)
        build_column(readings, controls, (uint32_t)i,
                     ImVec2(at.x + pitch.x * (float)(i % columns) + gap / 2,
                            at.y + pitch.y * (float)(i / columns) + gap / 2),
                     ImVec2(pitch.x - gap, pitch.y - gap));
}

void viewer_ui::build_wipe(const viewer_readings &readings, viewer_controls &controls, ImVec2 at,
                           ImVec2 size)
{
    const ImVec2 s = ImGui::GetIO().DisplayFramebufferScale;
    const qs_model_info &model = readings.model;
    const uint32_t batch = batch_of(readings);
    const float height = size.y - CAPTION_HEIGHT * ui.u;
    const viewer_rect room = { at.x * s.x, at.y * s.y, std::max(1.0f, size.x * s.x),
                               std::max(1.0f, height * s.y) };
    // of a batch one picture: the border would cross the others elsewhere
    const picture_grid grid =
        picture_place(&room, model.width, model.height, batch, std::max(ui.solo, 0),
                      floorf(8 * ui.u * s.x), controls.smooth);
    const ImVec2 low(grid.x / s.x, grid.y / s.y);
    const ImVec2 span((grid.pitch_x * (float)grid.columns) / s.x,
                      (grid.pitch_y * (float)grid.rows) / s.y);
    ImGui::SetNextWindowPos(low);
    ImGui::SetNextWindowSize(span);
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, ImVec2(0, 0));
    ImGui::Begin("wipe", nullptr,
                 ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove |
                     ImGuiWindowFlags_NoBackground | ImGuiWindowFlags_NoSavedSettings |
                     ImGuiWindowFlags_NoBringToFrontOnFocus);
    ImGui::InvisibleButton("##wipe", span);
    report_item("wipe");
    if (ImGui::IsItemActive())
        controls.wipe = std::clamp((ImGui::GetIO().MousePos.x - low.x) / span.x, 0.0f, 1.0f);
    const float split = low.x + controls.wipe * span.x;
    const uint32_t sides[2] = { controls.wipe_left, controls.wipe_right };
    for (int side = 0; side < 2; side++) {
        const uint32_t index = std::min(sides[side], readings.column_count - 1);
        const viewer_column &column = readings.columns[index];
        const float from = side == 0 ? low.x : split, to = side == 0 ? split : low.x + span.x;
        picture_part *part = column.shown ? add_part(readings, controls, ImVec2(from, low.y),
                                                     ImVec2(to - from, span.y))
                                          : nullptr;
        if (part) {
            part->grid = grid;
            part->first_pixel = index * batch * model.width * model.height;
        }
        column_caption(readings, column, side == 0 ? low.x + 40 * ui.u : low.x + span.x - 40 * ui.u,
                       low.y + span.y + 4 * ui.u);
    }
    ImDrawList *list = ImGui::GetWindowDrawList();
    list->AddLine(ImVec2(split, low.y), ImVec2(split, low.y + span.y), rgb(TEXT), 2 * ui.u);
    list->AddCircleFilled(ImVec2(split, low.y + span.y / 2), 9 * ui.u, rgb(TEXT), 24);
    list->AddCircleFilled(ImVec2(split, low.y + span.y / 2), 3.5f * ui.u, rgb(BAR), 24);
    ImGui::End();
    ImGui::PopStyleVar();
}
