#!/bin/bash
# Plugged in, pulled out and plugged in again, at Debian's own kernel in a guest.
cd "$ROOT" && exec tests/kernel/guest.sh "$KERNEL" "$PYTHON" tests/kernel/test_kernel.py cables
