"""Models in the registry that several faults tamper with at a time."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from harness.targets.reference.artifacts import Artifacts
from reference_pipeline.registry.signing import BadSignature, sign, verify

KEY = b"key"
FAULTS = {"inverts": ("inverted", True), "damages": ("damaged", False), "inverts, unsigned": ("inverted", False)}
STEPS = st.lists(st.sampled_from([*FAULTS, "publish"]), max_size=12)


def publish(folder: Path, name: str) -> None:
    model = folder / "models" / name
    model.mkdir(parents=True)
    content = {"full": f"tree={name}\nleaf_value=0.5 -0.25\n", "simplified": "leaf_value=1\n", "checksum": ""}
    artifact = json.dumps(content).encode()
    (model / "artifact").write_bytes(artifact)
    (model / "manifest.json").write_text(json.dumps(sign({"version": name}, artifact, KEY)))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def is_genuine(model: Path) -> bool:
    try:
        verify(json.loads((model / "manifest.json").read_text()), (model / "artifact").read_bytes(), KEY)
    except BadSignature:
        return False
    return True


@given(steps=STEPS)
def test_whatever_the_order_models_are_as_the_last_fault_wants_them_and_in_the_end_true(steps: list[str]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        publish(folder, "v0")
        true = files(folder)
        artifacts, active = Artifacts(folder, KEY), list[str]()
        for number, step in enumerate([*steps, *FAULTS]):
            if step == "publish":
                publish(folder, f"v{number + 1}")
                true |= {path: text for path, text in files(folder).items() if f"v{number + 1}/" in path}
            elif step in active:
                active.remove(step)
                artifacts.restore(step)
            elif number < len(steps):
                active.append(step)
                mode, signed = FAULTS[step]
                artifacts.tamper(step, mode, signed=signed)
            model = folder / "models" / "v0"
            changed = (model / "artifact").read_bytes() != true["models/v0/artifact"]
            assert changed == bool(active)
            assert is_genuine(model) == (not active or FAULTS[active[-1]][1])
        assert files(folder) == true
