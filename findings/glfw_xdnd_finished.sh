#!/bin/sh
# GLFW 3.3.8 on X11: the answer to a drop says "refused" for every second length of what was dropped. XdndFinished has "bit 0 is set if the current target accepted the drop" (XDND 5) in its second word; GLFW puts there the number
# of bytes that it read (x11_window.c, data.l[1] = result), so that bit 0 is that number's. The program gets the file all the same; a file
# manager that believes the answer takes the drop for refused.
#
# Seen: file:///tmp/ab (16 bytes with its end of line) is refused, file:///tmp/a accepted; both arrive.
#
# Exits 0 while that is so, 1 when it has changed, and 77 without GLFW, libxcb, xdotool or Xvfb.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v xvfb-run >/dev/null && command -v xdotool >/dev/null && pkg-config --exists glfw3 xcb || exit 77
sed 's/await("XdndFinished", uri) != 0/(await("XdndFinished", uri) \& 1)/' "$here/../tests/viewer/drop.c" >"$work/drop.c"
cat >"$work/window.c" <<'END'
#define GLFW_INCLUDE_NONE
#include <GLFW/glfw3.h>
#include <stdio.h>

static void on_drop(GLFWwindow *window, int count, const char **paths)
{
    (void)window;
    fprintf(stderr, "arrived: %s\n", count ? paths[0] : "nothing");
}

int main(void)
{
    glfwInit();
    glfwWindowHint(GLFW_CLIENT_API, GLFW_NO_API);
    GLFWwindow *window = glfwCreateWindow(200, 200, "drop", NULL, NULL);
    glfwSetDropCallback(window, on_drop);
    for (double end = glfwGetTime() + 10; glfwGetTime() < end;)
        glfwWaitEventsTimeout(0.1);
    return 0;
}
END
cc -o "$work/drop" "$work/drop.c" $(pkg-config --cflags --libs xcb)
cc -o "$work/window" "$work/window.c" $(pkg-config --cflags --libs glfw3)
cat >"$work/try" <<'END'
"$1/window" &
until id=$(xdotool search --name '^drop$'); do sleep 0.1; done
for path in /tmp/a /tmp/ab; do
    "$1/drop" "$id" 50 50 $path && echo "$path: accepted" || echo "$path: refused"
done
wait
END
xvfb-run -a sh "$work/try" "$work" >"$work/said"
cat "$work/said"
[ "$(cat "$work/said")" = "/tmp/a: accepted
/tmp/ab: refused" ]
