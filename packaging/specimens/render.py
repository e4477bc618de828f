#!/usr/bin/env python
"""Render museum photos with exact truth, to train the object finder of the size tool on.

  python packaging/specimens/render.py --out build/specimens/rendered --photos 400 [--first 0]

Needs a Python 3.11 with bpy 4.5.15, opencv, pillow and scipy. Writes photos, masks and
truth_<style>.jsonl with the fields of ../shared/data/specimens that the size tool is judged on.
Photo n is the same on every run; those already there are kept. About 10 s of two cores a photo.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import bpy
import cv2
import numpy as np
import render_looks as looks
import render_shapes as shapes
from mathutils import Matrix
from numpy.typing import NDArray
from render_layout import SENSOR_MM, STYLES, Camera, Plan, planned, truth
from render_shapes import Mesh, Points, Rng


class Studio:
    """Blender, set up once."""

    def __init__(self, size: tuple[int, int], samples: int, threads: int, folder: Path) -> None:
        self.size, self.samples, self.threads, self.folder = size, samples, threads, folder

    def shot(self, plan: Plan, camera: Camera, rng: Rng) -> tuple[Points, NDArray[np.uint8]]:
        """Linear light [h, w, 3] and what each pixel shows."""
        scene = self._fresh()
        for thing in plan.things:
            for part, material in zip(thing.parts, thing.materials, strict=True):
                _add(scene, part, material, thing.value)
        _, material = looks.table(rng)
        _add(
            scene, shapes.box((4000, 4000, 1)).moved(np.eye(3), np.array([0, 0, -1.0])), material, 0
        )
        self._look(scene, camera, plan)
        _light(scene, rng, hard=plan.mode == "shadow" or rng.random() < 0.15)
        self._render(scene)
        return self._read("light")[..., :3], np.rint(self._read("what")[..., 0]).astype(np.uint8)

    def _fresh(self) -> Any:
        scene = bpy.context.scene
        bpy.data.batch_remove([*scene.objects])
        scene.render.engine = "CYCLES"
        scene.render.resolution_x, scene.render.resolution_y = self.size
        scene.render.threads_mode, scene.render.threads = "FIXED", self.threads
        cycles = scene.cycles
        cycles.samples, cycles.use_denoising = self.samples, True
        cycles.use_adaptive_sampling = False
        cycles.denoising_quality = "FAST"
        cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 2, 0, 1
        cycles.transparent_max_bounces = 6
        cycles.caustics_reflective = cycles.caustics_refractive = False
        cycles.sample_clamp_indirect = 4.0
        scene.view_settings.view_transform = "Raw"
        scene.view_layers[0].use_pass_object_index = True
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        layers = tree.nodes.new("CompositorNodeRLayers")
        out = tree.nodes.new("CompositorNodeOutputFile")
        out.base_path = str(self.folder)
        out.format.file_format, out.format.color_depth = "OPEN_EXR", "32"
        out.file_slots.clear()
        for slot, output in (("light", "Image"), ("what", "IndexOB")):
            out.file_slots.new(slot)
            tree.links.new(layers.outputs[output], out.inputs[slot])
        tree.links.new(layers.outputs["Image"], tree.nodes.new("CompositorNodeComposite").inputs[0])
        scene.render.filepath = str(self.folder / "main.png")
        return scene

    def _look(self, scene: Any, camera: Camera, plan: Plan) -> None:
        seen = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
        scene.collection.objects.link(seen)
        scene.camera = seen
        seen.data.lens, seen.data.sensor_width, seen.data.clip_end = plan.lens, SENSOR_MM, 20000
        seen.data.sensor_height, seen.data.sensor_fit = SENSOR_MM, "AUTO"
        right, down, forward = camera.axes
        matrix = np.eye(4)
        matrix[:3, :3] = np.column_stack([right, -down, -forward])
        matrix[:3, 3] = camera.at
        seen.matrix_world = Matrix(matrix.tolist())

    def _render(self, scene: Any) -> None:
        keep, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)  # its own log is long
        os.dup2(nowhere, 1)
        bpy.ops.render.render(write_still=False)
        os.dup2(keep, 1)
        os.close(keep)
        os.close(nowhere)

    def _read(self, slot: str) -> Points:
        path = next(self.folder.glob(f"{slot}*.exr"))
        image = bpy.data.images.load(str(path))
        image.colorspace_settings.name = "Non-Color"
        values = np.empty(image.size[0] * image.size[1] * image.channels, np.float32)
        image.pixels.foreach_get(values)
        values = values.reshape(image.size[1], image.size[0], image.channels)[::-1]
        bpy.data.images.remove(image)
        path.unlink()
        return values


def _add(scene: Any, mesh: Mesh, material: Any, value: int) -> None:
    data = bpy.data.meshes.new("part")
    data.from_pydata(mesh.points.tolist(), [], mesh.faces)
    if mesh.uv:
        layer = data.uv_layers.new()
        layer.data.foreach_set("uv", np.array(mesh.uv, np.float32).ravel())
    data.polygons.foreach_set("use_smooth", np.full(len(mesh.faces), mesh.smooth))
    data.materials.append(material)
    data.update()
    part = bpy.data.objects.new("part", data)
    part.pass_index = value
    scene.collection.objects.link(part)


def _light(scene: Any, rng: Rng, *, hard: bool) -> None:
    """A lamp or two and the room's light; small and low lamps throw the hard shadows."""
    world = bpy.data.worlds.new("world")
    scene.world = world
    world.use_nodes = True
    room = rng.uniform(0.15, 0.35) if hard else rng.uniform(0.4, 0.8)
    world.node_tree.nodes["Background"].inputs[0].default_value = (*(rng.uniform(0.92, 1, 3)), 1)
    world.node_tree.nodes["Background"].inputs[1].default_value = room
    for k in range(1 if hard else int(rng.integers(1, 4))):
        high = np.radians(rng.uniform(22, 55) if hard else rng.uniform(40, 85))
        round_ = rng.uniform(0, 6.3)
        away = 1200 * np.array(
            [np.cos(high) * np.cos(round_), np.cos(high) * np.sin(round_), np.sin(high)]
        )
        lamp = bpy.data.lights.new("lamp", "AREA")
        lamp.size = rng.uniform(20, 120) if hard else rng.uniform(200, 900)
        lamp.energy = (
            (rng.uniform(1.6, 2.6) if hard else rng.uniform(0.5, 1.6) / (k + 1)) * np.pi * 1200**2
        )
        lamp.color = rng.uniform(0.9, 1, 3)
        held = bpy.data.objects.new("lamp", lamp)
        matrix = np.eye(4)
        matrix[:3, :3] = shapes.facing(away, rng)
        matrix[:3, 3] = away
        held.matrix_world = Matrix(matrix.tolist())
        scene.collection.objects.link(held)


