// The only C++ file: Dear ImGui (1.86 or newer) has a C++ interface.

#include <backends/imgui_impl_glfw.h>
#include <backends/imgui_impl_vulkan.h>
#include <imgui.h>

#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <unistd.h>
#include <string>
#include <utility>
#include <vector>

extern "C" { // the viewer's own headers are C
#include "viewer/ui.h"
}

namespace {

// Sizes are in 1/96 inch; `u` turns them into Dear ImGui's units.
constexpr float TEXT_SIZE = 15, SMALL_SIZE = 12.5f, LARGE_SIZE = 25, HUGE_SIZE = 38;
constexpr float PANEL_WIDTH = 322, BAR_HEIGHT = 118, MARGIN = 22, NARROW = 640, CAPTION = 102;

constexpr ImU32 rgb(uint32_t hex, uint32_t alpha = 255)
{
    return IM_COL32(hex >> 16 & 255, hex >> 8 & 255, hex & 255, alpha);
}
constexpr uint32_t BACKGROUND = 0x131519, PANEL = 0x1b1e24, BAR = 0x181b20, FIELD = 0x272b33, FIELD_HOVER = 0x31363f;
constexpr uint32_t LINE = 0x2c313a, TEXT = 0xe4e7ec, DIM = 0x8b93a1, FAINT = 0x5b6371;
constexpr uint32_t ACCENT = 0x6cb2eb, ACCENT_DARK = 0x2d4f6c, BAD = 0xe5686d, ON_ACCENT = 0x10151b;

struct ui_state {
    VkDevice device;
    VkDescriptorPool pool;
    ImFont *text, *small, *large, *huge;
    float u; // Dear ImGui's units per 1/96 inch
    int solo; // the picture shown alone, -1: all
    uint32_t solo_count; // of the batch it was chosen in
    bool built;
    ui_layout layout;
} ui;

ImVec4 color(uint32_t hex, float alpha = 1)
{
    ImVec4 value = ImGui::ColorConvertU32ToFloat4(rgb(hex));
    value.w = alpha;
    return value;
}

// The widget of this name is at `low` to `high`.
void report(const char *name, ImVec2 low, ImVec2 high)
{
    ui_layout &layout = ui.layout;
    if (layout.widget_count == UI_WIDGETS_MAX)
        return;
    const ImVec2 s = ImGui::GetIO().DisplayFramebufferScale;
    ui_widget &widget = layout.widgets[layout.widget_count++];
    snprintf(widget.name, sizeof widget.name, "%s", name);
    widget.rect = {low.x * s.x, low.y * s.y, (high.x - low.x) * s.x, (high.y - low.y) * s.y};
}

void report_item(const char *name)
{
    report(name, ImGui::GetItemRectMin(), ImGui::GetItemRectMax());
}

void draw_text(ImDrawList *list, ImFont *font, ImVec2 at, uint32_t hex, const char *text,
               float align = 0)
{
    const float width = font->CalcTextSizeA(font->FontSize, FLT_MAX, 0, text).x;
    const float global = ImGui::GetIO().FontGlobalScale;
    at.x -= align * width * global;
    list->AddText(font, font->FontSize * global, ImVec2(floorf(at.x), floorf(at.y)), rgb(hex), text);
}

void text_in(ImFont *font, uint32_t hex, const char *format, ...) IM_FMTARGS(3);
void text_in(ImFont *font, uint32_t hex, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    ImGui::PushFont(font);
    ImGui::PushStyleColor(ImGuiCol_Text, rgb(hex));
    ImGui::TextV(format, args);
    ImGui::PopStyleColor();
    ImGui::PopFont();
    va_end(args);
}

void tooltip(const char *text)
{
    if (ImGui::IsItemHovered(ImGuiHoveredFlags_AllowWhenDisabled))
        ImGui::SetTooltip("%s", text);
}

// 6214659 -> "6.21 M"
const char *large_number(uint64_t value, char text[16])
{
    const double v = (double)value;
    if (v >= 1e9)
        snprintf(text, 16, "%.2f G", v / 1e9);
    else if (v >= 1e6)
        snprintf(text, 16, "%.2f M", v / 1e6);
    else if (v >= 1e3)
        snprintf(text, 16, "%.0f k", v / 1e3);
    else
        snprintf(text, 16, "%.0f", v);
    return text;
}

// three digits, whatever the size; "-" when not known
const char *short_number(double value, char text[16])
{
    if (value <= 0)
        snprintf(text, 16, "-");
    else
        snprintf(text, 16, value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f", value);
    return text;
}

const char *sampler_title(qs_sampler sampler)
{
    switch (sampler) {
    case QS_SAMPLER_MULTISTEP:
        return "multistep consistency";
    case QS_SAMPLER_DDIM:
        return "DDIM";
    case QS_SAMPLER_ADDIM:
        return "adjusted DDIM";
    case QS_SAMPLER_CONSISTENCY:
        return "consistency model";
    default:
        return qs_sampler_name(sampler);
    }
}

// ---------------------------------------------------------------------------------------------
// Pieces

void caption(const char *text)
{
    ImGui::AlignTextToFramePadding();
    ImGui::PushStyleColor(ImGuiCol_Text, rgb(DIM));
    ImGui::TextUnformatted(text);
    ImGui::PopStyleColor();
    ImGui::SameLine(CAPTION * ui.u);
}

// One of a row of buttons, `index` of `count`, that fill the rest of the line.
bool segment(const char *label, int index, int count, bool chosen, bool enabled)
{
    const float gap = 3 * ui.u;
    const float start = CAPTION * ui.u;
    const float width = (ImGui::GetContentRegionMax().x - start - gap * (float)(count - 1)) /
                        (float)count;
    ImGui::SameLine(start + (float)index * (width + gap));
    ImGui::PushStyleColor(ImGuiCol_Button, rgb(chosen ? ACCENT : FIELD));
    ImGui::PushStyleColor(ImGuiCol_ButtonHovered, rgb(chosen ? ACCENT : FIELD_HOVER));
    ImGui::PushStyleColor(ImGuiCol_ButtonActive, rgb(chosen ? ACCENT : ACCENT_DARK));
    ImGui::PushStyleColor(ImGuiCol_Text, rgb(chosen ? ON_ACCENT : TEXT));
    ImGui::BeginDisabled(!enabled);
    const bool clicked = ImGui::Button(label, ImVec2(width, 0));
    ImGui::EndDisabled();
    ImGui::PopStyleColor(4);
    return clicked && !chosen;
}

void gap(float height)
{
    ImGui::Dummy(ImVec2(1, height * ui.u));
}

void line()
{
    gap(5);
    const ImVec2 at = ImGui::GetCursorScreenPos();
    ImGui::GetWindowDrawList()->AddLine(
        at, ImVec2(at.x + ImGui::GetContentRegionAvail().x, at.y), rgb(LINE));
    gap(7);
}

// ---------------------------------------------------------------------------------------------
// The panel beside the picture

void model_title(const viewer_readings &readings)
{
    const qs_model_info &model = readings.model;
    char number[16];
    text_in(ui.large, TEXT, "%s", model.name);
    text_in(ui.small, DIM, "%u \xc3\x97 %u %s, %s parameters", model.width, model.height,
            model.has_alpha ? "RGBA" : model.channels == 1 ? "grey" : "RGB",
            large_number(model.parameter_count, number));
}

void label_combo(const viewer_readings &readings, viewer_controls &controls)
{
    const uint32_t count = readings.model.label_count;
    if (count == 0)
        return;
    caption("label");
    ImGui::SetNextItemWidth(-FLT_MIN);
    const char *shown = qs_model_label_name(readings.labels, (uint32_t)controls.label);
    const bool open = ImGui::BeginCombo("##label", shown ? shown : "?", ImGuiComboFlags_HeightLarge);
    report_item("label");
    if (!open)
        return;
    ImGuiListClipper clipper; // ImageNet has a thousand
    clipper.Begin((int)count);
    while (clipper.Step()) {
        for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; i++) {
            const char *name = qs_model_label_name(readings.labels, (uint32_t)i);
            ImGui::PushID(i);
            if (ImGui::Selectable(name ? name : "?", i == controls.label))
                controls.label = i;
            ImGui::PopID();
        }
    }
    ImGui::EndCombo();
}

void seed_row(viewer_controls &controls, viewer_requests &requests)
{
    static uint64_t typed;
    const float spacing = ImGui::GetStyle().ItemSpacing.x;
    const float buttons = 104 * ui.u;
    caption("seed");
    ImGui::SetNextItemWidth(ImGui::GetContentRegionAvail().x - buttons - spacing);
    if (!ImGui::GetIO().WantTextInput)
        typed = controls.seed;
    ImGui::InputScalar("##seed", ImGuiDataType_U64, &typed);
    report_item("seed");
    if (ImGui::IsItemDeactivatedAfterEdit())
        controls.seed = std::min<uint64_t>(typed, INT64_MAX - QS_BATCH_MAX);
    ImGui::SameLine();
    ImGui::BeginDisabled(controls.seed_locked);
    const float half = (buttons - spacing) / 2;
    if (ImGui::Button("new", ImVec2(half, 0)))
        requests.new_seed = true;
    ImGui::EndDisabled();
    report_item("seed.new");
    tooltip("Another seed (R)");
    ImGui::SameLine();
    const bool locked = controls.seed_locked;
    ImGui::PushStyleColor(ImGuiCol_Button, rgb(locked ? ACCENT : FIELD));
    ImGui::PushStyleColor(ImGuiCol_ButtonHovered, rgb(locked ? ACCENT : FIELD_HOVER));
    ImGui::PushStyleColor(ImGuiCol_Text, rgb(locked ? ON_ACCENT : TEXT));
    if (ImGui::Button("lock", ImVec2(half, 0)))
        controls.seed_locked = !locked;
    ImGui::PopStyleColor(3);
    report_item("seed.lock");
    tooltip("Keep this seed: neither R nor playing changes it");
}

void batch_row(viewer_controls &controls)
{
    static const uint32_t choices[] = {1, 4, 9, 16};
    caption("pictures");
    for (int i = 0; i < 4; i++) {
        char label[16], name[24];
        snprintf(label, sizeof label, "%u##batch", choices[i]);
        snprintf(name, sizeof name, "batch.%u", choices[i]);
        if (segment(label, i, 4, controls.batch == choices[i], true))
            controls.batch = choices[i];
        report_item(name);
    }
}

void sampler_combo(const viewer_readings &readings, viewer_controls &controls)
{
    caption("sampler");
    ImGui::SetNextItemWidth(-FLT_MIN);
    const qs_sampler used = notch_sampler(&readings, controls.notch, controls.sampler);
    const bool open = ImGui::BeginCombo("##sampler", sampler_title(used));
    report_item("sampler");
    if (!open)
        return;
    for (int i = QS_SAMPLER_DEFAULT + 1; i <= QS_SAMPLER_CONSISTENCY; i++) {
        const qs_sampler sampler = (qs_sampler)i;
        const bool allowed = readings.sampler_allowed[i];
        if (ImGui::Selectable(sampler_title(sampler), sampler == used,
                              allowed ? 0 : ImGuiSelectableFlags_Disabled))
            controls.sampler = sampler;
        if (!allowed)
            tooltip("This model was not made for it");
    }
    ImGui::EndCombo();
}

void precision_row(const viewer_readings &readings, viewer_controls &controls)
{
    caption("precision");
    if (segment("f32", 0, 2, controls.precision == QS_F32, true))
        controls.precision = QS_F32;
    report_item("precision.f32");
    if (segment("f16", 1, 2, controls.precision == QS_F16, readings.device.f16_storage))
        controls.precision = QS_F16;
    report_item("precision.f16");
    tooltip(readings.device.f16_storage ? "Half the memory; sums are float all the same"
                                        : "This device has no 16-bit storage");
}

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

void buttons_row(viewer_controls &controls, viewer_requests &requests)
{
    const float spacing = ImGui::GetStyle().ItemSpacing.x;
    const float width = (ImGui::GetContentRegionAvail().x - spacing) / 2;
    const ImVec2 size(width, 34 * ui.u);
    ImGui::PushStyleColor(ImGuiCol_Button, rgb(ACCENT));
    ImGui::PushStyleColor(ImGuiCol_ButtonHovered, rgb(0x86c2f1));
    ImGui::PushStyleColor(ImGuiCol_ButtonActive, rgb(0x5aa0d8));
    ImGui::PushStyleColor(ImGuiCol_Text, rgb(ON_ACCENT));
    if (ImGui::Button(controls.animate ? "  pause###play" : "  play###play", size))
        controls.animate = !controls.animate;
    ImGui::PopStyleColor(4);
    play_icon(controls.animate);
    report_item("play");
    tooltip("Picture after picture, each from a new seed (space)");
    ImGui::SameLine();
    if (ImGui::Button("save PNG", size))
        requests.save = true;
    report_item("save");
    tooltip("With the recipe inside, for `quickstep metadata` (S)");
}

void speed_cell(int index, double value, const char *unit)
{
    char number[16];
    const float width = ImGui::GetContentRegionMax().x / 3;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    ImDrawList *list = ImGui::GetWindowDrawList();
    const float x = at.x + width * (float)index;
    draw_text(list, ui.large, ImVec2(x, at.y), TEXT, short_number(value, number));
    draw_text(list, ui.small, ImVec2(x, at.y + 31 * ui.u), DIM, unit);
}

void speed_row(const viewer_readings &readings)
{
    speed_cell(0, readings.step_ms, "ms per step");
    speed_cell(1, readings.picture_ms, readings.frame.count > 1 ? "ms per batch" : "ms per picture");
    speed_cell(2, readings.pictures_per_second, "pictures/s");
    gap(46);
}

uint32_t op_color(const char *op)
{
    static const struct {
        const char *part;
        uint32_t hex;
    } colors[] = {
        {"conv", 0x6cb2eb}, {"attention", 0xf0b35e}, {"norm", 0x7fc8a9},
        {"linear", 0xb392e0}, {"embed", 0xe58fb1},
    };
    for (const auto &row : colors)
        if (strstr(op, row.part))
            return row.hex;
    return 0x8b93a1;
}

void op_tooltip(const qs_op_time &op, double total_ms)
{
    ImGui::BeginTooltip();
    ImGui::TextUnformatted(op.name);
    text_in(ui.small, DIM, "%s   %.3f ms, %.1f %%", op.op, op.ms, 100 * op.ms / total_ms);
    if (op.ms > 0)
        text_in(ui.small, DIM, "%.2f GFLOP/s   %.2f GB/s", op.flops / op.ms * 1e-6,
                op.bytes / op.ms * 1e-6);
    ImGui::EndTooltip();
}

// Every op of a step, in the order they run: one bar each, as high as its time.
void op_plot(const qs_op_time *ops, size_t count, double total_ms)
{
    double largest = 1e-9;
    for (size_t i = 0; i < count; i++)
        largest = std::max(largest, ops[i].ms);
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const ImVec2 size(ImGui::GetContentRegionAvail().x, 76 * ui.u);
    ImGui::InvisibleButton("##ops", size);
    report_item("ops");
    ImDrawList *list = ImGui::GetWindowDrawList();
    list->AddRectFilled(at, ImVec2(at.x + size.x, at.y + size.y), rgb(0x16181d), 4 * ui.u);
    const float inset = 4 * ui.u, room = size.x - 2 * inset, pitch = room / (float)count;
    const float hover = (ImGui::GetIO().MousePos.x - at.x - inset) / pitch;
    for (size_t i = 0; i < count; i++) {
        const bool on = ImGui::IsItemHovered() && hover >= 0 && (size_t)hover == i;
        const float x = at.x + inset + pitch * (float)i;
        const float height = (float)(ops[i].ms / largest) * (size.y - 2 * inset);
        const float thick = std::max(1.0f, pitch - (pitch > 4 ? 1 : 0.25f));
        list->AddRectFilled(ImVec2(x, at.y + size.y - inset - std::max(1.0f, height)),
                            ImVec2(x + thick, at.y + size.y - inset),
                            rgb(on ? TEXT : op_color(ops[i].op)));
        if (on)
            op_tooltip(ops[i], total_ms);
    }
}

// "down_blocks.0.resnets.1.conv1" -> "\u2026resnets.1.conv1", so that it fits
std::string fit_end(const char *name, float width)
{
    std::string text = name;
    while (*name && ImGui::CalcTextSize(text.c_str()).x > width) {
        const char *dot = strchr(name, '.');
        name = dot ? dot + 1 : name + 1;
        text = std::string("\xe2\x80\xa6") + name;
    }
    return text;
}

// Which kinds of op a step's time went to: "conv2d 71 %", the largest first.
void op_legend(const qs_op_time *ops, size_t count, double total_ms)
{
    std::vector<std::pair<double, const char *>> kinds;
    for (size_t i = 0; i < count; i++) {
        auto kind = std::find_if(kinds.begin(), kinds.end(),
                                 [&](const auto &k) { return strcmp(k.second, ops[i].op) == 0; });
        if (kind == kinds.end())
            kinds.push_back({ops[i].ms, ops[i].op});
        else
            kind->first += ops[i].ms;
    }
    std::sort(kinds.begin(), kinds.end(), [](const auto &a, const auto &b) { return a.first > b.first; });
    ImDrawList *list = ImGui::GetWindowDrawList();
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float r = 3.5f * ui.u, end = at.x + ImGui::GetContentRegionAvail().x;
    float x = at.x;
    ImGui::PushFont(ui.small);
    for (const auto &kind : kinds) {
        char text[64];
        snprintf(text, sizeof text, "%s %.0f %%", kind.second, 100 * kind.first / total_ms);
        const float width = ImGui::CalcTextSize(text).x;
        if (x + 3 * r + width > end)
            break;
        list->AddCircleFilled(ImVec2(x + r, at.y + ImGui::GetTextLineHeight() / 2), r,
                              rgb(op_color(kind.second)));
        draw_text(list, ui.small, ImVec2(x + 3 * r, at.y), TEXT, text);
        x += 3 * r + width + 12 * ui.u;
    }
    ImGui::Dummy(ImVec2(1, ImGui::GetTextLineHeight()));
    ImGui::PopFont();
}

void op_list(const qs_op_time *ops, size_t count, double total_ms)
{
    std::vector<const qs_op_time *> order;
    for (size_t i = 0; i < count; i++)
        order.push_back(&ops[i]);
    const size_t shown = std::min<size_t>(6, count);
    std::partial_sort(order.begin(), order.begin() + (ptrdiff_t)shown, order.end(),
                      [](const qs_op_time *a, const qs_op_time *b) { return a->ms > b->ms; });
    ImGui::PushFont(ui.small);
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, ImVec2(0, 4 * ui.u));
    const float height = ImGui::GetTextLineHeight() + ui.u;
    for (size_t i = 0; i < shown; i++) {
        const qs_op_time &op = *order[i];
        const ImVec2 at = ImGui::GetCursorScreenPos();
        const float width = ImGui::GetContentRegionAvail().x;
        char text[48];
        snprintf(text, sizeof text, "%.2f ms", op.ms);
        ImDrawList *list = ImGui::GetWindowDrawList();
        const float y = at.y + ImGui::GetTextLineHeight() / 2, r = 3.5f * ui.u;
        list->AddCircleFilled(ImVec2(at.x + r, y), r, rgb(op_color(op.op)));
        const float room = width - ImGui::CalcTextSize(text).x - 24 * ui.u;
        draw_text(list, ui.small, ImVec2(at.x + 13 * ui.u, at.y), TEXT,
                  fit_end(op.name, room).c_str());
        draw_text(list, ui.small, ImVec2(at.x + width, at.y), DIM, text, 1);
        ImGui::InvisibleButton(op.name, ImVec2(width, height));
        if (ImGui::IsItemHovered())
            op_tooltip(op, total_ms);
    }
    ImGui::PopStyleVar();
    ImGui::PopFont();
}

