// A part of the panel: towards another label or prompt, folded away at first.

#include "viewer/ui_parts.hpp"

using namespace viewer_ui;

bool viewer_ui::build_fold(const char *what, const char *about, viewer_words &words)
{
    ImGui::SetNextItemOpen(words.blended);
    words.blended = ImGui::TreeNodeEx(what, ImGuiTreeNodeFlags_SpanAvailWidth |
                                                ImGuiTreeNodeFlags_FramePadding |
                                                ImGuiTreeNodeFlags_NoTreePushOnOpen);
    report_item("blend");
    tooltip(about);
    return words.blended;
}

void viewer_ui::build_mix(viewer_words &words)
{
    share_row("mix", "mix", 0, &words.mix,
              "How much of the second: 0, none, to 1, nothing of the first");
}
