"""The translations: one `naryad.po` per language for people, one `naryad.mo` beside it for the program."""
