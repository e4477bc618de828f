"""Materials and printed pictures of the rendered photos, as Blender's shader nodes."""

from __future__ import annotations

import colorsys
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Rng = np.random.Generator
RGB = tuple[float, float, float]
FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf")
NAMES = (
    "Quartz",
    "Pyrite",
    "Galena",
    "Calcite",
    "Malachite",
    "Azurite",
    "Barite",
    "Beryl",
    "Topaz",
)
PLACES = ("Elba, Italy", "Kola Pen.", "Bisbee, Arizona", "Freiberg, Saxony", "Altai", "Cornwall")


def linear(rgb: RGB, times: float = 1.0) -> tuple[float, float, float, float]:
    """RGBA of light from an sRGB colour, its channels ``times`` as strong."""
    scaled = (c * times for c in rgb)
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in scaled)
    return r, g, b, 1.0


def hsv(rng: Rng, h: tuple[float, float], s: tuple[float, float], v: tuple[float, float]) -> RGB:
    r, g, b = colorsys.hsv_to_rgb(rng.uniform(*h) % 1, rng.uniform(*s), rng.uniform(*v))
    return r, g, b


class Look:
    """A material being put together."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.tree: Any = self.material.node_tree
        self.surface = self.tree.nodes["Principled BSDF"]
        self.where = self.tree.nodes.new("ShaderNodeTexCoord").outputs["Object"]

    def put(self, socket: Any, value: Any) -> None:
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, socket)
        else:
            socket.default_value = value

    def set(self, **values: Any) -> Look:
        for name, value in values.items():
            self.put(self.surface.inputs[name.replace("_", " ")], value)
        return self

    def stretched(self, scale: tuple[float, float, float], turn: float = 0.0) -> Any:
        node = self.tree.nodes.new("ShaderNodeMapping")
        self.put(node.inputs["Vector"], self.where)
        node.inputs["Scale"].default_value = scale
        node.inputs["Rotation"].default_value = (0, 0, turn)
        return node.outputs[0]

    def noise(self, scale: float, *, detail: float = 3, warp: float = 0, at: Any = None) -> Any:
        node = self.tree.nodes.new("ShaderNodeTexNoise")
        self.put(node.inputs["Vector"], self.where if at is None else at)
        node.inputs["Scale"].default_value = scale
        node.inputs["Detail"].default_value = detail
        node.inputs["Distortion"].default_value = warp
        return node.outputs[0]

    def cells(self, scale: float) -> Any:
        node = self.tree.nodes.new("ShaderNodeTexVoronoi")
        self.put(node.inputs["Vector"], self.where)
        node.inputs["Scale"].default_value = scale
        return node.outputs["Distance"]

    def ramp(self, value: Any, low: float, high: float, to: tuple[float, float] = (0, 1)) -> Any:
        node = self.tree.nodes.new("ShaderNodeMapRange")
        for socket, given in zip(node.inputs, (value, low, high, *to), strict=False):
            self.put(socket, given)
        return node.outputs[0]

    def mix(self, share: Any, a: Any, b: Any, how: str = "MIX") -> Any:
        node = self.tree.nodes.new("ShaderNodeMix")
        node.data_type, node.blend_type = "RGBA", how
        for index, value in ((0, share), (6, a), (7, b)):
            self.put(node.inputs[index], value)
        return node.outputs[2]

    def bump(self, height: Any, strength: float, distance: float) -> Look:
        node = self.tree.nodes.new("ShaderNodeBump")
        self.put(node.inputs["Height"], height)
        node.inputs["Strength"].default_value = strength
        node.inputs["Distance"].default_value = distance
        return self.set(Normal=node.outputs[0])

    def picture(self, pixels: NDArray[np.uint8]) -> Any:
        """An sRGB picture on the mesh's uv."""
        height, width = pixels.shape[:2]
        image = bpy.data.images.new("print", width, height)
        rgba = np.concatenate([pixels[::-1] / 255, np.ones((height, width, 1))], 2)
        image.pixels.foreach_set(rgba.astype(np.float32).ravel())
        image.pack()
        node = self.tree.nodes.new("ShaderNodeTexImage")
        node.image = image
        return node.outputs[0]


def stone(rng: Rng, size: float, tone: RGB | None = None) -> Any:
    """Mottled, veined, speckled or plain; dull or glossy; a mineral's colour or a rock's."""
    look = Look("stone")
    vivid = rng.random() < 0.4
    sat, val = ((0.35, 0.9), (0.2, 0.8)) if vivid else ((0.0, 0.35), (0.08, 0.9))
    first = tone or hsv(rng, (0, 1) if vivid else (0.0, 0.2), sat, val)
    colour: Any = linear(first)
    for _ in range(int(rng.integers(1, 4))):
        shift = float(rng.normal(0, 0.06))
        h, s, v = colorsys.rgb_to_hsv(*first)
        other = hsv(
            rng, (h + shift, h + shift), (s * 0.4, min(1, s * 1.3)), (v * 0.35, min(1, v * 1.8))
        )
        fine = np.exp(rng.uniform(0.5, 4)) / size
        if rng.integers(3) == 0:
            where = look.cells(fine)
        else:
            where = look.noise(fine, detail=rng.uniform(1, 8), warp=rng.uniform(0, 3))
        low = rng.uniform(0.3, 0.6)
        share = look.ramp(where, low, low + rng.uniform(0.02, 0.3))
        colour = look.mix(share, colour, linear(other))
    gloss = rng.uniform(0.05, 0.4) if rng.random() < 0.3 else rng.uniform(0.45, 0.95)
    metal = 0.9 if rng.random() < 0.06 else 0.0
    look.set(Base_Color=colour, Roughness=gloss, Metallic=metal)
    rough = look.noise(rng.uniform(10, 60) / size, detail=6)
    return look.bump(rough, rng.uniform(0.1, 0.9), size * rng.uniform(0.006, 0.05)).material


