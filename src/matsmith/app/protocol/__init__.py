"""The Model Context Protocol server: the tools, runs and reports for other programs."""
