"""`python -m benches.guardrails`: the scanner's recall and false alarms on the corpus, both parts.

Exit 0 when every bar holds in both parts, 1 when one is missed or the build has no scanner.
"""

from __future__ import annotations

import argparse
import faulthandler
import sys
from pathlib import Path

from benches.guardrails.corpus import PARTS, load
from benches.guardrails.score import Scan, ScanError, score, shortfalls
from benches.guardrails.table import misses, render
from codegate import native

PATIENCE_S = 120.0


def main() -> int:
    """Scores the build's own scanner."""
    options = _options()
    scan: Scan | None = getattr(native, "scan", None)
    if scan is None:
        print("guardrails-score: this build has no `scan`: codegate.native lacks it")
        return 1
    cases = load()
    # A scanner that never returns holds the interpreter, so only this can end it.
    faulthandler.dump_traceback_later(PATIENCE_S, exit=True, file=2)
    try:
        scores = {part: score(cases, scan, part) for part in PARTS}
    except ScanError as error:
        print(f"guardrails-score: {error}")
        return 1
    finally:
        faulthandler.cancel_dump_traceback_later()
    missed = []
    for part, result in scores.items():
        print(render(result))
        missed += [f"{part}: {line}" for line in shortfalls(result)]
    if options.misses:
        # Lines of the held-out part are never shown: nobody may tune on them.
        tuning = scores["tuning"]
        options.misses.write_text(f"{render(tuning)}\n{misses(tuning)}\n", encoding="utf-8")
    for line in missed:
        print(f"missed: {line}")
    return 1 if missed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benches.guardrails", description=__doc__)
    parser.add_argument("--misses", type=Path, help="where to list the tuning part's faults")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
