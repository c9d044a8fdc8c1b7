"""One file a protocol of molecular dynamics: its arguments, its template, its analysis."""
