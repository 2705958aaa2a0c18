// Dear ImGui's interface to Vulkan and to fonts changed in 1.90, 1.90.3, 1.92 and 1.92.4.

#include "viewer/ui_backend.hpp"

#include <backends/imgui_impl_glfw.h>
#include <backends/imgui_impl_vulkan.h>

namespace viewer_ui
{

namespace
{

struct {
    VkDevice device;
    VkDescriptorPool pool;
    VkResult result; // of the last frame's start
    const window *shown;
} backend;

// After a call that fails Dear ImGui would go on with what it has not got, and crash.
struct failure {
    VkResult result;
};

void check(VkResult result)
{
    if (result < 0)
        throw failure{ result };
}

template <typename Part> VkResult attempt(const Part &part)
{
    try {
        part();
        return VK_SUCCESS;
    } catch (const failure &f) {
        return f.result;
    }
}

qs_status status_of(VkResult result)
{
    return result == VK_SUCCESS ? QS_OK : present_vulkan_error(result, "Dear ImGui");
}

// Textures are combined with their sampler up to 1.92.7, and apart from it since.
VkResult create_pool()
{
    const uint32_t count = 8;
    const VkDescriptorPoolSize sizes[] = {
        { VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER, count },
        { VK_DESCRIPTOR_TYPE_SAMPLED_IMAGE, count },
        { VK_DESCRIPTOR_TYPE_SAMPLER, count },
    };
    VkDescriptorPoolCreateInfo pool = {};
    pool.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO;
    pool.flags = VK_DESCRIPTOR_POOL_CREATE_FREE_DESCRIPTOR_SET_BIT;
    pool.maxSets = 3 * count;
    pool.poolSizeCount = 3;
    pool.pPoolSizes = sizes;
    return vkCreateDescriptorPool(backend.device, &pool, nullptr, &backend.pool);
}

bool init_drawing(ImGui_ImplVulkan_InitInfo *info, VkRenderPass pass)
{
#if IMGUI_VERSION_NUM >= 19240
    info->PipelineInfoMain.RenderPass = pass;
    info->PipelineInfoMain.MSAASamples = VK_SAMPLE_COUNT_1_BIT;
    return ImGui_ImplVulkan_Init(info);
#else
    info->MSAASamples = VK_SAMPLE_COUNT_1_BIT;
#if IMGUI_VERSION_NUM >= 19030
    info->RenderPass = pass;
    return ImGui_ImplVulkan_Init(info);
#else
    return ImGui_ImplVulkan_Init(info, pass);
#endif
#endif
}

// Since 1.90 the first frame does it, since 1.92 every frame with new characters.
qs_status upload_fonts(present *p)
{
#if IMGUI_VERSION_NUM >= 19000
    (void)p;
    return QS_OK;
#else
    VkCommandBuffer commands = VK_NULL_HANDLE;
    qs_status status = present_once_begin(p, &commands);
    if (status != QS_OK)
        return status;
    const VkResult result = attempt([&] { ImGui_ImplVulkan_CreateFontsTexture(commands); });
    status = present_once_end(p, commands);
    ImGui_ImplVulkan_DestroyFontUploadObjects();
    return result == VK_SUCCESS ? status : status_of(result);
#endif
}

} // namespace

qs_status backend_init(const window *w, present *p)
{
    const qs_vulkan_device *vulkan = &p->vulkan;
    backend = {};
    if (!ImGui_ImplGlfw_InitForVulkan(w->handle, true))
        return app_error(QS_ERROR_OTHER, "Dear ImGui did not take the window");
    backend.device = vulkan->device;
    backend.shown = w;
    const VkResult result = create_pool();
    if (result != VK_SUCCESS)
        return present_vulkan_error(result, "vkCreateDescriptorPool");
    ImGui_ImplVulkan_InitInfo info = {};
    info.Instance = vulkan->instance;
    info.PhysicalDevice = vulkan->physical_device;
    info.Device = vulkan->device;
    info.QueueFamily = vulkan->queue_family;
    info.Queue = vulkan->queue;
    info.DescriptorPool = backend.pool;
    info.MinImageCount = PRESENT_FRAMES;
    info.ImageCount = PRESENT_FRAMES; // its vertex buffers are reused after so many frames
    info.CheckVkResultFn = check;
    bool taken = false;
    const qs_status status = status_of(attempt([&] { taken = init_drawing(&info, p->pass); }));
    if (status == QS_OK && !taken)
        return app_error(QS_ERROR_OTHER, "Dear ImGui did not take the device");
    return status == QS_OK ? upload_fonts(p) : status;
}

void backend_finish()
{
    if (ImGui::GetIO().BackendRendererUserData)
        ImGui_ImplVulkan_Shutdown();
    if (ImGui::GetIO().BackendPlatformUserData)
        ImGui_ImplGlfw_Shutdown();
    if (backend.device)
        vkDestroyDescriptorPool(backend.device, backend.pool, nullptr);
    backend = {};
}

void backend_new_frame()
{
    backend.result = attempt([] { ImGui_ImplVulkan_NewFrame(); });
    ImGui_ImplGlfw_NewFrame();
#if IMGUI_VERSION_NUM < 18700
    // It asks where the mouse is now, and goes by what the last event said of the buttons: a drag
    // that has ended would go on to wherever the mouse went next.
    if (backend.shown && ImGui::IsMousePosValid())
        ImGui::GetIO().MousePos = ImVec2((float)backend.shown->x, (float)backend.shown->y);
#endif
}

void backend_press(ImVec2 at, bool down)
{
#if IMGUI_VERSION_NUM >= 18700
    ImGui::GetIO().AddMousePosEvent(at.x, at.y);
    ImGui::GetIO().AddMouseButtonEvent(ImGuiMouseButton_Left, down);
#else
    ImGui::GetIO().MousePos = at;
    ImGui::GetIO().MouseDown[ImGuiMouseButton_Left] = down;
#endif
}

qs_status backend_record(VkCommandBuffer commands)
{
    if (backend.result != VK_SUCCESS)
        return status_of(backend.result);
    return status_of(
        attempt([&] { ImGui_ImplVulkan_RenderDrawData(ImGui::GetDrawData(), commands); }));
}

#if IMGUI_VERSION_NUM >= 19200 // a font has no size of its own any more

void scale_fonts(float scale)
{
    ImGui::GetStyle().FontScaleMain = scale;
}

float font_size(const ImFont *font)
{
    return font->LegacySize * ImGui::GetStyle().FontScaleMain;
}

void push_font(ImFont *font)
{
    ImGui::PushFont(font, font->LegacySize);
}

#else

void scale_fonts(float scale)
{
    ImGui::GetIO().FontGlobalScale = scale;
}

float font_size(const ImFont *font)
{
    return font->FontSize * ImGui::GetIO().FontGlobalScale;
}

void push_font(ImFont *font)
{
    ImGui::PushFont(font);
}

#endif

} // namespace viewer_ui
