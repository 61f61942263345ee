/* The text protocol of iiod (docs/protocols/iiod.md) as pure functions: the XML that says what there is, answers, where a scan
 * has its values, and the samples with what their time stamps say of those that are missing. No I/O, no clock. */
#ifndef PENRIG_DRIVERS_IIO_WIRE_H
#define PENRIG_DRIVERS_IIO_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rig/base/error.h"
#include "rig/driver/daq.h"

#define IIO_PORT         30431
#define IIO_CHANNELS_MAX DAQ_INPUTS_MAX /* of a device */
#define IIO_NAME_MAX     32
#define IIO_XML_MAX      (1 << 20)
#define IIO_VALUE_MAX    64
#define IIO_COUNTS_MAX   4096                     /* of a block */
#define IIO_SCAN_MAX     ((CHANNELS_MAX + 1) * 8) /* each at most 8 bytes, as its place is a multiple of its length */
#define IIO_MASK_MAX     (8 * (IIO_CHANNELS_MAX / 32) + 1)

/* ---- what there is ------------------------------------------------------------------------------------------------- */

/* "le:s24/32>>8": 24 bits with a sign, in 32 of which the least 8 are others'. */
struct iio_format {
	bool big, is_signed;
	uint8_t bits, bytes, shift; /* bytes 0: it is in no scan, or in a form that is not read */
};

struct iio_channel {
	char id[IIO_NAME_MAX];            /* "voltage0" */
	bool output, scale, offset, rate; /* ... it has such attributes of its own */
	long index;                       /* its place in a scan */
	struct iio_format format;
};

struct iio_device {
	char id[IIO_NAME_MAX], name[IIO_NAME_MAX]; /* "iio:device0", "ads131m02" */
	bool rate;
	unsigned channels; /* more than IIO_CHANNELS_MAX: the rest is not kept */
	struct iio_channel channel[IIO_CHANNELS_MAX];
};

struct iio_context {
	char version[IIO_NAME_MAX], vendor[IIO_NAME_MAX], model[IIO_NAME_MAX], serial[IIO_NAME_MAX],
		firmware[IIO_NAME_MAX];
	char wanted[IIO_NAME_MAX]; /* a device's name or id; empty: the only one that samples volts */
	unsigned found;            /* devices that fit; `device` is the first */
	struct iio_device device, reading;
};

struct iio_xml;
struct iio_xml *iio_xml_new(struct iio_context *context); /* NULL: no memory */
/* Its next piece, the last with `end`. 0; -EPROTO: it is none, or declares entities. */
int iio_xml_feed(struct iio_xml *xml, const uint8_t *data, size_t len, bool end, struct err *err);
void iio_xml_free(struct iio_xml *xml); /* NULL is fine */

/* ---- answers --------------------------------------------------------------------------------------------------------- */

/* A number in a line; behind one above 0, where a text is awaited, so many bytes and a line's end. */
struct iio_answer { /* zero-initialised but for has_text */
	bool has_text, in_text;
	char line[24];
	unsigned len;
	long number;
	size_t left; /* of the text */
	char text[IIO_VALUE_MAX];
	size_t kept;
};
enum iio_fed {
	IIO_MORE,
	IIO_HEAD, /* its number has come, a text follows */
	IIO_TEXT, /* data up to *used are of the text */
	IIO_DONE,
	IIO_NONSENSE
};
enum iio_fed iio_answer_feed(struct iio_answer *answer, const uint8_t *data, size_t len, size_t *used);
bool iio_value(const struct iio_answer *answer, double *ret); /* what an attribute says, a finite number */

/* ---- where a scan has what -------------------------------------------------------------------------------------------- */

struct iio_place {
	unsigned at; /* in a scan */
	unsigned channel;
	struct iio_format format;
	double scale_mv, offset;
};

struct iio_layout {
	unsigned inputs, bytes; /* of a scan */
	bool stamped;
	struct iio_place input[CHANNELS_MAX], stamp; /* as the bench file names them */
	char mask[IIO_MASK_MAX];
};
/* 0, or -EINVAL with the remedy. */
int iio_layout(const struct iio_device *device, const struct daq_setup *setup, struct iio_layout *ret, struct err *err);

/* volts = at_0 + count * per_count. -EINVAL: the bench file's range is not what this input shows. */
int iio_volts(const struct iio_place *place, const struct daq_input *input, double *ret_per_count, double *ret_at_0,
	      struct err *err);

/* ---- the stream ------------------------------------------------------------------------------------------------------- */

struct iio_stream {
	const struct iio_layout *layout;
	double rate_hz;
	uint64_t asked; /* bytes of a request that are still to be announced */
	enum { IIO_COUNT, IIO_MASK, IIO_BYTES } stage;
	bool masked; /* this request's mask was seen */
	size_t left; /* of what was announced */
	char line[IIO_MASK_MAX + 2];
	unsigned line_len;
	uint8_t scan[IIO_SCAN_MAX];
	unsigned scan_len;
	bool held;                          /* the scan stands in front of the next block: some are missing before it */
	uint64_t next_index, lost, missing; /* missing: in front of the last block with a gap */
	int64_t stamp;                      /* of the scan before */
	double late;                        /* it was behind its time, samples */
	bool has_stamp;
};

enum iio_samples {
	IIO_ALL,    /* the bytes are used */
	IIO_BLOCK,  /* *ret is one; there may be more */
	IIO_SPENT,  /* what was asked for has come: it is time to ask again */
	IIO_BROKEN, /* `why`: the stream is of no use any more */
};
/* counts: IIO_COUNTS_MAX. */
enum iio_samples iio_stream_take(struct iio_stream *stream, const uint8_t *data, size_t len, size_t *used,
				 struct sample_block *ret, int32_t *counts, struct err *why);

#endif
