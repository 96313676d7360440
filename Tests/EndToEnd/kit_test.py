"""The plugin kit from the outside: `jack plugins new`, in Jack's own sources and as a package beside them, built, tested and run.

Plugins are scaffolded into the sources themselves, but under a layer that takes every change (overlayfs in a mount namespace of this program's own) and goes away with it: what has been
built of Jack counts as built, and only what the plugins add is compiled. Where the system allows no such layer, or with JACK_KIT=copy, a copy of the sources is used, and all of Jack is
compiled once more, into .build/kit. JACK_KIT=plan leaves the building out.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from lib_jack import ROOT, contains, equal, main, program

JACK = program()
LAYER = os.environ.get("JACK_KIT_LAYER")
WORK = pathlib.Path(LAYER) / "work" if LAYER else ROOT / ".build" / "kit"
HOUSE = ROOT if LAYER else WORK / "house"
SCRATCH = ROOT / ".build" if LAYER else WORK / "build"
PACKAGE = WORK / "package"
SOURCES = ["Package.swift", "Sources", "Plugins", "Tests"]
KINDS = {"channel": "Carrier", "ai": "Oracle", "pms": "Innkeeper", "alert": "Nightbell"}
IDS = {"channel": "courier", "ai": "sibyl", "pms": "landlord", "alert": "gong"}


def run(*command, status=0, folder=None, limit=1700):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=folder, timeout=limit)
    if done.returncode != status:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-1500:]}")
    return done.stdout + done.stderr


def under_a_layer():
    """Runs this program once more where nothing it writes into the sources stays. Returns its status, or None where the system does not allow it."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="jack-kit-"))
    for name in ("upper", "overlay", "work"):
        (folder / name).mkdir()
    mount = 'mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/overlay" "$1" && cd "$1" && shift 2 && exec "$@"'
    inside = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c", mount, "sh", str(ROOT), str(folder)]
    try:
        if subprocess.run([*inside, "true"], capture_output=True).returncode != 0:
            return None
        return subprocess.run([*inside, sys.executable, __file__, *sys.argv[1:]], env=os.environ | {"JACK_KIT_LAYER": str(folder)}).returncode
    except FileNotFoundError:
        return None
    finally:
        # What overlayfs works with it closes to everybody, its owner included.
        subprocess.run(["chmod", "-R", "u+rwX", str(folder)], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def files(house):
    return [path for name in SOURCES for path in ([house / name] if (house / name).is_file() else (house / name).rglob("*")) if path.is_file()]


def copy_sources():
    """A copy of what is in the repository; times are kept, and what has not changed is left alone, so that a build can go on from the last one."""
    if LAYER:
        return
    keep = set()
    for path in files(ROOT):
        target = HOUSE / path.relative_to(ROOT)
        keep.add(target)
        if not target.exists() or target.stat().st_mtime != path.stat().st_mtime or target.stat().st_size != path.stat().st_size:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
    for path in list(HOUSE.rglob("*")):
        if path.is_file() and path not in keep:
            path.unlink()
    for path in sorted(HOUSE.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def test_refusals_are_polite_and_leave_nothing():
    copy_sources()
    before = {path: path.read_bytes() for path in files(HOUSE)}
    for arguments, word in [
        (("channel", "carrier"), "capital letter"),
        (("channel", "../Carrier"), "capital letter"),
        (("alert", "Webhook"), "already"),
    ]:
        contains(run(JACK, "plugins", "new", *arguments, "--root", HOUSE, status=1), word)
    contains(run(JACK, "plugins", "new", "toaster", "Carrier", status=64), "no kind of plugin")
    contains(run(JACK, "plugins", "new", "channel", "Carrier", "--root", WORK / "nowhere", status=1), "cannot be read")
    contains(run(JACK, "plugins", "new", "channel", "Carrier", "--package", WORK / "none", status=1), "--jack-path")
    equal({path: path.read_bytes() for path in files(HOUSE)}, before)


def test_scaffold_in_the_sources():
    copy_sources()
    for kind, name in KINDS.items():
        contains(run(JACK, "plugins", "new", kind, name, "--root", HOUSE), f"{name}")
    assert (HOUSE / "Plugins/Channels/Carrier/README.md").exists()
    manifest = (HOUSE / "Package.swift").read_text()
    for text in ('plugin("CarrierChannel", "Channels/Carrier", [crypto])', '"OracleAITests"', '"InnkeeperPMS",', 'plugin("NightbellAlertSink", "Alerts/Nightbell", [crypto])'):
        contains(manifest, text)
    lint = subprocess.run(
        ["swift", "format", "lint", "--strict", "--recursive", "Package.swift", "Sources/Host/JackHost.swift", "Plugins/Channels/Carrier",
         "Tests/Plugins/Channels/CarrierTests", "Plugins/PMS/Innkeeper", "Plugins/AI/Oracle", "Plugins/Alerts/Nightbell"],
        cwd=HOUSE, capture_output=True, text=True)
    equal(lint.returncode, 0, lint.stderr)
    # Without the layer that would be a third build of Jack with all its tests.
    if LAYER and os.environ.get("JACK_KIT") != "plan":
        run("swift", "build", "--build-tests", folder=HOUSE)
        said = run("swift", "test", "--skip-build", "--filter", "|".join(f"^{name}" for name in KINDS.values()), folder=HOUSE)
        passes(said, 12)
        # Where plugins were added and `jack docs` was run, manifests, READMEs and reference pages hold what they hold of Jack's own plugins.
        binary = pathlib.Path(run("swift", "build", "--show-bin-path", folder=HOUSE).strip()) / "jack"
        contains(run(binary, "docs", folder=HOUSE), "written")
        said = run("swift", "test", "--skip-build", "--filter", r"^HostTests\.(QualityTests|ReferenceTests)/", folder=HOUSE)
        passes(said, (ROOT / "Tests/HostTests/QualityTests.swift").read_text().count("@Test "))


def passes(said, count):
    """The contract and the plugin's own tests, three for each skeleton."""
    found = re.search(r"Test run with (\d+) tests?.* passed", said)
    assert found and int(found[1]) == count, said[-2000:]


def follow_the_tutorial():
    """What docs/writing-a-plugin.md tells to do: the files of the document in the place of the scaffold's. Returns how many tests that makes."""
    run(JACK, "plugins", "new", "alert", "Pager", "--package", PACKAGE)
    sources, tests = PACKAGE / "Sources/PagerAlertSink", PACKAGE / "Tests/PagerAlertSinkTests"
    for name in ("ContractTests.swift", "WireTests.swift"):
        (tests / name).unlink()
    count = 0
    for name, code in re.findall(r"<!-- file: (\S+) -->\n```swift\n(.*?)```\n", (ROOT / "docs/writing-a-plugin.md").read_text(), re.DOTALL):
        if name.endswith("Tests.swift"):
            (tests / name).write_text("@testable import PagerAlertSink\n" + code)
            count += code.count("@Test")
        else:
            assert (sources / name).exists(), f"the scaffold has no {name}, which the document fills in"
            (sources / name).write_text(code)
    equal(count, 4)
    return count


def test_a_package_beside_jack_builds_passes_and_serves():
    """Depends on the sources with the four plugins that were scaffolded there, so they are compiled and served too."""
    shutil.rmtree(PACKAGE, ignore_errors=True)
    for kind, name in IDS.items():
        run(JACK, "plugins", "new", kind, name.capitalize(), "--package", PACKAGE, "--jack-path", HOUSE)
    tutorial = follow_the_tutorial()
    if os.environ.get("JACK_KIT") == "plan":
        return
    scratch = ["--scratch-path", SCRATCH]
    run("swift", "build", "--build-tests", *scratch, folder=PACKAGE)
    passes(run("swift", "test", "--skip-build", *scratch, folder=PACKAGE), 12 + tutorial)
    binary = pathlib.Path(run("swift", "build", "--show-bin-path", *scratch, folder=PACKAGE).strip()) / "courier-jack"
    listed = run(binary, "plugins", "list")
    for name in (*IDS.values(), *map(str.lower, KINDS.values()), "pager", "webchat"):
        contains(listed, name)
    contains(run(binary, "plugins", "describe", "courier"), "COURIER_TOKEN")
    serves(binary)


def serves(binary):
    """The program is Jack: it serves, and says of the skeleton that it runs."""
    import lib_jack

    before = os.environ.get("JACK")
    os.environ["JACK"] = str(binary)
    try:
        with lib_jack.House("channels.courier.settings.token=a-token-of-enough-length") as house:
            house.start()
            equal(house.api("GET", "/api/v1/plugins/courier").json["state"], "running")
            equal(house.stop(), 0)
    finally:
        os.environ.pop("JACK") if before is None else os.environ.update(JACK=before)


if __name__ == "__main__":
    status = None if LAYER or os.environ.get("JACK_KIT") == "copy" else under_a_layer()
    sys.exit(main() if status is None else status)
