"""Published syntheses, mined from papers: read, cleaned, found again by composition, balanced."""
