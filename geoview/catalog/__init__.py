"""The catalogue: every result kept, so that a folder opens at once and a run can continue."""

from geoview.catalog.store import Catalog

__all__ = ["Catalog"]