def crystal(rng: Rng, size: float) -> Any:
    """Golden pyrite, lead-grey galena, or a glassy coloured mineral."""
    look = Look("crystal")
    kind = rng.random()
    if kind < 0.3:
        gold = hsv(rng, (0.1, 0.17), (0.35, 0.7), (0.45, 0.9))
        look.set(Base_Color=linear(gold), Metallic=1.0, Roughness=rng.uniform(0.15, 0.45))
    elif kind < 0.42:
        grey = hsv(rng, (0.55, 0.7), (0, 0.12), (0.3, 0.7))
        look.set(Base_Color=linear(grey), Metallic=1.0, Roughness=rng.uniform(0.2, 0.45))
    else:
        a = hsv(rng, (0, 1), (0, 0.7), (0.25, 0.95))
        colour = look.mix(look.ramp(look.noise(4 / size), 0.35, 0.65), linear(a),
                          linear(a, 0.6))  # fmt: skip
        look.set(Base_Color=colour, Roughness=rng.uniform(0.05, 0.5))
    return look.bump(look.noise(25 / size), rng.uniform(0.02, 0.3), 0.01 * size).material


def pyrite_cube(rng: Rng, size: float) -> Any:
    """A crystal as large and as square as the reference cube: golden, pitted or striated."""
    look = Look("pyrite")
    gold = hsv(rng, (0.1, 0.17), (0.35, 0.75), (0.35, 0.75))
    fine = look.noise(rng.uniform(15, 60) / size, detail=5)
    colour = look.mix(look.ramp(fine, 0.5, 0.75), linear(gold), linear(gold, 0.6))
    look.set(Base_Color=colour, Metallic=1.0, Roughness=rng.uniform(0.25, 0.6))
    return look.bump(fine, rng.uniform(0.1, 0.6), 0.02 * size).material


def steel(rng: Rng, mark: NDArray[np.uint8] | None) -> Any:
    """Brushed, blotched or blank metal, light or dark, with a mark on each face or none."""
    look = Look("steel")
    grey = rng.uniform(0.35, 0.95)
    tint = rng.uniform(-0.02, 0.02)
    colour: Any = linear((grey * (1 + tint), grey, grey * (1 - tint)))
    kind = rng.integers(3)
    if kind == 0:
        fine = look.noise(1.0, detail=3, at=look.stretched((0.12, 4, 4), rng.uniform(-0.1, 0.1)))
    elif kind == 1:
        fine = look.noise(rng.uniform(0.2, 0.9), detail=4)
    else:
        fine = look.noise(6.0, detail=1)
    dark = rng.uniform(0.55, 0.95)
    colour = look.mix(look.ramp(fine, 0.4, 0.65), colour, linear((grey * dark,) * 3))
    if mark is not None:
        colour = look.mix(1.0, colour, look.picture(mark), "MULTIPLY")
    rough = look.ramp(fine, 0.3, 0.7, (rng.uniform(0.2, 0.35), rng.uniform(0.35, 0.55)))
    look.set(Base_Color=colour, Metallic=1.0, Roughness=rough)
    return look.bump(fine, rng.uniform(0.0, 0.12), 0.05).material


def printed(pixels: NDArray[np.uint8], *, rough: float = 0.7) -> Any:
    look = Look("print")
    return look.set(Base_Color=look.picture(pixels), Roughness=rough).material


def plain(rgb: RGB, *, rough: float, metal: float = 0.0, bump: float = 0.0) -> Any:
    look = Look("plain").set(Base_Color=linear(rgb), Roughness=rough, Metallic=metal)
    return look.bump(look.noise(0.7, detail=5), bump, 0.3).material


def clear() -> Any:
    return Look("clear").set(Alpha=0.12, Roughness=0.05, Base_Color=(0.8, 0.8, 0.8, 1)).material


