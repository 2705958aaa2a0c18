// Where the time of a step goes, op by op: the last section of the panel.

#include "viewer/ui_parts.hpp"

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

void op_tooltip(const qs_op_time &op, double total_ms)
{
    ImGui::BeginTooltip();
    ImGui::TextUnformatted(op.name);
    text_line(ui.small, DIM, "%s   %.3f ms, %.1f %%", op.op, op.ms, 100 * op.ms / total_ms);
    if (op.ms > 0)
        text_line(ui.small, DIM, "%.2f GFLOP/s   %.2f GB/s", op.flops / op.ms * 1e-6,
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

void op_list(const qs_op_time *ops, size_t count, double total_ms)
{
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
            op_tooltip(op, total_ms);
    }
    ImGui::PopStyleVar();
    ImGui::PopFont();
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
    op_plot(readings.ops, readings.op_count, total_ms);
    op_legend(readings.ops, readings.op_count, total_ms);
    text_line(ui.small, DIM, "%zu ops in a step of %.2f ms; the longest:", readings.op_count,
              total_ms);
    op_list(readings.ops, readings.op_count, total_ms);
    gap(2);
    if (ImGui::Button("save the timeline", ImVec2(-FLT_MIN, 0)))
        requests.bits |= REQUEST_TIMELINE;
    report_item("timeline");
    tooltip("A step and a decode, op by op, for ui.perfetto.dev (Ctrl E)");
}
