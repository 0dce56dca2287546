"""The lake, importers, enrichment, calendar, codec and writers: everything that touches files."""
