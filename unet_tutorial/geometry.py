"""Sizes through the U: what a layer does to the side of a square map, in integers and without TensorFlow.

Sizes are sides in pixels. A level is counted from the top (1) to the bottom (depth + 1). With `padding="valid"`, the
paper's choice, two 3x3 convolutions cost four pixels a level; with `padding="same"` they cost none.
"""

import itertools

from ._shared.checks import as_size

CONVS_COST = 4  # two unpadded 3x3 convolutions


def layer_sizes(input_size: int, depth: int = 4, padding: str = "valid") -> list[int]:
    """Side of every map from the input to the last 3x3 convolution, in the order the data flows.

    Parameters
    ----------
    input_size : int
        Side of the input tile, in pixels.
    depth : int
        Number of 2x2 max-poolings.
    padding : {"valid", "same"}
        Padding of the 3x3 convolutions.

    Returns
    -------
    list of int
        Input, then two convolutions at each level of the contracting path with a pooling between levels, then an
        up-convolution and two convolutions at each level of the expanding path: 6 * depth + 3 entries. For 572 at
        depth 4 they are 572, 570, 568, 284, 282, 280, ..., 392, 390, 388.

    Raises
    ------
    ValueError
        A pooling would meet an odd size, or a convolution would find nothing to act on. Names the two nearest legal
        sizes.

    References
    ----------
    Ronneberger et al. 2015, section 2 and figure 1.

    Examples
    --------
    >>> layer_sizes(20, depth=1)
    [20, 18, 16, 8, 6, 4, 8, 6, 4]
    >>> layer_sizes(573)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: input size 573: ...; nearest legal sizes are 572 and 588
    """
    input_size = as_size(input_size, "input size")
    depth = as_size(depth, "depth")
    sizes, fault = _walk(input_size, depth, _cost(padding))
    if fault:
        raise ValueError(f"input size {input_size}: {fault}; {_nearest(input_size, depth, padding)}")
    return sizes


def output_size(input_size: int, depth: int = 4, padding: str = "valid") -> int:
    """Side of the output map: `input_size - 184` for the paper's net of depth 4. See `layer_sizes`.

    Examples
    --------
    >>> output_size(572), output_size(512, padding="same")
    (388, 512)
    """
    return layer_sizes(input_size, depth, padding)[-1]


def legal_input_sizes(minimum: int, maximum: int, depth: int = 4, padding: str = "valid") -> list[int]:
    """Every input size from `minimum` to `maximum`, both included, at which all poolings meet even sizes.

    Returns
    -------
    list of int
        188, 204, 220, ... at depth 4: all leave the remainder 12 when divided by 16. May be empty.

    References
    ----------
    Ronneberger et al. 2015, section 2, last paragraph.

    Examples
    --------
    >>> legal_input_sizes(550, 600)  # 572 is the paper's
    [556, 572, 588]
    """
    minimum, maximum = as_size(minimum, "minimum"), as_size(maximum, "maximum")
    depth, cost = as_size(depth, "depth"), _cost(padding)
    if minimum > maximum:
        raise ValueError(f"minimum {minimum}: must not exceed the maximum {maximum}")
    return [size for size in range(minimum, maximum + 1) if not _walk(size, depth, cost)[1]]


def crop_margins(input_size: int | None = None, depth: int = 4, padding: str = "valid") -> list[int]:
    """Pixels cut from each side of a skip connection's map, in the order of the expanding path.

    They are the same for all legal input sizes, so they are known where the size is left open.

    Parameters
    ----------
    input_size : int, optional
        Checked to be legal if given.
    depth : int
        Number of 2x2 max-poolings.
    padding : {"valid", "same"}
        Padding of the 3x3 convolutions. With "same" nothing is cut.

    Returns
    -------
    list of int
        One margin for each level, the deepest first: 4, 16, 40 and 88 at depth 4 (64 -> 56, 136 -> 104, 280 -> 200,
        568 -> 392 for the tile of 572).

    Raises
    ------
    ValueError
        As `layer_sizes`.

    References
    ----------
    Ronneberger et al. 2015, section 2 and figure 1.

    Examples
    --------
    >>> crop_margins()
    [4, 16, 40, 88]
    """
    if input_size is not None:
        layer_sizes(input_size, depth, padding)
    depth, cost = as_size(depth, "depth"), _cost(padding)
    return [_margin(level, depth) if cost else 0 for level in range(depth, 0, -1)]


