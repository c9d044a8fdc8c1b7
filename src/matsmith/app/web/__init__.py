"""The web page: a thin server over the same agents and tools, and the files that a browser loads."""
