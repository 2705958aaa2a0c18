// Dear ImGui's start and end, its looks, and the frame of a layout.

#include "viewer/ui_parts.hpp"

#include <unistd.h>

using namespace viewer_ui;

namespace
{

constexpr float TEXT_SIZE = 15, SMALL_SIZE = 12.5f, LARGE_SIZE = 25, HUGE_SIZE = 38;
constexpr float PANEL_WIDTH = 322, BAR_HEIGHT = 118, NARROW = 640;

ImVec4 color(uint32_t hex, float alpha = 1)
{
    ImVec4 value = ImGui::ColorConvertU32ToFloat4(rgb(hex));
    value.w = alpha;
    return value;
}

ImFont *load_font(const char *path, float size)
{
    static const ImWchar ranges[] = { 0x20, 0x17f, 0x2010, 0x2026, 0x2190, 0x2193, 0 };
    ImFontAtlas *fonts = ImGui::GetIO().Fonts;
    if (path)
        if (ImFont *font = fonts->AddFontFromFileTTF(path, size, nullptr, ranges))
            return font;
    ImFontConfig config; // Dear ImGui's own, a bitmap font that is always there
    config.SizePixels = floorf(size / 13 + 0.5f) * 13;
    return fonts->AddFontDefault(&config);
}

void load_fonts(float scale)
{
    static const char *const paths[] = {
        "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",   // Debian, Ubuntu
        "/usr/share/fonts/TTF/DejaVuSans.ttf",               // Arch
        "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf", // Fedora
        "/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf",
        "/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf",
    };
    const char *found = nullptr; // Dear ImGui asserts that the file is there
    for (const char *path : paths)
        if (!found && access(path, R_OK) == 0)
            found = path;
    ui.text = load_font(found, roundf(TEXT_SIZE * scale));
    ui.small = load_font(found, roundf(SMALL_SIZE * scale));
    ui.large = load_font(found, roundf(LARGE_SIZE * scale));
    ui.huge = load_font(found, roundf(HUGE_SIZE * scale));
}

void set_style()
{
    ImGui::StyleColorsDark();
    ImGuiStyle &style = ImGui::GetStyle();
    style.WindowPadding = ImVec2(20, 18);
    style.FramePadding = ImVec2(9, 6);
    style.ItemSpacing = ImVec2(8, 9);
    style.ItemInnerSpacing = ImVec2(6, 6);
    style.WindowBorderSize = style.FrameBorderSize = 0;
    style.PopupBorderSize = 1;
    style.FrameRounding = style.PopupRounding = style.GrabRounding = 5;
    style.WindowRounding = 0;
    style.ScrollbarSize = 11;
    style.DisabledAlpha = 0.4f;
    const struct {
        ImGuiCol which;
        uint32_t hex;
    } colors[] = {
        { ImGuiCol_WindowBg, PANEL },
        { ImGuiCol_PopupBg, 0x22262d },
        { ImGuiCol_Border, 0x383e49 },
        { ImGuiCol_Text, TEXT },
        { ImGuiCol_TextDisabled, DIM },
        { ImGuiCol_FrameBg, FIELD },
        { ImGuiCol_FrameBgHovered, FIELD_HOVER },
        { ImGuiCol_FrameBgActive, FIELD_HOVER },
        { ImGuiCol_Button, FIELD },
        { ImGuiCol_ButtonHovered, FIELD_HOVER },
        { ImGuiCol_ButtonActive, ACCENT_DARK },
        { ImGuiCol_Header, FIELD },
        { ImGuiCol_HeaderHovered, FIELD_HOVER },
        { ImGuiCol_HeaderActive, ACCENT_DARK },
        { ImGuiCol_ScrollbarBg, PANEL },
        { ImGuiCol_ScrollbarGrab, FIELD },
        { ImGuiCol_TextSelectedBg, ACCENT_DARK },
    };
    for (const auto &row : colors)
        style.Colors[row.which] = color(row.hex);
    style.ScaleAllSizes(ui.u);
}

} // namespace

qs_status ui_init(const window *w, present *p, float scale)
{
    ui = state{};
    ui.solo = -1;
    int width = 1, height = 1, pixels = 1, rows = 1;
    glfwGetWindowSize(w->handle, &width, &height);
    glfwGetFramebufferSize(w->handle, &pixels, &rows);
    const float density = width > 0 && pixels > 0 ? (float)pixels / (float)width : 1;
    ui.u = scale / density; // the two differ on Wayland and macOS only
    ImGui::CreateContext();
    ImGui::GetIO().IniFilename = nullptr;
    set_style();
    scale_fonts(1 / density);
    load_fonts(scale);
    return backend_init(w, p);
}

void ui_finish(void)
{
    if (!ImGui::GetCurrentContext())
        return;
    backend_finish();
    ImGui::DestroyContext();
    ui = state{};
}

bool ui_wants_keys(void)
{
    return ImGui::GetCurrentContext() && ImGui::GetIO().WantTextInput;
}

bool ui_escape(void)
{
    ui.escape = ImGui::GetCurrentContext() &&
                ImGui::IsPopupOpen("", ImGuiPopupFlags_AnyPopupId | ImGuiPopupFlags_AnyPopupLevel);
    return ui.escape;
}

const ui_layout *ui_build(const viewer_readings *readings, viewer_controls *controls,
                          viewer_requests *requests)
{
    backend_new_frame();
    ImGui::NewFrame();
    ui_layout &layout = ui.layout;
    layout.widget_count = 0;
    layout.animating = ImGui::GetIO().WantTextInput;
    const ImVec4 background = color(BACKGROUND);
    memcpy(layout.background, &background, sizeof layout.background);

    const ImVec2 all = ImGui::GetIO().DisplaySize;
    const float bar_height = std::min(BAR_HEIGHT * ui.u, all.y / 2);
    const bool beside = all.x >= NARROW * ui.u; // a narrow window has the picture and the slider
    const float panel_width = beside ? PANEL_WIDTH * ui.u : 0;
    const ImVec2 room(std::max(1.0f, all.x - panel_width), std::max(1.0f, all.y - bar_height));
    push_font(ui.text);
    if (all.x >= 60 * ui.u && all.y >= 60 * ui.u)
        build_steps(*readings, *controls, ImVec2(0, room.y), ImVec2(room.x, bar_height));
    if (beside)
        build_panel(*readings, *controls, *requests, ImVec2(room.x, 0), ImVec2(panel_width, all.y));
    build_picture(*readings, ImVec2(0, 0), room);
    ImGui::PopFont();
    ui.escape = false;
    ImGui::Render();

    const ImDrawData *data = ImGui::GetDrawData();
    layout.extent = { (uint32_t)(data->DisplaySize.x * data->FramebufferScale.x),
                      (uint32_t)(data->DisplaySize.y * data->FramebufferScale.y) };
    return &layout;
}

void ui_record(VkCommandBuffer commands)
{
    backend_record(commands);
}
