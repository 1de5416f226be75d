"""Shares, told as percentages."""


def percent(share: float) -> str:
    """With the digits it needs, up to three that count: 5%, 2.5%, 0.312%."""
    return f"{100 * share:.3g}%"
