import os
import signal
import subprocess
import sys

import pytest

from locutory.kernel import failpoints

PASSES = """
import sys
from locutory.kernel.failpoints import arm, failpoint
arm(sys.argv[1], production=sys.argv[2] == "production")
for passage in (1, 2, 3):
    failpoint("here")
    print(passage, flush=True)
"""


def passes(spec: str, mode: str = "development") -> tuple[str, int]:
    """(what was passed, exit code) of a process with that failpoint."""
    done = subprocess.run(
        [sys.executable, "-c", PASSES, spec, mode], capture_output=True, text=True, check=False
    )
    return done.stdout.replace("\n", ""), done.returncode


@pytest.mark.parametrize(
    ("spec", "passed"), [("here", ""), ("here:1", ""), ("here:3", "12"), ("here:2:kill", "1")]
)
def test_the_process_dies_at_the_passage_that_is_named(spec: str, passed: str) -> None:
    assert passes(spec) == (passed, -signal.SIGKILL)


@pytest.mark.parametrize(
    ("spec", "mode"), [("here:1", "production"), ("there:1", "development"), ("", "development")]
)
def test_nothing_dies_in_production_or_elsewhere(spec: str, mode: str) -> None:
    assert passes(spec, mode) == ("123", 0)


def test_a_process_may_stop_and_go_on() -> None:
    command = [sys.executable, "-c", PASSES, "here:2:stop", "development"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    _, status = os.waitpid(process.pid, os.WUNTRACED)
    process.send_signal(signal.SIGCONT)
    output, _ = process.communicate()

    assert os.WIFSTOPPED(status)
    assert output == "1\n2\n3\n"


@pytest.mark.parametrize("spec", ["here:many", "here:1:burn"])
def test_a_text_of_another_form_is_refused(spec: str) -> None:
    with pytest.raises(ValueError, match=r"burn|many"):
        failpoints.arm(spec, production=False)
