"""labgrid: a resource PenrigBench (a bench of this computer), and a driver that holds its lock while it is active and runs plans."""
import attr
from labgrid.driver import Driver
from labgrid.driver.exception import ExecutionError
from labgrid.factory import target_factory
from labgrid.resource import Resource
from labgrid.step import step

from . import Bench, BenchInUse


@target_factory.reg_resource
@attr.s(eq=False)
class PenrigBench(Resource):
    """file: the bench file. command: the program, with what stands before its command."""
    file = attr.ib(validator=attr.validators.instance_of(str))
    command = attr.ib(default=("penrig",), converter=tuple)


@target_factory.reg_driver
@attr.s(eq=False)
class PenrigDriver(Driver):
    """Active: nobody else's penrig runs a pen on this bench, flashing and debugging included."""
    bindings = {"bench": PenrigBench}

    def __attrs_post_init__(self):
        super().__attrs_post_init__()
        self._bench = self._held = None

    def on_activate(self):
        self._bench = Bench(self.bench.file, self.bench.command)
        self._held = self._bench.held("labgrid")
        try:
            self._held.__enter__()
        except BenchInUse as e:
            raise ExecutionError(str(e)) from e

    def on_deactivate(self):
        self._held.__exit__(None, None, None)

    @Driver.check_active
    @step(args=["plan", "dut"], result=True)
    def run(self, plan, dut, *options):
        """The Result of a run, passed or not."""
        return self._bench.run(plan, dut, *options)
