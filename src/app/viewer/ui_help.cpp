// The sheet with all keys.

#include "viewer/ui_parts.hpp"

using namespace viewer_ui;

namespace
{

constexpr const char *ROWS[][2] = {
    { "space", "play, pause" },
    { "\xe2\x86\x90  \xe2\x86\x92", "fewer, more steps" },
    { "R", "new seed" },
    { "N", "type a seed" },
    { "P", "pin the seed, for walks" },
    { "W", "walk, mix, or new seeds" },
    { "V", "one, columns, wipe" },
    { "T", "draw from this picture" },
    { "C", "draw from a camera" },
    { "L", "labels, or the prompt" },
    { "M", "models" },
    { "A", "samplers" },
    { "B", "1, 4, 9, 16 pictures" },
    { "F", "float32, float16" },
    { "X", "pixels or smooth" },
    { "O", "one picture of them alone" },
    { "S", "save as PNG" },
    { "D", "keep as a favourite" },
    { "G", "record what is played" },
    { "Ctrl  Z  Y", "undo, redo" },
    { "Ctrl  C  V", "copy the picture, paste a path" },
    { "Ctrl  E", "save the timeline" },
    { "F5", "pictures only" },
    { "F11", "full screen" },
    { "Tab", "panel" },
    { "\xe2\x86\x91  \xe2\x86\x93  Enter", "through it, press" },
    { "  \xe2\x86\x90  \xe2\x86\x92", "then: move a slider" },
    { "Ctrl  +  \xe2\x80\x93  0", "size of text and controls" },
    { "F1  ?", "this sheet" },
    { "Esc", "close, leave" },
};

} // namespace

void viewer_ui::build_help()
{
    const ImVec2 all = ImGui::GetIO().DisplaySize;
    const int columns = all.x >= 800 * ui.u ? 2 : 1, count = (int)(sizeof ROWS / sizeof *ROWS);
    const int rows = (count + columns - 1) / columns;
    const float width = 400 * ui.u, line = font_size(ui.text) + 7 * ui.u;
    const ImVec2 size(std::min(width * (float)columns, all.x),
                      std::min(line * (float)rows + 84 * ui.u, all.y));
    ImGui::SetNextWindowPos(ImVec2((all.x - size.x) / 2, (all.y - size.y) / 2));
    ImGui::SetNextWindowSize(size);
    ImGui::SetNextWindowFocus();
    ImGui::PushStyleVar(ImGuiStyleVar_WindowRounding, 8 * ui.u);
    ImGui::PushStyleVar(ImGuiStyleVar_WindowBorderSize, 1);
    ImGui::Begin("help", nullptr,
                 ImGuiWindowFlags_NoTitleBar | ImGuiWindowFlags_NoResize |
                     ImGuiWindowFlags_NoCollapse | ImGuiWindowFlags_NoMove |
                     ImGuiWindowFlags_NoSavedSettings);
    text_line(ui.large, TEXT, "Keys");
    gap(4);
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, ImVec2(8 * ui.u, 7 * ui.u));
    for (int i = 0; i < rows * columns; i++) { // down one column, then the other
        const int column = i % columns, row = i / columns + column * rows;
        if (row >= count)
            continue;
        if (column > 0)
            ImGui::SameLine(width);
        text_line(ui.text, ACCENT, "%s", ROWS[row][0]);
        ImGui::SameLine(width * (float)column + 140 * ui.u);
        text_line(ui.text, TEXT, "%s", ROWS[row][1]);
    }
    ImGui::PopStyleVar();
    const ImVec2 at = ImGui::GetWindowPos();
    report("help", at, ImVec2(at.x + size.x, at.y + size.y));
    const bool elsewhere = ImGui::IsMouseClicked(0) && !asked(REQUEST_HELP);
    ImGui::End();
    ImGui::PopStyleVar(2);
    if (elsewhere)
        ui.help = false;
}
