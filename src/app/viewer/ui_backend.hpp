// Dear ImGui's GLFW and Vulkan sides, and what its versions call differently: 1.86 (Debian
// 12), 1.90 (13), 1.92 (testing). The other files of the user interface know no version.
#ifndef VIEWER_UI_BACKEND_HPP
#define VIEWER_UI_BACKEND_HPP

#include <imgui.h>

extern "C" { // the viewer's own headers are C
#include "viewer/present.h"
#include "viewer/window.h"
}

namespace viewer_ui
{

// With a context, its style and its fonts; chains itself behind the window's callbacks.
qs_status backend_init(const window *w, present *p);
void backend_finish(); // the queue is idle; with a context, whether or not init came to its end
void backend_new_frame();
// Between that and ImGui::NewFrame: the left button is down there, or up.
void backend_press(ImVec2 at, bool down);
qs_status backend_record(VkCommandBuffer commands); // what ImGui::Render laid out

// All fonts are drawn at `scale` times the size that they were made at.
void scale_fonts(float scale);
float font_size(const ImFont *font); // as drawn, in Dear ImGui's units
void push_font(ImFont *font);        // until ImGui::PopFont

} // namespace viewer_ui

#endif
