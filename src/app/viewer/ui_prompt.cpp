// A section of the panel: what a model that reads is told. Pictures follow every key.

#include "viewer/ui_parts.hpp"

using namespace viewer_ui;

namespace
{

constexpr float EMBEDDED_MOST = 5, GUIDED_MOST = 15; // of the slider; what networks are trained for

// The words of a field that is too narrow for them, below it.
void echo(const char *words)
{
    const float room = ImGui::GetContentRegionAvail().x - 18 * ui.u;
    if (ImGui::CalcTextSize(words).x <= room)
        return;
    push_font(ui.small);
    ImGui::PushStyleColor(ImGuiCol_Text, rgb(DIM));
    ImGui::PushTextWrapPos(0);
    ImGui::TextUnformatted(words);
    ImGui::PopTextWrapPos();
    ImGui::PopStyleColor();
    ImGui::PopFont();
}

void prompt_field(const char *name, const char *hint, bool open, char (&prompt)[WORDS_SIZE])
{
    if (open)
        ImGui::SetKeyboardFocusHere();
    ImGui::SetNextItemWidth(-FLT_MIN);
    ImGui::PushID(name);
    ImGui::InputTextWithHint("##words", hint, prompt, sizeof prompt);
    ImGui::PopID();
    report_item(name);
    if (ImGui::IsItemActive())
        report((std::string(name) + ".typing").c_str(), ImGui::GetItemRectMin(),
               ImGui::GetItemRectMax());
    echo(prompt);
}

void example_row(const viewer_readings &readings, viewer_words &words)
{
    const char *next = readout_next_example(&readings, words.prompt);
    if (next == nullptr)
        return;
    caption("");
    if (segment("another example", 0, 1, false, true))
        snprintf(words.prompt, sizeof words.prompt, "%s", next);
    report_item("prompt.example");
    tooltip(next);
}

void blend_section(const viewer_readings &readings, viewer_words &words)
{
    const bool before = words.blended;
    if (!build_fold("towards another prompt",
                    "Draws what lies between two prompts: prepares the model anew", words))
        return;
    const char *next = readout_next_example(&readings, words.prompt);
    if (!before && !words.prompt_to[0] && next)
        snprintf(words.prompt_to, sizeof words.prompt_to, "%s", next);
    prompt_field("prompt.to", "say towards what", false, words.prompt_to);
    build_mix(words);
}

void guidance_row(const qs_model_info &model, viewer_words &words)
{
    char text[24];
    snprintf(text, sizeof text, "%.1f", (double)words.guidance);
    caption("guidance");
    build_slider("guidance", 1, model.embeds_guidance ? EMBEDDED_MOST : GUIDED_MOST,
                 &words.guidance, text);
    tooltip(model.embeds_guidance ? "How much the words count"
                                  : "How much the words count; above 1 a step takes twice as long");
}

void negative_row(const qs_model_info &model, viewer_words &words)
{
    if (!guided(&model, &words))
        return;
    caption("without");
    ImGui::SetNextItemWidth(-FLT_MIN);
    ImGui::InputTextWithHint("##negative", "nothing in particular", words.negative,
                             sizeof words.negative);
    report_item("negative");
    tooltip("What pictures are led away from");
}

} // namespace

void viewer_ui::build_prompt(const viewer_readings &readings, viewer_controls &controls)
{
    if (readings.model.prompt_tokens == 0)
        return;
    prompt_field("prompt", "say what to draw", asked(REQUEST_LABEL_LIST), controls.words.prompt);
    example_row(readings, controls.words);
    blend_section(readings, controls.words);
    guidance_row(readings.model, controls.words);
    negative_row(readings.model, controls.words);
}