void profile_section(const viewer_readings &readings, viewer_controls &controls)
{
    const bool open = ImGui::TreeNodeEx("where the time goes",
                                        ImGuiTreeNodeFlags_SpanAvailWidth |
                                            ImGuiTreeNodeFlags_FramePadding |
                                            ImGuiTreeNodeFlags_NoTreePushOnOpen);
    report_item("profile");
    tooltip("Takes a time stamp around every op: prepares the model anew, and is slower");
    controls.profile = open;
    if (!open)
        return;
    gap(2);
    if (!readings.ops || readings.op_count == 0) {
        text_in(ui.small, DIM, "after the next picture");
        return;
    }
    double total_ms = 1e-9;
    for (size_t i = 0; i < readings.op_count; i++)
        total_ms += readings.ops[i].ms;
    op_plot(readings.ops, readings.op_count, total_ms);
    op_legend(readings.ops, readings.op_count, total_ms);
    text_in(ui.small, DIM, "%zu ops in a step of %.2f ms; the longest:", readings.op_count,
            total_ms);
    op_list(readings.ops, readings.op_count, total_ms);
}

void panel(const viewer_readings &readings, viewer_controls &controls, viewer_requests &requests,
           ImVec2 at, ImVec2 size)
{
    ImGui::SetNextWindowPos(at);
    ImGui::SetNextWindowSize(size);
    ImGui::Begin("panel", nullptr,
                 ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove |
                     ImGuiWindowFlags_NoSavedSettings);
    model_title(readings);
    line();
    label_combo(readings, controls);
    seed_row(controls, requests);
    batch_row(controls);
    sampler_combo(readings, controls);
    precision_row(readings, controls);
    gap(6);
    buttons_row(controls, requests);
    line();
    speed_row(readings);
    gap(2);
    profile_section(readings, controls);
    ImGui::End();
}

