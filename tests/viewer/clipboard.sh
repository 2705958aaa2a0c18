# shellcheck shell=bash
# To and from other programs. Sourced by viewer_test.sh.

pastes_picture() { # from the picture at two steps Ctrl V leads back to that at one, whose file is on the clipboard
    at=$(lines)
    xdotool key Right
    await 10 '^picture .*steps=2 ' "$at"
    at=$(lines)
    xdotool key ctrl+v
    await 10 '^picture .*steps=1 seed=5 ' "$at"
}

mkdir -p bare stand-in # bare: what the viewer itself starts, and no xclip
ln -sf "$(command -v sh)" bare/sh
PATH=$work/bare start --steps 1 --batch 1
await 20 '^picture 1 ' && at=$(lines) && await 10 '^drawn' "$at"
at=$(lines)
xdotool mousemove 3 3 key ctrl+c
await 10 '^note saved .*whose path is copied: .*xclip, if installed' "$at"
file=$(sed -n 's/^note saved \(.*\.png\), whose.*/\1/p' out | tail -n 1)
[ -s "$file" ]
ok $? "Ctrl C without xclip: a file is written, and a note says so ($file)"
pastes_picture
ok $? "Ctrl V opens what the path on the clipboard names"
leave

if ! command -v xclip >/dev/null; then
    printf '#!/bin/sh\n[ "$*" = "-selection clipboard -t image/png" ] && cat >taken.png\n' >stand-in/xclip
    chmod +x stand-in/xclip
fi
PATH=$work/stand-in:$PATH start --steps 1 --batch 1
await 20 '^picture 1 ' && at=$(lines) && await 10 '^drawn' "$at"
at=$(lines)
xdotool mousemove 3 3 key ctrl+c
await 10 '^note copied as a picture' "$at" &&
    { [ -e stand-in/xclip ] || xclip -selection clipboard -t image/png -o >taken.png; }
changed=$(differing "$file" taken.png)
[ "$changed" = 0 ] && cmp -s "$file" taken.png
ok $? "with it the picture itself is copied, with its recipe ($changed pixels differ)"
if [ ! -e stand-in/xclip ]; then
    printf 'file://%s/with%%20space.png' "$work" | xclip -selection clipboard >/dev/null 2>&1
    cp "$file" 'with space.png'
    pastes_picture
    ok $? "a file manager's URL is a path, too"
    printf 'no path' | xclip -selection clipboard >/dev/null 2>&1
    at=$(lines)
    xdotool key ctrl+v
    await 10 '^note there is no file' "$at"
    ok $? "text that is no path: a note"
fi
leave

printf '#!/bin/sh\n[ "$*" = "--type image/png" ] && cat >wayland.png\n' >stand-in/wl-copy
chmod +x stand-in/wl-copy
PATH=$work/stand-in:$PATH WAYLAND_DISPLAY=none start --steps 1 --batch 1
await 20 '^picture 1 ' && at=$(lines) && await 10 '^drawn' "$at"
at=$(lines)
xdotool mousemove 3 3 key ctrl+c
await 10 '^note copied as a picture' "$at" && cmp -s "$file" wayland.png
ok $? "on Wayland by wl-copy"
leave
