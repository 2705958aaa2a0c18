"""How far a set of pictures x (drawn) is from a set y (real), by features [n, d], and how alike two pictures are.

Both sets have classes, of which each counts by its share p_c and not by how many of its pictures there are: a picture of
class c weighs p_c / n_c. Then neither set must be drawn with replacement, and no class count adds noise.

KID (Binkowski et al. 2018, arXiv 1801.01401): the squared maximum mean discrepancy with the kernel (x.y / d + 1)^3,
unbiased: over all pairs of different pictures (the mean over subsets without their noise). Its interval is the
delete-a-group jackknife over GROUPS groups of x (the seeds) and of y. FD (Heusel et al. 2017, arXiv 1706.08500): the
Frechet distance of two Gaussians; biased upwards at small counts. Precision and recall: Kynkaanniemi et al. 2019
(arXiv 1904.06991), 3 neighbours. Coverage: Naeem et al. 2020 (arXiv 2002.09797), 5 neighbours.
"""

import torch

GROUPS = 20
MANIFOLD_NEIGHBOURS, COVERAGE_NEIGHBOURS = 3, 5
LEAST = 3  # pictures of a class in a set: a jackknife group takes one, and a pair must be left


class PictureSet:
    """Features [n, d], labels [n] and the classes' shares [classes] (a share of 0: left out)."""

    def __init__(self, features, labels, shares):
        self.shares = shares.double() / shares.sum()
        kept = self.shares[labels] > 0
        self.features, self.labels = features[kept].double(), labels[kept]
        self.counts = self.labels.bincount(minlength=len(shares))
        few = (self.shares > 0) & (self.counts < LEAST)
        if few.any():
            raise ValueError(f"classes {few.nonzero().flatten().tolist()} have fewer than {LEAST} pictures of {len(labels)}")
        self.weights = (self.shares / self.counts.clamp(min=1))[self.labels]
        # every class goes around the groups
        group = torch.empty_like(self.labels)
        group[self.labels.argsort(stable=True)] = torch.arange(len(self.labels)) % GROUPS
        cells = group * len(shares) + self.labels
        self.cells = torch.nn.functional.one_hot(cells, GROUPS * len(shares)).double()

    def __len__(self):
        return len(self.labels)

    def subset(self, rows):
        return PictureSet(self.features[rows], self.labels[rows], self.shares)



def kernel(x, y):
    return (x @ y.T / x.shape[1] + 1) ** 3


def cell_sums(x, y):
    """Sums of the kernel by group and class of x and of y: [GROUPS, classes, GROUPS, classes]."""
    classes = len(x.shares)
    return (x.cells.T @ kernel(x.features, y.features) @ y.cells).reshape(GROUPS, classes, GROUPS, classes)


def deletions():
    """Which groups count, [GROUPS + 1, GROUPS]: all of them, then all but one."""
    return torch.cat([torch.ones(1, GROUPS), 1 - torch.eye(GROUPS)]).double()


def mean_within(x):
    """Mean kernel of pairs of different pictures of x, for every line of deletions()."""
    classes, keep = len(x.shares), deletions()
    sums = torch.einsum("kg,gahb,kh->kab", keep, cell_sums(x, x), keep)
    own = kernel_of_itself(x) @ x.cells
    n = keep @ x.cells.sum(0).reshape(GROUPS, classes)
    sums -= torch.diag_embed(keep @ own.reshape(GROUPS, classes))
    pairs = n[:, :, None] * n[:, None, :] - torch.diag_embed(n)
    return (sums / pairs.clamp(min=1)) @ x.shares @ x.shares


def kernel_of_itself(x):
    return (x.features.square().mean(1) + 1) ** 3


class Kid:
    """KID of x against y; equal seeds in two of them make their difference more certain than either."""

    def __init__(self, x, y, within_y=None):
        """within_y: mean_within(y), where it is known already."""
        classes, keep = len(x.shares), deletions()
        sums = cell_sums(x, y)
        n, m = (keep @ s.cells.sum(0).reshape(GROUPS, classes) for s in (x, y))
        across = lambda kept, n, m: (kept / (n[:, :, None] * m[:, None, :]).clamp(min=1)) @ y.shares @ x.shares
        no_x = across(torch.einsum("kg,gahb->kab", keep, sums), n, m[:1])
        no_y = across(torch.einsum("gahb,kh->kab", sums, keep), n[:1], m)
        x_in, y_in = mean_within(x), mean_within(y) if within_y is None else within_y
        self.by_x = x_in + y_in[0] - 2 * no_x
        self.by_y = x_in[0] + y_in - 2 * no_y

    def __sub__(self, other):
        result = object.__new__(Kid)
        result.by_x, result.by_y = self.by_x - other.by_x, self.by_y - other.by_y
        return result

    @property
    def value(self):
        return self.by_x[0].item()

    @property
    def interval(self):
        """Half of the 95 % interval."""
        variance = 0.0
        for by in (self.by_x, self.by_y):
            left = by[1:]
            variance += (GROUPS - 1) / GROUPS * (left - left.mean()).square().sum().item()
        return 1.96 * variance**0.5


def root(matrix):
    """The square root of a symmetric matrix without negative eigenvalues."""
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T


def moments(x):
    """Weighted mean [d] and unbiased covariance [d, d]."""
    mean = x.weights @ x.features
    centred = x.features - mean
    return mean, (centred.T * x.weights) @ centred / (1 - x.weights.square().sum())


def frechet(mean_x, cov_x, mean_y, cov_y):
    """|mean_x - mean_y|^2 + tr(cov_x + cov_y - 2 (cov_x cov_y)^(1/2)); that trace is a sum of singular values."""
    shared = torch.linalg.svdvals(root(cov_x) @ root(cov_y)).sum()
    return ((mean_x - mean_y).square().sum() + cov_x.trace() + cov_y.trace() - 2 * shared).item()


def neighbour_distances(x, k):
    """Distance from every picture to its k-th nearest other one, [n]."""
    return torch.cdist(x.features, x.features).kthvalue(k + 1).values  # the first is itself


def coverage(x, y):
    """precision, recall, coverage, each in [0, 1]."""
    apart = torch.cdist(x.features, y.features)
    precision = (apart <= neighbour_distances(y, MANIFOLD_NEIGHBOURS)).any(1).double() @ x.weights
    recall = (apart <= neighbour_distances(x, MANIFOLD_NEIGHBOURS)[:, None]).any(0).double() @ y.weights
    covered = (apart <= neighbour_distances(y, COVERAGE_NEIGHBOURS)).any(0).double() @ y.weights
    return {"precision": precision.item(), "recall": recall.item(), "coverage": covered.item()}


def psnr(x, y):
    """Of every picture, [n]: 10 log10 (2^2 / mean square difference) in dB, over all channels; values in [-1, 1]."""
    error = (x - y).double().flatten(1).square().mean(1)
    return 10 * torch.log10(4 / error.clamp(min=1e-12))
