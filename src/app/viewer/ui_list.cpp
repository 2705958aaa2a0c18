// A list that opens below a button: with the mouse, the arrows, the first letters of a row.

#include "viewer/ui_parts.hpp"

#include <GLFW/glfw3.h>

#include <strings.h>

using namespace viewer_ui;

namespace
{

struct {
    ImGuiID open;   // the button's, 0: none is open
    bool opening;   // in this frame
    int row, count; // of the keyboard
    int move;       // rows, asked for by keys since the last frame
    bool take, close;
    char typed[24]; // since a while; the first row that begins so
    double typed_at;
    bool typing;
} list;

constexpr double TYPING_S = 1.2;

void find_typed(const list_rows &rows)
{
    const size_t length = strlen(list.typed);
    for (int i = 0; list.typing && i < rows.count; i++)
        if (strncasecmp(rows.name(rows.context, i), list.typed, length) == 0) {
            list.row = i;
            break;
        }
    list.typing = false;
}

void close_list()
{
    list.open = 0;
    list.close = false;
    ImGui::CloseCurrentPopup();
}

// Dear ImGui would make it as large as a title's text.
void arrow(ImVec2 low, ImVec2 high)
{
    const float half = 5.2f * ui.u, tall = 4.5f * ui.u;
    const ImVec2 middle(high.x - 13.5f * ui.u, (low.y + high.y) / 2);
    ImGui::GetWindowDrawList()->AddTriangleFilled(ImVec2(middle.x - half, middle.y - tall),
                                                  ImVec2(middle.x + half, middle.y - tall),
                                                  ImVec2(middle.x, middle.y + tall), rgb(TEXT));
}

bool build_row(const char *id, const list_rows &rows, int i, int chosen)
{
    const bool enabled = !rows.enabled || rows.enabled(rows.context, i);
    char name[24];
    ImGui::PushID(i);
    ImGui::PushStyleColor(ImGuiCol_Header, rgb(i == list.row ? ACCENT_DARK : FIELD));
    const bool clicked = ImGui::Selectable(rows.name(rows.context, i), i == list.row || i == chosen,
                                           enabled ? 0 : ImGuiSelectableFlags_Disabled);
    ImGui::PopStyleColor();
    if (!enabled && rows.why_not)
        tooltip(rows.why_not);
    ImGui::PopID();
    snprintf(name, sizeof name, "%s.%.17s", id, rows.name(rows.context, i));
    if (!list.opening && ImGui::IsItemVisible()) // and has its place
        report(name, ImGui::GetItemRectMin(), ImGui::GetItemRectMax());
    return enabled && (clicked || (list.take && i == list.row));
}

// Of the window that the rows are in; true: another row was chosen.
bool build_rows(const char *id, const list_rows &rows, int *chosen)
{
    bool done = false;
    if (list.opening)
        list.row = *chosen;
    find_typed(rows);
    const int before = list.row;
    list.row = std::clamp(list.row + list.move, 0, std::max(0, rows.count - 1));
    const bool moved = list.opening || list.move != 0 || before != list.row;
    if (moved) {
        const float pitch = ImGui::GetTextLineHeightWithSpacing();
        const float at = pitch * (float)list.row, view = ImGui::GetWindowHeight() - 2 * pitch;
        if (at < ImGui::GetScrollY() || at > ImGui::GetScrollY() + view)
            ImGui::SetScrollY(std::max(0.0f, at - view / 2));
    }
    ImGuiListClipper clipper; // ImageNet has a thousand
    clipper.Begin(rows.count);
    while (clipper.Step())
        for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; i++)
            if (build_row(id, rows, i, *chosen)) {
                *chosen = i;
                done = true;
            }
    list.move = 0;
    list.take = false;
    return done;
}

} // namespace

bool viewer_ui::build_list(const char *id, const char *shown, const list_rows &rows, bool open,
                           int *chosen)
{
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x;
    char label[300];
    const float room = width - 40 * ui.u;
    snprintf(label, sizeof label, "%s###%s", fit_end(shown, room).c_str(), id);
    ImGui::PushStyleVar(ImGuiStyleVar_ButtonTextAlign, ImVec2(0, 0.5f));
    const bool clicked = ImGui::Button(label, ImVec2(width, 0));
    ImGui::PopStyleVar();
    report_item(id);
    const ImGuiID own = ImGui::GetID(id);
    const ImVec2 low = ImGui::GetItemRectMin(), high = ImGui::GetItemRectMax();
    arrow(low, high);
    list.opening = false;
    if ((clicked || open) && list.open != own) {
        list = {};
        list.open = own;
        list.opening = true;
        ImGui::OpenPopup(id);
    }
    const float line = ImGui::GetTextLineHeightWithSpacing();
    const float below = ImGui::GetIO().DisplaySize.y - high.y - 8 * ui.u;
    const float above = low.y - 8 * ui.u;
    const float wanted = line * (float)rows.count + 24 * ui.u;
    const bool down = below >= std::min(wanted, 200 * ui.u) || below >= above;
    const float height = std::min(wanted, down ? below : above);
    ImGui::SetNextWindowPos(ImVec2(at.x, down ? high.y + 2 * ui.u : low.y - height - 2 * ui.u));
    ImGui::SetNextWindowSize(ImVec2(width, height));
    push_font(ui.text);
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, ImVec2(9 * ui.u, 8 * ui.u));
    bool done = false;
    if (ImGui::BeginPopup(id, ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings)) {
        done = build_rows(id, rows, chosen);
        if (done || list.close)
            close_list();
        ImGui::EndPopup();
    } else if (list.open == own && !list.opening) {
        list.open = 0; // a click elsewhere
    }
    ImGui::PopStyleVar();
    ImGui::PopFont();
    return done;
}

void viewer_ui::reset_list()
{
    list = {};
}

bool viewer_ui::list_take_key(int key)
{
    if (!list.open)
        return false;
    switch (key) {
    case GLFW_KEY_UP: list.move--; break;
    case GLFW_KEY_DOWN: list.move++; break;
    case GLFW_KEY_PAGE_UP: list.move -= 10; break;
    case GLFW_KEY_PAGE_DOWN: list.move += 10; break;
    case GLFW_KEY_HOME: list.move -= 1 << 20; break;
    case GLFW_KEY_END: list.move += 1 << 20; break;
    case GLFW_KEY_ENTER:
    case GLFW_KEY_KP_ENTER: list.take = true; break;
    case GLFW_KEY_ESCAPE: list.close = true; break;
    }
    return true;
}

bool viewer_ui::list_take_character(unsigned codepoint)
{
    if (!list.open || codepoint < 0x20 || codepoint > 0x7e)
        return list.open != 0;
    const double now = glfwGetTime();
    size_t length = now - list.typed_at < TYPING_S ? strlen(list.typed) : 0;
    if (length + 1 < sizeof list.typed)
        list.typed[length++] = (char)codepoint;
    list.typed[length] = 0;
    list.typed_at = now;
    list.typing = true;
    return true;
}
