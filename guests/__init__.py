"""Guest programs: bare-metal C drivers, and their built ELFs in `bin/` (shipped as data)."""
