"""measured.json (gpu.py) and the tests' log as Markdown. Medians over the rounds; ratios are PyTorch's time over Quickstep's."""

from statistics import median

LARGEST = 10  # convolutions in a network's table


def table(head, rows):
    return ["| " + " | ".join(map(str, row)) + " |" for row in (head, ["---"] * len(head), *rows)] + [""]


def ms_of(sides, side):
    """None: not measured, or failed."""
    times = sides.get(side, {}).get("ms")
    return median(times) if times else None


def number(value, digits=3):
    if value is None:
        return "-"
    return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"


def ratio(theirs, ours):
    return f"{theirs / ours:.2f}" if theirs and ours else "-"


def network_rows(networks):
    sides = sorted({side for record in networks.values() for side in record["sides"]} - {"quickstep", "eager", "compiled"})
    yield ["", "Quickstep, ms", *(s.removeprefix("quickstep ") for s in sides), "CPU ms", "PyTorch eager, ms", "compiled, ms",
           "eager / ours", "compiled / ours", "difference"]
    for key, record in networks.items():
        ours, eager, compiled = (ms_of(record["sides"], side) for side in ("quickstep", "eager", "compiled"))
        cpu = record["sides"].get("quickstep", {}).get("cpu_ms")
        yield [key, number(ours), *(number(ms_of(record["sides"], s)) for s in sides), number(cpu), number(eager),
               number(compiled), ratio(eager, ours), ratio(compiled, ours), number(record.get("difference"), 2)]


def failures(networks):
    for key, record in networks.items():
        for side, found in record["sides"].items():
            if "error" in found:
                yield f"- {key}, {side}: {found['error']}"


def module_times(ops):
    """ms by module: what an op's parts (NAME.points, NAME.parts) take belongs to it."""
    names = {op["name"] for op in ops}
    times = {}
    for op in ops:
        parts = op["name"].split(".")
        owner = next(n for n in (".".join(parts[:i]) for i in range(1, len(parts) + 1)) if n in names)
        times[owner] = times.get(owner, 0.0) + op["ms"]
    return times


def convolution_rows(record, batch, peak):
    """The largest by operations; their time is the engine's, everything that it folds into them included. Our roofline: the
    rate of our own shaders that do nothing else, on matrix units where there are any."""
    times = module_times(record["ops"])
    step_ms = sum(times.values())
    roofline = max(record["roofline"][key] for key in ("gflops", "matrix_gflops"))
    found = sorted(((n, name) for name, n in record["convolutions"].items() if name in times), reverse=True)[:LARGEST]
    yield ["convolution", "GFLOP", "ms", "share of the step", "GFLOP/s", "of the matrix peak", "of our roofline"]
    for operations, name in found:
        gflops = operations * batch / times[name] * 1e-6
        yield [name, number(operations * batch * 1e-9), number(times[name]), f"{times[name] / step_ms:.1%}", number(gflops),
               f"{gflops / peak:.1%}" if peak else "-", f"{gflops / roofline:.1%}"]


def op_rows(ops):
    sides = list(ops["sides"])
    yield ["op", *(f"{s}, ms" for s in sides), "PyTorch / ours", "GFLOP/s", "of the matrix peak"]
    for name, gflop in ops["gflop"].items():
        times = [median(ops["sides"][s][name]) if name in ops["sides"][s] else None for s in sides]
        ours = times[sides.index("quickstep")]
        theirs = times[sides.index("PyTorch")] if "PyTorch" in sides else None
        rate = gflop / ours * 1e3 if gflop else None
        yield [name, *map(number, times), ratio(theirs, ours), number(rate),
               f"{rate / ops['peak_gflops']:.1%}" if rate and ops["peak_gflops"] and " f16 " in name else "-"]


def last_line(path):
    return path.read_text().strip().splitlines()[-1] if path.exists() else "not run"


def summary(out, measured):
    machine, ops = measured["machine"], measured.get("ops")
    networks, start = measured.get("networks", {}), measured.get("start", {})
    peak = ops["peak_gflops"] if ops else None
    torch = machine.get("torch")
    yield from (f"# Quickstep on {machine.get('device', 'a device')}", "")
    yield f"{machine.get('driver', 'no driver asked')}; commit {machine['commit']}; {machine['date']}."
    yield f"PyTorch {torch['torch']} on {torch['device']}, channels-last." if torch else "No PyTorch."
    yield f"Peak of the matrix units, a large f16 product by PyTorch: {peak / 1e3:.3g} TFLOP/s." if peak else "No peak measured."
    yield ""
    yield from ("## Tests on this driver", "", last_line(out / "tests.txt"), "")
    if networks:
        yield from ("## Networks, ms a picture", "", *table(*split(network_rows(networks))), *failures(networks), "")
    for key, record in networks.items():
        if record.get("ops") and record.get("convolutions") and " f16 " in key:
            batch = int(key.split()[3])
            yield from (f"## Largest convolutions, {key}", "", *table(*split(convolution_rows(record, batch, peak))))
    if ops:
        yield from ("## Single ops", "", *table(*split(op_rows(ops))))
    if start:
        rows = [[name, f"{median(s['cold_s']):.2f}", f"{median(s['warm_s']):.2f}"] for name, s in start.items()]
        yield from ("## From the start of the process to the first picture, s", "")
        yield from table(["network", "empty caches", "filled caches"], rows)


def split(rows):
    head, *rest = rows
    return head, rest


def write_summary(out, measured):
    (out / "summary.md").write_text("\n".join(summary(out, measured)) + "\n")
