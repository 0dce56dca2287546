"""A slow and obvious second implementation of the strategy, to compare the first with.

It is written from the text of the strategy alone, in lists, dicts and floats, and shares no code
with `catalyst`. Where the text is open, `CHOICES.md` says what was chosen.
"""