// ---------------------------------------------------------------------------------------------
// The step slider

float notch_place(uint32_t notch) // 0 .. 1
{
    return ((float)notch + (notch >= NOTCH_DIFFUSION ? 0.9f : 0)) / ((float)NOTCH_COUNT - 0.1f);
}

uint32_t notch_at(float place)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < NOTCH_COUNT; i++)
        if (fabsf(notch_place(i) - place) < fabsf(notch_place(best) - place))
            best = i;
    return best;
}

void slider_marks(ImDrawList *list, const viewer_controls &controls, ImVec2 at, float width,
                  int hovered)
{
    const bool tight = width < 420 * ui.u;
    for (uint32_t i = 0; i < NOTCH_COUNT; i++) {
        const float x = at.x + notch_place(i) * width;
        const bool chosen = i == controls.notch;
        char text[24];
        if (!chosen)
            list->AddCircleFilled(ImVec2(x, at.y), 2.5f * ui.u,
                                  rgb((int)i == hovered ? TEXT : i < controls.notch ? ACCENT : FAINT));
        snprintf(text, sizeof text, "%u", notch_steps(i));
        const bool every = !tight || chosen || i % 5 == 0 || i >= NOTCH_DIFFUSION;
        if (every)
            draw_text(list, ui.small, ImVec2(x, at.y + 15 * ui.u),
                      chosen || (int)i == hovered ? TEXT : DIM, text, 0.5f);
        snprintf(text, sizeof text, "notch.%u", notch_steps(i));
        report(text, ImVec2(x - 6 * ui.u, at.y - 10 * ui.u), ImVec2(x + 6 * ui.u, at.y + 10 * ui.u));
    }
}

