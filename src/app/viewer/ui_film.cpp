// The film strip below the picture: the last ones and the favourites; a click brings one back.

#include "viewer/ui_parts.hpp"

using namespace viewer_ui;

namespace
{

void kept_tooltip(const viewer_readings &readings, const viewer_kept &kept)
{
    const viewer_recipe &r = kept.recipe;
    ImGui::BeginTooltip();
    ImGui::Text("%s, seed %" PRIu64, readings.models[r.model].name, r.seed);
    text_line(ui.small, DIM, "%u step%s", r.steps, r.steps == 1 ? "" : "s");
    if (r.place.at > 0)
        text_line(ui.small, DIM, "%.0f %% of the way to %" PRIu64, 100 * r.place.at, r.place.to);
    text_line(ui.small, DIM,
              kept.favourite ? "a favourite; click: this picture again"
                             : "click: this picture again");
    ImGui::EndTooltip();
}

void star(ImDrawList *list, ImVec2 middle, float r)
{
    ImVec2 points[10];
    for (int i = 0; i < 10; i++) {
        const float angle = (float)i * 0.6283185f - 1.5707963f, reach = i % 2 ? 0.45f * r : r;
        points[i] = ImVec2(middle.x + reach * cosf(angle), middle.y + reach * sinf(angle));
    }
    for (int i = 1; i < 10; i += 2) // five points, and what they stand on
        list->AddTriangleFilled(points[i], points[(i + 1) % 10], points[(i + 2) % 10], rgb(GOLD));
    const ImVec2 inner[] = { points[1], points[3], points[5], points[7], points[9] };
    list->AddConvexPolyFilled(inner, 5, rgb(GOLD));
}

} // namespace

void viewer_ui::build_film(const viewer_readings &readings, const viewer_controls &controls,
                           viewer_requests &requests, ImVec2 at, ImVec2 size)
{
    const ImVec2 s = ImGui::GetIO().DisplayFramebufferScale;
    const float gap = 5 * ui.u, side = size.y - 2 * gap;
    ImDrawList *list = ImGui::GetBackgroundDrawList();
    const ImGuiIO &io = ImGui::GetIO();
    float x = at.x + std::min(MARGIN * ui.u, size.x / 20);
    report("film", at, ImVec2(at.x + size.x, at.y + size.y));
    for (uint32_t i = 0; i < readings.film_count && x + side < at.x + size.x - gap; i++) {
        const viewer_kept &kept = readings.film[i];
        const float width = side * (float)kept.width / (float)std::max(1u, kept.height);
        const ImVec2 low(x, at.y + gap), high(x + width, at.y + gap + side);
        picture_part *part = add_part(readings, controls, low, ImVec2(width, side));
        if (!part)
            break;
        part->source = PICTURE_STRIP;
        part->smooth = controls.smooth || kept.width > side;
        part->first_pixel = kept.slot * STRIP_SIDE * STRIP_SIDE;
        part->grid = { kept.width,  kept.height, low.x * s.x, low.y * s.y, width * s.x, side * s.y,
                       width * s.x, side * s.y,  1,           1,           0,           1 };
        part->checker_px = std::max(1.0f, floorf(4 * ui.u * s.x));
        part->brightness = 1;
        char name[24];
        snprintf(name, sizeof name, "film.%u", i);
        const bool focused = focus_on(name, low, high);
        if (focused)
            report_focus(name, low, high);
        const bool hovered =
            focused || (!io.WantCaptureMouse && ImGui::IsMouseHoveringRect(low, high, false));
        if (kept.favourite)
            star(ImGui::GetForegroundDrawList(), ImVec2(high.x - 9 * ui.u, low.y + 9 * ui.u),
                 6 * ui.u);
        if (hovered) {
            list->AddRect(ImVec2(low.x - 2, low.y - 2), ImVec2(high.x + 2, high.y + 2), rgb(ACCENT),
                          2 * ui.u, 0, 2 * ui.u);
            kept_tooltip(readings, kept);
            if (ImGui::IsMouseClicked(0))
                requests.recall = (int)i;
        }
        if (i < 8)
            report(name, low, high);
        x += width + gap;
    }
}
