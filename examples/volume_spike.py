"""A score for haste: the last bar trades far more than usual, and closes in our direction."""

BARS = 20  # of the usual volume
FULL = 4.0  # times the usual volume that count in full


def spike(view, row, side, params):
    """Score 50 without a spike, up to 100 for one in the trade's direction, down to 0 against."""
    n = view.base.count[row]
    if n <= BARS:
        return 50.0
    volume = view.base.volume[row, :n]
    usual = volume[-BARS - 1 : -1].mean()
    if not usual > 0.0:
        return 50.0
    haste = min(volume[-1] / usual / FULL, 1.0)
    move = view.base.close[row, n - 1] - view.base.open[row, n - 1]
    if move == 0.0:
        return 50.0
    return 50.0 + 50.0 * haste if move * side > 0.0 else 50.0 - 50.0 * haste