void slider_track(ImDrawList *list, const viewer_readings &readings, const viewer_controls &controls,
                  ImVec2 at, float width)
{
    const float knob = at.x + notch_place(controls.notch) * width;
    const float half = 2.5f * ui.u, end = at.x + width;
    // a gap before the diffusion limit: another way of drawing
    const float few_end = at.x + (notch_place(NOTCH_DIFFUSION - 1) + 0.028f) * width;
    const float limit = at.x + (notch_place(NOTCH_DIFFUSION) - 0.028f) * width;
    list->AddRectFilled(ImVec2(at.x, at.y - half), ImVec2(few_end, at.y + half), rgb(FIELD), half);
    list->AddRectFilled(ImVec2(limit, at.y - half), ImVec2(end, at.y + half), rgb(FIELD), half);
    list->AddRectFilled(ImVec2(at.x, at.y - half), ImVec2(knob, at.y + half), rgb(ACCENT_DARK),
                        half);
    const qs_progress &progress = readings.progress;
    const float done = progress.phase == QS_RUNNING && progress.steps
                           ? (float)progress.steps_done / (float)progress.steps
                           : 1.0f;
    list->AddRectFilled(ImVec2(at.x, at.y - half),
                        ImVec2(at.x + (knob - at.x) * done, at.y + half), rgb(ACCENT), half);
}

