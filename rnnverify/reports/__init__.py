"""Reporters: what a Report looks like in a terminal and in JSON, whichever driver made it."""
