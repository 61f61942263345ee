"""Fixtures: `penrig` runs a plan on a pen and fails the test where it did not pass; `penrig_bench` is the bench itself."""
import shlex

import pytest

from . import Bench, Fleet


def pytest_addoption(parser):
    group = parser.getgroup("penrig", "pens under test")
    group.addoption("--penrig-bench", metavar="FILE", help="bench file: a bench of this computer, held while tests run")
    group.addoption("--penrig-where", metavar="LABELS", help="any bench of a fleet with these labels; the server as PENRIG_DB or PGSERVICE says")
    group.addoption("--penrig-dut", metavar="SERIAL", help="serial number of the pen, where a test names none")
    group.addoption("--penrig-command", metavar="WORDS", default="penrig", help="the program, with what stands before its command (default: penrig)")
    group.addoption("--penrig-output", metavar="DIR", help="where run files and reports stay (default: pytest's own temporary folder)")


@pytest.fixture(scope="session")
def penrig_bench(request, tmp_path_factory):
    """Skipped where no bench is named; failed where it is in use."""
    option = request.config.getoption
    file, where = option("--penrig-bench"), option("--penrig-where")
    if file is None and where is None:
        pytest.skip("no bench: --penrig-bench FILE, or --penrig-where LABELS")
    if file is not None and where is not None:
        pytest.fail("--penrig-bench and --penrig-where: one of the two")
    program = shlex.split(option("--penrig-command"))
    output = option("--penrig-output") or tmp_path_factory.mktemp("penrig")
    if where is not None:
        yield Fleet(where, program=program, output_dir=output)
        return
    bench = Bench(file, program, output)
    with bench.held("pytest"):
        yield bench


@pytest.fixture
def penrig(penrig_bench, request):
    """penrig(plan, dut=None, *options): the Result of a run that passed. Whatever else it came to fails the test: a run that could tell nothing is no pass."""

    def run(plan, dut=None, *options):
        dut = dut or request.config.getoption("--penrig-dut")
        if not dut:
            pytest.fail("no pen: --penrig-dut SERIAL, or penrig(plan, serial)")
        result = penrig_bench.run(plan, dut, *options)
        request.node.user_properties.append(("penrig_exit_code", result.exit_code))
        request.node.user_properties.append(("penrig_folder", str(result.folder)))
        if not result.passed:
            pytest.fail(str(result), pytrace=False)
        return result

    return run
