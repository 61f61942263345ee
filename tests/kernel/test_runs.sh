#!/bin/bash
# Runs by usbfs, usbtmc, cdc_acm, ftdi_sio and the ACM gadget of Debian's own kernel, in a guest.
cd "$ROOT" && exec tests/kernel/guest.sh "$KERNEL" "$PYTHON" tests/kernel/test_kernel.py runs
