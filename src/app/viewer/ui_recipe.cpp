// A section of the panel: what is drawn.

#include "viewer/ui_parts.hpp"

#include <cerrno>
#include <cstdlib>

using namespace viewer_ui;

namespace
{

const char *label_name(const void *context, int row)
{
    return readout_label((const viewer_readings *)context, row);
}

void label_row(const viewer_readings &readings, viewer_controls &controls)
{
    const list_rows rows = { (int)readings.model.label_count, &readings, label_name, nullptr,
                             nullptr };
    if (rows.count == 0)
        return;
    caption("label");
    int chosen = controls.label, chosen_to = controls.label_to;
    if (build_list("label", readout_label(&readings, chosen), rows, asked(REQUEST_LABEL_LIST),
                   &chosen))
        controls.label = chosen;
    if (!build_fold("towards another label", "Draws what lies between two labels", controls.words))
        return;
    caption("to");
    if (build_list("label.to", readout_label(&readings, chosen_to), rows, false, &chosen_to))
        controls.label_to = chosen_to;
    build_mix(controls.words);
}

// Digits only come in. True: *seed is what they say.
bool read_seed(const char *text, uint64_t *seed)
{
    errno = 0;
    const unsigned long long value = strtoull(text, nullptr, 10);
    if (text[0] == 0 || errno != 0)
        return false;
    *seed = value;
    return true;
}

// Shows all digits of any seed; what is no seed is refused with a word, not made another number.
void seed_field(viewer_controls &controls, viewer_requests &requests)
{
    static char typed[32];
    static bool editing;
    uint64_t value = 0;
    if (!editing)
        snprintf(typed, sizeof typed, "%" PRIu64, controls.seed);
    if (asked(REQUEST_SEED_FIELD))
        ImGui::SetKeyboardFocusHere();
    const bool wrong = editing && typed[0] && !read_seed(typed, &value);
    ImGui::PushStyleColor(ImGuiCol_Text, rgb(wrong ? BAD : TEXT));
    const bool tight = strlen(typed) > 16; // and no higher than the others
    const float pad = (ImGui::GetFrameHeight() - font_size(ui.small)) / 2;
    push_font(tight ? ui.small : ui.text);
    ImGui::PushStyleVar(ImGuiStyleVar_FramePadding,
                        ImVec2(9 * ui.u, tight ? pad : ImGui::GetStyle().FramePadding.y));
    ImGui::InputText("##seed", typed, sizeof typed,
                     ImGuiInputTextFlags_CharsDecimal | ImGuiInputTextFlags_AutoSelectAll);
    ImGui::PopStyleVar();
    ImGui::PopFont();
    ImGui::PopStyleColor();
    report_item("seed");
    editing = ImGui::IsItemActive();
    if (editing)
        report("seed.typing", ImGui::GetItemRectMin(), ImGui::GetItemRectMax());
    if (!ImGui::IsItemDeactivatedAfterEdit())
        return;
    if (strspn(typed, "0123456789") != strlen(typed))
        requests.complaint = "a seed has digits only";
    else if (read_seed(typed, &value))
        controls.seed = value;
    else if (typed[0])
        requests.complaint = "this number is too large: seeds end at 18446744073709551615";
}

void seed_row(viewer_controls &controls, viewer_requests &requests)
{
    caption("seed");
    ImGui::SetNextItemWidth(-FLT_MIN);
    seed_field(controls, requests);
    caption("");
    if (segment("new", 0, 2, false, !controls.seed_locked))
        requests.bits |= REQUEST_NEW_SEED;
    report_item("seed.new");
    tooltip("Another seed (R)");
    if (segment("lock", 1, 2, false, true))
        controls.seed_locked = !controls.seed_locked;
    report_item("seed.lock");
    if (controls.seed_locked)
        ImGui::GetWindowDrawList()->AddRect(ImGui::GetItemRectMin(), ImGui::GetItemRectMax(),
                                            rgb(ACCENT), 5 * ui.u, 0, 2 * ui.u);
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

const char *sampler_name(const void *context, int row)
{
    (void)context;
    return readout_sampler((qs_sampler)(row + 1)); // the default is one of them
}

bool sampler_enabled(const void *context, int row)
{
    return ((const viewer_readings *)context)->sampler_allowed[row + 1];
}

void sampler_row(const viewer_readings &readings, viewer_controls &controls)
{
    const qs_sampler used = notch_sampler(&readings, controls.notch, controls.sampler);
    const list_rows rows = { QS_SAMPLER_DPMSOLVER, &readings, sampler_name, sampler_enabled,
                             "This model was not made for it" };
    int chosen = (int)used - 1;
    caption("sampler");
    if (build_list("sampler", readout_sampler(used), rows, asked(REQUEST_SAMPLER_LIST), &chosen))
        controls.sampler = (qs_sampler)(chosen + 1);
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
    tooltip(readings.device.f16_storage ? "Half the memory; sums are float all the same (F)"
                                        : "This device has no 16-bit storage");
}

} // namespace

void viewer_ui::build_recipe(const viewer_readings &readings, viewer_controls &controls,
                             viewer_requests &requests)
{
    label_row(readings, controls);
    seed_row(controls, requests);
    batch_row(controls);
    sampler_row(readings, controls);
    precision_row(readings, controls);
}
