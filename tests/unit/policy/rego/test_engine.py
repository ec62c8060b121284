import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from safeconduct.core.policy import PolicyAnswer, PolicyElevate
from safeconduct.policy.loading import load
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.engine import RegoEngine
from safeconduct.policy.rego.slices import Plan, Slices
from safeconduct.policy.versions import engine_name
from tests.support.bundles import GUARDED, HEADER, PACKAGE, bundle, write

READ = b'{"call":{"tool":"crm.get_case"}}'
ELEVATE = 'elevate contains {"id": "ask", "template": "t", "ttl_s": 60} if input.x == 1\n'


def test_a_loaded_bundle_answers(tmp_path: Path) -> None:
    engine = load(write(tmp_path, ELEVATE))
    assert engine.evaluate(READ, 0) == PolicyAnswer(
        permit=("read",), bundle=engine.digest, engine=engine_name("rego")
    )
    assert engine.evaluate(b'{"x":1}', 0) == PolicyAnswer(
        elevate=(PolicyElevate("ask", "t", 60),), bundle=engine.digest, engine=engine_name("rego")
    )
    assert engine.evaluate(b"{}", 0) == PolicyAnswer(
        bundle=engine.digest, engine=engine_name("rego")
    )
    assert engine.unsafe == ()


def test_a_refusal_names_the_file_in_its_directory(tmp_path: Path) -> None:
    with pytest.raises(PolicyRefused) as caught:
        load(write(tmp_path, 'permit contains {"id": "all"} if true'))
    assert caught.value.file == str(tmp_path / "rules" / "test.rego")
    assert caught.value.line == 6


def test_form_is_checked_without_preflight_too(tmp_path: Path) -> None:
    with pytest.raises(PolicyRefused, match="not Rego"):
        load(write(tmp_path, "a :="), preflight=False)


def test_an_unsafe_bundle_says_so(tmp_path: Path) -> None:
    everything = 'permit contains {"id": "all"} if true'
    header = HEADER + "unsafe_permit_all: true\n"
    engine = load(write(tmp_path, everything, header=header))
    assert engine.unsafe == ("unsafe_permit_all",)
    assert engine.evaluate(b"{}", 0).permit == ("all",)


def test_sets_come_in_one_order() -> None:
    rules = "".join(f'permit contains {{"id": "{name}"}} if true\n' for name in "cab")
    assert RegoEngine(bundle(PACKAGE + rules)).evaluate(b"{}", 0).permit == ("a", "b", "c")


def test_each_thread_has_an_evaluator_of_its_own() -> None:
    engine = RegoEngine(bundle(GUARDED))
    threads = 4
    together = threading.Barrier(threads)

    def work(_: int) -> set[PolicyAnswer]:
        together.wait()
        return {engine.evaluate(READ, 0) for _ in range(50)}

    with ThreadPoolExecutor(threads) as pool:
        answers = set[PolicyAnswer]().union(*pool.map(work, range(threads)))
    assert answers == {
        PolicyAnswer(permit=("read",), bundle=engine.digest, engine=engine_name("rego"))
    }


def test_an_engine_may_be_let_go_of_while_other_threads_used_it() -> None:
    engines = [RegoEngine(bundle(GUARDED))]
    used, done = threading.Event(), threading.Event()
    answers: list[PolicyAnswer] = []

    def work() -> None:
        answers.append(engines[0].evaluate(READ, 0))
        used.set()
        done.wait()

    thread = threading.Thread(target=work)
    thread.start()
    used.wait()
    engines.clear()
    done.set()
    thread.join()
    assert [answer.permit for answer in answers] == [("read",)]


def test_bundles_that_were_replaced_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    class Counting(Slices):
        def __init__(self, made_of: Plan) -> None:
            made.append(made_of.common.digest)
            super().__init__(made_of)

    monkeypatch.setattr("safeconduct.policy.rego.engine.Slices", Counting)
    engines = [RegoEngine(bundle(GUARDED + f"# {number}")) for number in range(6)]
    assert len(made) == 6
    engines[5].evaluate(READ, 0)
    assert len(made) == 6
    assert engines[0].evaluate(READ, 0).permit == ("read",)
    assert len(made) == 7