void slider(const viewer_readings &readings, viewer_controls &controls, ImVec2 at, float width)
{
    const float reach = 18 * ui.u;
    ImGui::SetCursorScreenPos(ImVec2(at.x - reach, at.y - reach));
    ImGui::InvisibleButton("##steps", ImVec2(width + 2 * reach, reach + 30 * ui.u));
    report_item("slider");
    const float place = (ImGui::GetIO().MousePos.x - at.x) / width;
    const bool hovered = ImGui::IsItemHovered(), active = ImGui::IsItemActive();
    if (active)
        controls.notch = notch_at(place);
    const float wheel = ImGui::GetIO().MouseWheel;
    if (hovered && wheel != 0)
        controls.notch = (uint32_t)std::clamp((int)controls.notch + (wheel > 0 ? 1 : -1), 0,
                                              NOTCH_COUNT - 1);
    ImDrawList *list = ImGui::GetWindowDrawList();
    slider_track(list, readings, controls, at, width);
    slider_marks(list, controls, at, width, hovered && !active ? (int)notch_at(place) : -1);
    const ImVec2 knob(at.x + notch_place(controls.notch) * width, at.y);
    if (hovered || active)
        list->AddCircleFilled(knob, 15 * ui.u, rgb(ACCENT, 46), 32);
    list->AddCircleFilled(knob, 9.5f * ui.u, rgb(ACCENT), 32);
    list->AddCircleFilled(knob, 3.5f * ui.u, rgb(BAR), 24);
}

