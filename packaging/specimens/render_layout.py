"""What lies on the table of a rendered photo and where the camera stands; lengths in mm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import render_looks as looks
import render_shapes as shapes
from numpy.typing import NDArray
from render_shapes import Mesh, Points, Rng

# What a mask holds; as in ../shared/data/specimens.
SPECIMEN, CUBE, LABEL, SECOND, CLEAR, CLUTTER = 1, 2, 3, 4, 5, 6
STYLES = {"catalogue": 0.3, "hard": 0.5, "negative": 0.2}
HARD = ("touching", "cube_behind", "cube_in_front", "shadow", "clutter")
NEGATIVE = ("no_cube", "two_specimens", "capsule", "cubic_pyrite_no_cube", "only_cube")
GRID_MM = 700
SENSOR_MM = 36.0


@dataclass(eq=False)
class Thing:
    """Parts of one object where they lie (mm), their materials, and its value in the mask."""

    parts: list[Mesh]
    materials: list[Any]
    value: int

    @property
    def points(self) -> Points:
        return np.concatenate([part.points for part in self.parts])

    def moved(self, turn: float, to: Points) -> Thing:
        parts = [p.moved(shapes.turn_z(turn), np.append(to, 0.0)) for p in self.parts]
        return Thing(parts, self.materials, self.value)


def specimen(rng: Rng, size: float, value: int = SPECIMEN) -> Thing:
    kind = rng.choice(["rock", "rock", "botryoidal", "slab", "crystals", "crystals", "single"])
    if kind == "crystals":
        parts = shapes.crystals_on_matrix(rng)
    elif kind == "single":
        parts = shapes.single_crystal(rng)
    else:
        parts = [getattr(shapes, str(kind))(rng)]
    parts = shapes.rested(parts, size)
    materials = [looks.stone(rng, size)]
    if kind == "crystals":
        materials.append(looks.crystal(rng, size * 0.3))
    elif kind == "single":
        materials = [looks.crystal(rng, size), looks.stone(rng, size)]
    return Thing(parts, materials[: len(parts)], value)


def cube(rng: Rng) -> Thing:
    mesh = shapes.metal_cube(rng)
    return Thing([mesh], [looks.steel(rng, looks.cube_mark(rng))], CUBE)


def label(rng: Rng, scale: float) -> Thing:
    size = (
        scale * rng.uniform(0.5, 1.4),
        scale * rng.uniform(0.25, 0.75),
        rng.choice([0.4, 0.4, 3]),
    )
    material = looks.printed(looks.label_picture(rng, size[:2]))
    return Thing([shapes.box(size)], [material], LABEL)


def clutter(rng: Rng, scale: float) -> Thing:
    """A ruler, a coin, a pencil, tweezers, a card box, or a sheet with writing."""
    kind = rng.choice(["ruler", "coin", "pencil", "tweezers", "card_box", "sheet"])
    if kind == "ruler":
        mesh = shapes.box((rng.uniform(120, 310), rng.uniform(20, 35), rng.uniform(1, 3)))
        return Thing([mesh], [looks.printed(looks.ruler_picture(rng), rough=0.4)], CLUTTER)
    if kind == "coin":
        metal = looks.hsv(rng, (0.05, 0.14), (0.0, 0.6), (0.4, 0.9))
        mesh = shapes.disc(rng.uniform(8, 16), rng.uniform(1.2, 2.5))
        bump = rng.uniform(0, 0.8)
        return Thing([mesh], [looks.plain(metal, rough=0.35, metal=1.0, bump=bump)], CLUTTER)
    if kind == "pencil":
        colour = looks.hsv(rng, (0, 1), (0.5, 0.95), (0.4, 0.95))
        return Thing([shapes.pencil(rng)], [looks.plain(colour, rough=0.35)], CLUTTER)
    if kind == "tweezers":
        grey = rng.uniform(0.35, 0.85)
        return Thing(
            [shapes.tweezers(rng)], [looks.plain((grey,) * 3, rough=0.3, metal=1.0)], CLUTTER
        )
    if kind == "card_box":
        size = (rng.uniform(40, 110), rng.uniform(40, 90), rng.uniform(12, 40))
        colour = looks.hsv(rng, (0.05, 0.15), (0.0, 0.35), (0.4, 0.95))
        return Thing([shapes.box(size)], [looks.plain(colour, rough=0.8)], CLUTTER)
    size = (scale * rng.uniform(0.8, 1.5), scale * rng.uniform(0.6, 1.2), 0.3)
    return Thing([shapes.box(size)], [looks.printed(looks.label_picture(rng, size[:2]))], CLUTTER)


def capsule(rng: Rng, inside: Thing) -> Thing:
    """A clear box about a small specimen, on a dark or light foot."""
    low, high = inside.points.min(0), inside.points.max(0)
    x, y, z = (high - low) * rng.uniform(1.15, 1.5) + 2
    walls = shapes.box((x, y, z))
    foot = shapes.box((x * 1.02, y * 1.02, z * rng.uniform(0.06, 0.2)))
    tone = (0.08,) * 3 if rng.random() < 0.6 else (0.85,) * 3
    return Thing([walls, foot], [looks.clear(), looks.plain(tone, rough=0.5)], CLEAR)


class Ground:
    """What of the table is taken, a pixel a millimetre."""

    def __init__(self) -> None:
        self.taken = np.zeros((GRID_MM, GRID_MM), np.uint8)

    def put(self, thing: Thing, *, angle: float, gap: float, start: float) -> Points:
        """Where ``thing`` lies, pushed out from the middle along ``angle`` until it is free."""
        away = np.array([np.cos(angle), np.sin(angle)])
        taken = cv2.dilate(self.taken, np.ones((2 * int(gap) + 1,) * 2, np.uint8))
        hull = _hull(thing)
        reach = start
        while reach < GRID_MM and (self._mask(hull + away * reach) & taken).any():
            reach += 0.5
        return away * reach

    def take(self, thing: Thing) -> None:
        self.taken |= self._mask(_hull(thing))

    def _mask(self, hull: Points) -> NDArray[np.uint8]:
        mask = np.zeros_like(self.taken)
        cv2.fillConvexPoly(mask, np.rint(hull + GRID_MM / 2).astype(np.int32), 1)
        return mask


def _hull(thing: Thing) -> Points:
    """Its outline from above, convex, [n, 2] in mm."""
    return cv2.convexHull(thing.points[:, :2].astype(np.float32))[:, 0].astype(float)


@dataclass
class Plan:
    """What is in one photo, and how it is taken."""

    style: str
    mode: str | None
    things: list[Thing]
    tilt: float
    lens: float
    main: list[Thing]


def planned(rng: Rng, *, style: str | None = None, largest_mm: float = 220) -> Plan:
    """Choose the objects and lay them on the table; the camera looks towards +y. With a small
    ``largest_mm`` of the specimen the cube is large in the photo."""
    style = style or str(rng.choice(list(STYLES), p=list(STYLES.values())))
    mode = str(rng.choice({"hard": HARD, "negative": NEGATIVE}.get(style, [""]))) or None
    tilt = float(np.radians(rng.uniform(0, 48) if rng.random() < 0.6 else rng.uniform(0, 12)))
    if mode in ("cube_behind", "cube_in_front"):
        tilt = float(np.radians(rng.uniform(22, 48)))
    size = float(np.exp(rng.uniform(np.log(9), np.log(largest_mm))))
    scale = max(size, shapes.CUBE_MM)
    ground, main = Ground(), []
    zero = np.zeros(2)
    if mode == "cubic_pyrite_no_cube":
        edge = float(rng.uniform(15, 60))
        mesh = shapes.metal_cube(rng, edge)
        main.append(Thing([mesh], [looks.pyrite_cube(rng, edge)], SPECIMEN))
    elif mode != "only_cube":
        size = min(size, 40) if mode == "capsule" else size
        main.append(specimen(rng, size))
    if main:
        main[0] = main[0].moved(rng.uniform(0, 6.3), zero)
        ground.take(main[0])
    if mode == "capsule":
        main.append(capsule(rng, main[0]))
        ground.take(main[-1])
    if mode not in ("no_cube", "cubic_pyrite_no_cube"):
        angle, gap, start = _beside(rng, mode, scale)
        _lay(ground, main, cube(rng), rng.uniform(0, 1.57), angle, gap, start)
    if mode == "two_specimens":
        other = specimen(rng, size * rng.uniform(0.4, 1.2), SECOND)
        _lay(ground, main, other, rng.uniform(0, 6.3), rng.uniform(0, 6.3), scale * 0.05, 0)
    if rng.random() < 0.72:
        turn = rng.normal(0, 0.1)
        _lay(ground, main, label(rng, scale), turn, rng.uniform(0, 6.3), scale * 0.06, scale * 0.2)
    things = list(main)
    count = {"clutter": 4, "negative": 0, "catalogue": 0}.get(mode if style == "hard" else style, 2)
    for _ in range(int(rng.integers(min(count, 1), count + 1))):
        piece = clutter(rng, scale)
        _lay(
            ground,
            things,
            piece,
            rng.uniform(0, 6.3),
            rng.uniform(0, 6.3),
            2,
            scale * rng.uniform(0, 0.9),
        )
    lens = float(rng.uniform(32, 85))
    return Plan(style, mode, things, tilt, lens, main)


def _beside(rng: Rng, mode: str | None, scale: float) -> tuple[float, float, float]:
    """Direction, gap and first distance of the cube from the specimen."""
    if mode == "cube_behind":
        return np.pi / 2 + rng.normal(0, 0.35), 0, 0
    if mode == "cube_in_front":
        return -np.pi / 2 + rng.normal(0, 0.35), rng.uniform(0, 3), 0
    if mode == "touching":
        return rng.uniform(0, 6.3), 0, 0
    return rng.uniform(0, 6.3), scale * rng.uniform(0.02, 0.3) + 1, 0


def _lay(ground: Ground, among: list[Thing], thing: Thing, turn: float, angle: float, gap: float,
         start: float) -> None:  # fmt: skip
    thing = thing.moved(turn, np.zeros(2))
    thing = thing.moved(0, ground.put(thing, angle=angle, gap=gap, start=start))
    ground.take(thing)
    among.append(thing)


class Camera:
    """A pinhole over the table: rows right, down and forward of ``axes``; lengths in mm."""

    def __init__(self, plan: Plan, size: tuple[int, int], rng: Rng) -> None:
        self.size = size
        self.focal_px = plan.lens / SENSOR_MM * max(size)
        tilt, turn = plan.tilt, rng.normal(0, 0.06)
        forward = np.array([0, np.sin(tilt), -np.cos(tilt)])
        right = np.array([1.0, 0, 0])
        down = np.cross(forward, right)
        c, s = np.cos(turn), np.sin(turn)
        self.axes = np.array([c * right + s * down, c * down - s * right, forward])
        points = np.concatenate([t.points for t in plan.main])
        room = rng.uniform(0.78, 0.95)
        middle = (points.min(0) + points.max(0)) / 2
        distance = 3000.0
        for _ in range(12):
            self.at = middle - distance * forward
            seen = self.pixels(points)
            low, high = seen.min(0), seen.max(0)
            fill = ((high - low) / self.size).max() / room
            centred = (low + high) / 2 - np.array(self.size) / 2
            middle = middle + (self.axes[:2].T @ (centred / self.focal_px)) * distance
            distance *= fill
        self.at = middle - distance * forward

    def pixels(self, points: Points) -> Points:
        x, y, z = ((points - self.at) @ self.axes.T).T
        z = np.maximum(z, 1.0)
        return np.column_stack([x / z, y / z]) * self.focal_px + np.array(self.size) / 2

    def px_per_mm(self, point: Points) -> float:
        return float(self.focal_px / ((point - self.at) @ self.axes[2]))

    def flat(self, points: Points) -> Points:
        """Orthographic projection along the optical axis, mm."""
        return (points - self.at) @ self.axes[:2].T


def truth(plan: Plan, camera: Camera) -> dict[str, Any]:
    row: dict[str, Any] = {
        "style": plan.style,
        "hard_mode": plan.mode if plan.style == "hard" else None,
        "negative_reason": plan.mode if plan.style == "negative" else None,
        "camera": {"tilt_deg": round(float(np.degrees(plan.tilt)), 2), "lens_mm": plan.lens},
        "specimen": None, "cube": None, "cube_present": False,
    }  # fmt: skip
    for thing in plan.main:
        middle = (thing.points.min(0) + thing.points.max(0)) / 2
        if thing.value == SPECIMEN:
            sides = cv2.minAreaRect(camera.flat(thing.points).astype(np.float32))[1]
            row["specimen"] = {
                "apparent_length_mm": max(sides), "apparent_width_mm": min(sides),
                "height_mm": float(np.ptp(thing.points[:, 2])),
                "px_per_mm": camera.px_per_mm(middle),
            }  # fmt: skip
        elif thing.value == CUBE:
            row["cube"] = {"px_per_mm": camera.px_per_mm(middle)}
            row["cube_present"] = True
    return row