def table(rng: Rng) -> tuple[str, Any]:
    """Name and material of what everything lies on."""
    name = str(rng.choice(["paper", "paper", "grey_paper", "felt", "felt", "wood", "black"]))
    look = Look(name)
    if name == "paper":
        colour: Any = linear(hsv(rng, (0, 1), (0, 0.08), (0.75, 0.97)))
    elif name == "grey_paper":
        colour = linear(hsv(rng, (0, 1), (0, 0.1), (0.3, 0.72)))
    elif name == "black":
        colour = linear(hsv(rng, (0, 1), (0, 0.15), (0.08, 0.18)))
    elif name == "felt":
        base = hsv(rng, *[((0.37, 0.47), (0.5, 0.9)), ((0.57, 0.64), (0.5, 0.9)),
                          ((0.95, 1.03), (0.4, 0.8))][rng.choice(3, p=[0.45, 0.45, 0.1])],
                   (0.2, 0.5))  # fmt: skip
        fibre = look.noise(rng.uniform(0.4, 1.5), detail=6)
        colour = look.mix(look.ramp(fibre, 0.35, 0.65), linear(base),
                          linear(base, 0.7))  # fmt: skip
        look.bump(fibre, rng.uniform(0.2, 0.6), 0.5)
    else:
        base = hsv(rng, (0.05, 0.1), (0.3, 0.65), (0.3, 0.75))
        grain = look.noise(1.0, detail=5, warp=rng.uniform(0, 2),
                           at=look.stretched((0.006, 0.1, 0.1), rng.uniform(0, 3.1)))  # fmt: skip
        colour = look.mix(look.ramp(grain, 0.35, 0.65), linear(base),
                          linear(base, 0.72))  # fmt: skip
    rough = rng.uniform(0.3, 0.6) if name == "wood" else rng.uniform(0.6, 1.0)
    return name, look.set(Base_Color=colour, Roughness=rough).material


def _font(rng: Rng, size: float) -> Any:
    return ImageFont.truetype(str(rng.choice(FONTS)), max(6, int(size)))


def label_picture(rng: Rng, size: tuple[float, float]) -> NDArray[np.uint8]:
    """A card or plate with a number, a name and a place; cream, white or black."""
    width, height = 640, int(640 * size[1] / size[0])
    dark = rng.random() < 0.2
    paper = hsv(rng, (0.09, 0.16), (0, 0.3), (0.82, 0.98))
    inks = [(25, 25, 30), (35, 35, 110), (60, 40, 30)]
    back, ink = tuple(int(c * 255) for c in paper), inks[rng.integers(3)]
    if dark:
        back, ink = (35, 35, 38), (225, 220, 205)
    image = Image.new("RGB", (width, height), back)
    draw = ImageDraw.Draw(image)
    if rng.random() < 0.4:
        draw.rectangle((10, 10, width - 11, height - 11), outline=ink, width=3)
    number = f"{rng.choice(['', 'No. ', '# ', 'M-', 'K-', 'FMM_1_'])}{rng.integers(100, 99999)}"
    lines = [
        number,
        str(rng.choice(NAMES)),
        str(rng.choice(PLACES)),
        f"coll. {rng.integers(1830, 2010)}",
    ]
    lines = lines[: int(rng.integers(1, 5))]
    step = height / (len(lines) + 0.6)
    for k, line in enumerate(lines):
        font = _font(rng, min(step * 0.75, width * 1.5 / max(len(line), 6)))
        draw.text((width / 2, step * (k + 0.8)), line, fill=ink, font=font, anchor="mm")
    return np.asarray(image)


def cube_mark(rng: Rng) -> NDArray[np.uint8] | None:
    """What is engraved on a face: a text, a scale, a frame, a groove, or nothing."""
    kind = rng.integers(6)
    if kind == 0:
        return None
    image = Image.new("RGB", (256, 256), "white")
    draw = ImageDraw.Draw(image)
    ink = (int(rng.integers(10, 90)),) * 3
    if kind in (1, 2):
        text = str(rng.choice(['1"', "1 inch", "1 IN", "cm", "25.4"]))
        draw.text((128, 128), text, fill=ink, font=_font(rng, rng.uniform(40, 90)), anchor="mm")
        image = image.rotate(int(rng.integers(4)) * 90)
    elif kind == 3:
        for k in range(26):
            draw.line(
                (5 + k * 9.7, 256, 5 + k * 9.7, 256 - (40 if k % 5 == 0 else 22)), fill=ink, width=2
            )
    elif kind == 4:
        draw.rectangle((25, 25, 230, 230), outline=ink, width=int(rng.integers(2, 5)))
    else:
        draw.line((0, 128, 256, 128), fill=ink, width=int(rng.integers(3, 7)))
    return np.asarray(image)


def ruler_picture(rng: Rng) -> NDArray[np.uint8]:
    image = Image.new(
        "RGB",
        (1500, 150),
        tuple(rng.integers(190, 250, 3) if rng.random() < 0.6 else (225, 175, 95)),
    )
    draw = ImageDraw.Draw(image)
    for k in range(150):
        draw.line((k * 10, 0, k * 10, 60 if k % 10 == 0 else 32), fill=(30, 30, 30), width=2)
        if k % 10 == 0:
            draw.text(
                (k * 10, 90), str(k // 10), fill=(30, 30, 30), font=_font(rng, 38), anchor="mm"
            )
    return np.asarray(image)
