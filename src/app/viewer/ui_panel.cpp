// The panel beside the picture.

#include "viewer/ui_parts.hpp"

using namespace viewer_ui;

namespace
{

const char *model_name(const void *context, int row)
{
    return ((const viewer_readings *)context)->models[row].name;
}

// The panel's title is a list where there are several.
void model_title(const viewer_readings &readings, viewer_controls &controls)
{
    const qs_model_info &model = readings.model;
    char number[READOUT_SIZE];
    int chosen = (int)controls.model;
    push_font(ui.large);
    const list_rows rows = { (int)readings.model_count, &readings, model_name, nullptr, nullptr };
    if (readings.model_count <= 1)
        text_line(ui.large, TEXT, "%s", model.name);
    else if (build_list("model", readings.models[controls.model].name, rows,
                        asked(REQUEST_MODEL_LIST), &chosen))
        controls.model = (uint32_t)chosen;
    ImGui::PopFont();
    text_line(ui.small, DIM, "%u \xc3\x97 %u %s, %s parameters", model.width, model.height,
              model.has_alpha       ? "RGBA"
              : model.channels == 1 ? "grey"
                                    : "RGB",
              readout_count(model.parameter_count, number));
}

void play_icon(bool playing)
{
    ImDrawList *list = ImGui::GetWindowDrawList();
    const ImVec2 low = ImGui::GetItemRectMin(), high = ImGui::GetItemRectMax();
    const float y = (low.y + high.y) / 2, x = low.x + 20 * ui.u, r = 5.5f * ui.u;
    if (playing) {
        list->AddRectFilled(ImVec2(x - r, y - r), ImVec2(x - r * 0.3f, y + r), rgb(ON_ACCENT));
        list->AddRectFilled(ImVec2(x + r * 0.3f, y - r), ImVec2(x + r, y + r), rgb(ON_ACCENT));
    } else {
        list->AddTriangleFilled(ImVec2(x - r, y - r), ImVec2(x - r, y + r), ImVec2(x + r, y),
                                rgb(ON_ACCENT));
    }
}

void buttons_row(const viewer_controls &controls, viewer_requests &requests)
{
    const float spacing = ImGui::GetStyle().ItemSpacing.x;
    const float width = (ImGui::GetContentRegionAvail().x - spacing) / 2;
    const ImVec2 size(width, 34 * ui.u);
    ImGui::PushStyleColor(ImGuiCol_Button, rgb(ACCENT));
    ImGui::PushStyleColor(ImGuiCol_ButtonHovered, rgb(0x86c2f1));
    ImGui::PushStyleColor(ImGuiCol_ButtonActive, rgb(0x5aa0d8));
    ImGui::PushStyleColor(ImGuiCol_Text, rgb(ON_ACCENT));
    if (ImGui::Button(controls.animate ? "  pause###play" : "  play###play", size))
        requests.bits |= REQUEST_PLAY;
    ImGui::PopStyleColor(4);
    play_icon(controls.animate);
    report_item("play");
    tooltip("Picture after picture, each from a new seed (space)");
    ImGui::SameLine();
    if (ImGui::Button("save PNG", size))
        requests.bits |= REQUEST_SAVE;
    report_item("save");
    tooltip("With the recipe inside, for `quickstep metadata` (S)");
}

} // namespace

void viewer_ui::build_panel(const viewer_readings &readings, viewer_controls &controls,
                            viewer_requests &requests, ImVec2 at, ImVec2 size)
{
    ImGui::SetNextWindowPos(at);
    ImGui::SetNextWindowSize(size);
    ImGui::Begin("panel", nullptr,
                 ImGuiWindowFlags_NoTitleBar | ImGuiWindowFlags_NoResize |
                     ImGuiWindowFlags_NoCollapse | ImGuiWindowFlags_NoMove |
                     ImGuiWindowFlags_NoSavedSettings);
    model_title(readings, controls);
    line();
    build_recipe(readings, controls, requests);
    gap(6);
    buttons_row(controls, requests);
    line();
    build_speed(readings);
    gap(2);
    build_profile(readings, controls);
    ImGui::End();
}
