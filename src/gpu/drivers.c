/*
 * Why there is no Vulkan device. The loader says no more than that there is none; here its
 * manifests are looked for where it looks (LoaderDriverInterface.md of KhronosGroup/Vulkan-Loader),
 * and their libraries opened as it opens them.
 */
#include "gpu/internal.h"

#include <dirent.h>
#include <dlfcn.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_BYTES = 1024 };

struct report {
    char text[1200];
    unsigned manifests;
};

/* ---- one manifest ------------------------------------------------------------------------- */

/* library_path: by its name, absolute, or from the manifest's folder. */
static void *open_library(const char *manifest, const char *library)
{
    char path[2 * PATH_BYTES];
    const char *slash = strrchr(manifest, '/');
    const int folder = slash ? (int)(slash - manifest) + 1 : 0;
    if (!strchr(library, '/') || library[0] == '/')
        return dlopen(library, RTLD_NOW | RTLD_LOCAL);
    snprintf(path, sizeof path, "%.*s%s", folder, manifest, library);
    return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

static void report_manifest(struct report *report, const char *path)
{
    json_error_t error;
    char trouble[PATH_BYTES];
    json_t *manifest = json_load_file(path, 0, &error);
    const char *library =
        json_string_value(json_object_get(json_object_get(manifest, "ICD"), "library_path"));
    void *loaded = library ? open_library(path, library) : NULL;
    if (!manifest)
        snprintf(trouble, sizeof trouble, "%s is no driver's manifest: %s", path, error.text);
    else if (!library)
        snprintf(trouble, sizeof trouble, "%s is no driver's manifest: no ICD.library_path", path);
    else if (!loaded)
        snprintf(trouble, sizeof trouble, "the driver of %s does not load: %s", path, dlerror());
    else
        snprintf(trouble, sizeof trouble, "the driver of %s loads, but has no device", path);
    const size_t length = strlen(report->text);
    snprintf(report->text + length, sizeof report->text - length, "%s%s", length ? "; " : "",
             trouble);
    report->manifests++;
    if (loaded)
        dlclose(loaded);
    json_decref(manifest);
}

/* ---- where they are ----------------------------------------------------------------------- */

static int is_manifest(const struct dirent *entry)
{
    const char *ending = strrchr(entry->d_name, '.');
    return ending && strcmp(ending, ".json") == 0;
}

static void report_folder(struct report *report, const char *folder)
{
    struct dirent **entries;
    const int count = scandir(folder, &entries, is_manifest, alphasort);
    for (int i = 0; i < count; i++) {
        char path[2 * PATH_BYTES];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        report_manifest(report, path);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

/* Files or folders, with : between; `under` is what the folders have in them. */
static void report_paths(struct report *report, const char *paths, const char *under)
{
    for (const char *at = paths; at && *at;) {
        char path[PATH_BYTES];
        struct stat info;
        const size_t length = strcspn(at, ":");
        snprintf(path, sizeof path, "%.*s%s", (int)length, at, under);
        if (*under || (stat(path, &info) == 0 && S_ISDIR(info.st_mode)))
            report_folder(report, path);
        else if (length > 0)
            report_manifest(report, path);
        at += length + (at[length] == ':');
    }
}

static const char *variable(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

static void report_standard_folders(struct report *report)
{
    const char *home = variable("HOME", NULL);
    char config[PATH_BYTES] = "", data[PATH_BYTES] = "";
    if (home) {
        snprintf(config, sizeof config, "%s/.config", home);
        snprintf(data, sizeof data, "%s/.local/share", home);
    }
    const char *const folders[] = {
        variable("XDG_CONFIG_HOME", config),
        variable("XDG_CONFIG_DIRS", "/etc/xdg"),
        "/etc",
        variable("XDG_DATA_HOME", data),
        variable("XDG_DATA_DIRS", "/usr/local/share:/usr/share"),
    };
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        report_paths(report, folders[i], "/vulkan/icd.d");
}

qs_status gpu_no_device(void)
{
    struct report report = { 0 };
    const char *named = variable("VK_DRIVER_FILES", variable("VK_ICD_FILENAMES", NULL));
    if (named) {
        report_paths(&report, named, "");
    } else {
        report_standard_folders(&report);
        report_paths(&report, variable("VK_ADD_DRIVER_FILES", NULL), "");
    }
    if (report.manifests > 0)
        return qs_error(QS_ERROR_DEVICE, "no Vulkan device: %s", report.text);
    return qs_error(QS_ERROR_DEVICE, "no Vulkan driver is installed (Debian: mesa-vulkan-drivers, "
                                     "or the GPU vendor's package)");
}
