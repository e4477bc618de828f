"""Tables of the catalogue; the same for SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

# 2 added the measurements and the evidence, 3 the contents; an older catalogue gets them when
# opened.
VERSION = 3

# Bytes of a file name that are no UTF-8 reach Python as lone surrogates U+DC80…U+DCFF, which no
# database stores; they are kept as private-use characters, so that the name comes back exactly.
_STORED = {0xDC80 + i: 0x10FF00 + i for i in range(128)}
_READ = {stored: surrogate for surrogate, stored in _STORED.items()}


class FileName(TypeDecorator[str]):
    """A file name, also one whose bytes are no valid UTF-8."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value if value is None or value.isascii() else value.translate(_STORED)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        return value if value is None or value.isascii() else str(value).translate(_READ)


metadata = MetaData()

about = Table(
    "geoview",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

models = Table(
    "models",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("name", Text, nullable=False),
)

# ``folder`` is "." in the catalogue beside the photos, so that the folder can be moved.
photos = Table(
    "photos",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("folder", FileName, nullable=False),
    Column("file", FileName, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("well", FileName),
    Column("depth_m", Double),
    Column("sample", FileName),
    Column("present", Boolean, nullable=False),
    UniqueConstraint("folder", "file"),
)

# What was in a photo's file when results or measurements were stored for it: the fingerprint, and
# the size and date under which they are stored. By it they are found again when only the date has
# changed; the date is then the new one, here and in them.
contents = Table(
    "contents",
    metadata,
    Column("photo_id", ForeignKey("photos.id", ondelete="CASCADE"), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
)

# ``size_bytes`` and ``mtime_ns`` are those of the photo that was analysed: a result counts only
# while they equal the photo's. ``numbers`` is JSON with every float written in full.
results = Table(
    "results",
    metadata,
    Column("photo_id", ForeignKey("photos.id", ondelete="CASCADE"), primary_key=True),
    Column("model_id", ForeignKey("models.id", ondelete="CASCADE"), primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", FileName, nullable=False),
    Column("dominant", Text),
    Column("layer", Text),
    Column("width_px", Integer),
    Column("height_px", Integer),
    Column("device", Text),
    Column("precision", String(16)),
    Column("app_version", String(64), nullable=False),
    Column("created_utc", String(40), nullable=False),
    Column("numbers", Text),
)

# Apart from the results, so that a folder of thousands of photos opens without reading them.
tiles = Table(
    "tiles",
    metadata,
    Column("photo_id", Integer, primary_key=True),
    Column("model_id", Integer, primary_key=True),
    Column("numbers", Text, nullable=False),
    ForeignKeyConstraint(
        ["photo_id", "model_id"],
        ["results.photo_id", "results.model_id"],
        ondelete="CASCADE",
    ),
)

# What the evidence audit found for one result: JSON, and a sentence that is empty if all is well.
# It counts only while the result it belongs to counts.
evidence = Table(
    "evidence",
    metadata,
    Column("photo_id", Integer, primary_key=True),
    Column("model_id", Integer, primary_key=True),
    Column("warning", Text, nullable=False),
    Column("numbers", Text, nullable=False),
    ForeignKeyConstraint(
        ["photo_id", "model_id"],
        ["results.photo_id", "results.model_id"],
        ondelete="CASCADE",
    ),
)

# Every measurement a photo ever had, oldest first; the newest live one holds. Undo makes a step
# "undone", redo makes it "live" again, and a new correction makes what was undone "dropped":
# nothing else is ever changed and nothing is deleted. ``numbers`` is the record as JSON without the
# outline, which comes last, so that a list of thousands is read without it; ``made_with`` names
# the settings that an automatic measurement depends on.
measurements = Table(
    "measurements",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("photo_id", ForeignKey("photos.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("state", String(8), nullable=False),
    Column("status", String(16), nullable=False),
    Column("method", String(64), nullable=False),
    Column("user", Text, nullable=False),
    Column("app_version", String(64), nullable=False),
    Column("created_utc", String(40), nullable=False),
    Column("made_with", Text, nullable=False),
    Column("numbers", Text, nullable=False),
    Column("outline", LargeBinary, nullable=False),
)
