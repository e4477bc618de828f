"""Shapes of the rendered photos: stones, crystals, the cube, labels and clutter, as meshes in mm.

A shape is a list of parts (vertices [V, 3], faces); a part's first corner of uv is with its face.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

Points = NDArray[np.float64]
Rng = np.random.Generator
CUBE_MM = 25.4


@dataclass(eq=False)
class Mesh:
    """Vertices in mm, faces as lists of indices, and a uv (0…1) for each corner of each face."""

    points: Points
    faces: list[list[int]]
    uv: list[tuple[float, float]] = field(default_factory=list)
    smooth: bool = False

    def moved(self, matrix: Points, shift: Points) -> Mesh:
        return Mesh(self.points @ matrix.T + shift, self.faces, self.uv, self.smooth)


def joined(meshes: list[Mesh]) -> Mesh:
    points, faces, count = [], [], 0
    for mesh in meshes:
        points.append(mesh.points)
        faces += [[i + count for i in face] for face in mesh.faces]
        count += len(mesh.points)
    return Mesh(np.concatenate(points), faces, smooth=meshes[0].smooth)


def turn_z(angle: float) -> Points:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def turn_any(rng: Rng) -> Points:
    """A uniformly random rotation."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else -q


def facing(direction: Points, rng: Rng) -> Points:
    """A rotation that takes z to ``direction``, with a random turn about it."""
    z = direction / np.linalg.norm(direction)
    x = np.cross(z, rng.normal(size=3))
    x /= np.linalg.norm(x)
    return np.column_stack([x, np.cross(z, x), z])


def value_noise(p: Points, seed: int) -> Points:
    """Smooth noise in -1…1 at points [V, 3]."""
    i = np.floor(p).astype(np.int64)
    f = p - i
    f = f * f * (3 - 2 * f)
    out = np.zeros(len(p))
    for corner in np.ndindex(2, 2, 2):
        h = ((i + corner) * (374761393, 668265263, 2147483647)).sum(1) + seed * 1274126177
        h = (h & 0xFFFFFFFF) ^ ((h & 0xFFFFFFFF) >> 13)
        h = (h * 1274126177) & 0xFFFFFFFF
        value = ((h ^ (h >> 16)) & 0xFFFF) / 32767.5 - 1
        out += value * np.where(corner, f, 1 - f).prod(1)
    return out


def fractal(p: Points, seed: int, octaves: int, gain: float = 0.5) -> Points:
    return sum(
        (gain**o * value_noise(p * 2.0**o + 17.3 * o, seed + o) for o in range(octaves)),
        np.zeros(len(p)),
    )


def sphere(count: int) -> Mesh:
    """A unit sphere of ``count`` evenly spread points."""
    k = np.arange(count) + 0.5
    height, angle = 1 - 2 * k / count, np.pi * (1 + 5**0.5) * k
    ring = np.sqrt(1 - height**2)
    points = np.column_stack([ring * np.cos(angle), ring * np.sin(angle), height])
    faces = ConvexHull(points).simplices
    a, b, c = points[faces[:, 0]], points[faces[:, 1]], points[faces[:, 2]]
    inward = (np.cross(b - a, c - a) * a).sum(1) < 0
    faces[inward] = faces[inward][:, ::-1]
    return Mesh(points, faces.tolist(), smooth=True)


_BALL = sphere(24000)


