"""`python -m tests.golden [FILE.json]`: evaluate every case of a file with our own functions.

Lists what failed and which kinds are not built, ends with the line `N passed, M failed`, and exits with 1 on a failure.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.golden.evaluation import GOLDEN, evaluate, read_cases


def main(arguments: list[str]) -> int:
    """Evaluate the file named by the only argument; the golden cases of the project without one."""
    if len(arguments) > 1:
        sys.stderr.write("usage: python -m tests.golden [FILE.json]\n")
        return 2
    path = Path(arguments[0]) if arguments else GOLDEN
    try:
        cases = read_cases(path)
    except (OSError, ValueError, KeyError, TypeError) as problem:
        sys.stderr.write(f"{path} holds no golden cases: {problem}\n")
        return 2
    outcomes = [evaluate(case) for case in cases]
    failed = [outcome for outcome in outcomes if not outcome.passed]
    for outcome in failed:
        sys.stdout.write(f"FAILED {outcome.id} ({outcome.kind}): {'; '.join(outcome.differences)}\n")
    unbuilt = sorted({outcome.kind for outcome in failed if outcome.differences == ("kind not built",)})
    if unbuilt:
        sys.stdout.write(f"kinds not built: {', '.join(unbuilt)}\n")
    sys.stdout.write(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
