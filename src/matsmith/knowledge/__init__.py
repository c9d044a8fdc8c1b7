"""What is known before anything is computed: element facts, measured crystals, notes from the literature."""