def developed(light: Points, rng: Rng) -> NDArray[np.uint8]:
    """What a camera makes of the light: exposure, blur, noise, gamma; RGB."""
    bright = np.quantile(light.max(2), 0.97)
    light = light * (rng.uniform(0.7, 1.05) / max(bright, 0.25))
    light = light * rng.uniform(0.95, 1.05, 3)
    if rng.random() < 0.3:
        light = cv2.GaussianBlur(light, (0, 0), rng.uniform(0.4, 1.2))
    light = np.clip(light, 0, 1)
    pixels = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    pixels = pixels + rng.normal(0, rng.uniform(0.002, 0.015), pixels.shape)
    return (np.clip(pixels, 0, 1) * 255).astype(np.uint8)


def made(number: int, out: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Render photo ``number``; its line of truth."""
    rng = np.random.default_rng((options.seed, number))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    long, short = options.long_px, options.long_px * 3 // 4
    size = (short, long) if rng.random() < 0.25 else (long, short)
    plan = planned(rng, style=options.style, largest_mm=options.largest_mm)
    camera = Camera(plan, size, rng)
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(size, options.samples, options.threads, Path(folder))
        light, what = studio.shot(plan, camera, rng)
    name = f"{plan.style}_{number:04d}"
    row = truth(plan, camera)
    row |= {"file": f"{name}.jpg", "mask": f"masks/{name}.png", "index": number}
    row["width"], row["height"] = size
    whole = (out / row["mask"], what), (out / row["file"], developed(light, rng)[..., ::-1])
    for path, pixels in whole:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 95))]
        path.write_bytes(cv2.imencode(path.suffix, pixels, quality)[1].tobytes())
    return row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--photos", type=int, default=400)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--long-px", type=int, default=480)
    parser.add_argument("--samples", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--style", choices=STYLES, help="only such photos")
    parser.add_argument("--largest-mm", type=float, default=220, help="of the specimens")
    options = parser.parse_args()
    (options.out / "masks").mkdir(parents=True, exist_ok=True)
    done = {
        json.loads(line)["index"]
        for path in options.out.glob("truth_*.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
    }
    for number in range(options.first, options.first + options.photos):
        if number not in done:
            row = made(number, options.out, options)
            with (options.out / f"truth_{row['style']}.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, default=float) + "\n")
            print(row["file"], row["hard_mode"] or row["negative_reason"] or "", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
