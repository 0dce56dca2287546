"""Formats: files of many kinds, opened as blocks of rows."""
