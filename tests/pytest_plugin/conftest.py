"""What the tests of the plugin share."""

from suites import suite

__all__ = ["suite"]
