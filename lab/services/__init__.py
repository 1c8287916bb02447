"""The shop's services: real processes, standard library only, so that they start at once."""

VERSION = "1.4.2"
