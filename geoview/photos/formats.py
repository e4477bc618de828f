"""Which kind of file it is, told from its first bytes, never from its suffix."""

from __future__ import annotations

from typing import Literal, get_args

Kind = Literal["jpeg", "png", "webp", "bmp", "gif", "tiff", "heic", "avif", "raw"]
KINDS: tuple[Kind, ...] = get_args(Kind)

IMAGE_SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .bmp .dib .gif .tif .tiff .heic .heif .hif .avif "
    ".dng .cr2 .cr3 .crw .nef .nrw .arw .srf .sr2 .orf .rw2 .raf .pef .srw .x3f .3fr .erf "
    ".kdc .dcr .mrw .mef .mos .iiq .rwl .raw".split()
)
"""Suffixes of files that are taken for photos without looking inside."""

SIDECAR_SUFFIXES = frozenset(
    ".csv .tsv .xls .xlsx .xlsm .ods .json .jsonl .ndjson .geojson .xml .xmp .las .lis .dlis .txt "
    ".md .rst .pdf .doc .docx .odt .rtf .ppt .pptx .ini .cfg .conf .db .sqlite .sqlite3 .toml "
    ".yaml .yml .html .htm .css .js .log .zip .7z .rar .gz .tar .tgz .bz2 .xz .npy .npz "
    ".safetensors .py .ipynb .sh .bat .exe .dll .lnk .url .tmp .bak .part .mp4 .mov .avi .mkv .mts "
    ".thm .aae .mp3 .wav .svg .psd .ai .eps .shp .dbf .prj .shx .wld .tfw .jgw".split()
)
"""Suffixes of files that lie beside photos and are left out unless they hold an image."""

_STARTS: tuple[tuple[bytes, Kind], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"FUJIFILMCCD-RAW", "raw"),
    (b"IIU\0", "raw"),
    (b"IIRO", "raw"),
    (b"IIRS", "raw"),
    (b"MMOR", "raw"),
    (b"FOVb", "raw"),
    (b"\0MRM", "raw"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
)

_HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}

_NOT_PHOTOS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an Office document"),
    (b"\xd0\xcf\x11\xe0", "an Office document"),
    (b"Rar!", "an archive"),
    (b"7z\xbc\xaf", "an archive"),
    (b"\x1f\x8b", "an archive"),
    (b"SQLite format 3\0", "a database"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"8BPS", "a Photoshop document"),
    (b"%!PS", "a PostScript drawing"),
    (b"MZ", "a program"),
    (b"\x7fELF", "a program"),
)


def sniff(head: bytes) -> Kind | None:
    """The kind of image that starts with ``head`` (32 bytes are enough), or None."""
    for start, kind in _STARTS:
        if head.startswith(start):
            return "raw" if kind == "tiff" and head[8:10] == b"CR" else kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:2] == b"BM" and _is_bmp(head):
        return "bmp"
    if head[:4] == b"II\x1a\0" and head[6:14] == b"HEAPCCDR":
        return "raw"
    return _sniff_boxes(head) if head[4:8] == b"ftyp" else None


def not_a_photo(head: bytes) -> str:
    """A plain reason for a file that no kind of image starts like."""
    for start, what in _NOT_PHOTOS:
        if head.startswith(start):
            return f"this is not a photo but {what}"
    if head[4:8] == b"ftyp":
        return "this is not a photo but a video"
    if not head.strip(b"\0"):
        return "the file holds only zeros: copy it again from the camera"
    if _looks_like_text(head):
        return "this is not a photo but text"
    return "this is not a photo, or of a kind that GeoView cannot read: save it as JPEG or PNG"


def _is_bmp(head: bytes) -> bool:
    """The size of the second header tells a bitmap from text that starts with BM."""
    return int.from_bytes(head[14:18], "little") in (12, 40, 52, 56, 64, 108, 124)


def _sniff_boxes(head: bytes) -> Kind | None:
    """HEIC, AVIF and Canon CR3 share one container; the brand says which."""
    size = min(max(int.from_bytes(head[:4], "big"), 12), len(head))
    brands = {head[8:12], *(head[i : i + 4] for i in range(16, size - 3, 4))}
    if head[8:12] == b"crx ":
        return "raw"
    if brands & {b"avif", b"avis"}:
        return "avif"
    return "heic" if brands & _HEIC_BRANDS else None


def _looks_like_text(head: bytes) -> bool:
    control = sum(byte < 9 or 13 < byte < 32 for byte in head)
    return control == 0 or head.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf"))
