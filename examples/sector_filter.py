"""A filter of sectors: no entries where a headline is a coin toss."""

import numpy as np

# Health care, as the bundled sample has it; put your own symbols here.
HEALTH_CARE = {
    *("ZQAF", "ZQAS", "ZQAV", "ZQBC", "ZQBD", "ZQBF", "ZQBH"),
    *("ZQBJ", "ZQCB", "ZQCK", "ZQDA", "ZQDP", "ZQDT", "ZXDP"),
}


def no_health_care(view, rows, params):
    """Keep a symbol unless it is of health care."""
    names = [view.names[view.symbols[row]] for row in rows]
    return np.array([name not in HEALTH_CARE for name in names])
