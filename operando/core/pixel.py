"""The arithmetic of one pixel's fit, as programs that `lanes` compiles for many at once.

The work horse is the sweep operator (Beaton 1964; Goodnight, Am. Stat. 33 (1979) 149). The
normal equations with their right side,

    [ AᵀWA  AᵀWy ]    swept on the set F of columns, hold    -(A_FᵀWA_F)⁻¹ in F,F;
    [ yᵀWA    ·  ]                                           the solution t_F in F,y;
                                                             the slope A_GᵀW (y - At) in G,y,

G being the columns outside: one operation in place of a factorisation, two triangular solves and
an inverse. A pixel that does not have column k in its set passes over the k-th sweep. If Σ t over
the phases is given, its Lagrange multiplier is one more unknown: the row [h 0 | Σt], h = 1 for
phases and 0 for background, is swept last, and the same entries then hold the constrained
solution and its covariance.

A set of columns is right (Karush, Kuhn and Tucker) if no t in it is negative and no slope outside
it is positive. Columns are brought to unit length and y too, so that all of these are of order one.
"""

from __future__ import annotations

from collections.abc import Callable

from operando.core.lanes import Number, root, where
from operando.core.shape import Shape

__all__ = [
    "LITHIUM",
    "accumulate",
    "add_slope",
    "answer",
    "correct",
    "judge",
    "normalise",
    "propose",
    "solution",
    "survey",
]

_Numbers = list[Number]
_Matrix = list[list[Number]]
_Scalars = Callable[[int], Number]

_NAN = float("nan")
_HUGE = 1e30
_INFINITE = float("inf")

_SLOPE, _PIVOT, _TRUSTED_PIVOT, _TRUSTED_MARGIN, _TRUSTED_SIZE, LITHIUM = range(6)
"""Where the constants of a fit stand; from `LITHIUM` on, the lithium content of each phase."""


def accumulate(  # noqa: PLR0913, PLR0917 - a program names the rows it reads
    shape: Shape,
    column: _Scalars,
    energy: _Numbers,
    gram: _Numbers,
    right: _Numbers,
    norm: _Numbers,
    energies: _Numbers,
) -> tuple[_Numbers, ...]:
    """Add one energy to the sums; `column(k)` is the model there, `energy` is y and its variance.

    That becomes y and its weight, both zero if either is not usable.
    """
    measured, variance = energy
    is_usable = (measured > -_INFINITE) & (measured < _INFINITE) & (variance > 0.0) & (variance < _INFINITE)
    y, weight = where(is_usable, measured, 0.0), where(is_usable, 1.0 / variance, 0.0)
    at = [column(k) for k in range(shape.columns)]
    weighted = [weight * value for value in at]
    products = [weighted[i] * at[j] for i in range(shape.columns) for j in range(i + 1)]
    return (
        [y, weight],
        [total + product for total, product in zip(gram, products, strict=True)],
        [total + value * y for total, value in zip(right, weighted, strict=True)],
        [norm[0] + weight * y * y],
        [energies[0] + where(is_usable, 1.0, 0.0)],
    )


def normalise(
    shape: Shape, _: _Scalars, gram: _Numbers, right: _Numbers, norm: _Numbers, total: _Numbers
) -> tuple[_Numbers, _Numbers, _Numbers, _Numbers]:
    """Bring columns and y to unit length; returns scale, norm, normal matrix and the set of all."""
    product = _square(gram, shape.columns)
    columns = range(shape.columns)
    length = where(norm[0] > 0.0, root(norm[0]), 1.0)
    scale = [where(product[k][k] > 0.0, 1.0 / root(product[k][k]), 0.0) for k in columns]
    normal = [
        [
            where(scale[i] > 0.0, 1.0, 0.0) if i == j else product[i][j] * scale[i] * scale[j]
            for j in range(i + 1)
        ]
        for i in columns
    ]
    side = [right[k] * scale[k] / length for k in columns]
    if shape.has_total:
        # Any factor will do for this row; with this one its first entry is 1.
        factor = 1.0 / scale[0]
        normal.append([scale[k] * factor if k < shape.phases else 0.0 for k in columns] + [0.0])
        side.append(total[0] / length * factor)
    normal.append([*side, 1.0])
    inside = [1.0 for _ in columns]
    return scale, [length], [value for row in normal for value in row], inside


def survey(  # noqa: PLR0913, PLR0917 - a program names the rows it reads
    shape: Shape,
    constant: _Scalars,
    normal: _Numbers,
    inside: _Numbers,
    scale: _Numbers,
    energies: _Numbers,
    total: _Numbers,
) -> tuple[_Numbers, ...]:
    """Judge the set of all columns, and whether there is anything to fit.

    Returns the next set, is_open, nearest, pivot and covariance. The errors come from here whatever
    set is found: a phase at its bound is not known to be absent, only not to be negative. So does
    the smallest pivot, since those of a smaller set are no smaller.
    """
    matrix = _square(normal, shape.order)
    smallest = _sweep_set(shape, matrix, inside)
    is_fit = (energies[0] >= shape.energies_needed) & (smallest > constant(_PIVOT))
    if shape.has_total:
        is_fit = is_fit & (total[0] >= 0.0) & (total[0] < _INFINITE)
    pivot = where(is_fit, smallest, 0.0)
    return (
        *_judged(shape, matrix[-1], inside, pivot, constant(_SLOPE)),
        [pivot],
        _inverse(shape, matrix, scale),
    )


