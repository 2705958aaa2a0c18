// The panel beside the picture.

#include "viewer/ui_parts.hpp"

#include <string>

using namespace viewer_ui;

namespace
{

constexpr float CAPTION = 102; // where the widgets begin, after their names

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
    const float width =
        (ImGui::GetContentRegionMax().x - start - gap * (float)(count - 1)) / (float)count;
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
    ImGui::GetWindowDrawList()->AddLine(at, ImVec2(at.x + ImGui::GetContentRegionAvail().x, at.y),
                                        rgb(LINE));
    gap(7);
}

void model_title(const viewer_readings &readings)
{
    const qs_model_info &model = readings.model;
    char number[READOUT_SIZE];
    text_line(ui.large, TEXT, "%s", model.name);
    text_line(ui.small, DIM, "%u \xc3\x97 %u %s, %s parameters", model.width, model.height,
              model.has_alpha       ? "RGBA"
              : model.channels == 1 ? "grey"
                                    : "RGB",
              readout_count(model.parameter_count, number));
}

void end_combo()
{
    if (ui.escape)
        ImGui::CloseCurrentPopup();
    ImGui::EndCombo();
}

void label_combo(const viewer_readings &readings, viewer_controls &controls)
{
    const uint32_t count = readings.model.label_count;
    if (count == 0)
        return;
    caption("label");
    ImGui::SetNextItemWidth(-FLT_MIN);
    const char *shown = qs_model_label_name(readings.labels, (uint32_t)controls.label);
    const bool open =
        ImGui::BeginCombo("##label", shown ? shown : "?", ImGuiComboFlags_HeightLarge);
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
    end_combo();
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
    static const uint32_t choices[] = { 1, 4, 9, 16 };
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
    const bool open = ImGui::BeginCombo("##sampler", readout_sampler(used));
    report_item("sampler");
    if (!open)
        return;
    for (int i = QS_SAMPLER_DEFAULT + 1; i <= QS_SAMPLER_DDPM; i++) {
        const qs_sampler sampler = (qs_sampler)i;
        const bool allowed = readings.sampler_allowed[i];
        if (ImGui::Selectable(readout_sampler(sampler), sampler == used,
                              allowed ? 0 : ImGuiSelectableFlags_Disabled))
            controls.sampler = sampler;
        if (!allowed)
            tooltip("This model was not made for it");
    }
    end_combo();
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
    char number[READOUT_SIZE];
    const float width = ImGui::GetContentRegionMax().x / 3;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    ImDrawList *list = ImGui::GetWindowDrawList();
    const float x = at.x + width * (float)index;
    draw_text(list, ui.large, ImVec2(x, at.y), TEXT, readout_number(value, number));
    draw_text(list, ui.small, ImVec2(x, at.y + 31 * ui.u), DIM, unit);
}

void speed_row(const viewer_readings &readings)
{
    speed_cell(0, readings.step_ms, "ms per step");
    speed_cell(1, readings.picture_ms,
               readings.frame.count > 1 ? "ms per batch" : "ms per picture");
    speed_cell(2, readings.pictures_per_second, "pictures/s");
    gap(46);
}

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
    readout_kind kinds[READOUT_KINDS_MAX];
    const size_t kind_count = readout_kinds(ops, count, kinds);
    ImDrawList *list = ImGui::GetWindowDrawList();
    const ImVec2 start = ImGui::GetCursorScreenPos();
    const float r = 3.5f * ui.u, end = start.x + ImGui::GetContentRegionAvail().x;
    ImGui::PushFont(ui.small);
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
    ImGui::PushFont(ui.small);
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
}

} // namespace

void viewer_ui::build_panel(const viewer_readings &readings, viewer_controls &controls,
                            viewer_requests &requests, ImVec2 at, ImVec2 size)
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
