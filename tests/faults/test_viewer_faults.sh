#!/bin/bash
# The window's Vulkan calls fail once: test_viewer_faults.sh QUICKSTEP_VIEW MODEL LAYER.so, in TAP. The viewer starts,
# draws, is resized, draws again and is closed; each time it has done so all the same, or it ends with the right exit
# status and a message. A device that is lost once is started again. EVERY=1: calls 1, 2, 5 and the last of all
# functions with every error, which takes an hour; EVERY=call: every call with one of its errors, in turn, which takes two;
# otherwise of what only a window calls the first call with one error.
set -u
here=$(cd "$(dirname "$0")" && pwd)
viewer=$(realpath "$1")
model=$(realpath "$2")
layer=$(realpath "$3")
# shellcheck source=tests/faults/window.sh
. "$here/window.sh"
# shellcheck source=tests/faults/common.sh
. "$here/common.sh" "$layer"

show() { # show FUNCTION CALL ERROR: start, draw, resize, draw, close
    rm -f log
    : >out
    FAULT_FUNCTION=$1 FAULT_CALL=$2 FAULT_ERROR=$3 FAULT_LOG=$work/log timeout -k 5 180 \
        env ${leaks:+"LD_PRELOAD=$leaks"} "$viewer" --model "$model" --paused --batch 1 --steps 1 --seed 5 \
        --size 420x320 --report >out 2>err </dev/null &
    pid=$!
    drawn=
    if wait_for '^drawn\|^widget again' 0; then
        wait_for '^picture' 0
        xdotool search --name . windowsize 520 400 2>/dev/null
        wait_for '^layout 520 400' 0 && wait_for '^drawn' "$(grep -n '^layout 520 400' out | head -n 1 | cut -d: -f1)" && drawn=1
        xdotool search --name . windowfocus key Escape 2>/dev/null
    fi
    for turn in $(seq 1200); do
        kill -0 "$pid" 2>/dev/null || break
        [ $((turn % 20)) -ne 0 ] || xdotool search --name . key Escape 2>/dev/null
        sleep 0.05
    done
    kill "$pid" 2>/dev/null && echo 'did not end by itself' >>err
    wait "$pid"
    status=$?
}

# judge RESULT NAME: what is wrong with the last run, or nothing
judge() {
    if [ "$status" -eq 0 ]; then
        [ -n "$drawn" ] || echo "exit 0, nothing drawn"
        return
    fi
    grep -q "error: .*\($2\|Dear ImGui\|glfwCreateWindowSurface\|no usable Vulkan device\|no Vulkan device\)" err ||
        { echo "exit $status without the right message" && return; }
    case $1,$status in
    -1,[45] | -2,[45] | -5,5 | -10,[45] | -4,[46] | *,[14]) ;;
    *) echo "exit $status" ;;
    esac
}

without_fault show
[ "$status" -eq 0 ] && [ -n "$drawn" ] && grep -q vkQueuePresentKHR calls
report $? "a window, resized and closed, $(wc -l <calls) calls that may fail"

windows='vkAcquireNextImageKHR vkQueuePresentKHR vkCreateSwapchainKHR vkGetSwapchainImagesKHR vkCreateImage vkCreateImageView
vkCreateSampler vkCreateRenderPass vkCreateFramebuffer vkCreateFence vkBindImageMemory vkCreateGraphicsPipelines
vkGetFenceStatus vkResetFences vkCreateDescriptorPool vkAllocateDescriptorSets vkQueueWaitIdle
vkGetPhysicalDeviceSurfaceSupportKHR vkGetPhysicalDeviceSurfaceCapabilitiesKHR vkGetPhysicalDeviceSurfaceFormatsKHR'
awk -v every="${EVERY-}" -v windows="$windows" '
    BEGIN { split(windows, w); for (i in w) of_window[w[i]] = 1; split("1 2 5", some) }
    { last[$2] = $1; errors[$2] = $3 }
    function one(f, c) { for (e = every ? 0 : errors[f] - 1; e < errors[f]; e++) print f, c, e }
    END {
        for (f in last)
            if (every == "call")
                for (c = 1; c <= last[f]; c++) print f, c, c % errors[f]
            else if (every) {
                for (i in some) if (some[i] < last[f]) one(f, some[i])
                one(f, last[f])
            } else if (f in of_window) {
                one(f, 1)
                if (f ~ /Swapchain/) one(f, 2) # after the resize
            }
    }' calls | sort -u | fail_each show judge
