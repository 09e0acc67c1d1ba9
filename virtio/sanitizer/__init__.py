"""The driver sanitizer: judges what a driver does by the events of a trace, live or from a recording, and explains it.

`table` holds the rules as data, `chapters` the code that sees them broken, `engine` brings events and rules together,
`findings` is what comes out.
"""
