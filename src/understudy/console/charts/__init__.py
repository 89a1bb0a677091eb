"""Charts as SVG: pure functions from numbers to markup, with every value as a title and in a table."""