void bar(const viewer_readings &readings, viewer_controls &controls, ImVec2 at, ImVec2 size)
{
    ImGui::SetNextWindowPos(at);
    ImGui::SetNextWindowSize(size);
    ImGui::PushStyleColor(ImGuiCol_WindowBg, rgb(BAR));
    ImGui::Begin("steps", nullptr,
                 ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove |
                     ImGuiWindowFlags_NoScrollWithMouse | ImGuiWindowFlags_NoSavedSettings);
    ImDrawList *list = ImGui::GetWindowDrawList();
    const float u = ui.u, left = at.x + MARGIN * u, readout = 96 * u;
    const uint32_t steps = notch_steps(controls.notch);
    char text[64];
    snprintf(text, sizeof text, "%u", steps);
    draw_text(list, ui.huge, ImVec2(left, at.y + 10 * u), TEXT, text);
    draw_text(list, ui.small, ImVec2(left + 2 * u, at.y + 56 * u), DIM, steps == 1 ? "step" : "steps");
    report("readout", ImVec2(left, at.y + 8 * u), ImVec2(left + readout - 20 * u, at.y + 74 * u));
    const ImVec2 track(left + readout, at.y + 46 * u);
    const float width = std::max(40 * u, size.x - readout - 2 * MARGIN * u - 14 * u);
    slider(readings, controls, track, width);
    const float middle = track.x + (notch_place(16) + notch_place(17)) / 2 * width;
    if (readings.diffusion_sampler != QS_SAMPLER_DEFAULT)
        draw_text(list, ui.small, ImVec2(middle, track.y - 34 * u), DIM, "diffusion", 0.5f);
    draw_text(list, ui.small, ImVec2(track.x, track.y - 34 * u), DIM,
              sampler_title(notch_sampler(&readings, controls.notch, controls.sampler)));
    const float bottom = at.y + size.y - 24 * u;
    const char *keys = "space  play/pause     \xe2\x86\x90 \xe2\x86\x92  steps     R  new seed     "
                       "S  save     Esc  leave";
    const bool note = readings.note[0] != 0;
    draw_text(list, ui.small, ImVec2(left, bottom),
              !note ? FAINT : readings.note_is_error ? BAD : ACCENT, note ? readings.note : keys);
    report("note", ImVec2(left, bottom), ImVec2(at.x + size.x - MARGIN * u, bottom + 16 * u));
    ImGui::End();
    ImGui::PopStyleColor();
}

// ---------------------------------------------------------------------------------------------
// Over the picture

void banner(ImVec2 at, ImVec2 size, uint32_t hex, const char *text)
{
    ImDrawList *list = ImGui::GetForegroundDrawList();
    const ImVec2 need = ui.text->CalcTextSizeA(
        ui.text->FontSize * ImGui::GetIO().FontGlobalScale, FLT_MAX, 0, text);
    const ImVec2 middle(at.x + size.x / 2, at.y + size.y / 2);
    const ImVec2 pad(16 * ui.u, 9 * ui.u);
    list->AddRectFilled(ImVec2(middle.x - need.x / 2 - pad.x, middle.y - need.y / 2 - pad.y),
                        ImVec2(middle.x + need.x / 2 + pad.x, middle.y + need.y / 2 + pad.y),
                        rgb(PANEL, 235), 8 * ui.u);
    draw_text(list, ui.text, ImVec2(middle.x, middle.y - need.y / 2), hex, text, 0.5f);
}

int cell_under_mouse(const picture_grid &grid)
{
    const ImGuiIO &io = ImGui::GetIO();
    if (io.WantCaptureMouse || !ImGui::IsMousePosValid() || grid.cell_w < 1)
        return -1;
    const float x = io.MousePos.x * io.DisplayFramebufferScale.x - grid.x;
    const float y = io.MousePos.y * io.DisplayFramebufferScale.y - grid.y;
    if (x < 0 || y < 0)
        return -1;
    const uint32_t column = (uint32_t)(x / grid.pitch_x), row = (uint32_t)(y / grid.pitch_y);
    const bool inside = column < grid.columns && x - (float)column * grid.pitch_x < grid.cell_w &&
                        y - (float)row * grid.pitch_y < grid.cell_h;
    const uint32_t cell = row * grid.columns + column;
    return inside && cell < grid.count ? (int)cell : -1;
}

