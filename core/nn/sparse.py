"""Products of sparse matrices whose pattern stays while their numbers change, with gradients, for layers on graphs.

A pattern is sorted, transposed and repeated for heads once; a training step only moves numbers. Apple's devices have no
sparse rows in torch: there the same sums are made with `index_add`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

Shape = tuple[int, int]

with warnings.catch_warnings():  # torch says once a process that sparse rows may change; every use below is tested
    warnings.simplefilter("ignore")
    torch.sparse_csr_tensor(torch.tensor([0, 0]), torch.tensor([], dtype=torch.int64), torch.tensor([]), (1, 1))


def without_sparse_rows(device: torch.device) -> bool:
    """Whether products must be written out on this device."""
    return device.type == "mps"


@dataclass(eq=False)
class Pattern:
    """Places of a sparse matrix's entries, in the order of rows, then columns; no place twice.

    rows, columns: (entries,) int64. The derived indices are int32, which the products read faster.
    """

    rows: Tensor
    columns: Tensor
    shape: Shape

    def __post_init__(self) -> None:
        """Check the order, which everything below relies on."""
        places = self.rows * self.shape[1] + self.columns
        if len(places) and not bool((places.diff() > 0).all()):
            raise ValueError(
                "The entries of a pattern must be sorted by row, then column, without repeats. Use Pattern.sorted."
            )

    @classmethod
    def sorted(cls, rows: Tensor, columns: Tensor, shape: Shape) -> Pattern:
        """The pattern with these places; one that is named twice is there once."""
        places = torch.unique(rows * shape[1] + columns)  # sorted
        return cls(places // shape[1], places % shape[1], shape)

    @cached_property
    def starts(self) -> Tensor:
        """(rows + 1,): where each row begins among the entries, and the end."""
        return _starts(self.rows, self.shape[0])

    @cached_property
    def row(self) -> Tensor:
        """(entries,) int32."""
        return self.rows.int()

    @cached_property
    def column(self) -> Tensor:
        """(entries,) int32."""
        return self.columns.int()

    @cached_property
    def turned(self) -> tuple[Tensor, Tensor, Tensor]:
        """The transpose: starts and columns as above, and which of our entries each of its entries is."""
        order = torch.argsort(self.columns, stable=True)
        return _starts(self.columns[order], self.shape[1]), self.row[order], order

    @cached_property
    def _repeats(self) -> dict[int, Pattern]:
        return {1: self}

    def repeated(self, times: int) -> Pattern:
        """The pattern so often along the diagonal of a larger matrix: one block a head, kept once made."""
        if times not in self._repeats:
            steps = torch.arange(times, device=self.rows.device)[:, None]
            rows, columns = self.rows + steps * self.shape[0], self.columns + steps * self.shape[1]
            shape = (times * self.shape[0], times * self.shape[1])
            self._repeats[times] = Pattern(rows.flatten(), columns.flatten(), shape)
        return self._repeats[times]

    def to(self, device: torch.device) -> Pattern:
        """The same places elsewhere."""
        return Pattern(self.rows.to(device), self.columns.to(device), self.shape)

    def multiply(self, values: Tensor, dense: Tensor) -> Tensor:
        """The matrix with these entries (entries,), times dense (columns, width)."""
        if without_sparse_rows(values.device):
            return _added(self.row, values[:, None] * dense[self.column], self.shape[0])
        return _rows(self.starts, self.column, values, self.shape) @ dense

    def multiply_turned(self, values: Tensor, dense: Tensor) -> Tensor:
        """The transpose of the matrix with these entries, times dense (rows, width)."""
        if without_sparse_rows(values.device):
            return _added(self.column, values[:, None] * dense[self.row], self.shape[1])
        starts, columns, order = self.turned
        return _rows(starts, columns, values.index_select(0, order), (self.shape[1], self.shape[0])) @ dense

    def pairs(self, left: Tensor, right: Tensor) -> Tensor:
        """(entries,): inner product of a row of left (rows, width) and one of right (columns, width), at each place."""
        if without_sparse_rows(left.device):
            return (left[self.row] * right[self.column]).sum(dim=1)
        empty = _rows(self.starts, self.column, left.new_zeros(len(self.rows)), self.shape)
        found: Tensor = torch.sparse.sampled_addmm(empty, left.contiguous(), right.mT).values()
        return found

    def to_entries(self, of_row: Tensor) -> Tensor:
        """(entries,): each entry's number of (rows,)."""
        return of_row.index_select(0, self.row)

    def row_sums(self, values: Tensor) -> Tensor:
        """(rows,): entries summed along each row."""
        return self.multiply(values, values.new_ones(self.shape[1], 1))[:, 0]

    def column_sums(self, values: Tensor) -> Tensor:
        """(columns,): entries summed along each column."""
        return self.multiply_turned(values, values.new_ones(self.shape[0], 1))[:, 0]

    def row_maxima(self, values: Tensor) -> Tensor:
        """(rows,): the largest entry of each row; what an empty row gets means nothing."""
        if values.device.type == "cpu":
            return torch.segment_reduce(values, "max", offsets=self.starts.long())
        return values.new_zeros(self.shape[0]).scatter_reduce(0, self.rows, values, "amax", include_self=False)


