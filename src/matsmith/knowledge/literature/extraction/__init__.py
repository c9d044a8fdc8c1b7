"""Values read from text: which material, which property, how much, under which conditions, in which words."""
