"""Sums without rounding, so that neither order nor partition shows: two halves add up to the very bits of the whole.

A float64 is a whole number of 53 bits times a power of two, hence a multiple of 2^-1075.  A sum is kept as that
multiple, in words of 32 bits each (Kulisch's long accumulator): adding is adding integers, and rounding is done once,
at the end.
"""

import math

import numpy as np

from kdelab.loss.runtime import compiled
from kdelab.loss.validate import Floats, Integers, one_form

WORDS = 68  # of 32 bits: the largest float's top bit is number 2098, and 2^31 of them may be added
UNIT = 1 << 1075  # a sum is a whole number of these parts


def exact_sums(values: Floats, counts: Floats) -> Integers:
    """Return sum_i counts_i values_i of finite numbers, each product rounded, without any further rounding.

    Parameters
    ----------
    values : array (n, columns)
    counts : array (n,)

    Returns
    -------
    array of int (columns, WORDS)
        Such arrays of several parts may be added up, in any order; `rounded` says what they stand for.

    Raises
    ------
    ValueError
        If a product isn't finite.
    """
    words = np.zeros((values.shape[1], WORDS), dtype=np.int64)
    if not _add(one_form(values), one_form(counts), words):
        raise ValueError("values must be finite, and so must be their products with counts")
    return words


def rounded(words: Integers) -> Floats:
    """Return the float64 nearest to each sum, (columns,)."""
    return np.array([_rounded(row.tolist()) for row in words])


def total(values: Floats) -> float:
    """Return the sum of a vector, rounded once."""
    return float(rounded(exact_sums(values[:, None], np.ones(len(values))))[0])


def _rounded(row: list[int]) -> float:
    whole = 0
    for word in reversed(row):
        whole = (whole << 32) + word
    try:
        return whole / UNIT  # of integers: rounded correctly
    except OverflowError:
        return math.inf if whole > 0 else -math.inf


@compiled(fastmath=False)
def _add(values: Floats, counts: Floats, words: Integers) -> bool:
    """Add all products to the words: each has its bits in two of them, or three; then carry, so that there is room.

    Return whether all were finite.
    """
    low, highest = np.uint64(0xFFFFFFFF), np.uint64(0)
    for i in range(len(values)):
        for f in range(values.shape[1]):
            bits = np.float64(values[i, f] * counts[i]).view(np.uint64)
            raised = (bits >> np.uint64(52)) & np.uint64(0x7FF)
            highest = max(highest, raised)
            digits = bits & np.uint64(0xFFFFFFFFFFFFF)
            if raised > 0:
                digits |= np.uint64(1) << np.uint64(52)
            else:
                raised = np.uint64(1)
            word, shift = raised >> np.uint64(5), raised & np.uint64(31)
            begin = (digits & low) << shift  # below 2^63
            end = (digits >> np.uint64(32)) << shift  # below 2^52
            middle = (begin >> np.uint64(32)) + (end & low)
            sign = np.int64(1) - np.int64(2) * np.int64(bits >> np.uint64(63))
            here = words[f]
            here[word] += sign * np.int64(begin & low)
            here[word + np.uint64(1)] += sign * np.int64(middle)
            here[word + np.uint64(2)] += sign * np.int64(end >> np.uint64(32))
    for f in range(len(words)):
        carry = np.int64(0)
        for k in range(words.shape[1] - 1):
            raised_by = words[f, k] + carry
            carry = raised_by >> 32
            words[f, k] = raised_by - (carry << 32)
        words[f, -1] += carry
    return bool(highest < np.uint64(0x7FF))
