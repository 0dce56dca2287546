"""A paper exchange that answers as Alpaca does, fed by a lake, with the fill model of replay."""
