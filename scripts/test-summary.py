"""Sums up what tests said. Used by scripts/test and .ci/run.

    test-summary.py swift LOG STATUS            results of `swift test` from its output
    test-summary.py program LOG STATUS NAME     results of an end-to-end program
    test-summary.py total RESULTS               prints everything; the last line is `N passed, N failed`

Results are lines of `passed N`, `skipped N`, `failed NAME` and `detail TEXT`.
"""
import re
import sys

SWIFT = re.compile(r"^\S+ Test (?!run with |case passing )(.+?)(?: with \d+ test cases?)? (passed|failed) after [\d.]+ seconds")
STARTED = re.compile(r"^\S+ Test (?!run with |case passing )(.+?) started\.")
SKIPPED = re.compile(r"^\S+ Test (?!run with |case passing )(.+?) skipped")
ISSUE = re.compile(r"^\S+ Test (?!run with )(.+?) recorded (?:an issue|a warning)\b.*? at (\S+?:\d+(?::\d+)?): (.*)")
SWIFT_END = re.compile(r"^\S+ Test run with (\d+) tests?.* (passed|failed) after")
XCTEST = re.compile(r"^Test Case '([^']+)' (passed|failed|skipped) \(")
XCTEST_ISSUE = re.compile(r"^(\S+?:\d+): error: (.+?) : (.*)")
XCTEST_END = re.compile(r"^\s*Executed (\d+) tests?, with (?:\d+ tests? skipped and )?(\d+) failures?")


def swift(lines, status):
    passed, failed, skipped, running, details = 0, [], 0, {}, []
    ends = xctest = 0
    for line in lines:
        if found := SWIFT.match(line):
            running.pop(found[1], None)
            if found[2] == "passed":
                passed += 1
            else:
                failed.append(found[1])
        elif found := STARTED.match(line):
            running[found[1]] = True
        elif SKIPPED.match(line):
            skipped += 1
        elif found := ISSUE.match(line):
            details.append(f"{found[1]} at {found[2]}: {found[3]}")
        elif SWIFT_END.match(line):
            ends += 1
        elif found := XCTEST.match(line):
            xctest += 1
            if found[2] == "passed":
                passed += 1
            elif found[2] == "skipped":
                skipped += 1
            else:
                failed.append(found[1])
        elif found := XCTEST_ISSUE.match(line):
            details.append(f"{found[2]} at {found[1]}: {found[3]}")
    if status != 0 and not failed:
        # Ended by a signal, or before any test: what was running is what to look at.
        why = f"swift test ended with status {status}" + ("" if ends else " before its tests were over")
        failed.append(why)
        details += [f"{name} was running" for name in list(running)[:20]]
    elif not ends and not xctest:
        failed.append("swift test ran no test")
    return passed, failed, skipped, details


def program(lines, status, name):
    counts = [found for line in lines if (found := re.match(r"^(\d+) passed, (\d+) failed$", line))]
    details = [f"{name}: {line}" for line in lines[-15:]] if status else []
    if not counts:
        return (0, [name], 0, details) if status else (1, [], 0, [])
    passed, bad = int(counts[-1][1]), int(counts[-1][2])
    names = [f"{name}: {line[7:]}" for line in lines if line.startswith("FAILED ")][:bad]
    names += [name] * (bad - len(names))
    if status and not bad:
        names = [f"{name} ended with status {status}"]
    return passed, names, 0, details


def write(passed, failed, skipped, details):
    print(f"passed {passed}")
    print(f"skipped {skipped}")
    for name in failed:
        print(f"failed {name}")
    for text in details:
        print(f"detail {text[:400]}")


def total(lines):
    entries = [line.split(" ", 1) for line in lines if " " in line]
    passed = sum(int(text) for kind, text in entries if kind == "passed")
    skipped = sum(int(text) for kind, text in entries if kind == "skipped")
    failed = [text for kind, text in entries if kind == "failed"]
    details = [text for kind, text in entries if kind == "detail"]
    if details:
        print("\nWhat went wrong:")
        for text in details[:100]:
            print(f"  {text}")
    if failed:
        print("\nFailed:")
        for name in failed:
            print(f"  {name}")
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {len(failed)} failed", flush=True)
    return 1 if failed or not passed else 0


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return [re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", line.rstrip("\r\n")) for line in file]


def main(arguments):
    match arguments:
        case ["swift", log, status]:
            write(*swift(read(log), int(status)))
        case ["program", log, status, name]:
            write(*program(read(log), int(status), name))
        case ["total", results]:
            return total(read(results))
        case _:
            sys.exit(__doc__)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
