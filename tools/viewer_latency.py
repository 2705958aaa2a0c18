#!/usr/bin/env python3
"""How long quickstep-view lets a person wait, on a virtual display with real mouse events:

    picture   from a press on the step slider (1, 2, 1, ..) until its picture is on the screen
    list      from a click on the label list until it is open on the screen, while 16 pictures of 64 steps are drawn
    present   the longest of a second between two presents, while they are drawn and the mouse moves
    f16       from a click on the other precision until its picture is on the screen

    tools/viewer_latency.py [--tries 10] [--only picture|list|present|f16] PATH/quickstep-view [OPTION of quickstep-view]...

Wants an idle machine; `list` wants a model with labels ("--model sprites"). Needs Xvfb and xdotool."""
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


def press(viewer, name, held_s=0.06):
    """A click there; the time of its press."""
    xdotool("mousemove", *viewer.middle(name))
    time.sleep(0.3 + 0.4 * random.random())
    while not viewer.lines.empty():
        viewer.lines.get()
    start = time.monotonic()
    xdotool("mousedown", "1", "sleep", str(held_s), "mouseup", "1")
    return start


def is_drawn(words):
    return words[0] == "drawn"


def picture_ms(viewer, turn):
    steps = 1 + turn % 2
    start = press(viewer, f"notch.{steps}")
    viewer.until(lambda words: words[0] == "picture" and f"steps={steps}" in words)
    return [1e3 * (viewer.until(is_drawn) - start)]


def list_ms(viewer, turn):
    held_s = 0.06  # the list opens at the release
    start = press(viewer, "label", held_s)
    viewer.until(lambda words: words[0] == "widget" and words[1].startswith("label."))
    shown = viewer.until(is_drawn)
    xdotool("key", "Escape")
    viewer.until(lambda words: words[:2] == ["layout", "end"])
    return [1e3 * (shown - start - held_s)]


def present_ms(viewer, turn):
    x, y = map(int, viewer.middle("slider"))
    moves = [word for i in range(100) for word in ("mousemove", str(x + 4 * (i % 25)), str(y), "sleep", "0.01")]
    while not viewer.lines.empty():
        viewer.lines.get()
    xdotool(*moves)
    drawn = []
    while not viewer.lines.empty():
        at, words = viewer.lines.get()
        if is_drawn(words):
            drawn.append(at)
    return [1e3 * max((after - before for before, after in zip(drawn, drawn[1:])), default=float("inf"))]


def f16_ms(viewer, turn):
    precision = "f32" if turn % 2 else "f16"
    start = press(viewer, f"precision.{precision}")
    viewer.until(lambda words: words[0] == "picture" and f"precision={precision}" in words)
    return [1e3 * (viewer.until(is_drawn) - start)]


MEASURES = {
    "picture": (picture_ms, ["--paused", "--batch", "1", "--steps", "4"], ["step slider to picture"]),
    "list": (list_ms, ["--paused", "--batch", "16", "--steps", "64"], ["label list, 16 pictures of 64 steps"]),
    "present": (present_ms, ["--paused", "--batch", "16", "--steps", "64"], ["longest between two presents in a second, 16 pictures of 64 steps"]),
    "f16": (f16_ms, ["--paused", "--batch", "1", "--steps", "1"], ["the other precision"]),
}


def measure(name, program, options, tries):
    once, own, titles = MEASURES[name]
    viewer = Viewer(program, ["--size", "1120x780", *own, *options])
    try:
        viewer.until(lambda words: words[:2] == ["layout", "end"])
        if name not in ("list", "present"):
            viewer.until(lambda words: words[0] == "picture")
        time.sleep(3)  # shaders are compiled when they are first used
        rows = [once(viewer, turn) for turn in range(tries)]
    finally:
        viewer.process.kill()
    for title, times in zip(titles, zip(*rows)):
        print(f"{title}: {statistics.median(times):.0f} ms (median of {tries}), {min(times):.0f} to {max(times):.0f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=10)
    parser.add_argument("--only", choices=MEASURES)
    parser.add_argument("program")
    parser.add_argument("options", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    read, write = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "1120x780x24", "-nolisten", "tcp"],
                              pass_fds=[write], stderr=subprocess.DEVNULL)
    os.environ["DISPLAY"] = ":" + os.read(read, 16).decode().strip()
    try:
        for name in [arguments.only] if arguments.only else MEASURES:
            measure(name, arguments.program, arguments.options, arguments.tries)
    finally:
        server.kill()


if __name__ == "__main__":
    main()
