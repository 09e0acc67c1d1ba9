"""Single mutations of the host-side Python driver, and how many of them the sanitizer names: `make mutation`."""