def propose(
    shape: Shape, constant: _Scalars, normal: _Numbers, inside: _Numbers, pivot: _Numbers
) -> tuple[_Numbers, ...]:
    """Judge a set of columns; returns the next set, is_open and nearest."""
    matrix = _square(normal, shape.order)
    _sweep_set(shape, matrix, inside)
    return _judged(shape, matrix[-1], inside, pivot[0], constant(_SLOPE))


def solution(
    shape: Shape,
    _: _Scalars,
    normal: _Numbers,
    inside: _Numbers,
    scale: _Numbers,
    norm: _Numbers,
) -> tuple[_Numbers, _Numbers]:
    """Return t and the inverse of AᵀWA over the set, in the units of the model; zero outside it."""
    swept = _square(normal, shape.order)
    _sweep_set(shape, swept, inside)
    used = [where(inside[k] > 0.5, scale[k], 0.0) for k in range(shape.columns)]
    amount = [swept[-1][k] * norm[0] * used[k] for k in range(shape.columns)]
    return amount, _inverse(shape, swept, used)


def add_slope(
    shape: Shape, column: _Scalars, energy: _Numbers, amount: _Numbers, slope: _Numbers
) -> tuple[_Numbers, _Numbers]:
    """Add one energy to AᵀW (y - At)."""
    y, weight = energy
    weighted = weight * _residual(shape, column, y, amount)
    return energy, [total + column(k) * weighted for k, total in enumerate(slope)]


def correct(
    shape: Shape,
    _: _Scalars,
    inverse: _Numbers,
    slope: _Numbers,
    amount: _Numbers,
    total: _Numbers,
) -> tuple[_Numbers]:
    """Refine t once by its own residual: Δt = (AᵀWA)⁻¹ AᵀW (y - At).

    The squared condition number of the normal equations then enters squared and small, instead
    of once and large (Björck, Numerical Methods for Least Squares Problems, 1996, 6.6.5).
    """
    rows = _square(inverse, shape.columns)
    refined = [amount[k] + _sum_of(rows[k], slope) for k in range(shape.columns)]
    phases = [where(t > 0.0, t, 0.0) for t in refined[: shape.phases]]
    if shape.has_total:
        found = _sum(phases)
        rounding = where(found > 0.0, total[0] / found, 1.0)
        phases = [t * rounding for t in phases]
    return ([*phases, *refined[shape.phases :]],)


def judge(
    shape: Shape, column: _Scalars, energy: _Numbers, amount: _Numbers, sums: _Numbers
) -> tuple[_Numbers, _Numbers]:
    """Add one energy to Σ w r², Σ r² and Σ y²."""
    y, weight = energy
    r = _residual(shape, column, y, amount)
    # An energy that is not used has weight and y of zero.
    counted = where(weight > 0.0, r, 0.0)
    return energy, [sums[0] + weight * r * r, sums[1] + counted * counted, sums[2] + y * y]


def answer(  # noqa: PLR0913, PLR0917 - a program names the rows it reads
    shape: Shape,
    constant: _Scalars,
    energies: _Numbers,
    inside: _Numbers,
    is_open: _Numbers,
    nearest: _Numbers,
    pivot: _Numbers,
    scale: _Numbers,
    norm: _Numbers,
    amount: _Numbers,
    covariance: _Numbers,
    sums: _Numbers,
) -> tuple[_Numbers]:
    """Return all that is said about a pixel, NaN where nothing is.

    x, its σ, Σt, its σ, χ² per degree of freedom, R-factor, fractions, their σ, background; then
    the energies used, whether it is solved, whether that is doubtful, and the set as a sum of
    2^phase. First-order errors: var(g) = ∇gᵀ C ∇g.
    """
    phases = range(shape.phases)
    spread = _square(covariance, shape.columns)
    known = (pivot[0] > 0.0) & (is_open[0] < 0.5)
    largest = 0.0 * norm[0]
    for k in range(shape.columns):
        size = where(amount[k] < 0.0, -amount[k], amount[k])
        largest = where(size > largest * scale[k], size / scale[k], largest)
    # Amounts far below what the length of y allows are differences of large numbers.
    is_small = (largest > 0.0) & (largest <= constant(_TRUSTED_SIZE) * norm[0])
    is_clear = (pivot[0] > constant(_TRUSTED_PIVOT)) & (nearest[0] * pivot[0] > constant(_TRUSTED_MARGIN))
    is_trusted = known & is_clear & ~is_small
    content = [constant(LITHIUM + s) for s in phases]
    thickness = _sum([amount[s] for s in phases])
    row_sum = [_sum([spread[s][r] for r in phases]) for s in phases]
    thickness_variance = _sum(row_sum)
    has_x = known & (thickness > 0.0)
    per_thickness = where(has_x, 1.0 / thickness, 0.0)
    x = _sum_of(amount[: shape.phases], content) * per_thickness
    lever = [value - x for value in content]
    x_variance = _sum([_sum_of(spread[s][: shape.phases], lever) * lever[s] for s in phases])
    share = [amount[s] * per_thickness for s in phases]
    # ∂f_s/∂t_r = (δ_sr - f_s) / Σt, so this variance needs one row and two sums of C.
    share_variance = [
        spread[s][s] - 2.0 * share[s] * row_sum[s] + share[s] * share[s] * thickness_variance for s in phases
    ]
    freedom = energies[0] - _sum(inside) + float(shape.has_total)
    return (
        [
            where(has_x, x, _NAN),
            where(has_x, _root_of_positive(x_variance) * per_thickness, _NAN),
            where(known, thickness, _NAN),
            where(known, _root_of_positive(thickness_variance), _NAN),
            where(known & (freedom > 0.5), sums[0] / freedom, _NAN),
            where(known & (sums[2] > 0.0), sums[1] / sums[2], _NAN),
            *[where(has_x, value, _NAN) for value in share],
            *[where(has_x, _root_of_positive(variance) * per_thickness, _NAN) for variance in share_variance],
            *[where(known, amount[k], _NAN) for k in range(shape.phases, shape.columns)],
            energies[0],
            where(known, 1.0, 0.0),
            where((energies[0] < shape.energies_needed) | is_trusted, 0.0, 1.0),
            where(known, _sum([inside[s] * float(2**s) for s in phases]), 0.0),
        ],
    )


