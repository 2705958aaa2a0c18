// Where the time of a step goes, op by op: the last section of the panel.

#include "viewer/ui_parts.hpp"

#include "common/roofline.h"

using namespace viewer_ui;

namespace
{

uint32_t op_color(const char *op)
{
    static const struct {
        const char *part;
        uint32_t hex;
    } colors[] = {
        { "conv", 0x6cb2eb },   { "attention", 0xf0b35e }, { "norm", 0x7fc8a9 },
        { "linear", 0xb392e0 }, { "embed", 0xe58fb1 },
    };
    for (const auto &row : colors)
        if (strstr(op, row.part))
            return row.hex;
    return 0x8b93a1;
}

double roof_share(const viewer_readings &readings, const qs_op_time &op)
{
    const bool known = readings.roofline.gflops > 0 && op.ms > 0;
    return known ? app_roof_share(&readings.roofline, op.flops / op.ms * 1e-6,
                                  op.bytes / op.ms * 1e-6)
                 : 0;
}

void op_tooltip(const viewer_readings &readings, const qs_op_time &op, double total_ms)
{
    ImGui::BeginTooltip();
    ImGui::TextUnformatted(op.name);
    text_line(ui.small, DIM, "%s   %.3f ms, %.1f %%", op.op, op.ms, 100 * op.ms / total_ms);
    if (op.ms > 0)
        text_line(ui.small, DIM, "%.2f MFLOP   %.0f kB   %.2f GFLOP/s   %.2f GB/s", op.flops * 1e-6,
                  op.bytes * 1e-3, op.flops / op.ms * 1e-6, op.bytes / op.ms * 1e-6);
    const double share = roof_share(readings, op);
    if (share > 0)
        text_line(ui.small, DIM, "%.0f %% of what the device can do", 100 * share);
    ImGui::EndTooltip();
}

// Every op of a step, in the order they run: one bar each, as high as its time; the bright part of
// it is what it would take at the device's best.
void op_plot(const viewer_readings &readings, double total_ms)
{
    const qs_op_time *ops = readings.ops;
    const size_t count = readings.op_count;
    double largest = 1e-9;
    for (size_t i = 0; i < count; i++)
        largest = std::max(largest, ops[i].ms);
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const ImVec2 size(ImGui::GetContentRegionAvail().x, 76 * ui.u);
    ImGui::InvisibleButton("##ops", size);
    report("ops", at, ImVec2(at.x + size.x, at.y + size.y));
    ImDrawList *list = ImGui::GetWindowDrawList();
    list->AddRectFilled(at, ImVec2(at.x + size.x, at.y + size.y), rgb(0x16181d), 4 * ui.u);
    const float inset = 4 * ui.u, room = size.x - 2 * inset, pitch = room / (float)count;
    const float hover = (ImGui::GetIO().MousePos.x - at.x - inset) / pitch;
    for (size_t i = 0; i < count; i++) {
        const bool on = ImGui::IsItemHovered() && hover >= 0 && (size_t)hover == i;
        const float x = at.x + inset + pitch * (float)i;
        const float height = (float)(ops[i].ms / largest) * (size.y - 2 * inset);
        const float thick = std::max(1.0f, pitch - (pitch > 4 ? 1 : 0.25f));
        const float floor = at.y + size.y - inset, best = (float)roof_share(readings, ops[i]);
        const uint32_t hex = on ? TEXT : op_color(ops[i].op);
        list->AddRectFilled(ImVec2(x, floor - std::max(1.0f, height)), ImVec2(x + thick, floor),
                            rgb(hex, best > 0 ? 120 : 255));
        if (best > 0)
            list->AddRectFilled(ImVec2(x, floor - height * std::min(1.0f, best)),
                                ImVec2(x + thick, floor), rgb(hex));
        if (on)
            op_tooltip(readings, ops[i], total_ms);
    }
}

// Which kinds of op a step's time went to: "conv2d 71 %", the largest first.
void op_legend(const qs_op_time *ops, size_t count, double total_ms)
{
    readout_kind kinds[READOUT_KINDS_MAX];
    const size_t kind_count = readout_kinds(ops, count, kinds);
    ImDrawList *list = ImGui::GetWindowDrawList();
    const ImVec2 start = ImGui::GetCursorScreenPos();
    const float r = 3.5f * ui.u, end = start.x + ImGui::GetContentRegionAvail().x;
    push_font(ui.small);
    const float height = ImGui::GetTextLineHeight() + 4 * ui.u;
    ImVec2 at = start;
    for (size_t i = 0; i < kind_count; i++) {
        char text[64];
        snprintf(text, sizeof text, "%s %.0f %%", kinds[i].op, 100 * kinds[i].ms / total_ms);
        const float width = 3 * r + ImGui::CalcTextSize(text).x;
        if (at.x + width > end)
            at = ImVec2(start.x, at.y + height);
        if (at.y > start.y + height) // two lines
            break;
        list->AddCircleFilled(ImVec2(at.x + r, at.y + ImGui::GetTextLineHeight() / 2), r,
                              rgb(op_color(kinds[i].op)));
        draw_text(list, ui.small, ImVec2(at.x + 3 * r, at.y), TEXT, text);
        at.x += width + 12 * ui.u;
    }
    ImGui::Dummy(ImVec2(1, std::min(at.y, start.y + height) - start.y + height));
    ImGui::PopFont();
}

void op_list(const viewer_readings &readings, double total_ms)
{
    const qs_op_time *ops = readings.ops;
    const size_t count = readings.op_count;
    size_t places[6];
    const size_t shown = readout_longest(ops, count, places, 6);
    push_font(ui.small);
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, ImVec2(0, 4 * ui.u));
    const float height = ImGui::GetTextLineHeight() + ui.u;
    for (size_t i = 0; i < shown; i++) {
        const qs_op_time &op = ops[places[i]];
        const ImVec2 at = ImGui::GetCursorScreenPos();
        const float width = ImGui::GetContentRegionAvail().x;
        char text[48];
        snprintf(text, sizeof text, "%.2f ms", op.ms);
        ImDrawList *list = ImGui::GetWindowDrawList();
        const float y = at.y + ImGui::GetTextLineHeight() / 2, r = 3.5f * ui.u;
        list->AddCircleFilled(ImVec2(at.x + r, y), r, rgb(op_color(op.op)));
        const float room = width - ImGui::CalcTextSize(text).x - 24 * ui.u;
        draw_text(list, ui.small, ImVec2(at.x + 13 * ui.u, at.y), TEXT,
                  fit_end(op.name, room, ".").c_str());
        draw_text(list, ui.small, ImVec2(at.x + width, at.y), DIM, text, 1);
        ImGui::InvisibleButton(op.name, ImVec2(width, height));
        if (ImGui::IsItemHovered())
            op_tooltip(readings, op, total_ms);
    }
    ImGui::PopStyleVar();
    ImGui::PopFont();
}

