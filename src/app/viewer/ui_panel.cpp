// The panel beside the picture.

#include "viewer/ui_parts.hpp"

using namespace viewer_ui;

namespace
{

constexpr float CAPTION = 102; // where the widgets begin, after their names

void caption(const char *text)
{
    ImGui::AlignTextToFramePadding();
    ImGui::PushStyleColor(ImGuiCol_Text, rgb(DIM));
    ImGui::TextUnformatted(text);
    ImGui::PopStyleColor();
    ImGui::SameLine(CAPTION * ui.u);
}

// One of a row of buttons, `index` of `count`, that fill the rest of the line.
bool segment(const char *label, int index, int count, bool chosen, bool enabled)
{
    const float gap = 3 * ui.u;
    const float start = CAPTION * ui.u;
    const float width =
        (ImGui::GetContentRegionMax().x - start - gap * (float)(count - 1)) / (float)count;
    ImGui::SameLine(start + (float)index * (width + gap));
    ImGui::PushStyleColor(ImGuiCol_Button, rgb(chosen ? ACCENT : FIELD));
    ImGui::PushStyleColor(ImGuiCol_ButtonHovered, rgb(chosen ? ACCENT : FIELD_HOVER));
    ImGui::PushStyleColor(ImGuiCol_ButtonActive, rgb(chosen ? ACCENT : ACCENT_DARK));
    ImGui::PushStyleColor(ImGuiCol_Text, rgb(chosen ? ON_ACCENT : TEXT));
    ImGui::BeginDisabled(!enabled);
    const bool clicked = ImGui::Button(label, ImVec2(width, 0));
    ImGui::EndDisabled();
    ImGui::PopStyleColor(4);
    return clicked && !chosen;
}

void line()
{
    gap(5);
    const ImVec2 at = ImGui::GetCursorScreenPos();
    ImGui::GetWindowDrawList()->AddLine(at, ImVec2(at.x + ImGui::GetContentRegionAvail().x, at.y),
                                        rgb(LINE));
    gap(7);
}

void end_combo()
{
    if (ui.escape)
        ImGui::CloseCurrentPopup();
    ImGui::EndCombo();
}

// Dear ImGui would make it as large as the title.
void small_arrow(ImDrawList *list, ImVec2 middle)
{
    const float half = 5.2f * ui.u, high = 4.5f * ui.u;
    list->AddTriangleFilled(ImVec2(middle.x - half, middle.y - high),
                            ImVec2(middle.x + half, middle.y - high),
                            ImVec2(middle.x, middle.y + high), rgb(TEXT));
}

// The panel's title as a list.
void model_combo(const viewer_readings &readings, viewer_controls &controls)
{
    ImDrawList *list = ImGui::GetWindowDrawList(); // the open list has its own
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x, arrow = 27 * ui.u;
    const float room = width - 2 * ImGui::GetStyle().FramePadding.x;
    push_font(ui.large);
    const float height = ImGui::GetFrameHeight();
    ImGui::SetNextItemWidth(width);
    const bool open = ImGui::BeginCombo(
        "##model", fit_end(readings.models[controls.model].name, room - arrow).c_str(),
        ImGuiComboFlags_HeightLarge | ImGuiComboFlags_NoArrowButton);
    report("model", at, ImVec2(at.x + width, at.y + height));
    small_arrow(list, ImVec2(at.x + width - arrow / 2, at.y + height / 2));
    if (open) {
        push_font(ui.text);
        for (uint32_t i = 0; i < readings.model_count; i++) {
            const char *model = readings.models[i].name;
            char name[24];
            snprintf(name, sizeof name, "model.%.17s", model);
            ImGui::PushID((int)i);
            if (ImGui::Selectable(fit_end(model, room).c_str(), i == controls.model))
                controls.model = i;
            ImGui::PopID();
            if (!ImGui::IsWindowAppearing()) // and has its place
                report_item(name);
        }
        ImGui::PopFont();
        end_combo();
    }
    ImGui::PopFont();
}

void model_title(const viewer_readings &readings, viewer_controls &controls)
{
    const qs_model_info &model = readings.model;
    char number[READOUT_SIZE];
    if (readings.model_count > 1)
        model_combo(readings, controls);
    else
        text_line(ui.large, TEXT, "%s", model.name);
    text_line(ui.small, DIM, "%u \xc3\x97 %u %s, %s parameters", model.width, model.height,
              model.has_alpha       ? "RGBA"
              : model.channels == 1 ? "grey"
                                    : "RGB",
              readout_count(model.parameter_count, number));
}

void label_combo(const viewer_readings &readings, viewer_controls &controls)
{
    const uint32_t count = readings.model.label_count;
    if (count == 0)
        return;
    caption("label");
    ImGui::SetNextItemWidth(-FLT_MIN);
    const char *shown = qs_model_label_name(readings.labels, (uint32_t)controls.label);
    const bool open =
        ImGui::BeginCombo("##label", shown ? shown : "?", ImGuiComboFlags_HeightLarge);
    report_item("label");
    if (!open)
        return;
    ImGuiListClipper clipper; // ImageNet has a thousand
    clipper.Begin((int)count);
    while (clipper.Step()) {
        for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; i++) {
            const char *name = qs_model_label_name(readings.labels, (uint32_t)i);
            ImGui::PushID(i);
            if (ImGui::Selectable(name ? name : "?", i == controls.label))
                controls.label = i;
            ImGui::PopID();
        }
    }
    end_combo();
}

