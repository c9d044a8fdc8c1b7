"""X-ray powder diffraction: patterns of crystals, measured scans, the phases in them."""
