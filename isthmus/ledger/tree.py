"""The Merkle tree of RFC 9162, section 2.1, over leaf hashes: growing it, and proving things about it.

Every hash is SHA-256, 32 bytes. A node is named (level, index): the perfect subtree over the leaves from
index * 2^level on. Functions here know nothing of files; whoever proves hands in a function that finds nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256

EMPTY = sha256(b"").digest()
STORED = 8  # every eighth level is kept in a file, so that a proof hashes some hundred nodes, not the whole log

_inner = sha256(b"\x01").copy  # copying a started hash costs a third less than starting one
FindNode = Callable[[int, int], bytes]


def join(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node (RFC 9162, section 2.1.1)."""
    node = _inner()
    node.update(left + right)
    return node.digest()


class Frontier:
    """The right edge of a growing tree: one hash for each perfect subtree. Appending costs one hash for each leaf.

    `grown` collects (level, hash) of each node that became whole on a stored level; whoever keeps them empties it.
    """

    __slots__ = ("_peaks", "grown", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        """Go on from a tree of `size` leaves with these peaks, largest first."""
        self.size = size
        levels = (level for level in range(size.bit_length() - 1, -1, -1) if size >> level & 1)
        self._peaks = dict(zip(levels, peaks, strict=True))  # by level
        self.grown: list[tuple[int, bytes]] = []

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """Hashes of the perfect subtrees, largest first."""
        return tuple(self._peaks[level] for level in sorted(self._peaks, reverse=True))

    def extend(self, leaves: list[bytes]) -> None:
        """Add leaf hashes, level by level: cheaper for a group than one by one."""
        nodes, level, peaks = leaves, 0, self._peaks
        self.size += len(leaves)
        while nodes:
            if level in peaks:
                nodes = [peaks.pop(level), *nodes]
            if len(nodes) & 1:
                peaks[level] = nodes[-1]
            pairs = iter(nodes)
            nodes = [join(left, right) for left, right in zip(pairs, pairs)]  # noqa: B905  # an odd one out waits
            level += 1
            if level % STORED == 0 and nodes:
                self.grown.extend((level, node) for node in nodes)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        self.extend([leaf])

    def root(self) -> bytes:
        """The tree's root as it stands."""
        return fold(list(self.peaks))


def fold(peaks: list[bytes]) -> bytes:
    """The root over perfect subtrees, largest first; also the node over 2^k equal ones."""
    if not peaks:
        return EMPTY
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = join(peak, root)
    return root


def lift(nodes: list[bytes]) -> bytes:
    """The node over 2^k neighbours of one level."""
    while len(nodes) > 1:
        nodes = [join(nodes[at], nodes[at + 1]) for at in range(0, len(nodes), 2)]
    return nodes[0]


def peak_names(size: int) -> list[tuple[int, int]]:
    """Names of the perfect subtrees of a tree of `size` leaves, largest first."""
    names, start = [], 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            names.append((level, start >> level))
            start += 1 << level
    return names


def root_of(find: FindNode, start: int, end: int) -> bytes:
    """MTH of the leaves from `start` to `end` (not included), where `start` is where a subtree begins."""
    size = end - start
    if size & (size - 1) == 0:
        return find(size.bit_length() - 1, start // size)
    split = 1 << ((size - 1).bit_length() - 1)
    return join(root_of(find, start, start + split), root_of(find, start + split, end))


def inclusion(find: FindNode, leaf: int, size: int) -> list[bytes]:
    """The inclusion proof of leaf number `leaf` in the tree of `size` leaves (RFC 9162, section 2.1.3.1)."""
    if not 0 <= leaf < size:
        raise ValueError("the leaf is not in this tree")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        split = start + (1 << ((end - start - 1).bit_length() - 1))
        if leaf < split:
            path.append(root_of(find, split, end))
            end = split
        else:
            path.append(root_of(find, start, split))
            start = split
    path.reverse()
    return path


def consistency(find: FindNode, old: int, size: int) -> list[bytes]:
    """The proof that the tree of `size` leaves continues the one of `old` leaves (RFC 9162, section 2.1.4.1)."""
    if not 0 < old <= size:
        raise ValueError("an older tree has between 1 and as many leaves")
    path: list[bytes] = []
    start, end = 0, size
    while old != end:
        split = start + (1 << ((end - start - 1).bit_length() - 1))
        if old <= split:
            path.append(root_of(find, split, end))
            end = split
        else:
            path.append(root_of(find, start, split))
            start = split
    if start:
        path.append(root_of(find, start, end))
    path.reverse()
    return path


def continues(old: int, size: int, old_root: bytes, root: bytes, path: list[bytes]) -> bool:
    """Whether a consistency proof holds (RFC 9162, section 2.1.4.2). `old` is at least 1."""
    if old == size:
        return not path and old_root == root
    if not path or not 0 < old < size:
        return False
    steps = [old_root, *path] if old & (old - 1) == 0 else path
    first, last = old - 1, size - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    left = right = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            left, right = join(step, left), join(step, right)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            right = join(right, step)
        first, last = first >> 1, last >> 1
    return last == 0 and left == old_root and right == root