def _sweep_set(shape: Shape, matrix: _Matrix, inside: _Numbers) -> Number:
    """Sweep the normal matrix on the columns inside; returns the smallest of their pivots."""
    smallest = _HUGE
    for k in range(shape.columns):
        is_in = inside[k] > 0.5
        smallest = where(is_in & ~(matrix[k][k] > smallest), matrix[k][k], smallest)
        _sweep(matrix, k, is_in)
    if shape.has_total:
        _sweep(matrix, shape.columns, inside[0] >= 0.0)
    return smallest


def _judged(
    shape: Shape, result: _Numbers, inside: _Numbers, pivot: Number, tolerance: Number
) -> tuple[_Numbers, _Numbers, _Numbers]:
    """Exchange the columns that are on the wrong side (block principal pivoting).

    Also returns whether there were any, and how far the nearest of all is from its bound (by its t,
    or by its slope if it is outside). An undefined value counts as wrong; a right set stays.
    """
    wrong, nearest = 0.0, _HUGE
    following = list(inside)
    for k in range(shape.phases):
        is_in = inside[k] > 0.5
        is_right = (is_in & (result[k] >= 0.0)) | (~is_in & (result[k] <= tolerance))
        distance = where(is_in, result[k], -result[k])
        nearest = where(distance > nearest, nearest, distance)
        wrong = where(is_right, wrong, 1.0)
        following[k] = where(is_right, inside[k], 1.0 - inside[k])
    return following, [where(pivot > 0.0, wrong, 0.0)], [nearest]


def _inverse(shape: Shape, swept: _Matrix, scale: _Numbers) -> _Numbers:
    """Return the inverse of AᵀWA from a swept matrix, as a triangle."""
    return [-(swept[i][j] * scale[i] * scale[j]) for i in range(shape.columns) for j in range(i + 1)]


def _sweep(matrix: _Matrix, k: int, is_in: Number) -> None:
    """Sweep a symmetric matrix on its k-th pivot, in place, where the column is in the set."""
    order = range(len(matrix))
    column = list(matrix[k])
    inverse = where(is_in, 1.0 / column[k], 0.0)
    scaled = [value * inverse for value in column]
    for i in order:
        for j in range(i + 1):
            if k not in {i, j}:
                matrix[i][j] = matrix[j][i] = matrix[i][j] - scaled[i] * column[j]
    for i in order:
        matrix[i][k] = matrix[k][i] = where(is_in, scaled[i], column[i])
    matrix[k][k] = where(is_in, -inverse, column[k])


def _square(triangle: _Numbers, order: int) -> _Matrix:
    """Return the symmetric matrix whose lower triangle is given row by row."""
    return [
        [triangle[max(i, j) * (max(i, j) + 1) // 2 + min(i, j)] for j in range(order)] for i in range(order)
    ]


def _residual(shape: Shape, column: _Scalars, y: Number, amount: _Numbers) -> Number:
    for k in range(shape.columns):
        y = y - column(k) * amount[k]
    return y


def _sum(numbers: _Numbers) -> Number:
    total = numbers[0]
    for number in numbers[1:]:
        total = total + number
    return total


def _sum_of(left: _Numbers, right: _Numbers) -> Number:
    return _sum([a * b for a, b in zip(left, right, strict=True)])


def _root_of_positive(variance: Number) -> Number:
    """Return √variance; rounding may have left a true zero slightly negative."""
    return root(where(variance < 0.0, 0.0, variance))
