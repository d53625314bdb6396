"""What README has for pasting, by the comment that each text begins with."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
IN_CI = README.read_text(encoding="utf-8").partition("\n## In CI\n")[2].partition("\n## ")[0]


def pasted(language: str, first: str) -> str:
    """Return README's block of a language that begins with a comment."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", IN_CI, re.MULTILINE | re.DOTALL)
    (block,) = (block for block in blocks if block.startswith(f"# {first}\n"))
    return str(block)