void seed_row(viewer_controls &controls, viewer_requests &requests)
{
    static uint64_t typed;
    const float spacing = ImGui::GetStyle().ItemSpacing.x;
    const float buttons = 104 * ui.u;
    caption("seed");
    ImGui::SetNextItemWidth(ImGui::GetContentRegionAvail().x - buttons - spacing);
    if (!ImGui::GetIO().WantTextInput)
        typed = controls.seed;
    ImGui::InputScalar("##seed", ImGuiDataType_U64, &typed);
    report_item("seed");
    if (ImGui::IsItemDeactivatedAfterEdit())
        controls.seed = std::min<uint64_t>(typed, INT64_MAX - QS_BATCH_MAX);
    ImGui::SameLine();
    ImGui::BeginDisabled(controls.seed_locked);
    const float half = (buttons - spacing) / 2;
    if (ImGui::Button("new", ImVec2(half, 0)))
        requests.new_seed = true;
    ImGui::EndDisabled();
    report_item("seed.new");
    tooltip("Another seed (R)");
    ImGui::SameLine();
    const bool locked = controls.seed_locked;
    ImGui::PushStyleColor(ImGuiCol_Button, rgb(locked ? ACCENT : FIELD));
    ImGui::PushStyleColor(ImGuiCol_ButtonHovered, rgb(locked ? ACCENT : FIELD_HOVER));
    ImGui::PushStyleColor(ImGuiCol_Text, rgb(locked ? ON_ACCENT : TEXT));
    if (ImGui::Button("lock", ImVec2(half, 0)))
        controls.seed_locked = !locked;
    ImGui::PopStyleColor(3);
    report_item("seed.lock");
    tooltip("Keep this seed: neither R nor playing changes it");
}

void batch_row(viewer_controls &controls)
{
    static const uint32_t choices[] = { 1, 4, 9, 16 };
    caption("pictures");
    for (int i = 0; i < 4; i++) {
        char label[16], name[24];
        snprintf(label, sizeof label, "%u##batch", choices[i]);
        snprintf(name, sizeof name, "batch.%u", choices[i]);
        if (segment(label, i, 4, controls.batch == choices[i], true))
            controls.batch = choices[i];
        report_item(name);
    }
}

void sampler_combo(const viewer_readings &readings, viewer_controls &controls)
{
    caption("sampler");
    ImGui::SetNextItemWidth(-FLT_MIN);
    const qs_sampler used = notch_sampler(&readings, controls.notch, controls.sampler);
    const bool open = ImGui::BeginCombo("##sampler", readout_sampler(used));
    report_item("sampler");
    if (!open)
        return;
    for (int i = QS_SAMPLER_DEFAULT + 1; i <= QS_SAMPLER_DDPM; i++) {
        const qs_sampler sampler = (qs_sampler)i;
        const bool allowed = readings.sampler_allowed[i];
        if (ImGui::Selectable(readout_sampler(sampler), sampler == used,
                              allowed ? 0 : ImGuiSelectableFlags_Disabled))
            controls.sampler = sampler;
        if (!allowed)
            tooltip("This model was not made for it");
    }
    end_combo();
}

void precision_row(const viewer_readings &readings, viewer_controls &controls)
{
    caption("precision");
    if (segment("f32", 0, 2, controls.precision == QS_F32, true))
        controls.precision = QS_F32;
    report_item("precision.f32");
    if (segment("f16", 1, 2, controls.precision == QS_F16, readings.device.f16_storage))
        controls.precision = QS_F16;
    report_item("precision.f16");
    tooltip(readings.device.f16_storage ? "Half the memory; sums are float all the same"
                                        : "This device has no 16-bit storage");
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

void buttons_row(viewer_controls &controls, viewer_requests &requests)
{
    const float spacing = ImGui::GetStyle().ItemSpacing.x;
    const float width = (ImGui::GetContentRegionAvail().x - spacing) / 2;
    const ImVec2 size(width, 34 * ui.u);
    ImGui::PushStyleColor(ImGuiCol_Button, rgb(ACCENT));
    ImGui::PushStyleColor(ImGuiCol_ButtonHovered, rgb(0x86c2f1));
    ImGui::PushStyleColor(ImGuiCol_ButtonActive, rgb(0x5aa0d8));
    ImGui::PushStyleColor(ImGuiCol_Text, rgb(ON_ACCENT));
    if (ImGui::Button(controls.animate ? "  pause###play" : "  play###play", size))
        controls.animate = !controls.animate;
    ImGui::PopStyleColor(4);
    play_icon(controls.animate);
    report_item("play");
    tooltip("Picture after picture, each from a new seed (space)");
    ImGui::SameLine();
    if (ImGui::Button("save PNG", size))
        requests.save = true;
    report_item("save");
    tooltip("With the recipe inside, for `quickstep metadata` (S)");
}

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

void speed_row(const viewer_readings &readings)
{
    speed_cell(0, readings.step_ms, "ms per step");
    speed_cell(1, readings.picture_ms,
               readings.frame.count > 1 ? "ms per batch" : "ms per picture");
    speed_cell(2, readings.pictures_per_second, "pictures/s");
    gap(46);
}

} // namespace

void viewer_ui::build_panel(const viewer_readings &readings, viewer_controls &controls,
                            viewer_requests &requests, ImVec2 at, ImVec2 size)
{
    ImGui::SetNextWindowPos(at);
    ImGui::SetNextWindowSize(size);
    ImGui::Begin("panel", nullptr,
                 ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove |
                     ImGuiWindowFlags_NoSavedSettings);
    model_title(readings, controls);
    line();
    label_combo(readings, controls);
    seed_row(controls, requests);
    batch_row(controls);
    sampler_combo(readings, controls);
    precision_row(readings, controls);
    gap(6);
    buttons_row(controls, requests);
    line();
    speed_row(readings);
    gap(2);
    build_profile(readings, controls);
    ImGui::End();
}
