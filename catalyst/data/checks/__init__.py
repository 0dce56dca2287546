"""What is suspicious in a lake: findings by source and symbol, worst first.

One module a subject, each of pure functions from what was read to findings; none writes.
"""
