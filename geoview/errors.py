"""Errors that a user meets: one clear sentence saying what, which file and what to do."""

from __future__ import annotations


class GeoViewError(Exception):
    """Base of every error whose text may be shown to the user as it stands."""


class PhotoError(GeoViewError):
    """A photo that cannot be read."""


class ModelError(GeoViewError):
    """A model file that cannot be used."""


class DataError(GeoViewError):
    """A sheet, folder or recipe that cannot be used."""


class Cancelled(GeoViewError):
    """The user stopped the action."""
