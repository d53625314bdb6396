"""Corpora: folders of failing cases that are kept, replayed, and tidied up."""
