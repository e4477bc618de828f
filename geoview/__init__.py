"""GeoView: lithologies, minerals and layers from photos, offline."""

__version__ = "0.1.0"
