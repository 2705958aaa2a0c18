"""What evaluate.py writes: tables in Markdown, the grid by step count, and samples beside their nearest neighbours."""

import torch

from pictures import save_grid

NEAREST = 3
COLUMNS = [  # heading, key, digits
    ("KID-MobileNetV2 x 1000", "KID", 2),
    ("above the limit", "KID above limit", 2),
    ("the same to training", "KID training", 2),
    ("FD-MobileNetV2", "FD", 1),
    ("precision", "precision", 2),
    ("recall", "recall", 2),
    ("coverage", "coverage", 2),
    ("PSNR, dB", "PSNR", 1),
]


def cell(row, key, digits):
    """A number, with its interval where it has one; - where there is none."""
    if key not in row:
        return "-"
    interval = f" ± {row[key + ' interval']:.{digits}f}" if key + " interval" in row else ""
    return f"{row[key]:.{digits}f}{interval}"


def table(rows, columns, corner):
    """Markdown; rows: {name: {key: number}}."""
    columns = [c for c in columns if any(c[1] in row for row in rows.values())]
    lines = [[corner] + [heading for heading, *_ in columns], ["---"] * (1 + len(columns))]
    lines += [[str(name)] + [cell(row, key, digits) for _, key, digits in columns] for name, row in rows.items()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def markdown(result):
    """The whole evaluation.md from what evaluation.json holds."""
    about, rows = result["about"], dict(result["steps"])
    first = f"{about['model']}, {about['held-out pictures']} held-out and {about['training pictures']} training pictures"
    first += f", seeds from {about['seed']}. "
    counts = sorted({r["pictures"] for r in rows.values()})
    first += f"Pictures drawn for a row: {' or '.join(map(str, counts))}; "
    first += f"for FD, precision, recall, coverage: {result['floor']['FD pictures']}. "
    if about["reference"]:
        first += f"Above the limit, PSNR: against {about['reference']} steps from the same noise, {about['compared']} pictures. "
    if about["left out"]:
        first += f"Left out, too few pictures: {', '.join(about['left out'])}. "
    parts = [first + "\n", table(rows | {"real pictures": result["floor"]}, COLUMNS, "steps")]
    if "engine" in result:
        columns = [("PSNR to PyTorch, dB", "PSNR", 1), ("lowest", "PSNR lowest", 1)]
        columns += [("KID x 1000, engine", "KID engine", 2), ("the same seeds, PyTorch", "KID PyTorch", 2)]
        parts.append(table(result["engine"], columns, f"steps, {about['engine pictures']} pictures"))
    if "neighbours" in result:
        columns = [("lowest", "lowest", 3), ("lowest tenth", "lowest tenth", 3), ("median", "median", 3)]
        parts.append(table(result["neighbours"], columns, "distance to the nearest training picture"))
    return "\n".join(parts)


def variants(x):
    """Everything that training may show for a picture: shifts of one pixel and mirror images."""
    for mirror in (False, True):
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                yield (x.flip(3) if mirror else x).roll((dy, dx), (2, 3))


def pixel_distances(x, training):
    """Root mean square difference, [n, m], to the variant of the training picture that is nearest; values in [-1, 1]."""
    best = torch.full((len(x), len(training)), float("inf"))
    flat = x.flatten(1)
    for changed in variants(training):
        best = torch.minimum(best, torch.cdist(flat, changed.flatten(1)))
    return best / flat.shape[1] ** 0.5


def neighbours(x, features, training, training_features, held, path):
    """Writes samples, each beside its nearest training pictures by pixels, then by features; returns the distances.

    held: other real pictures, to know how near a picture is that nobody copied.
    """
    by_pixels = pixel_distances(x, training)
    by_features = -torch.nn.functional.normalize(features) @ torch.nn.functional.normalize(training_features).T  # angle
    nearest = [d.topk(NEAREST, largest=False).indices for d in (by_pixels, by_features)]
    columns = [x] + [training[rows] for rows in torch.cat(nearest, 1).T]
    gap = torch.full_like(x, -1)
    gap[:, 3:] = 1  # black, opaque
    tiles = torch.stack(columns + [gap], 1)  # [n, 2 + 2 NEAREST, c, h, w]
    save_grid(tiles.flatten(0, 1), 4 * tiles.shape[1], path, scale=2 if x.shape[-1] <= 32 else 1)
    spread = lambda d: {"lowest": d.min().item(), "lowest tenth": d.quantile(0.1).item(), "median": d.median().item()}
    return {"drawn pictures": spread(by_pixels.amin(1)), "held-out pictures": spread(pixel_distances(held, training).amin(1))}


def step_grid(drawn, rows, path):
    """Rows seeds, columns in the order of drawn."""
    save_grid(torch.stack([c["x"][:rows].float() for c in drawn.values()], 1).flatten(0, 1), len(drawn), path)
