"""How weights get onto this disk; `assistant.sources` is the way in."""
