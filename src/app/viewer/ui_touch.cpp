// What pictures are drawn from: a section of the panel, and the canvas that is painted on.

#include "viewer/ui_parts.hpp"

using namespace viewer_ui;

namespace
{

constexpr uint32_t COLOURS[] = { 0x101010, 0xf4f1ea, 0x8a5a33, 0xd9322e, 0xf0a02c,
                                 0xf3dd4b, 0x4aa147, 0x3672c9, 0x8a4fbf };

void strength_row(viewer_controls &controls)
{
    share_row("strength", "strength", 0.02f, &controls.strength,
              "How far from the canvas: so much noise it gets, and so many of the steps run");
}

void colour_box(const viewer_readings &readings, viewer_controls &controls)
{
    if (!can_colour(&readings.model))
        return;
    caption("");
    ImGui::Checkbox("colour it", &controls.colour);
    report_item("colour.it");
    tooltip("What is kept, without a mask all, keeps its luminance: its colours are drawn anew");
}

void tool_row(viewer_controls &controls)
{
    static const struct {
        viewer_tool tool;
        const char *label, *name, *what;
    } tools[] = {
        { TOOL_PAINT, "paint", "tool.paint", "Colours on the canvas: the picture follows" },
        { TOOL_ANEW, "anew", "tool.anew", "Only what is brushed is drawn anew, the rest is kept" },
        { TOOL_KEEP, "keep", "tool.keep", "What is brushed is kept again" },
    };
    caption("brush");
    for (int i = 0; i < 3; i++) {
        if (segment(tools[i].label, i, 3, controls.brush.tool == tools[i].tool, true))
            controls.brush.tool = tools[i].tool;
        report_item(tools[i].name);
        tooltip(tools[i].what);
    }
}

void size_row(const viewer_readings &readings, viewer_controls &controls)
{
    char text[24];
    snprintf(text, sizeof text, "%.0f px",
             (double)std::max(1.0f, controls.brush.size * (float)readings.canvas->width));
    caption("size");
    build_slider("brush.size", 0.02f, 0.5f, &controls.brush.size, text);
}

void feather_row(viewer_controls &controls)
{
    share_row("feather", "brush.feather", 0, &controls.brush.feather,
              "How much of the brush is soft: there old and new are mixed");
}

bool same_colour(const float *a, ImVec4 b)
{
    return a[0] == b.x && a[1] == b.y && a[2] == b.z;
}

void colour_row(viewer_controls &controls)
{
    constexpr int count = (int)(sizeof COLOURS / sizeof *COLOURS);
    caption("colour");
    const float gap = 4 * ui.u, side = ImGui::GetFrameHeight();
    const float room = ImGui::GetContentRegionAvail().x;
    const float width = (room - side - gap * (float)count) / (float)count;
    ImVec2 at = ImGui::GetCursorScreenPos();
    for (int i = 0; i < count; i++) {
        char name[24];
        snprintf(name, sizeof name, "colour.%d", i);
        ImGui::SetCursorScreenPos(at);
        const bool clicked = ImGui::InvisibleButton(name, ImVec2(width, side));
        report_item(name);
        const ImVec4 colour = ImGui::ColorConvertU32ToFloat4(rgb(COLOURS[i]));
        const float values[3] = { colour.x, colour.y, colour.z };
        ImDrawList *list = ImGui::GetWindowDrawList();
        const ImVec2 end(at.x + width, at.y + side);
        list->AddRectFilled(at, end, rgb(COLOURS[i]), 4 * ui.u);
        if (same_colour(controls.brush.colour, colour))
            list->AddRect(ImVec2(at.x - 2, at.y - 2), ImVec2(end.x + 2, end.y + 2), rgb(ACCENT),
                          5 * ui.u, 0, 2 * ui.u);
        if (clicked)
            memcpy(controls.brush.colour, values, sizeof values);
        at.x += width + gap;
    }
    ImGui::SetCursorScreenPos(at);
    ImGui::ColorEdit3("##colour", controls.brush.colour,
                      ImGuiColorEditFlags_NoInputs | ImGuiColorEditFlags_NoLabel);
    report_item("colour.any");
    tooltip("Any colour");
}

void begin_row(const viewer_readings &readings, viewer_requests &requests)
{
    caption("from");
    const bool can = readings.model.reads_pictures;
    if (segment("this one", 0, 3, false, can && readings.frame.pixels && !readings.model.fills_in))
        requests.bits |= REQUEST_CANVAS;
    report_item("canvas.this");
    tooltip(can ? "Draw from the picture on the screen: paint on it, or brush what is to be drawn "
                  "anew (T). Or drop a PNG or JPEG on the window"
                : "This model's autoencoder has no encoder");
    if (segment("a blank", 1, 3, false, can))
        requests.bits |= REQUEST_CANVAS_BLANK;
    report_item("canvas.blank");
    tooltip("Draw from what is painted on an empty canvas");
    if (segment("camera", 2, 3, false, can))
        requests.bits |= REQUEST_CAMERA;
    report_item("camera");
    tooltip("Draw from what a camera sees, as it comes (C)");
}

void canvas_buttons(const viewer_readings &readings, const viewer_controls &controls,
                    viewer_requests &requests)
{
    const uint32_t steps = readings.slider.steps[controls.notch];
    char run[24];
    snprintf(run, sizeof run, "%u/%u steps",
             readout_edit_steps(&readings.model, steps, controls.strength), steps);
    caption(run);
    if (segment("no mask", 0, 3, false, readings.canvas->masked))
        requests.bits |= REQUEST_CANVAS_UNMASK;
    report_item("canvas.unmask");
    tooltip("Draw all of it anew");
    if (segment(readings.live ? "hold" : "camera", 1, 3, false, true))
        requests.bits |= REQUEST_CAMERA;
    report_item("camera");
    tooltip(readings.live ? "Keep what the camera saw last (C)"
                          : "Draw from what a camera sees, as it comes (C)");
    if (segment("leave", 2, 3, false, true))
        requests.bits |= REQUEST_CANVAS;
    report_item("canvas.leave");
    tooltip("Draw from noise alone again (T)");
}

// Where a canvas is in its pane, as large as it can be.
struct pane {
    ImVec2 low, high;
    float scale;
};

pane place_canvas(const viewer_canvas &canvas, ImVec2 at, ImVec2 size, bool smooth)
{
    const ImVec2 s = ImGui::GetIO().DisplayFramebufferScale;
    const viewer_rect room = { at.x * s.x, at.y * s.y, std::max(1.0f, size.x * s.x),
                               std::max(1.0f, size.y * s.y) };
    const picture_grid grid = picture_place(&room, canvas.width, canvas.height, 1, -1, 0, smooth);
    const ImVec2 low(grid.x / s.x, grid.y / s.y);
    return { low, ImVec2(low.x + grid.cell_w / s.x, low.y + grid.cell_h / s.y),
             grid.cell_w / s.x / (float)canvas.width };
}

void draw_canvas(const viewer_readings &readings, const viewer_controls &controls, const pane &p)
{
    const viewer_canvas &canvas = *readings.canvas;
    const ImVec2 s = ImGui::GetIO().DisplayFramebufferScale;
    const ImVec2 size(p.high.x - p.low.x, p.high.y - p.low.y);
    picture_part *part = add_part(readings, controls, p.low, size);
    if (!part)
        return;
    part->source = PICTURE_CANVAS;
    part->brightness = 1;
    part->grid = { canvas.width,
                   canvas.height,
                   p.low.x * s.x,
                   p.low.y * s.y,
                   size.x * s.x,
                   size.y * s.y,
                   size.x * s.x,
                   size.y * s.y,
                   1,
                   1,
                   0,
                   1 };
}

// What is drawn anew, as a veil: a rectangle for every run of pixels.
void draw_mask(const viewer_canvas &canvas, const pane &p)
{
    ImDrawList *list = ImGui::GetBackgroundDrawList();
    for (uint32_t y = 0; canvas.masked && y < canvas.height; y++) {
        const uint8_t *row = canvas.mask + (size_t)y * canvas.width;
        for (uint32_t x = 0, end; x < canvas.width; x = end) {
            const int shade = row[x] >> 4;
            for (end = x + 1; end < canvas.width && row[end] >> 4 == shade; end++)
                ;
            if (shade > 0)
                list->AddRectFilled(
                    ImVec2(p.low.x + p.scale * (float)x, p.low.y + p.scale * (float)y),
                    ImVec2(p.low.x + p.scale * (float)end, p.low.y + p.scale * (float)(y + 1)),
                    rgb(ACCENT, 10 * (uint32_t)shade));
        }
    }
}

void draw_brush(const viewer_canvas &canvas, const viewer_brush &brush, const pane &p, ImVec2 mouse)
{
    const float radius = std::max(2.0f, 0.5f * brush.size * (float)canvas.width * p.scale);
    ImDrawList *list = ImGui::GetForegroundDrawList();
    list->AddCircle(mouse, radius + 1, rgb(0, 160), 48, 1.5f * ui.u);
    list->AddCircle(mouse, radius, rgb(TEXT, 220), 48, 1.5f * ui.u);
}

ImVec2 pixel_at(const pane &p, ImVec2 mouse)
{
    return ImVec2((mouse.x - p.low.x) / p.scale, (mouse.y - p.low.y) / p.scale);
}

// A stroke begins on the canvas, and goes on wherever the mouse goes while the button is held.
void follow_brush(const viewer_readings &readings, viewer_controls &controls,
                  viewer_requests &requests, const pane &p)
{
    const ImGuiIO &io = ImGui::GetIO();
    const bool inside = !io.WantCaptureMouse && ImGui::IsMousePosValid() &&
                        ImGui::IsMouseHoveringRect(p.low, p.high, false);
    const bool begins = inside && ImGui::IsMouseClicked(0);
    ui.stroking = begins || (ui.stroking && ImGui::IsMouseDown(0));
    if (inside || ui.stroking)
        draw_brush(*readings.canvas, controls.brush, p, io.MousePos);
    const ImVec2 to = pixel_at(p, io.MousePos);
    const bool moved = to.x != ui.stroke_at.x || to.y != ui.stroke_at.y;
    if (ui.stroking && (begins || moved)) {
        const ImVec2 from = begins ? to : ui.stroke_at;
        requests.stroke = { true, begins, from.x, from.y, to.x, to.y };
    }
    ui.stroke_at = to;
}

} // namespace

void viewer_ui::build_touch(const viewer_readings &readings, viewer_controls &controls,
                            viewer_requests &requests)
{
    if (!readings.canvas) {
        begin_row(readings, requests);
        return;
    }
    strength_row(controls);
    colour_box(readings, controls);
    tool_row(controls);
    size_row(readings, controls);
    if (controls.brush.tool == TOOL_PAINT)
        colour_row(controls);
    else
        feather_row(controls);
    canvas_buttons(readings, controls, requests);
}

void viewer_ui::build_canvas(const viewer_readings &readings, viewer_controls &controls,
                             viewer_requests &requests, ImVec2 at, ImVec2 size)
{
    const float margin = std::min(MARGIN * ui.u, std::min(size.x, size.y) / 16);
    const ImVec2 inner_at(at.x + margin, at.y + margin);
    const ImVec2 inner(std::max(1.0f, size.x - 2 * margin), std::max(1.0f, size.y - 2 * margin));
    const pane p = place_canvas(*readings.canvas, inner_at, inner, controls.smooth);
    draw_canvas(readings, controls, p);
    draw_mask(*readings.canvas, p);
    report("canvas", p.low, p.high);
    if (!readings.preparing && !readings.lost)
        follow_brush(readings, controls, requests, p);
}
