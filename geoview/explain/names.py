"""Explanation methods by name, best first, with the titles a user reads. Imports no torch."""

from __future__ import annotations

# "auto" takes the first of these that a model offers.
TITLES = {
    "area-map": "Area map",
    "cross-attention": "Cross-attention",
    "grad-cam": "Grad-CAM",
    "grad-cam++": "Grad-CAM++",
    "layer-cam": "LayerCAM",
    "grad-cam-eigen": "Grad-CAM, smoothed",
    "grad-cam++-eigen": "Grad-CAM++, smoothed",
    "layer-cam-eigen": "LayerCAM, smoothed",
    "full-grad": "FullGrad",
    "eigen-cam": "Eigen-CAM (all classes alike)",
    "attention-rollout": "Attention rollout (all classes alike)",
    "spatial-attention": "Spatial attention (all classes alike)",
}
