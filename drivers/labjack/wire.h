/* LabJack's T series over the network (docs/protocols/labjack.md) as pure functions: Modbus TCP frames, the registers that set
 * a stream up, what the calibration memory says, and the packets of the stream with what they lack. No I/O, no clock. */
#ifndef PENRIG_DRIVERS_LABJACK_WIRE_H
#define PENRIG_DRIVERS_LABJACK_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rig/base/error.h"
#include "rig/driver/daq.h"

#define LJ_PORT         502
#define LJ_STREAM_PORT  702
#define LJ_REQUEST_MAX  17
#define LJ_FRAME_MAX    1040 /* the longest: a packet of 512 samples */
#define LJ_SAMPLES_MAX  512  /* of a packet */
#define LJ_WRITES_MAX   64
#define LJ_CAL_WORDS    16 /* of 32 bits, that are read: of a T7 four ranges, of a T4 four inputs and more */
#define LJ_TEST_VALUE   0x00112233u
#define LJ_CAL_ADDRESS  0x003C4000u
#define LJ_VOLTS_COUNTS 8388608.0 /* counts of LJ_HEADROOM times a range: 24 bits */
#define LJ_HEADROOM     1.25      /* an input shows more than its range: the T7's 10 V go from -10.6 to 10.1 V */

enum lj_register {
	LJ_SCANRATE_HZ = 4002,
	LJ_NUM_ADDRESSES = 4004,
	LJ_SAMPLES_PER_PACKET = 4006,
	LJ_SETTLING_US = 4008,
	LJ_STREAM_RESOLUTION = 4010,
	LJ_BUFFER_BYTES = 4012,
	LJ_CLOCK_SOURCE = 4014,
	LJ_AUTO_TARGET = 4016,
	LJ_DATATYPE = 4018,
	LJ_NUM_SCANS = 4020,
	LJ_TRIGGER_INDEX = 4024,
	LJ_AUTORECOVER_DISABLE = 4028,
	LJ_SCANLIST = 4100,
	LJ_STREAM_ENABLE = 4990,
	LJ_AIN_RANGE = 40000,
	LJ_AIN_NEGATIVE = 41000,
	LJ_TEST = 55100,
	LJ_PRODUCT_ID = 60000,
	LJ_FIRMWARE_VERSION = 60004,
	LJ_SERIAL_NUMBER = 60028,
	LJ_FLASH_POINTER = 61810,
	LJ_FLASH_READ = 61812,
};

/* A device of the series. */
struct lj_model {
	unsigned product; /* as LJ_PRODUCT_ID says */
	struct daq_kind kind;
	bool ranged;          /* its ranges are set; otherwise each input has constants of its own, and one range */
	double centre, slope; /* usual constants of +-10 V: counts at 0 V, volts per count */
};
const struct lj_model *lj_model_find(unsigned product); /* NULL: none that is known */

/* ---- frames: both connections carry them ------------------------------------------------------------------------- */

struct lj_frames {
	unsigned samples; /* each is a packet of so many; 0: of any length */
	size_t len;
	uint8_t bytes[LJ_FRAME_MAX];
};

enum lj_fed { LJ_MORE, LJ_FRAME, LJ_NONSENSE /* it is no frame: what follows cannot be told apart any more */ };

/* Takes bytes up to the end of a frame; *used is how many. After LJ_FRAME the frame stands in frames->bytes, `frames->len`
 * long, until the next call. */
enum lj_fed lj_feed(struct lj_frames *frames, const uint8_t *data, size_t len, size_t *used);

/* ---- requests and answers ---------------------------------------------------------------------------------------- */

/* A value and where it belongs. */
struct lj_write {
	uint16_t address;
	uint8_t words; /* registers of 16 bits: 1 or 2 */
	bool real;     /* an IEEE single */
	uint32_t bits;
};
double lj_number(const struct lj_write *write); /* its value */

/* The bytes' number. words: registers. */
size_t lj_encode_read(uint16_t transaction, uint16_t address, unsigned words, uint8_t buffer[LJ_REQUEST_MAX]);
size_t lj_encode_write(uint16_t transaction, const struct lj_write *write, uint8_t buffer[LJ_REQUEST_MAX]);

struct lj_answer {
	uint16_t transaction;
	uint8_t function;    /* 3 or 16 */
	uint8_t exception;   /* Modbus' code; 0: done */
	const uint8_t *data; /* of a read: 2 * words bytes */
	unsigned words;
};
/* False: it is none. */
bool lj_read_answer(const struct lj_frames *frames, struct lj_answer *ret);
uint32_t lj_word32(const uint8_t *data); /* two registers, high one first */
float lj_real(uint32_t bits);

/* ---- setting up ---------------------------------------------------------------------------------------------------- */

/* What is written, in order, before a stream can begin: 0 and *ret_count, or -EINVAL where the model cannot do what the bench
 * file wants, with the remedy. */
int lj_plan(const struct lj_model *model, const struct daq_setup *setup, struct lj_write ret[LJ_WRITES_MAX],
	    unsigned *ret_count, unsigned *ret_samples_per_packet, struct err *err);

/* Whether what was read back is what was written; the scan rate may be the nearest that the device has (*ret_rate_hz), within
 * 100 ppm. */
bool lj_confirms(const struct lj_write *write, uint32_t bits, double *ret_rate_hz);

/* ---- calibration --------------------------------------------------------------------------------------------------- */

/* volts = (raw - centre) * (raw < centre ? below : above) */
struct lj_curve {
	double centre, above, below;
	double counts_per_v; /* of what is handed on: LJ_VOLTS_COUNTS of LJ_HEADROOM times the range */
};

/* From the words of the calibration memory. False: these constants are more than a tenth from what they are on every device
 * of this kind, and so are none. */
bool lj_curve_read(const struct lj_model *model, const struct daq_input *input, const uint8_t *words,
		   struct lj_curve *ret);

/* ---- the stream ---------------------------------------------------------------------------------------------------- */

struct lj_stream {
	unsigned channels, samples_per_packet; /* a packet holds whole scans */
	const struct lj_curve *curve;          /* of each channel */
	bool begun;
	uint16_t expected;   /* the next packet's number */
	uint64_t next_index; /* of the next packet's first scan */
	uint64_t lost;       /* scans */
	uint64_t packets;
};

enum lj_packet {
	LJ_SCANS,  /* *ret is a block */
	LJ_BROKEN, /* from here on nobody knows what is missing: `why` says it. The stream is of no use any more */
};

/* One frame of the stream. Of a block, flags and first_index tell of packets that are missing before it; its counts go to
 * `counts`, which has room for LJ_SAMPLES_MAX. */
enum lj_packet lj_stream_take(struct lj_stream *stream, const struct lj_frames *frames, struct sample_block *ret,
			      int32_t counts[LJ_SAMPLES_MAX], struct err *why);

#endif
