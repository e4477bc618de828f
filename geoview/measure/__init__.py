"""Sizes in millimetres from photos with a reference."""
