// A section of the panel: playing, and what is kept.

#include "viewer/ui_parts.hpp"

using namespace viewer_ui;

namespace
{

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
    tooltip(controls.motion == MOTION_SEEDS ? "Picture after picture, each from a new seed (space)"
            : controls.motion == MOTION_MIX && controls.words.blended
                ? "Between the two labels or prompts, to and fro (space)"
                : "From seed to seed, through what lies between (space)");
    ImGui::SameLine();
    if (ImGui::Button("save PNG", size))
        requests.bits |= REQUEST_SAVE;
    report_item("save");
    tooltip("With the recipe inside, for `quickstep metadata` (S)");
}

void motion_row(viewer_controls &controls)
{
    const bool mixes = controls.words.blended;
    const int count = mixes ? 3 : 2;
    const bool walks = controls.motion == MOTION_WALK || (!mixes && controls.motion == MOTION_MIX);
    caption("plays");
    if (segment("walk", 0, count, walks, true))
        controls.motion = MOTION_WALK;
    report_item("motion.walk");
    tooltip("From seed to seed, through what lies between (W)");
    if (mixes) {
        if (segment("mix##motion", 1, count, controls.motion == MOTION_MIX, true))
            controls.motion = MOTION_MIX;
        report_item("motion.mix");
        tooltip("From the first label or prompt to the second, and back (W)");
    }
    if (segment(mixes ? "seeds" : "new seeds", count - 1, count, controls.motion == MOTION_SEEDS,
                true))
        controls.motion = MOTION_SEEDS;
    report_item("motion.seeds");
    tooltip("Each picture from seeds of its own (W)");
}

void speed_row(viewer_controls &controls)
{
    char text[24];
    float speed = log2f(16 / controls.seconds); // to the right is faster
    const bool mixes = controls.motion == MOTION_MIX && controls.words.blended;
    snprintf(text, sizeof text, mixes ? "%.1f s a way" : "%.1f s a seed", (double)controls.seconds);
    caption("speed");
    if (build_slider("speed", 0, 6, &speed, text))
        controls.seconds = 16 / exp2f(speed);
    tooltip(mixes ? "How long the way from the first to the second takes"
                  : "How long the way from one seed to the next takes");
}

void pins_row(const viewer_controls &controls, viewer_requests &requests)
{
    bool pinned = false;
    for (uint32_t i = 0; i < controls.pin_count; i++)
        pinned = pinned || controls.pins[i] == controls.seed;
    char text[48];
    snprintf(text, sizeof text,
             controls.pin_count == 0   ? "none: seeds by chance"
             : controls.pin_count == 1 ? "1 seed; a loop needs two"
                                       : "a loop of %u seeds",
             controls.pin_count);
    caption("pins");
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = 62 * ui.u;
    ImGui::AlignTextToFramePadding();
    text_line(ui.small, DIM, "%s", text);
    ImGui::SetCursorScreenPos(ImVec2(at.x + ImGui::GetWindowContentRegionMax().x -
                                         (at.x - ImGui::GetWindowPos().x) - width,
                                     at.y));
    if (ImGui::Button(pinned ? "unpin###pin" : "pin###pin", ImVec2(width, 0)))
        requests.bits |= REQUEST_PIN;
    report_item("pin");
    tooltip("A walk goes through the pinned seeds, round and round (P)");
}

// What is played, into a file.
void record_row(const viewer_readings &readings, viewer_requests &requests)
{
    static const struct {
        const char *label, *name, *ending, *about;
    } kinds[] = {
        { "APNG", "record.png", ".png", "Records what is played, until it is stopped (G)" },
        { "GIF", "record.gif", ".gif", "The same as a GIF, by ffmpeg" },
        { "MP4", "record.mp4", ".mp4", "The same as a film, by ffmpeg" },
    };
    char text[48];
    caption("record");
    snprintf(text, sizeof text, "stop: %.1f s###stop", readings.recorded_s);
    if (readings.recording && segment(text, 0, 1, false, true))
        requests.bits |= REQUEST_RECORD;
    if (readings.recording) {
        report_item("record.stop");
        return;
    }
    for (int i = 0; i < 3; i++) {
        if (segment(kinds[i].label, i, 3, false, true)) {
            requests.record_as = kinds[i].ending;
            requests.bits |= REQUEST_RECORD;
        }
        report_item(kinds[i].name);
        tooltip(kinds[i].about);
    }
}

} // namespace

void viewer_ui::build_motion(const viewer_readings &readings, viewer_controls &controls,
                             viewer_requests &requests)
{
    buttons_row(controls, requests);
    gap(2);
    motion_row(controls);
    if (controls.motion != MOTION_SEEDS)
        speed_row(controls);
    if (controls.motion == MOTION_WALK ||
        (controls.motion == MOTION_MIX && !controls.words.blended))
        pins_row(controls, requests);
    record_row(readings, requests);
}
