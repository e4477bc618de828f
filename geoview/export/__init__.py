"""Files that other programs read: one small file per format."""

from geoview.export.csv import write_photos, write_tiles
from geoview.export.registry import EXPORTERS, Exporter, Table, exporter, table_of

__all__ = [
    "EXPORTERS",
    "Exporter",
    "Table",
    "exporter",
    "table_of",
    "write_photos",
    "write_tiles",
]
