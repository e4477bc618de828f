"""The user's settings: one validated JSON file, replaced in one step, repaired when broken."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from geoview import files, paths

log = logging.getLogger(__name__)


# The only measuring method that reads other scales than a cube, and the one that needs weights of
# its own.
OWN_METHOD, OWLVIT = "geoview", "owl-vit"


class Settings(BaseModel):
    """Everything the user can set; unknown keys of newer versions are kept."""

    model_config = ConfigDict(extra="allow", validate_assignment=True)

    theme: Literal["system", "light", "dark"] = "system"
    device: str = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    model: str | None = None
    recent_folders: list[str] = Field(default_factory=list, max_length=12)
    name_patterns: list[str] = Field(default_factory=list)
    depth_sheets: dict[str, str] = Field(default_factory=dict)
    skip_folders: list[str] = Field(default_factory=lambda: ["masks", "mask", "__MACOSX"])
    heatmap_opacity: float = Field(default=0.45, ge=0, le=1)
    heatmap_colormap: Literal["viridis", "inferno", "cividis"] = "viridis"
    # Masks: ROAD-combined that a heatmap must exceed, factor on Otsu's threshold (P2, section 6).
    mask_road: float = Field(default=0.2, ge=-1, le=1)
    mask_otsu_factor: float = Field(default=1.0, gt=0, le=10)
    # The evidence audit warns from this share of the evidence and so many times an even spread.
    audit_share: float = Field(default=0.5, gt=0, lt=1)
    audit_times: float = Field(default=2.0, ge=1, le=100)
    thumbnail_cache_mib: int = Field(default=2048, ge=16)
    measure_method: str = "geoview"
    measure_unit: Literal["mm", "cm", "in"] = "mm"
    # What of known size lies beside the specimens, and how long each is; a ruler tells by itself.
    measure_scale: Literal["cube", "ruler", "coin", "scale bar"] = "cube"
    cube_mm: float = Field(default=25.4, ge=0.1, le=1000)
    coin_mm: float = Field(default=23.25, ge=0.1, le=1000)
    bar_mm: float = Field(default=50.0, ge=0.1, le=1000)
    read_plates: bool = False
    owlvit_folder: str = ""
    box_clearance_mm: float = Field(default=3.0, ge=0, le=100)
    # Name, inner length and width, height, number in stock; empty is the list that is shipped.
    storage_boxes: list[tuple[str, float, float, float | None, int | None]] = Field(
        default_factory=list
    )
    window: dict[str, str] = Field(default_factory=dict)

    def remember_folder(self, folder: Path) -> None:
        """Put a folder first among the recent ones."""
        name = str(folder)
        self.recent_folders = [name, *(f for f in self.recent_folders if f != name)][:12]

    def measure_options(self) -> dict[str, Any]:
        """How to measure, by the names of ``geoview.measure.options.MeasureOptions``."""
        source = self.measure_scale if self.measure_method == OWN_METHOD else "cube"
        lengths = {"coin": self.coin_mm, "scale bar": self.bar_mm}
        folder = self.owlvit_folder if self.measure_method == OWLVIT else ""
        return {
            "method": self.measure_method,
            "cube_mm": self.cube_mm,
            "scale_source": source,
            "reference_mm": lengths.get(source),
            "read_plates": self.read_plates,
            "owlvit": Path(folder) if folder else None,
        }


def settings_file() -> Path:
    return paths.config_dir() / "settings.json"


def load() -> Settings:
    """Read the settings; a broken file is set aside and the defaults are used."""
    path = settings_file()
    try:
        return Settings.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Settings()
    except (ValidationError, ValueError, OSError) as error:
        aside = path.with_suffix(".broken.json")
        log.warning("Settings in %s could not be read and were reset: %s", path, error)
        try:
            path.replace(aside)
        except OSError:
            log.warning("The broken settings could not be kept as %s", aside)
        return Settings()


def save(settings: Settings) -> None:
    """Write the settings in one step."""
    files.write_text(settings_file(), settings.model_dump_json(indent=1))
