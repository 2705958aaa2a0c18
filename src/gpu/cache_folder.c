/* The folder of the files that belong to a device: $XDG_CACHE_HOME/quickstep, ~/.cache/quickstep.
 */
#include "gpu/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder that is there already must be this user's own, and no link to somebody else's: what lies
 * in it goes to the driver. A home that is shared by way of a link of one's own is fine. Returns
 * what is wrong with it, or NULL. */
static const char *find_fault(const char *folder)
{
    struct stat link, target;
    if (lstat(folder, &link) != 0 || stat(folder, &target) != 0)
        return NULL; /* to be made */
    if (link.st_uid != geteuid())
        return S_ISLNK(link.st_mode) ? "it is another user's link" : "it is another user's";
    if (target.st_uid != geteuid())
        return "it is a link to another user's";
    if (!S_ISDIR(target.st_mode))
        return "it is no folder";
    return target.st_mode & S_IWOTH ? "everybody may write into it" : NULL;
}

char *gpu_cache_folder(const char **fault)
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    const bool in_xdg = xdg && xdg[0] == '/'; /* the specification: a relative one is ignored */
    char *path = NULL;
    *fault = NULL;
    if (!in_xdg && !(home && home[0] == '/'))
        return NULL;
    if (asprintf(&path, "%s%s/quickstep", in_xdg ? xdg : home, in_xdg ? "" : "/.cache") < 0)
        return NULL;
    *fault = find_fault(path);
    return path;
}