void level(ImVec2 at, ImVec2 size, float part, uint32_t hex)
{
    const float y = at.y + size.y * (1 - std::min(1.0f, part));
    ImGui::GetWindowDrawList()->AddLine(ImVec2(at.x, y), ImVec2(at.x + size.x, y), rgb(hex), ui.u);
}

// The last pictures, the newest on the right: one bar each, as high as its time.
void picture_plot(const viewer_readings &readings)
{
    const double p50 = readout_time(&readings, 0.5), p95 = readout_time(&readings, 0.95);
    const uint32_t count = std::min<uint32_t>(readings.time_count, TIMES_MAX);
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const ImVec2 size(ImGui::GetContentRegionAvail().x, 44 * ui.u);
    const float most = 1.25f * (float)std::max(p95, 1e-3), pitch = size.x / TIMES_MAX;
    ImGui::Dummy(size);
    report("times", at, ImVec2(at.x + size.x, at.y + size.y));
    ImDrawList *list = ImGui::GetWindowDrawList();
    list->AddRectFilled(at, ImVec2(at.x + size.x, at.y + size.y), rgb(0x16181d), 4 * ui.u);
    for (uint32_t back = 0; back < count; back++) {
        const float ms = readings.picture_times[(readings.time_count - 1 - back) % TIMES_MAX];
        const float x = at.x + size.x - pitch * (float)(back + 1);
        const float height = size.y * std::min(1.0f, ms / most);
        list->AddRectFilled(ImVec2(x, at.y + size.y - height),
                            ImVec2(x + std::max(1.0f, 0.75f * pitch), at.y + size.y),
                            rgb(ACCENT_DARK));
    }
    level(at, size, (float)p50 / most, ACCENT);
    level(at, size, (float)p95 / most, GOLD);
    char text[READOUT_SIZE], text95[READOUT_SIZE];
    text_line(ui.small, TEXT, "p50 %s ms, p95 %s ms of %u pictures", readout_number(p50, text),
              readout_number(p95, text95), count);
    text_line(ui.small, TEXT, "the last one: device %s ms, CPU %s ms",
              readout_number(readings.device_ms, text), readout_number(readings.cpu_ms, text95));
    tooltip("Of the device, the ops of its steps and its decode; of the CPU, all threads, a "
            "software driver's too, from its begin to its end");
}

} // namespace

void viewer_ui::build_profile(const viewer_readings &readings, viewer_controls &controls,
                              viewer_requests &requests)
{
    const bool open = ImGui::TreeNodeEx(
        "where the time goes", ImGuiTreeNodeFlags_SpanAvailWidth | ImGuiTreeNodeFlags_FramePadding |
                                   ImGuiTreeNodeFlags_NoTreePushOnOpen);
    report_item("profile");
    tooltip("Takes a time stamp around every op: prepares the model anew, and is slower");
    controls.profile = open;
    if (!open)
        return;
    gap(2);
    if (!readings.ops || readings.op_count == 0) {
        text_line(ui.small, DIM, "after the next picture");
        return;
    }
    const double total_ms = std::max(1e-9, readout_total_ms(readings.ops, readings.op_count));
    picture_plot(readings);
    op_plot(readings, total_ms);
    op_legend(readings.ops, readings.op_count, total_ms);
    text_line(ui.small, DIM, "%zu ops in a step of %.2f ms; the longest:", readings.op_count,
              total_ms);
    op_list(readings, total_ms);
    gap(2);
    if (ImGui::Button("save the timeline", ImVec2(-FLT_MIN, 0)))
        requests.bits |= REQUEST_TIMELINE;
    report_item("timeline");
    tooltip("A step and a decode, op by op, for ui.perfetto.dev (Ctrl E)");
}
