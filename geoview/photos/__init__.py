"""Photos: finding them in folders, reading their names, decoding them, thumbnails."""
