"""A candlestick that the thirteen lack: a quiet bar inside a wide one, then a break out of it."""


def inside_break(open_, high, low, close, volume):
    """Give 100 for a break upwards by the last bar, -100 for one downwards, 0 for none."""
    if len(close) < 3:
        return 0
    inside = high[-2] < high[-3] and low[-2] > low[-3]
    if inside and close[-1] > high[-3]:
        return 100
    if inside and close[-1] < low[-3]:
        return -100
    return 0