def _body(rng: Rng, planes: int, sharp: float) -> Points:
    """The ball cut by planes: radius along each direction."""
    normals = rng.normal(size=(planes, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    depth = np.maximum(_BALL.points @ normals.T, 0) / rng.uniform(0.62, 1.05, planes)
    depth = np.column_stack([depth, np.full(len(depth), 0.7)])
    most = depth.max(1, keepdims=True)
    radius = 1 / (most[:, 0] * ((depth / most) ** sharp).sum(1) ** (1 / sharp))
    return _BALL.points * radius[:, None]


def rock(rng: Rng) -> Mesh:
    """A broken or rounded stone with a rough surface."""
    seed = int(rng.integers(1 << 30))
    p = _body(rng, int(rng.integers(6, 16)), rng.uniform(4, 40))
    p = p * [1, rng.uniform(0.55, 0.98), rng.uniform(0.35, 0.85)]
    bumps = rng.uniform(0.02, 0.1) * fractal(
        p * rng.uniform(1.5, 4), seed, 5, rng.uniform(0.4, 0.65)
    )
    return Mesh(p * (1 + bumps)[:, None], _BALL.faces, smooth=True)


def botryoidal(rng: Rng) -> Mesh:
    """Grape-like bubbles over a lump, as malachite and turquoise grow."""
    p = _body(rng, 9, 8) * [1, rng.uniform(0.65, 0.98), rng.uniform(0.4, 0.8)]
    centres = _BALL.points[rng.choice(len(p), int(rng.integers(25, 110)), replace=False)]
    near = (_BALL.points @ centres.T).max(1)
    width = 2.2 / len(centres) ** 0.5
    bubble = np.sqrt(np.maximum(0, 1 - (np.arccos(np.clip(near, -1, 1)) / width) ** 2))
    rough = 1 + 0.01 * fractal(p * 6, int(rng.integers(1 << 30)), 3)
    return Mesh(p * ((0.85 + 0.2 * bubble) * rough)[:, None], _BALL.faces, smooth=True)


def slab(rng: Rng) -> Mesh:
    """A plate of slate or schist, layered at its rim."""
    seed = int(rng.integers(1 << 30))
    count = int(rng.integers(5, 9))
    angles = np.sort(rng.uniform(0, 2 * np.pi, count))
    thick = rng.uniform(0.1, 0.3)
    normals = np.column_stack([np.cos(angles), np.sin(angles), rng.normal(0, 0.1, count)])
    normals = np.concatenate([normals, [[0, 0, 1], [0, 0, -1]]])
    reach = np.concatenate([rng.uniform(0.55, 1, count), [thick, thick]])
    depth = (np.maximum(_BALL.points @ normals.T, 0) / reach).max(1)
    p = np.clip(_BALL.points / np.maximum(depth, 0.6)[:, None], -1.6, 1.6)
    p[:, 1] *= rng.uniform(0.45, 0.95)
    ragged = rng.uniform(0.02, 0.09) * fractal(p * [3, 3, 14], seed, 3)
    p[:, :2] *= (1 + ragged)[:, None]
    p[:, 2] += 0.015 * fractal(p * 4, seed + 5, 3)
    return Mesh(p, _BALL.faces, smooth=True)


def box(size: tuple[float, float, float]) -> Mesh:
    """A box standing on z = 0, each face with the whole picture as its uv."""
    x, y, z = size[0] / 2, size[1] / 2, size[2]
    points = [(i, j, k) for i in (-x, x) for j in (-y, y) for k in (0, z)]
    faces = [[1, 5, 7, 3], [0, 2, 6, 4], [0, 4, 5, 1], [6, 2, 3, 7], [2, 0, 1, 3], [4, 6, 7, 5]]
    corners = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
    return Mesh(np.array(points, float), faces, corners * 6)


def prism(rng: Rng, sides: int, *, thin: float) -> Mesh:
    """A crystal along z with a pyramid at its end; length 1."""
    angles = np.arange(sides) * 2 * np.pi / sides
    ring = np.column_stack([np.cos(angles), np.sin(angles)]) * thin
    ring *= rng.uniform(0.85, 1.15, (sides, 1))
    neck = rng.uniform(0.6, 0.85)
    tip = np.array([[*(rng.uniform(-0.3, 0.3, 2) * thin), 1.0]])
    low = np.column_stack([ring, np.zeros(sides)])
    high = np.column_stack([ring, np.full(sides, neck) + rng.uniform(-0.05, 0.05, sides)])
    faces = [[i, (i + 1) % sides, sides + (i + 1) % sides, sides + i] for i in range(sides)]
    faces += [[sides + i, sides + (i + 1) % sides, 2 * sides] for i in range(sides)]
    faces.append(list(range(sides))[::-1])
    return Mesh(np.concatenate([low, high, tip]), faces)


def _grown(rng: Rng, matrix: Mesh, one: Callable[[], Mesh], *, upright: float) -> Mesh:
    """Crystals on the upper side of a lump."""
    top = np.flatnonzero(matrix.points[:, 2] > np.quantile(matrix.points[:, 2], 0.35))
    centre = matrix.points.mean(0)
    grown = []
    for index in rng.choice(top, int(rng.integers(8, 45)), replace=False):
        root = matrix.points[index]
        out = (root - centre) * [1, 1, 1.5]
        out = out / np.linalg.norm(out) + upright * rng.normal(size=3)
        size = np.exp(rng.normal(np.log(0.3), 0.35))
        grown.append(one().moved(facing(out, rng) * size, root - 0.12 * size * out))
    return joined(grown)


def crystals_on_matrix(rng: Rng) -> list[Mesh]:
    """[lump, its crystals]: quartz points, or cubes of pyrite, galena or fluorite."""
    matrix = rock(rng)
    if rng.random() < 0.5:
        thin = rng.uniform(0.16, 0.3)
        crystals = _grown(rng, matrix, lambda: prism(rng, 6, thin=thin), upright=0.35)
    else:
        crystals = _grown(rng, matrix, lambda: box((0.7, 0.7, 0.7)), upright=0.8)
    return [matrix, crystals]


def single_crystal(rng: Rng) -> list[Mesh]:
    """A long crystal lying down, perhaps with a foot of matrix."""
    crystal = prism(rng, int(rng.choice([4, 6, 6, 8])), thin=rng.uniform(0.09, 0.2))
    down = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0.0]])
    parts = [crystal.moved(down, np.zeros(3))]
    if rng.random() < 0.5:
        parts.append(rock(rng).moved(np.eye(3) * rng.uniform(0.14, 0.24), np.zeros(3)))
    return parts


