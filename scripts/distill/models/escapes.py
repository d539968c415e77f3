"""LaTeX that a program has read as a text with escapes: `\\frac` is a form feed and `rac`, `\\times` a tab, `imes`."""

import re

LETTERS = {"\x07": "a", "\x08": "b", "\x0b": "v", "\x0c": "f"}  # sign that no text needs -> what stood there
# Such a sign and what follows it. Of `\n` and of short words nobody can tell whether they began a line.
LOST_BACKSLASH = re.compile(
    "\x07(?=lpha|pprox|ngle|rc|st)|\x08(?=oxed|egin|inom|eta|ar|mod|ig|ullet)|\x0b(?=ec|ert|dots|phi|ee)|"
    "\x0c(?=rac|orall|loor|lat|box)|\t(?=ext(?:bf|it|rm)?\\{|imes\\b|heta\\b|frac\\{|riangle\\b)|\r(?=ight[)\\]}|.\\\\])"
)
