#!/usr/bin/python3
"""Pens and power supplies that answer in the other forms that IEEE 488.2 allows (response headers, signs, exponents, #H, doubled quotes): a run is
what it is with those that answer plainly, and what the device said of itself is read to the same."""
import powered
import rig

check = rig.Checks()
SAYS = ("maker", "model", "serial", "firmware", "cartridge", "needles", "cartridge_strokes", "limits")


def pen_of(run):
    return next(device for device in run.report["devices"] if device["role"] == "pen")


def pen(bench):
    def job():
        plain, free = (rig.run_plan("ci-smoke.json", bench=bench, faults=faults) for faults in ([], ["liberties@0"]))
        check(plain.report["dut_verdict"] == free.report["dut_verdict"] == "pass", f"{bench}: {free.report['dut_verdict']} {free.out[-300:]}")
        check(free.report["run_status"] == "complete" and free.report["stop"]["verified"], f"{bench}: {free.report['stop']}")
        said = [{key: pen_of(run)[key] for key in SAYS} for run in (plain, free)]
        check(said[0] == said[1] and said[0]["cartridge"], f"{bench}: what it says of itself: {said}")
        was, counters = ({key: int(pen_of(run)["counters"][key]) for key in ("odd_replies", "repeated_requests", "bytes_in")} for run in (plain, free))
        check(counters["odd_replies"] == 0 and counters["repeated_requests"] == was["repeated_requests"], f"{bench}: no answer was odd: {counters}, {was}")
        check(counters["bytes_in"] > 1.5 * was["bytes_in"], f"{bench}: and they were other answers: {counters}, {was}")
    return job


def supply(bench, plan):
    def job():
        run = powered.Run(bench, plan=plan, faults=["liberties@0"])
        check(run.run.outcome() == ("pass", "complete", 0), f"{bench}: {run.run.outcome()} {run.out[-400:]}")
        check(run.report["stop"]["verified"], f"{bench}: {run.report['stop']}")
    return job


if __name__ == "__main__":
    rig.in_parallel([pen("virtual-usb.json"), pen("virtual-serial.json"), supply("bought-supply.json", powered.PROVEN),
                     supply("bought-attended.json", powered.PLAN)])
    check.end()
