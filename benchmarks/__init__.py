"""Every figure in README comes from a script here."""
