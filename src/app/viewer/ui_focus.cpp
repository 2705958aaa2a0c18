// What keys reach of the panel and the film strip: up and down go from one widget to the next,
// Enter presses it as the mouse does, left and right move a slider.

#include "viewer/ui_parts.hpp"

#include <GLFW/glfw3.h>

using namespace viewer_ui;

namespace
{

struct {
    char names[UI_WIDGETS_MAX][sizeof(ui_widget::name)]; // in the order of their places
    int count;
    char chosen[sizeof(ui_widget::name)]; // "": none
    ImVec2 middle;                        // of it
    int move, slide;                      // asked for by keys since the last frame
    bool moved;                           // in this one
    bool slider;                          // left and right are for it
    enum { UP, DOWN_NEXT, DOWN } press;
} focus;

constexpr float SLIDE = 0.05f; // of a slider

int place_of_chosen()
{
    for (int i = 0; i < focus.count; i++)
        if (strcmp(focus.names[i], focus.chosen) == 0)
            return i;
    return -1;
}

void choose(int place)
{
    snprintf(focus.chosen, sizeof focus.chosen, "%s", place >= 0 ? focus.names[place] : "");
}

} // namespace

void viewer_ui::focus_begin()
{
    const int place = place_of_chosen(); // among the widgets of the last frame
    if (place < 0)
        focus.chosen[0] = 0;
    focus.moved = focus.move != 0 && focus.count > 0;
    if (focus.moved && place < 0)
        choose(focus.move > 0 ? 0 : focus.count - 1);
    else if (focus.moved)
        choose(std::clamp(place + focus.move, 0, focus.count - 1));
    if (focus.press != focus.UP)
        backend_press(focus.middle, focus.press == focus.DOWN_NEXT);
    focus.press = focus.press == focus.DOWN_NEXT ? focus.DOWN : focus.UP;
    focus.move = 0;
    focus.count = 0;
    focus.slider = false;
}

void viewer_ui::focus_end()
{
    focus.slide = 0;
    if (ImGui::IsMouseClicked(0) && focus.press == focus.UP)
        focus.chosen[0] = 0; // the mouse went elsewhere
}

bool viewer_ui::focus_on(const char *name, ImVec2 low, ImVec2 high)
{
    if (focus.count < UI_WIDGETS_MAX)
        snprintf(focus.names[focus.count++], sizeof *focus.names, "%s", name);
    if (strcmp(name, focus.chosen) != 0)
        return false;
    focus.middle = ImVec2((low.x + high.x) / 2, (low.y + high.y) / 2);
    return true;
}

bool viewer_ui::focus_item(const char *name)
{
    const ImVec2 low = ImGui::GetItemRectMin(), high = ImGui::GetItemRectMax();
    if (!focus_on(name, low, high))
        return false;
    if (focus.moved)
        ImGui::SetScrollHereY();
    return true;
}

float viewer_ui::focus_slide()
{
    focus.slider = true;
    return SLIDE * (float)focus.slide;
}

void viewer_ui::reset_focus()
{
    focus = {};
}

bool viewer_ui::focus_take_key(int key)
{
    const bool any = focus.chosen[0] != 0;
    switch (key) {
    case GLFW_KEY_UP: focus.move--; return true;
    case GLFW_KEY_DOWN: focus.move++; return true;
    case GLFW_KEY_LEFT: focus.slide -= any && focus.slider; return any && focus.slider;
    case GLFW_KEY_RIGHT: focus.slide += any && focus.slider; return any && focus.slider;
    case GLFW_KEY_ENTER:
    case GLFW_KEY_KP_ENTER:
        if (any && !focus.slider)
            focus.press = focus.DOWN_NEXT;
        return any;
    case GLFW_KEY_ESCAPE: focus.chosen[0] = 0; return any;
    default: return false;
    }
}
