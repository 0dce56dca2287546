"""The report of a run: one file of HTML, written from tables; it knows no market."""
