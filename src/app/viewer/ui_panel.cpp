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
void model_title(const viewer_readings &readings, viewer_controls &controls,
                 viewer_requests &requests)
{
    const qs_model_info &model = readings.model;
    char number[READOUT_SIZE];
    int chosen = (int)controls.model;
    push_font(ui.large);
    const list_rows rows = { (int)readings.model_count, &readings, model_name, nullptr, nullptr };
    if (readings.model_count <= 1)
        text_line(ui.large, TEXT, "%s", model.name);
    else if (build_list("model", readings.models[controls.model].name, rows,
                        asked(REQUEST_MODEL_LIST), &chosen)) {
        controls.model = (uint32_t)chosen;
        requests.go_on = requests.go_on || readings.cannot; // it may be the one that is offered
    }
    ImGui::PopFont();
    text_line(ui.small, DIM, "%u \xc3\x97 %u %s, %s parameters", model.width, model.height,
              model.has_alpha       ? "RGBA"
              : model.channels == 1 ? "grey"
                                    : "RGB",
              readout_count(model.parameter_count, number));
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
    ui.in_panel = true;
    model_title(readings, controls, requests);
    line();
    build_prompt(readings, controls);
    build_recipe(readings, controls, requests);
    build_touch(readings, controls, requests);
    build_view(readings, controls);
    line();
    build_motion(readings, controls, requests);
    line();
    build_speed(readings);
    gap(2);
    build_profile(readings, controls, requests);
    ui.in_panel = false;
    ImGui::End();
}
