"""Why is it stuck: walks from the driver's first register to the used ring and names the first broken link.

`view` holds a device and its queues as plain numbers, `witness` remembers of the event stream what those numbers cannot
tell, `look` and `recorded` make views (of a live transport, of a recording), `starting` and `serving` are the links,
`judge` asks them in order. What comes after the raised wire is `emu.delivery`'s.
"""
