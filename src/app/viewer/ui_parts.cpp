// What the panels are made of: texts, gaps, and the report of where a widget is.

#include "viewer/ui_parts.hpp"

#include <cstdarg>

namespace viewer_ui
{

state ui;

void report(const char *name, ImVec2 low, ImVec2 high)
{
    ui_layout &layout = ui.layout;
    if (layout.widget_count == UI_WIDGETS_MAX)
        return;
    const ImVec2 s = ImGui::GetIO().DisplayFramebufferScale;
    ui_widget &widget = layout.widgets[layout.widget_count++];
    snprintf(widget.name, sizeof widget.name, "%s", name);
    widget.rect = { low.x * s.x, low.y * s.y, (high.x - low.x) * s.x, (high.y - low.y) * s.y };
}

void report_focus(const char *name, ImVec2 low, ImVec2 high)
{
    report((std::string("focus.") + name).c_str(), low, high);
}

bool report_item(const char *name)
{
    const ImVec2 low = ImGui::GetItemRectMin(), high = ImGui::GetItemRectMax();
    report(name, low, high);
    if (!ui.in_panel || !focus_item(name))
        return false;
    report_focus(name, low, high);
    const float out = 2 * ui.u;
    ImGui::GetWindowDrawList()->AddRect(ImVec2(low.x - out, low.y - out),
                                        ImVec2(high.x + out, high.y + out), rgb(TEXT), 6 * ui.u, 0,
                                        1.5f * ui.u);
    return true;
}

float text_width(ImFont *font, const char *text)
{
    return font->CalcTextSizeA(font_size(font), FLT_MAX, 0, text).x;
}

void draw_text(ImDrawList *list, ImFont *font, ImVec2 at, uint32_t hex, const char *text,
               float align)
{
    const float size = font_size(font);
    at.x -= align * text_width(font, text);
    list->AddText(font, size, ImVec2(floorf(at.x), floorf(at.y)), rgb(hex), text);
}

void text_line(ImFont *font, uint32_t hex, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    push_font(font);
    ImGui::PushStyleColor(ImGuiCol_Text, rgb(hex));
    ImGui::TextV(format, args);
    ImGui::PopStyleColor();
    ImGui::PopFont();
    va_end(args);
}

namespace
{

const char *next_character(const char *text)
{
    do
        ++text;
    while ((*text & 0xc0) == 0x80); // the rest of a character in UTF-8
    return text;
}

} // namespace

std::string fit_end(const char *name, float width, const char *separators)
{
    std::string text = name;
    while (*name && ImGui::CalcTextSize(text.c_str()).x > width) {
        const char *part = strpbrk(name, separators);
        name = part ? part + 1 : next_character(name);
        text = std::string("\xe2\x80\xa6") + name;
    }
    return text;
}

void gap(float height)
{
    ImGui::Dummy(ImVec2(1, height * ui.u));
}

namespace
{

constexpr float CAPTION = 84; // where the widgets begin, after their names

}

void caption(const char *text)
{
    ImGui::AlignTextToFramePadding();
    ImGui::PushStyleColor(ImGuiCol_Text, rgb(DIM));
    ImGui::TextUnformatted(text);
    ImGui::PopStyleColor();
    ImGui::SameLine(CAPTION * ui.u);
}

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
    const float height = ImGui::GetFrameHeight();
    const bool tight = ImGui::CalcTextSize(label, nullptr, true).x > width - 6 * ui.u;
    push_font(tight ? ui.small : ui.text);
    const bool clicked = ImGui::Button(label, ImVec2(width, height));
    ImGui::PopFont();
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

picture_part *add_part(const viewer_readings &readings, const viewer_controls &controls, ImVec2 at,
                       ImVec2 size)
{
    const ImVec2 s = ImGui::GetIO().DisplayFramebufferScale;
    if (ui.layout.part_count == UI_PARTS_MAX)
        return nullptr;
    picture_part *part = &ui.layout.parts[ui.layout.part_count++];
    *part = {};
    part->clip = { at.x * s.x, at.y * s.y, size.x * s.x, size.y * s.y };
    part->smooth = controls.smooth;
    part->checker_px = std::max(1.0f, floorf(8 * ui.u * s.x));
    part->brightness = readings.preparing ? 0.45f : 1.0f;
    return part;
}

bool build_slider(const char *id, float low, float high, float *value, const char *text)
{
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const ImVec2 size(ImGui::GetContentRegionAvail().x, ImGui::GetFrameHeight());
    ImGui::InvisibleButton(id, size);
    const float slide = report_item(id) ? focus_slide() : 0;
    const float words = 62 * ui.u, reach = 8 * ui.u, width = size.x - words - 2 * reach;
    const float y = at.y + size.y / 2, x = at.x + reach;
    const bool active = ImGui::IsItemActive();
    if (active)
        *value =
            low + (high - low) * std::clamp((ImGui::GetIO().MousePos.x - x) / width, 0.0f, 1.0f);
    else if (slide != 0)
        *value = std::clamp(*value + (high - low) * slide, low, high);
    const float knob = x + width * std::clamp((*value - low) / (high - low), 0.0f, 1.0f);
    ImDrawList *list = ImGui::GetWindowDrawList();
    list->AddRectFilled(ImVec2(x, y - 2 * ui.u), ImVec2(x + width, y + 2 * ui.u), rgb(FIELD),
                        2 * ui.u);
    list->AddRectFilled(ImVec2(x, y - 2 * ui.u), ImVec2(knob, y + 2 * ui.u), rgb(ACCENT), 2 * ui.u);
    list->AddCircleFilled(ImVec2(knob, y), (active || ImGui::IsItemHovered() ? 8 : 7) * ui.u,
                          rgb(ACCENT), 24);
    draw_text(list, ui.small, ImVec2(at.x + size.x, y - font_size(ui.small) / 2), DIM, text, 1);
    return active || slide != 0;
}

void share_row(const char *name, const char *id, float low, float *value, const char *tip)
{
    char text[24];
    snprintf(text, sizeof text, "%.0f %%", (double)(100 * *value));
    caption(name);
    build_slider(id, low, 1, value, text);
    tooltip(tip);
}

void tooltip(const char *text)
{
    if (ImGui::IsItemHovered(ImGuiHoveredFlags_AllowWhenDisabled))
        ImGui::SetTooltip("%s", text);
}

} // namespace viewer_ui
