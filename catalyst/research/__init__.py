"""Replay, accounting and studies over a lake."""
