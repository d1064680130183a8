"""The program comes with the package."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig

import numpy as np
import pytest
import reweight_losses as rw
from reweight_losses import _native

needs_program = pytest.mark.skipif(not hasattr(_native, "run_program"), reason="built without the program")


def run(*arguments, **settings):
    command = [sys.executable, "-c", "import sys; from reweight_losses._program import main; sys.exit(main())"]
    return subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, timeout=120, **settings)


@needs_program
def test_it_evaluates_as_the_package_does(tmp_path):
    rng = np.random.default_rng(1)
    logits, targets = rng.normal(size=(30, 4)), rng.integers(0, 2, (30, 4)).astype(np.uint8)
    np.save(tmp_path / "logits.npy", logits)
    np.save(tmp_path / "targets.npy", targets)

    @rw.weighter(gamma=1.5)
    def mine(s, gamma):
        return s.q**gamma

    loss = rw.BceLoss(mine * rw.Ghm(10, 0.75), base=rw.Poly1(0.5))
    (tmp_path / "loss.toml").write_text(loss.to_toml())
    done = run(
        "eval", "--config", "loss.toml", "--logits", "logits.npy", "--targets", "targets.npy", "--out", "out.npz",
        "--dtype", "f64", cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    step = loss.value_and_grad(logits, targets)
    assert np.load(tmp_path / "out.npz")["grad"].tobytes() == step.grad.tobytes()


@needs_program
def test_its_exit_codes():
    assert run("--version").stdout.startswith("reweight ")
    wrong = run("inspect", "none.csv")
    assert wrong.returncode == 2 and "none.csv" in wrong.stderr


@needs_program
def test_the_command_is_installed():
    command = shutil.which("reweight", path=sysconfig.get_path("scripts"))
    assert command is not None
    assert subprocess.run([command, "--help"], capture_output=True, timeout=60).returncode == 0
