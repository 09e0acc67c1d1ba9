"""What a person gave us was wrong."""

from __future__ import annotations


class InputError(Exception):
    """A file, image or number from outside cannot be used: one line that names the file, the field and the value."""
