"""Correlations and principal components of small matrices, without LAPACK: the same digits on every machine.

Not here: weights from them (weigh), judgements on them (cohere), statistics of one series (statistics).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from pipelines.index.rank import Floats
from pipelines.index.scope import Mask
from pipelines.index.statistics import CACHED, total

SWEEPS = 60
ITERATIONS = 100_000
SMALL = 1e-12


class Eigen(NamedTuple):
    """Eigenvalues (k,) in descending order, and their vectors of length one as columns (k, k)."""

    values: Floats
    vectors: Floats


class Principal(NamedTuple):
    """The largest eigenvalue of a positive matrix and its vector (k,), summing to 1."""

    value: float
    vector: Floats


def correlation(columns: Floats, rows: Literal["pairwise", "complete"] = "pairwise") -> Floats:
    """Correlate columns with each other (Pearson).

    In: (rows, k), NaN missing. Each pair over the rows that have both (`pairwise`), or over the rows that have all
    columns (`complete`). Out: (k, k), symmetric, from -1 to 1; NaN for fewer than two such rows and where a column is
    constant over them, on the diagonal too. The order of rows changes no digit.
    Source: Pearson's r = sum dx dy / sqrt(sum dx^2 sum dy^2).
    """
    present = ~np.isnan(columns)
    if rows == "complete":
        columns, present = columns[present.all(axis=1)], present[present.all(axis=1)]
    n, k = columns.shape
    result = np.full((k, k), np.nan)
    if n < 2:
        return result
    # a power of two changes no digit, and keeps the squares of very large and very small values within range
    size = np.abs(np.where(present, columns, 0.0)).max(axis=0)
    series = np.ascontiguousarray(np.ldexp(columns, -np.frexp(size)[1]).T)
    seen = np.ascontiguousarray(present.T)
    block = max(1, CACHED // n)
    for i in range(k):
        for first in range(i, k, block):
            others = slice(first, min(first + block, k))
            result[i, others] = result[others, i] = _correlated(series[i], series[others], seen[i] & seen[others])
        result[i, i] = np.where(np.isnan(result[i, i]), np.nan, 1.0)
    return result


def _correlated(x: Floats, others: Floats, both: Mask) -> Floats:
    """Correlate one series (rows,) with others (k, rows) over the rows chosen for each."""
    dx, x_varies = _centred(x, both)
    dy, y_varies = _centred(others, both)
    with np.errstate(invalid="ignore", divide="ignore"):
        r = total(dx * dy, -1) / (np.sqrt(total(dx * dx, -1)) * np.sqrt(total(dy * dy, -1)))
    return np.where(x_varies & y_varies, np.clip(r, -1.0, 1.0), np.nan)


def _centred(x: Floats, both: Mask) -> tuple[Floats, Mask]:
    """Deviations from the mean over the chosen rows (0 elsewhere), and whether there are two different values."""
    n = np.maximum(np.count_nonzero(both, axis=-1), 1)
    low = np.where(both, x, np.inf).min(axis=-1)
    high = np.where(both, x, -np.inf).max(axis=-1)
    mean = total(np.where(both, x, 0.0), -1) / n
    return np.where(both, x - mean[:, None], 0.0), np.asarray(low < high)


def eigen(matrix: Floats) -> Eigen:
    """Eigenvalues and vectors of a symmetric matrix by cyclic Jacobi rotations.

    In: (k, k), symmetric, finite. Out: values in descending order; vectors of length one, each turned so that its
    elements sum above 0 (where they sum to 0, so that the first that is not 0 is positive).
    Source: Golub and Van Loan, Matrix Computations, section 8.5 (Jacobi methods, parallel ordering).
    """
    k = len(matrix)
    a = np.array(matrix, dtype=np.float64)
    vectors = np.eye(k)
    rounds = _rounds(k)
    for _ in range(SWEEPS):
        beside = np.abs(a)
        scale = beside.max(initial=0.0)
        np.fill_diagonal(beside, 0.0)
        if beside.max(initial=0.0) <= 1e-18 * scale:
            break
        for p, q in rounds:
            _rotate(a, vectors, p, q)
    values = a.diagonal().copy()
    order = np.argsort(-values, kind="stable")
    vectors = vectors[:, order]
    for vector in vectors.T:
        whole = sum(vector.tolist())
        first = vector[np.argmax(np.abs(vector) > SMALL)] if k else 0.0
        if whole < -SMALL or (abs(whole) <= SMALL and first < 0):
            vector *= -1.0
    return Eigen(values[order], vectors + 0.0)


def _rounds(k: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """All pairs of k numbers in rounds of pairs that have no number in common (the table of a tournament)."""
    even = k + k % 2
    seats = list(range(even))
    rounds = []
    for _ in range(even - 1):
        pairs = [sorted((seats[i], seats[-1 - i])) for i in range(even // 2)]
        played = sorted(pair for pair in pairs if pair[1] < k)
        if played:
            rounds.append((np.array([p for p, _ in played]), np.array([q for _, q in played])))
        seats = [seats[0], seats[-1], *seats[1:-1]]
    return rounds


def _rotate(a: Floats, vectors: Floats, p: np.ndarray, q: np.ndarray) -> None:
    """Turn rows and columns p against q so that a[p, q] becomes 0, in place, all pairs of a round at once."""
    apq, app, aqq = a[p, q], a[p, p], a[q, q]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        theta = (aqq - app) / (2.0 * apq)
        t = np.where(theta < 0, -1.0, 1.0) / (np.abs(theta) + np.sqrt(theta * theta + 1.0))
    t = np.where(apq == 0, 0.0, t)
    c = 1.0 / np.sqrt(t * t + 1.0)
    s = t * c
    up, uq = a[p], a[q]
    a[p], a[q] = c[:, None] * up - s[:, None] * uq, s[:, None] * up + c[:, None] * uq
    for each in (a, vectors):
        left, right = each[:, p], each[:, q]
        each[:, p], each[:, q] = c * left - s * right, s * left + c * right
    a[p, p], a[q, q] = app - t * apq, aqq + t * apq
    a[p, q] = a[q, p] = 0.0


def principal(matrix: Floats) -> Principal:
    """Largest eigenvalue and its vector of a matrix of positive numbers, by power iteration.

    In: (k, k), all above 0. Out: the vector is positive and sums to 1.
    Source: Perron-Frobenius; Saaty (1980) for matrices of comparisons.
    """
    k = len(matrix)
    vector = np.full(k, 1.0 / k)
    value = 0.0
    for _ in range(ITERATIONS):
        image = np.zeros(k)
        for j in range(k):
            image += matrix[:, j] * vector[j]
        value = sum(image.tolist())
        image /= value
        moved = np.abs(image - vector).max()
        vector = image
        if moved <= 2e-16:
            break
    return Principal(value, vector)