def input_span(output_index: int, depth: int = 4, padding: str = "valid") -> tuple[int, int]:
    """First and last input pixel that can change one output pixel, along one axis.

    Computed by following the dependencies backwards: a 3x3 convolution widens the span by 2, pooling doubles it, and
    the up-convolution (kernel 2, stride 2) halves it. The skip connections are shorter ways within the same span.

    Parameters
    ----------
    output_index : int
        Position along one axis of the output map, 0 or more.
    depth : int
        Number of 2x2 max-poolings.
    padding : {"valid", "same"}
        Padding of the 3x3 convolutions.

    Returns
    -------
    tuple of int
        First and last index in the input tile, both included: output 0 at depth 4 sees 0 to 187, output 4 sees 0 to
        203. With "same" padding, indices outside the tile are where the zeros are.

    Examples
    --------
    >>> input_span(0), input_span(4)
    ((0, 187), (0, 203))
    >>> input_span(0, padding="same")  # negative: zeros beyond the edge of the tile
    (-94, 93)
    """
    output_index = as_size(output_index, "output index", minimum=0)
    depth, cost = as_size(depth, "depth"), _cost(padding)
    return _span_below(output_index, output_index, 1, depth, cost)


def context_margin(depth: int = 4, padding: str = "valid") -> int:
    """Pixels along each side of a tile that serve as context only.

    Parameters
    ----------
    depth : int
        Number of 2x2 max-poolings.
    padding : {"valid", "same"}
        Padding of the 3x3 convolutions.

    Returns
    -------
    int
        "valid": the border that the output lacks, (input - output) / 2, or 92 at depth 4. "same": the border of the
        output that depends on the zeros around the tile, 94 at depth 4.

    References
    ----------
    Ronneberger et al. 2015, section 2 and figure 2 (overlap-tile strategy; valid padding only).

    Examples
    --------
    >>> [context_margin(depth) for depth in (1, 2, 3, 4)]  # each level more than doubles it
    [8, 20, 44, 92]
    """
    depth = as_size(depth, "depth")
    if padding == "valid":
        return _margin(1, depth) + CONVS_COST
    return next(index for index in itertools.count() if input_span(index, depth, padding)[0] >= 0)


def receptive_field(depth: int = 4) -> tuple[int, int]:
    """Side of the input region seen by one output pixel: the smallest and the largest over the output's phases.

    Returns
    -------
    tuple of int
        (188, 204) at depth 4. Which of the two holds depends on the output index modulo 2 ** depth.

    Examples
    --------
    >>> [receptive_field(depth) for depth in (1, 2, 3, 4)]
    [(18, 18), (44, 44), (92, 100), (188, 204)]
    """
    spans = [input_span(index, depth) for index in range(2 ** as_size(depth, "depth"))]
    sides = [last - first + 1 for first, last in spans]
    return min(sides), max(sides)


def _cost(padding):
    if padding not in ("valid", "same"):
        raise ValueError(f"padding {padding!r}: must be 'valid' or 'same'")
    return CONVS_COST if padding == "valid" else 0


def _walk(size, depth, cost):
    """Sizes until something breaks, and what breaks ('' if nothing does)."""
    sizes = [size]

    def convolve(size, where):
        if size - cost < 1:
            return size, f"{where} the two 3x3 convolutions would get only {size} px"
        sizes.extend([size - cost // 2, size - cost])
        return size - cost, ""

    for level in range(1, depth + 1):
        size, fault = convolve(size, f"at level {level}")
        if not fault and size % 2:
            fault = f"after level {level} the 2x2 pooling would meet the odd size {size}"
        if fault:
            return sizes, fault
        size //= 2
        sizes.append(size)
    size, fault = convolve(size, "at the bottom")
    for level in range(depth, 0, -1):
        if fault:
            break
        size *= 2
        sizes.append(size)
        size, fault = convolve(size, f"on the way up, at level {level},")
    return sizes, fault


def _nearest(size, depth, padding):
    cost = _cost(padding)
    for smallest in itertools.count(1 + cost):  # side at the bottom, then at the input
        for _ in range(depth):
            smallest = 2 * smallest + cost
        if not _walk(smallest, depth, cost)[1]:
            break
    if size < smallest:
        return f"the smallest legal size is {smallest}"
    below = smallest + (size - smallest) // 2**depth * 2**depth
    return f"nearest legal sizes are {below} and {below + 2**depth}"


def _margin(level, depth):
    """Crop margin of a level: what is lost below it, on one side and counted in pixels of that level."""
    below = CONVS_COST // 2
    for _ in range(depth - level):
        below = 2 * below + CONVS_COST
    return 2 * below


def _span_below(first, last, level, depth, cost):
    """Span at the input of `level` of the span `first`..`last` at its output on the expanding path."""
    before, after = (0, CONVS_COST) if cost else (CONVS_COST // 2, CONVS_COST // 2)
    first, last = first - before, last + after
    if level == depth + 1:
        return first, last
    below_first, below_last = _span_below(first // 2, last // 2, level + 1, depth, cost)
    return 2 * below_first - before, 2 * below_last + 1 + after  # the skip connection's way lies within
