// The step slider and its bar below the picture.

#include "viewer/ui_parts.hpp"

using namespace viewer_ui;

namespace
{

void slider_marks(ImDrawList *list, const viewer_slider &slider, const viewer_controls &controls,
                  ImVec2 at, float width, int hovered)
{
    float free_from = -FLT_MAX; // numbers do not touch; the chosen one is always there
    const float chosen_x = at.x + readout_notch_place(&slider, controls.notch) * width;
    for (uint32_t i = 0; i < slider.count; i++) {
        const float x = at.x + readout_notch_place(&slider, i) * width;
        const bool chosen = i == controls.notch;
        char text[24];
        if (!chosen)
            list->AddCircleFilled(ImVec2(x, at.y), (slider.tuned[i] ? 4.0f : 2.5f) * ui.u,
                                  rgb((int)i == hovered    ? TEXT
                                      : i < controls.notch ? ACCENT
                                                           : FAINT));
        snprintf(text, sizeof text, "%u", slider.steps[i]);
        const float half = text_width(ui.small, text) / 2 + 4 * ui.u;
        const bool near = fabsf(x - chosen_x) < 2 * half;
        if (chosen || (x - half >= free_from && !near)) {
            draw_text(list, ui.small, ImVec2(x, at.y + 15 * ui.u),
                      chosen || (int)i == hovered ? TEXT : DIM, text, 0.5f);
            free_from = x + half;
        }
        snprintf(text, sizeof text, "notch.%u", slider.steps[i]);
        report(text, ImVec2(x - 6 * ui.u, at.y - 10 * ui.u),
               ImVec2(x + 6 * ui.u, at.y + 10 * ui.u));
    }
}

void slider_track(ImDrawList *list, const viewer_readings &readings,
                  const viewer_controls &controls, ImVec2 at, float width)
{
    const viewer_slider &slider = readings.slider;
    const float knob = at.x + readout_notch_place(&slider, controls.notch) * width;
    const float half = 2.5f * ui.u, end = at.x + width;
    const bool more = slider.count > slider.few; // behind a gap: many steps, or the diffusion limit
    const float few_end =
        more ? at.x + (readout_notch_place(&slider, slider.few - 1) + 0.028f) * width : end;
    list->AddRectFilled(ImVec2(at.x, at.y - half), ImVec2(few_end, at.y + half), rgb(FIELD), half);
    if (more) {
        const float limit = at.x + (readout_notch_place(&slider, slider.few) - 0.028f) * width;
        list->AddRectFilled(ImVec2(limit, at.y - half), ImVec2(end, at.y + half), rgb(FIELD), half);
    }
    list->AddRectFilled(ImVec2(at.x, at.y - half), ImVec2(knob, at.y + half), rgb(ACCENT_DARK),
                        half);
    // how far the picture is, where that takes long enough to be watched; otherwise it would
    // flicker
    const qs_progress &progress = readings.progress;
    const bool slow = readings.step_ms * progress.steps > 400;
    const float done = slow && progress.phase == QS_RUNNING
                           ? (float)progress.steps_done / (float)progress.steps
                           : 1.0f;
    list->AddRectFilled(ImVec2(at.x, at.y - half), ImVec2(at.x + (knob - at.x) * done, at.y + half),
                        rgb(ACCENT), half);
}

void slider(const viewer_readings &readings, viewer_controls &controls, ImVec2 at, float width)
{
    const viewer_slider &notches = readings.slider;
    const float reach = 18 * ui.u;
    ImGui::SetCursorScreenPos(ImVec2(at.x - reach, at.y - reach));
    ImGui::InvisibleButton("##steps", ImVec2(width + 2 * reach, reach + 30 * ui.u));
    report_item("slider");
    const float place = (ImGui::GetIO().MousePos.x - at.x) / width;
    const bool hovered = ImGui::IsItemHovered(), active = ImGui::IsItemActive();
    if (active)
        controls.notch = readout_notch_at(&notches, place);
    const float wheel = ImGui::GetIO().MouseWheel;
    if (hovered && wheel != 0)
        controls.notch = (uint32_t)std::clamp((int)controls.notch + (wheel > 0 ? 1 : -1), 0,
                                              (int)notches.count - 1);
    ImDrawList *list = ImGui::GetWindowDrawList();
    slider_track(list, readings, controls, at, width);
    slider_marks(list, notches, controls, at, width,
                 hovered && !active ? (int)readout_notch_at(&notches, place) : -1);
    const ImVec2 knob(at.x + readout_notch_place(&notches, controls.notch) * width, at.y);
    if (hovered || active)
        list->AddCircleFilled(knob, 15 * ui.u, rgb(ACCENT, 46), 32);
    list->AddCircleFilled(knob, 9.5f * ui.u, rgb(ACCENT), 32);
    list->AddCircleFilled(knob, 3.5f * ui.u, rgb(BAR), 24);
}

// "multistep consistency", "consistency model; tuned by its authors for 1, 2"
void sampler_line(ImDrawList *list, const viewer_readings &readings,
                  const viewer_controls &controls, ImVec2 at, float width)
{
    const viewer_slider &slider = readings.slider;
    char text[192];
    bool found = false;
    snprintf(text, sizeof text, "%s",
             readout_sampler(notch_sampler(&readings, controls.notch, controls.sampler)));
    for (uint32_t i = 0; i < slider.count; i++) {
        if (!slider.tuned[i] || readings.model.has_segments) // made for every number
            continue;
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%u",
                 found ? ", " : "; tuned by its authors for ", slider.steps[i]);
        found = true;
    }
    char *more = strchr(text, ';');
    if (more && text_width(ui.small, text) > width)
        *more = 0;
    if (text_width(ui.small, text) <= width)
        draw_text(list, ui.small, at, DIM, text);
}

