"""What is in a photo's file as one short text, by which a copy without the file's date is known.

Up to 4 MiB a file is read whole, which costs no more than picking blocks out of it; beyond that in
64 blocks of 32 KiB spread evenly from its first byte to its last. So 100 MB cost no more than 4.
A compressed photo that was taken again or edited differs nearly everywhere, so that any block
tells. An uncompressed one keeps its size and differs only where it was edited: what is higher than
a 40th of the picture has a block within its rows, and a block is as long as a row of 10 900 RGB
pixels, so that it meets the edit wherever that lies from left to right. What is lower is seen
where the editor noted the date in the head or tail, and else is too small to matter for a size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from geoview.errors import PhotoError
from geoview.photos import reading
from geoview.records import Photo

_WHOLE_BYTES = 4 << 20
_BLOCK_BYTES = 32 << 10
_BLOCKS = 64
# Network drives answer each read late; a disk is not sped up by more.
_THREADS = 4


def fingerprint(photo: Photo) -> str:
    """SHA-256 over the size and the blocks, 64 hexadecimal digits.

    Empty for a file that cannot be read or is no longer as the scan found it; never raises.
    """
    digest = hashlib.sha256(f"{photo.size_bytes}\n".encode())
    try:
        with reading.opened(photo.path) as stream:
            for start in _starts(photo.size_bytes):
                stream.seek(start)
                digest.update(stream.read(_BLOCK_BYTES))
            # Asked last, so that a file written to meanwhile is noticed as well.
            status = stream.status()
    except (OSError, PhotoError):
        return ""
    unchanged = (status.st_size, status.st_mtime_ns) == (photo.size_bytes, photo.mtime_ns)
    return digest.hexdigest() if unchanged else ""


def fingerprinted(photos: Sequence[Photo]) -> list[tuple[Photo, str]]:
    """Photos with their fingerprints, without those that have none."""
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="fingerprint") as pool:
        pairs = zip(photos, pool.map(fingerprint, photos), strict=True)
        return [(photo, text) for photo, text in pairs if text]


def _starts(size_bytes: int) -> Sequence[int]:
    if size_bytes <= _WHOLE_BYTES:
        return range(0, size_bytes, _BLOCK_BYTES)
    last = size_bytes - _BLOCK_BYTES
    return [last * number // (_BLOCKS - 1) for number in range(_BLOCKS)]
