"""The real pictures that drawn ones are compared with."""

import hashlib

import torch

import draws
import metric
from features import to_bytes

COMPOSED = 500  # pictures of a class that is put together and has no end


class Real:
    """Held-out and training pictures, every one once, mirrored and shifted as training does; in a random order.

    pictures[part] [n, c, h, w], labels[part] [n], sets[part] a PictureSet, for part in "held-out", "training". shares
    [classes] are the data's; classes with too few pictures here, or among least drawn ones, have none (left_out).
    """

    def __init__(self, source, net, least, folder):
        """least: how many pictures are drawn, at least; folder: where the features are kept for the next time."""
        self.names, self.alpha = source.names[:-1], "premultiplied" if source.channels == 4 else None
        self.pictures, self.labels = {}, {}
        source.generator.manual_seed(1)
        for part, held in (("held-out", True), ("training", False)):
            x, labels = source.every(validation=held, composed=COMPOSED)
            order = torch.randperm(len(x), generator=torch.Generator().manual_seed(2))
            self.pictures[part], self.labels[part] = x[order], labels[order]
        few = torch.stack([l.bincount(minlength=len(self.names)) for l in self.labels.values()]).amin(0) < metric.LEAST
        few |= source.shares * least < metric.LEAST + 1
        if few.all():
            raise SystemExit(f"every class has fewer than {metric.LEAST} pictures held out, or among {least} drawn")
        self.left_out = [name for name, out in zip(self.names, few) if out]
        stored = {part: to_bytes(x, self.alpha) for part, x in self.pictures.items()}
        key = {part: hashlib.sha256(x.numpy().tobytes()).hexdigest() for part, x in stored.items()}
        describe = lambda: {part: net.describe(x) for part, x in stored.items()}
        self.features = draws.cached(folder / "real.safetensors", key, describe)
        self.count(torch.where(few, 0.0, source.shares.double()))

    def count(self, shares):
        """Sets the shares, here and in the sets; a class of share 0 does not count."""
        self.shares = shares / shares.sum()
        self.sets = {part: metric.PictureSet(self.features[part], self.labels[part], self.shares) for part in self.labels}
        self.within = {part: metric.mean_within(s) for part, s in self.sets.items()}

    def drawn(self, features, labels, count=None):
        """A PictureSet of the first count pictures."""
        return metric.PictureSet(features[:count], labels[:count], self.shares)

    def kid(self, x, part="held-out"):
        return metric.Kid(x, self.sets[part], self.within[part])

    def compare(self, x):
        """FD, precision, recall and coverage of x against the held-out pictures; they depend on the number of pictures."""
        held = self.sets["held-out"]
        return {"FD": metric.frechet(*metric.moments(x), *metric.moments(held))} | metric.coverage(x, held)

    def like_drawn(self, count):
        """As many training pictures with the classes' shares; fewer where a class has no more."""
        training, rows = self.sets["training"], []
        left = [(training.labels == c).nonzero().flatten().tolist() for c in range(len(self.shares))]
        for label in draws.label_order(self.shares, count).tolist():
            if not left[label]:
                break
            rows.append(left[label].pop())
        return training.subset(torch.tensor(rows))

    def floor(self, count):
        """What real pictures get: training against held-out; KID training: one half of it against the other."""
        training = self.sets["training"]
        by_class = training.labels.argsort(stable=True)
        halves = training.subset(by_class[0::2]), training.subset(by_class[1::2])
        chosen = self.like_drawn(count)
        row = {"pictures": len(training), "FD pictures": len(chosen)}
        return row | kid_row("KID", self.kid(training)) | kid_row("KID training", metric.Kid(*halves)) | self.compare(chosen)


def kid_row(name, kid):
    """KID x 1000 and half of its 95 % interval."""
    return {name: 1000 * kid.value, name + " interval": 1000 * kid.interval}