def metal_cube(rng: Rng, edge: float = CUBE_MM) -> Mesh:
    """A cube with narrow bevels; the uv of the faces is the whole mark."""
    bevel = rng.uniform(0.15, 0.6)
    core = box((edge, edge, edge))
    half = edge / 2
    points, faces, uv = [], [], []
    for face, corners in zip(core.faces, np.reshape(core.uv, (6, 4, 2)), strict=True):
        middle = core.points[face].mean(0)
        normal = (middle - (0, 0, half)) / half
        inset = core.points[face] + (middle - core.points[face]) / half * bevel
        start = len(points)
        points += list(inset)
        faces.append([start, start + 1, start + 2, start + 3])
        uv += [tuple(c) for c in corners]
        assert abs(abs(normal).sum() - 1) < 1e-9
    where = np.array(points)
    hull = ConvexHull(where)
    for simplex, equation in zip(hull.simplices, hull.equations, strict=True):
        if np.abs(equation[:3]).max() < 0.99:
            a, b, c = where[simplex]
            flip = np.cross(b - a, c - a) @ equation[:3] < 0
            faces.append([int(i) for i in (simplex[::-1] if flip else simplex)])
            uv += [(0.5, 0.97)] * 3
    return Mesh(where, faces, uv)


def disc(radius: float, height: float, sides: int = 64) -> Mesh:
    angles = np.arange(sides) * 2 * np.pi / sides
    ring = np.column_stack([np.cos(angles), np.sin(angles)]) * radius
    low, high = (np.column_stack([ring, np.full(sides, z)]) for z in (0.0, height))
    faces = [[i, (i + 1) % sides, sides + (i + 1) % sides, sides + i] for i in range(sides)]
    faces += [list(range(sides))[::-1], list(range(sides, 2 * sides))]
    return Mesh(np.concatenate([low, high]), faces)


def pencil(rng: Rng) -> Mesh:
    """A hexagonal pencil lying along x."""
    radius, length = 3.6, rng.uniform(90, 175)
    stick = prism(rng, 6, thin=radius / length)
    lying = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0.0]]) * length
    return stick.moved(lying, np.array([-length / 2, 0, radius]))


def tweezers(rng: Rng) -> Mesh:
    """Two flat arms lying side by side."""
    gap, length = rng.uniform(5, 12), rng.uniform(90, 150)
    arm = box((length, rng.uniform(3, 6), rng.uniform(1, 5)))
    spread = rng.uniform(0, 0.05)
    return joined([arm.moved(turn_z(s * spread), np.array([0, s * gap / 2, 0.0])) for s in (-1, 1)])


def rested(mesh: list[Mesh], length: float) -> list[Mesh]:
    """The parts scaled to a longest side of ``length`` mm, centred, on z = 0 (a little sunk)."""
    every = np.concatenate([part.points for part in mesh])
    low, high = every.min(0), every.max(0)
    factor = length / (high - low).max()
    shift = -np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]]) * factor
    shift[2] -= 0.02 * (high[2] - low[2]) * factor
    return [part.moved(np.eye(3) * factor, shift) for part in mesh]
