"""What published syntheses teach about a composition: does it resemble their targets, from which precursors, which route, how hot, how long."""