// What the picture under the mouse was drawn from; a click shows it alone, or all again.
void picture_hover(const viewer_readings &readings, const picture_grid &grid)
{
    const int cell = cell_under_mouse(grid);
    if (cell < 0)
        return;
    const qs_frame &frame = readings.frame;
    const uint32_t index = grid.first + (uint32_t)cell;
    ImGui::BeginTooltip();
    ImGui::Text("seed %" PRIu64, frame.seed + index);
    text_in(ui.small, DIM, "%u step%s, %s", frame.steps, frame.steps == 1 ? "" : "s",
            sampler_title(readings.frame_sampler));
    if (frame.count > 1)
        text_in(ui.small, DIM, grid.count > 1 ? "click: this one alone" : "click: all of them");
    ImGui::EndTooltip();
    if (frame.count == 1)
        return;
    const ImVec2 s = ImGui::GetIO().DisplayFramebufferScale;
    const float x = grid.x + (float)((uint32_t)cell % grid.columns) * grid.pitch_x;
    const float y = grid.y + (float)((uint32_t)cell / grid.columns) * grid.pitch_y;
    ImGui::GetBackgroundDrawList()->AddRect(
        ImVec2(x / s.x - 2, y / s.y - 2),
        ImVec2((x + grid.cell_w) / s.x + 2, (y + grid.cell_h) / s.y + 2), rgb(ACCENT), 2 * ui.u, 0,
        2 * ui.u);
    if (ImGui::IsMouseClicked(0)) {
        ui.solo = grid.count > 1 ? (int)index : -1;
        ui.layout.animating = true; // the next frame has the new grid
    }
}

void picture_area(const viewer_readings &readings, ImVec2 at, ImVec2 size)
{
    const qs_frame &frame = readings.frame;
    const ImVec2 s = ImGui::GetIO().DisplayFramebufferScale;
    const float margin = std::min(MARGIN * ui.u, std::min(size.x, size.y) / 8);
    const viewer_rect room = {(at.x + margin) * s.x, (at.y + margin) * s.y,
                              std::max(1.0f, (size.x - 2 * margin) * s.x),
                              std::max(1.0f, (size.y - 2 * margin) * s.y)};
    if (ui.solo_count != frame.count)
        ui.solo = -1;
    ui.solo_count = frame.count;
    picture_grid &grid = ui.layout.grid;
    grid = picture_place(&room, frame.width, frame.height, frame.count, ui.solo,
                         floorf(8 * ui.u * s.x));
    ui.layout.checker_px = std::max(1.0f, floorf(8 * ui.u * s.x));
    ui.layout.brightness = readings.preparing ? 0.45f : 1.0f;
    report("picture", at, ImVec2(at.x + size.x, at.y + size.y));
    char text[96];
    const ImVec2 strip(size.x, 64 * ui.u);
    if (readings.preparing) {
        banner(at, size, TEXT, "preparing the model \xe2\x80\xa6");
    } else if (frame.serial && frame.check != QS_OK) {
        snprintf(text, sizeof text, frame.bad_count ? "this picture is broken: %u values are not numbers"
                                                    : "this picture is broken: it is flat",
                 frame.bad_count);
        banner(at, strip, BAD, text);
    }
    if (frame.serial && !readings.preparing)
        picture_hover(readings, grid);
}

// ---------------------------------------------------------------------------------------------
// Start and end

ImFont *load_font(const char *path, float size)
{
    static const ImWchar ranges[] = {0x20, 0x17f, 0x2010, 0x2026, 0x2190, 0x2193, 0};
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
        "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", // Debian, Ubuntu
        "/usr/share/fonts/TTF/DejaVuSans.ttf",             // Arch
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
        {ImGuiCol_WindowBg, PANEL}, {ImGuiCol_PopupBg, 0x22262d}, {ImGuiCol_Border, 0x383e49},
        {ImGuiCol_Text, TEXT}, {ImGuiCol_TextDisabled, DIM}, {ImGuiCol_FrameBg, FIELD},
        {ImGuiCol_FrameBgHovered, FIELD_HOVER}, {ImGuiCol_FrameBgActive, FIELD_HOVER},
        {ImGuiCol_Button, FIELD}, {ImGuiCol_ButtonHovered, FIELD_HOVER},
        {ImGuiCol_ButtonActive, ACCENT_DARK}, {ImGuiCol_Header, FIELD},
        {ImGuiCol_HeaderHovered, FIELD_HOVER}, {ImGuiCol_HeaderActive, ACCENT_DARK},
        {ImGuiCol_ScrollbarBg, PANEL}, {ImGuiCol_ScrollbarGrab, FIELD},
        {ImGuiCol_TextSelectedBg, ACCENT_DARK},
    };
    for (const auto &row : colors)
        style.Colors[row.which] = color(row.hex);
    style.ScaleAllSizes(ui.u);
}

