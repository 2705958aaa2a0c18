#!/usr/bin/env python3
"""How long quickstep-view lets a person wait while it computes: the time from a press of the mouse button
on the label list until the open list is on the screen, on a virtual display with real mouse events.

    tools/viewer_latency.py [--tries 10] PATH/quickstep-view [OPTION of quickstep-view]...

For example `tools/viewer_latency.py build/src/app/viewer/quickstep-view --batch 16 --steps 64 --paused`. The picture must
take longer than the tries, or be played. Needs Xvfb and xdotool."""
import argparse
import os
import queue
import random
import statistics
import subprocess
import threading
import time


class Viewer:
    def __init__(self, program, options):
        self.widgets, self.lines = {}, queue.Queue()
        self.process = subprocess.Popen([program, "--report", *options], stdout=subprocess.PIPE, text=True, bufsize=1)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put((time.monotonic(), line.split()))

    def until(self, wanted, seconds=120):
        """The time of the next line that is wanted."""
        end = time.monotonic() + seconds
        while True:
            at, words = self.lines.get(timeout=max(0.01, end - time.monotonic()))
            if words[0] == "widget":
                self.widgets[words[1]] = [int(n) for n in words[2:]]
            if wanted(words):
                return at

    def middle(self, name):
        x, y, w, h = self.widgets[name]
        return str(x + w // 2), str(y + h // 2)


def xdotool(*words):
    subprocess.run(["xdotool", *words], check=True)


def opened_ms(viewer):
    """Opens the list, closes it again."""
    xdotool("mousemove", *viewer.middle("label"))
    time.sleep(0.3 + 0.4 * random.random())
    while not viewer.lines.empty():
        viewer.lines.get()
    start = time.monotonic()
    # a click is a press and a release; the list opens at the release
    xdotool("mousedown", "1", "sleep", "0.06", "mouseup", "1")
    viewer.until(lambda words: words[0] == "widget" and words[1].startswith("label."))
    shown = viewer.until(lambda words: words[0] == "drawn")
    xdotool("key", "Escape")
    viewer.until(lambda words: words[:2] == ["layout", "end"])
    return 1e3 * (shown - start) - 60


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=10)
    parser.add_argument("program")
    parser.add_argument("options", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    read, write = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "1120x780x24", "-nolisten", "tcp"],
                              pass_fds=[write], stderr=subprocess.DEVNULL)
    os.environ["DISPLAY"] = ":" + os.read(read, 16).decode().strip()
    viewer = Viewer(arguments.program, ["--size", "1120x780", *arguments.options])
    try:
        viewer.until(lambda words: words[:2] == ["layout", "end"])
        time.sleep(3)  # shaders are compiled when they are first used
        times = [opened_ms(viewer) for _ in range(arguments.tries)]
        times.sort()
        print(f"label list on the screen after {statistics.median(times):.0f} ms (median of {len(times)}), "
              f"{times[0]:.0f} to {times[-1]:.0f}")
    finally:
        viewer.process.kill()
        server.kill()


if __name__ == "__main__":
    main()