// What keys do, as many as there is room for.
void key_hints(ImDrawList *list, ImVec2 at, float width)
{
    static const char *const hints[][2] = {
        { "space", "play" },  { "\xe2\x86\x90 \xe2\x86\x92", "steps" },
        { "R", "new seed" },  { "S", "save" },
        { "F1", "all keys" }, { "Esc", "leave" },
    };
    float x = 0;
    for (const auto &hint : hints) {
        const float key = text_width(ui.small, hint[0]), word = text_width(ui.small, hint[1]);
        if (x + key + word + 7 * ui.u > width)
            break;
        draw_text(list, ui.small, ImVec2(at.x + x, at.y), TEXT, hint[0]);
        draw_text(list, ui.small, ImVec2(at.x + x + key + 7 * ui.u, at.y), DIM, hint[1]);
        x += key + word + 29 * ui.u;
    }
}

// Above the slider: the sampler on the left, "diffusion" above the last notches where it does not
// run into it.
void captions(ImDrawList *list, const viewer_readings &readings, const viewer_controls &controls,
              ImVec2 track, float width)
{
    const viewer_slider &notches = readings.slider;
    const float y = track.y - 34 * ui.u, end = track.x + width + 14 * ui.u;
    float free_to = end;
    if (readings.diffusion_sampler != QS_SAMPLER_DEFAULT && notches.count > notches.few) {
        const float half = text_width(ui.small, "diffusion") / 2;
        const float middle = track.x + (readout_notch_place(&notches, notches.few) +
                                        readout_notch_place(&notches, notches.count - 1)) /
                                           2 * width;
        const float x = std::min(middle, end - half);
        if (x - half - track.x > 170 * ui.u) {
            draw_text(list, ui.small, ImVec2(x, y), DIM, "diffusion", 0.5f);
            free_to = x - half - 14 * ui.u;
        }
    }
    sampler_line(list, readings, controls, ImVec2(track.x, y), free_to - track.x);
}

} // namespace

void viewer_ui::build_steps(const viewer_readings &readings, viewer_controls &controls, ImVec2 at,
                            ImVec2 size)
{
    ImGui::SetNextWindowPos(at);
    ImGui::SetNextWindowSize(size);
    ImGui::PushStyleColor(ImGuiCol_WindowBg, rgb(BAR));
    ImGui::Begin("steps", nullptr,
                 ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove |
                     ImGuiWindowFlags_NoScrollWithMouse | ImGuiWindowFlags_NoSavedSettings);
    ImDrawList *list = ImGui::GetWindowDrawList();
    const bool roomy = size.y >= STEPS_HEIGHT * ui.u; // with captions above and hints below
    const float u = ui.u, margin = std::min(MARGIN * u, size.x / 20), left = at.x + margin;
    const float readout = size.x < 420 * u ? 62 * u : 96 * u;
    const uint32_t steps = readings.slider.steps[controls.notch];
    char text[64];
    snprintf(text, sizeof text, "%u", steps);
    const float top = roomy ? at.y + 10 * u : at.y;
    draw_text(list, readout < 90 * u ? ui.large : ui.huge,
              ImVec2(left, top + (readout < 90 * u ? 8 * u : 0)), TEXT, text);
    draw_text(list, ui.small, ImVec2(left + 2 * u, top + 44 * u), DIM,
              steps == 1 ? "step" : "steps");
    report("readout", ImVec2(left, top), ImVec2(left + readout - 12 * u, top + 62 * u));
    const ImVec2 track(left + readout, roomy ? at.y + 46 * u : at.y + 24 * u);
    const float width = std::max(40 * u, size.x - readout - 2 * margin - 14 * u);
    slider(readings, controls, track, width);
    if (roomy)
        captions(list, readings, controls, track, width);
    if (roomy && !readings.note[0])
        key_hints(list, ImVec2(left, at.y + size.y - 24 * u), size.x - 2 * margin);
    if (roomy && readings.note[0])
        draw_text(list, ui.small, ImVec2(left, at.y + size.y - 24 * u),
                  readings.note_is_error ? BAD : ACCENT, readings.note);
    if (roomy)
        report("note", ImVec2(left, at.y + size.y - 24 * u),
               ImVec2(at.x + size.x - margin, at.y + size.y - 8 * u));
    ImGui::End();
    ImGui::PopStyleColor();
}