@dataclass(eq=False)
class Sparse:
    """A sparse matrix: a pattern and its entries (entries,)."""

    pattern: Pattern
    values: Tensor

    @classmethod
    def of(cls, dense: Tensor) -> Sparse:
        """The entries of a matrix that are not 0."""
        rows, columns = dense.nonzero(as_tuple=True)
        return cls(Pattern(rows, columns, (dense.shape[0], dense.shape[1])), dense[rows, columns])

    def to(self, device: torch.device) -> Sparse:
        """The same matrix elsewhere."""
        return Sparse(self.pattern.to(device), self.values.to(device))

    def dense(self) -> Tensor:
        """All of it, zeros too."""
        return self.values.new_zeros(self.pattern.shape).index_put(
            (self.pattern.rows, self.pattern.columns), self.values
        )

    def __matmul__(self, dense: Tensor) -> Tensor:
        return product(self.pattern, self.values, dense)


def product(pattern: Pattern, values: Tensor, dense: Tensor) -> Tensor:
    """The matrix with these entries, times dense (columns, width) -> (rows, width); gradients to entries and dense."""
    found: Tensor = _Product.apply(pattern, values, dense)
    return found


def attention(pattern: Pattern, of_row: Tensor, of_column: Tensor, slope: float) -> Tensor:
    """(entries,): softmax along each row of LeakyReLU(of_row + of_column), over the pattern's places alone.

    of_row: (rows,); of_column: (columns,); slope: of the LeakyReLU below 0.
    """
    found: Tensor = _Attention.apply(pattern, of_row, of_column, slope)
    return found


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pattern: Pattern, values: Tensor, dense: Tensor) -> Tensor:
        ctx.pattern = pattern
        ctx.save_for_backward(values, dense)
        return pattern.multiply(values, dense)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor | None, Tensor | None]:
        values, dense = ctx.saved_tensors
        to_values = ctx.pattern.pairs(gradient, dense) if ctx.needs_input_grad[1] else None
        to_dense = ctx.pattern.multiply_turned(values, gradient) if ctx.needs_input_grad[2] else None
        return None, to_values, to_dense


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pattern: Pattern, of_row: Tensor, of_column: Tensor, slope: float) -> Tensor:
        scores = of_row.index_select(0, pattern.row) + of_column.index_select(0, pattern.column)
        bent = F.leaky_relu(scores, slope)
        powers = bent.sub_(pattern.to_entries(pattern.row_maxima(bent))).exp_()
        weights = powers.div_(pattern.to_entries(pattern.row_sums(powers)))
        ctx.pattern, ctx.slope = pattern, slope
        ctx.save_for_backward(weights, scores)
        return weights

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor, Tensor, None]:
        weights, scores = ctx.saved_tensors
        shares = weights * gradient
        to_bent = shares.addcmul_(weights, ctx.pattern.to_entries(ctx.pattern.row_sums(shares)), value=-1)
        to_scores = torch.where(scores > 0, to_bent, ctx.slope * to_bent)
        return None, ctx.pattern.row_sums(to_scores), ctx.pattern.column_sums(to_scores), None


def _starts(rows: Tensor, count: int) -> Tensor:
    counts = torch.bincount(rows, minlength=count)
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)]).int()


def _rows(starts: Tensor, columns: Tensor, values: Tensor, shape: Shape) -> Tensor:
    return torch.sparse_csr_tensor(starts, columns, values, shape, check_invariants=False)


def _added(index: Tensor, values: Tensor, count: int) -> Tensor:
    return values.new_zeros(count, values.shape[1]).index_add_(0, index, values)
