"""Files that other programs read: one small file per format."""

from geoview.export import (
    annotated,
    collective_access,
    contact_sheet,
    darwin_core,
    emu,
    measurements_csv,
    measurements_xlsx,
    specify,
)
from geoview.export.csv import write_photos, write_tiles
from geoview.export.measurements import (
    MEASUREMENT_EXPORTERS,
    MeasurementExporter,
    MeasurementRow,
    MeasurementTable,
)
from geoview.export.registry import EXPORTERS, Exporter, Table, exporter, table_of

__all__ = [
    "EXPORTERS",
    "MEASUREMENT_EXPORTERS",
    "Exporter",
    "MeasurementExporter",
    "MeasurementRow",
    "MeasurementTable",
    "Table",
    "annotated",
    "collective_access",
    "contact_sheet",
    "darwin_core",
    "emu",
    "exporter",
    "measurements_csv",
    "measurements_xlsx",
    "specify",
    "table_of",
    "write_photos",
    "write_tiles",
]
