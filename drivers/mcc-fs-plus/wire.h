/* The USB-1608FS-Plus (docs/protocols/mcc-fs-plus.md) as pure functions: what sets a scan up, what the calibration memory says,
 * and the samples. No I/O, no clock. */
#ifndef PENRIG_DRIVERS_MCC_FS_PLUS_WIRE_H
#define PENRIG_DRIVERS_MCC_FS_PLUS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rig/base/error.h"
#include "rig/driver/daq.h"
#include "rig/link/link.h"

#define MCC_VID          0x09DB
#define MCC_PID          0x00EA
#define MCC_EP_IN        0x81
#define MCC_INPUTS       8
#define MCC_CONFIG_LEN   8
#define MCC_SCAN_LEN     10
#define MCC_SERIAL_LEN   8
#define MCC_CAL_PART     256 /* of the calibration memory, read at a time */
#define MCC_CAL_LEN      (2 * MCC_CAL_PART)
#define MCC_SAMPLES_MAX  2048      /* of a block; a piece of what comes has 1600 at most */
#define MCC_VOLTS_COUNTS 8388608.0 /* counts of MCC_HEADROOM times a range: 24 bits */
#define MCC_HEADROOM     1.25

enum mcc_request {
	MCC_SCAN_START = 0x11,
	MCC_SCAN_STOP = 0x12,
	MCC_CONFIG = 0x14,
	MCC_CLEAR_FIFO = 0x15,
	MCC_CALIBRATION = 0x30,
	MCC_STATUS = 0x44,
	MCC_SERIAL = 0x48,
};

enum mcc_status { MCC_RUNNING = 1 << 1, MCC_OVERRUN = 1 << 2 };

/* ---- setting up ---------------------------------------------------------------------------------------------------- */

struct mcc_plan {
	uint8_t config[MCC_CONFIG_LEN]; /* a range code for each input */
	uint8_t scan[MCC_SCAN_LEN];
	double rate_hz; /* that it really has */
	bool each_scan; /* slow: it ends a transfer behind each scan; otherwise it sends full packets and nothing else */
	uint16_t piece; /* bytes that come within 4 ms, in whole packets */
};
/* 0, or -EINVAL where the device cannot do what the bench file wants, with the remedy. */
int mcc_plan(const struct daq_setup *setup, struct mcc_plan *ret, struct err *err);

/* ---- calibration --------------------------------------------------------------------------------------------------- */

/* count = raw * slope + offset, MCC_VOLTS_COUNTS for MCC_HEADROOM times the range. */
struct mcc_curve {
	double slope, offset;
};

/* From the calibration memory. False: these constants are more than a tenth from what they are on every device, and so none. */
bool mcc_curve_read(const struct daq_input *input, const uint8_t memory[MCC_CAL_LEN], struct mcc_curve *ret);

/* ---- the stream ---------------------------------------------------------------------------------------------------- */

/* Samples carry no number: they are all there, or the device or the bus has said that they are not. */
struct mcc_stream {
	unsigned inputs;
	uint8_t place[MCC_INPUTS]; /* in a block, of the k-th sample of a scan */
	struct mcc_curve curve[MCC_INPUTS];
	uint64_t next_index;
	uint8_t rest[2 * MCC_INPUTS]; /* of a scan whose end has not come */
	size_t rest_len;
};
void mcc_stream_begin(struct mcc_stream *stream, const struct daq_setup *setup, const struct mcc_curve *curves);

/* Takes bytes, at most as many as make MCC_SAMPLES_MAX samples; *used is how many. True: *ret is a block of whole scans, its
 * counts in `counts`. */
bool mcc_stream_take(struct mcc_stream *stream, const uint8_t *data, size_t len, size_t *used, struct sample_block *ret,
		     int32_t counts[MCC_SAMPLES_MAX]);

/* What the bus has met since `before` that may have taken samples; NULL: nothing. */
const char *mcc_loss(const struct mcc_plan *plan, const struct link_counters *before, const struct link_counters *now);

#endif
