"""The files people write, parsed at the edge: pydantic in, the core's dataclasses out."""
