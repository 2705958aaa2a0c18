// Dear ImGui's start and end, its looks, and the frame of a layout.

#include "viewer/ui_parts.hpp"

#include <unistd.h>

using namespace viewer_ui;

namespace
{

constexpr float TEXT_SIZE = 15, SMALL_SIZE = 12.5f, LARGE_SIZE = 25, HUGE_SIZE = 38;
constexpr float PANEL_WIDTH = 322, STEPS_LOW = 62;

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
        "C:/Windows/Fonts/segoeui.ttf",
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
    style.ItemSpacing = ImVec2(8, 7);
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
    reset_list();
    reset_focus();
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

bool ui_take_key(int key)
{
    if (!ImGui::GetCurrentContext())
        return false;
    if (list_take_key(key))
        return true;
    const bool closes = ui.help && key == GLFW_KEY_ESCAPE;
    if (closes)
        ui.help = false;
    return closes || focus_take_key(key);
}

bool ui_take_character(unsigned codepoint)
{
    return ImGui::GetCurrentContext() && list_take_character(codepoint);
}

namespace
{

struct box {
    ImVec2 at, size;
};

struct arrangement {
    box picture, film, steps, panel;
};

// Beside the picture where the window is wide, below it where it is high, over it otherwise: then
// only when asked for.
arrangement arrange(ImVec2 all, const viewer_readings &readings, bool *panel_shown)
{
    arrangement a = {};
    if (readings.present) {
        *panel_shown = ui.notes_below = false;
        a.picture = { ImVec2(0, 0), all };
        return a;
    }
    const bool beside = all.x >= 640 * ui.u && all.y >= 240 * ui.u;
    const bool below = !beside && all.y >= all.x + 260 * ui.u;
    if (beside != ui.beside || below != ui.below)
        ui.panel_turned = false;
    ui.beside = beside;
    ui.below = below;
    *panel_shown = (beside || below) != ui.panel_turned;
    ui.notes_below = all.y >= 420 * ui.u && all.x >= 420 * ui.u;
    const float steps = ui.notes_below        ? STEPS_HEIGHT * ui.u
                        : all.y >= 140 * ui.u ? STEPS_LOW * ui.u
                                              : 0;
    const float room = beside || below ? all.x : all.x - 46 * ui.u; // the button stays in reach
    const float panel = std::min(PANEL_WIDTH * ui.u, room);
    const float width = beside && *panel_shown ? all.x - panel : all.x;
    const float height = below && *panel_shown ? all.x : all.y - steps;
    const float film = readings.film_count > 0 && height >= 330 * ui.u ? FILM_HEIGHT * ui.u : 0;
    a.picture = { ImVec2(0, 0), ImVec2(std::max(1.0f, width), std::max(1.0f, height - film)) };
    a.film = { ImVec2(0, height - film), ImVec2(width, film) };
    a.steps = { ImVec2(0, height), ImVec2(width, steps) };
    a.panel = { ImVec2(all.x - panel, 0), ImVec2(panel, all.y) };
    if (below)
        a.panel = { ImVec2(0, height + steps), ImVec2(all.x, all.y - height - steps) };
    return a;
}

// Three lines in the corner: shows the panel; a cross hides it where it lies over the picture.
void panel_button(ImVec2 right_top, bool shown)
{
    const float side = 34 * ui.u, r = 7 * ui.u;
    ImGui::SetNextWindowPos(ImVec2(right_top.x - side - 6 * ui.u, right_top.y + 6 * ui.u));
    ImGui::SetNextWindowSize(ImVec2(side, side));
    ImGui::SetNextWindowBgAlpha(0.7f);
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, ImVec2(0, 0));
    ImGui::PushStyleVar(ImGuiStyleVar_WindowRounding, 6 * ui.u);
    ImGui::Begin("panel button", nullptr,
                 ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove |
                     ImGuiWindowFlags_NoSavedSettings);
    if (ImGui::InvisibleButton("##panel", ImVec2(side, side)))
        ui.panel_turned = !ui.panel_turned;
    report_item("panel.button");
    tooltip(shown ? "Hide the panel (Tab)" : "Show the panel (Tab)");
    const ImVec2 low = ImGui::GetItemRectMin();
    const ImVec2 m(low.x + side / 2, low.y + side / 2);
    ImDrawList *list = ImGui::GetWindowDrawList();
    for (int i = -1; i <= 1; i++) {
        const float y = 5.5f * ui.u * (float)i;
        if (!shown)
            list->AddLine(ImVec2(m.x - r, m.y + y), ImVec2(m.x + r, m.y + y), rgb(TEXT), 2 * ui.u);
        else if (i != 0)
            list->AddLine(ImVec2(m.x - r * 0.7f, m.y - r * 0.7f * (float)i),
                          ImVec2(m.x + r * 0.7f, m.y + r * 0.7f * (float)i), rgb(TEXT), 2 * ui.u);
    }
    ImGui::End();
    ImGui::PopStyleVar(2);
}

void build_all(const viewer_readings &readings, viewer_controls &controls,
               viewer_requests &requests)
{
    const ImVec2 all = ImGui::GetIO().DisplaySize;
    if (asked(REQUEST_PANEL))
        ui.panel_turned = !ui.panel_turned;
    if (asked(REQUEST_HELP))
        ui.help = !ui.help;
    bool panel_shown;
    const bool tiny = all.x < 60 * ui.u || all.y < 60 * ui.u;
    const arrangement a = arrange(all, readings, &panel_shown);
    if (!tiny && a.steps.size.y > 0)
        build_steps(readings, controls, a.steps.at, a.steps.size);
    if (!tiny && panel_shown)
        build_panel(readings, controls, requests, a.panel.at, a.panel.size);
    const bool over = panel_shown && !ui.beside && !ui.below;
    if (!tiny && !readings.present && (!panel_shown || over))
        panel_button(ImVec2(over ? a.panel.at.x : a.picture.size.x, 0), panel_shown);
    build_picture(readings, controls, requests, a.picture.at, a.picture.size);
    if (a.film.size.y > 0)
        build_film(readings, controls, requests, a.film.at, a.film.size);
    if (ui.help)
        build_help();
}

} // namespace

const ui_layout *ui_build(const viewer_readings *readings, viewer_controls *controls,
                          viewer_requests *requests)
{
    backend_new_frame();
    focus_begin();
    ImGui::NewFrame();
    ui_layout &layout = ui.layout;
    layout.widget_count = 0;
    layout.part_count = 0;
    layout.animating = ImGui::GetIO().WantTextInput;
    const ImVec4 background = color(BACKGROUND);
    memcpy(layout.background, &background, sizeof layout.background);
    ui.requests = requests->bits;
    *requests = { 0, nullptr, nullptr, -1, false, {} };
    push_font(ui.text);
    build_all(*readings, *controls, *requests);
    focus_end();
    ImGui::PopFont();
    ImGui::Render();

    const ImDrawData *data = ImGui::GetDrawData();
    layout.extent = { (uint32_t)(data->DisplaySize.x * data->FramebufferScale.x),
                      (uint32_t)(data->DisplaySize.y * data->FramebufferScale.y) };
    return &layout;
}

qs_status ui_record(VkCommandBuffer commands)
{
    return backend_record(commands);
}
