"""Texts that the scenarios send around: beyond ASCII, quoted, tabbed, and long enough to stream."""

SENTENCES = "".join(f"Sentence {number}: naïve façade 你好 🙂. " for number in range(1, 13))
"""An answer of about 450 characters that ends in a space."""

FILE_BEFORE = "first line\nsecond line: naïve façade\n\tthird line, no newline at its end"
FILE_AFTER = 'first line\nsecond "line": 你好 🙂 \\n\n\tthird line, no newline at its end'
"""The same file with its second line changed."""

LINE_BEFORE = FILE_BEFORE.split("\n")[1]
LINE_AFTER = FILE_AFTER.split("\n")[1]
