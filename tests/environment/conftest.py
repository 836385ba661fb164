"""Images and disks for the tests of packages that persist."""

from packages_kit import disk, image  # noqa: F401 - fixtures