qs_status upload_fonts(const qs_vulkan_device &vulkan)
{
    VkCommandPoolCreateInfo pool_info = {};
    pool_info.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO;
    pool_info.queueFamilyIndex = vulkan.queue_family;
    VkCommandPool pool = VK_NULL_HANDLE;
    VkResult result = vkCreateCommandPool(vulkan.device, &pool_info, nullptr, &pool);
    if (result != VK_SUCCESS)
        return present_vulkan_error(result, "vkCreateCommandPool");
    VkCommandBufferAllocateInfo info = {};
    info.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO;
    info.commandPool = pool;
    info.commandBufferCount = 1;
    VkCommandBuffer commands = VK_NULL_HANDLE;
    VkCommandBufferBeginInfo begin = {};
    begin.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO;
    begin.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT;
    result = vkAllocateCommandBuffers(vulkan.device, &info, &commands);
    if (result == VK_SUCCESS)
        result = vkBeginCommandBuffer(commands, &begin);
    if (result == VK_SUCCESS) {
        if (!ImGui_ImplVulkan_CreateFontsTexture(commands))
            result = VK_ERROR_OUT_OF_DEVICE_MEMORY;
        VkSubmitInfo submit = {};
        submit.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO;
        submit.commandBufferCount = 1;
        submit.pCommandBuffers = &commands;
        if (result == VK_SUCCESS)
            result = vkEndCommandBuffer(commands);
        if (result == VK_SUCCESS)
            result = vkQueueSubmit(vulkan.queue, 1, &submit, VK_NULL_HANDLE);
        if (result == VK_SUCCESS)
            result = vkQueueWaitIdle(vulkan.queue);
    }
    vkDestroyCommandPool(vulkan.device, pool, nullptr);
    ImGui_ImplVulkan_DestroyFontUploadObjects();
    return result == VK_SUCCESS ? QS_OK : present_vulkan_error(result, "uploading the fonts");
}

} // namespace

qs_status ui_init(const window *w, const qs_vulkan_device *vulkan, VkRenderPass pass, float scale)
{
    ui = ui_state{};
    ui.device = vulkan->device;
    ui.solo = -1;
    int width = 1, height = 1, pixels = 1, rows = 1;
    glfwGetWindowSize(w->handle, &width, &height);
    glfwGetFramebufferSize(w->handle, &pixels, &rows);
    const float density = width > 0 && pixels > 0 ? (float)pixels / (float)width : 1;
    ui.u = scale / density; // the two differ on Wayland and macOS only
    ImGui::CreateContext();
    ImGuiIO &io = ImGui::GetIO();
    io.IniFilename = nullptr;
    io.FontGlobalScale = 1 / density;
    set_style();
    load_fonts(scale);
    if (!ImGui_ImplGlfw_InitForVulkan(w->handle, true))
        return app_error(QS_ERROR_OTHER, "Dear ImGui did not take the window");

    VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER, 8};
    VkDescriptorPoolCreateInfo pool = {};
    pool.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO;
    pool.flags = VK_DESCRIPTOR_POOL_CREATE_FREE_DESCRIPTOR_SET_BIT;
    pool.maxSets = 8;
    pool.poolSizeCount = 1;
    pool.pPoolSizes = &size;
    const VkResult result = vkCreateDescriptorPool(ui.device, &pool, nullptr, &ui.pool);
    if (result != VK_SUCCESS)
        return present_vulkan_error(result, "vkCreateDescriptorPool");
    ImGui_ImplVulkan_InitInfo info = {};
    info.Instance = vulkan->instance;
    info.PhysicalDevice = vulkan->physical_device;
    info.Device = vulkan->device;
    info.QueueFamily = vulkan->queue_family;
    info.Queue = vulkan->queue;
    info.DescriptorPool = ui.pool;
    info.MinImageCount = PRESENT_FRAMES;
    info.ImageCount = PRESENT_FRAMES; // its vertex buffers are reused after so many frames
    info.MSAASamples = VK_SAMPLE_COUNT_1_BIT;
    ImGui_ImplVulkan_Init(&info, pass);
    ui.built = true;
    return upload_fonts(*vulkan);
}

void ui_finish(void)
{
    if (!ImGui::GetCurrentContext())
        return;
    if (ui.built)
        ImGui_ImplVulkan_Shutdown();
    if (ImGui::GetIO().BackendPlatformUserData)
        ImGui_ImplGlfw_Shutdown();
    if (ui.device)
        vkDestroyDescriptorPool(ui.device, ui.pool, nullptr);
    ImGui::DestroyContext();
    ui = ui_state{};
}

bool ui_wants_keys(void)
{
    return ImGui::GetCurrentContext() && ImGui::GetIO().WantTextInput;
}

const ui_layout *ui_build(const viewer_readings *readings, viewer_controls *controls,
                          viewer_requests *requests)
{
    ImGui_ImplVulkan_NewFrame();
    ImGui_ImplGlfw_NewFrame();
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
    ImGui::PushFont(ui.text);
    if (all.x >= 60 * ui.u && all.y >= 60 * ui.u)
        bar(*readings, *controls, ImVec2(0, room.y), ImVec2(room.x, bar_height));
    if (beside)
        panel(*readings, *controls, *requests, ImVec2(room.x, 0), ImVec2(panel_width, all.y));
    picture_area(*readings, ImVec2(0, 0), room);
    ImGui::PopFont();
    ImGui::Render();

    const ImDrawData *data = ImGui::GetDrawData();
    layout.extent = {(uint32_t)(data->DisplaySize.x * data->FramebufferScale.x),
                     (uint32_t)(data->DisplaySize.y * data->FramebufferScale.y)};
    return &layout;
}

void ui_record(VkCommandBuffer commands)
{
    ImGui_ImplVulkan_RenderDrawData(ImGui::GetDrawData(), commands);
}
