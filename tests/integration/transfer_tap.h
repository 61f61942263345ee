/* A tap on the wire of the virtual bench in process: counts transfers of all links together, and spoils the Nth of them. It
 * stands below USBTMC and every driver, where a bus would spoil it. */
#ifndef PENRIG_TESTS_TRANSFER_TAP_H
#define PENRIG_TESTS_TRANSFER_TAP_H

#include <stdbool.h>
#include <stdio.h>

#include "rig/link/link.h"

/* What becomes of one transfer, out of this computer or into it:
 * unplug     the link is gone from then on, and the device hears nothing more
 * stall      it is lost; -EPIPE; what comes in waits for 100 ms from then on
 * timeout    it is lost; its writer is told at its deadline; what comes in is lost for 300 ms
 * short      half of it arrives; its writer is told -ETIMEDOUT
 * error      it is lost; -EIO
 * garbage    as many random bytes arrive in its place
 * delayed    it arrives 150 ms late, and everything of its way behind it
 * duplicated it arrives twice
 * bit=K      it arrives with its bit K, from 0, turned over */
#define TRANSFER_FAULTS "unplug, stall, timeout, short, error, garbage, delayed, duplicated, bit=K"

/* "N,FAULT", N from 1: false where it is none. seed: of the random bytes. */
bool transfer_tap_spoil(const char *text, unsigned long long seed);
/* A line for each transfer: number, link, "in" or "out", bytes, nanoseconds of the loop's clock. */
void transfer_tap_list(FILE *out);

/* In place of the table: its links behind the tap. */
extern const struct link_ops *const transfer_tap_table[];

#endif
