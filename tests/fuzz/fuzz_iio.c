/* Bytes of an iiod, whatever they are: no crash, no read beyond, no memory without end; the same answers and the same samples
 * whether the bytes come whole or in pieces; and a stream never goes back. */
#include <math.h>
#include <string.h>

#include "drivers/iio/wire.h"
#include "rig/base/crc32c.h"
#include "tests/fuzz/standalone.h"

static const struct daq_setup setup = {.inputs = 2,
				       .rate_hz = 1000,
				       .input = {{.channel = {.column = 0, .name = "a"}, .range_v = 12},
						 {.channel = {.column = 1, .name = "b"}, .range_v = 12}}};

/* voltage0 and voltage1 as 24 of 32 bits and 12 of 16, and a time. */
static const struct iio_layout timed = {
	.inputs = 2,
	.bytes = 16,
	.stamped = true,
	.input = {{.at = 0, .format = {.is_signed = true, .bits = 24, .bytes = 4, .shift = 8}},
		  {.at = 4, .format = {.big = true, .bits = 12, .bytes = 2, .shift = 4}}},
	.stamp = {.at = 8, .format = {.is_signed = true, .bits = 64, .bytes = 8}},
	.mask = "0000000b"};

static uint32_t describe(const uint8_t *data, size_t size, size_t piece)
{
	static struct iio_context context;
	struct iio_layout layout;
	struct err err;
	int status = 0;

	context = (struct iio_context){.found = 0};
	struct iio_xml *xml = iio_xml_new(&context);
	FUZZ_CHECK(xml);
	for (size_t at = 0; at < size && status == 0; at += piece)
		status = iio_xml_feed(xml, data + at, size - at < piece ? size - at : piece, false, &err);
	if (status == 0)
		status = iio_xml_feed(xml, NULL, 0, true, &err);
	iio_xml_free(xml);
	if (status == 0 && context.found && iio_layout(&context.device, &setup, &layout, &err) == 0) {
		FUZZ_CHECK(layout.bytes > 0 && layout.bytes <= IIO_SCAN_MAX);
		for (unsigned i = 0; i < layout.inputs + layout.stamped; i++) {
			const struct iio_place *p = i < layout.inputs ? &layout.input[i] : &layout.stamp;
			FUZZ_CHECK(p->at + p->format.bytes <= layout.bytes && p->format.bits >= 1 &&
				   p->format.bits + p->format.shift <= 8 * p->format.bytes);
		}
	}
	return status ? 1 : 2 + context.found;
}

static uint32_t answer(const uint8_t *data, size_t size, size_t piece)
{
	struct iio_answer a = {.has_text = true};
	uint32_t digest = 0;
	double value;

	for (size_t at = 0, used; at < size; at += used) {
		size_t len = size - at < piece ? size - at : piece;
		enum iio_fed fed = iio_answer_feed(&a, data + at, len, &used);
		FUZZ_CHECK(used <= len && (used > 0 || fed == IIO_NONSENSE) && a.kept < IIO_VALUE_MAX);
		if (fed == IIO_NONSENSE)
			return digest + 1;
		if (fed != IIO_DONE)
			continue;
		digest = crc32c(digest, (const uint8_t *)a.text, a.kept);
		if (iio_value(&a, &value))
			FUZZ_CHECK(isfinite(value));
		a = (struct iio_answer){.has_text = true};
	}
	return digest;
}

static uint32_t stream(const uint8_t *data, size_t size, size_t piece)
{
	static int32_t counts[IIO_COUNTS_MAX];
	struct iio_stream s = {.layout = &timed, .rate_hz = 1000, .asked = 4096};
	struct sample_block b;
	struct err why;
	uint32_t digest = 0;
	uint64_t next = 0;
	bool more = false;

	for (size_t at = 0, used; at < size || more; at += used) {
		size_t len = size - at < piece ? size - at : piece;
		enum iio_samples got = iio_stream_take(&s, data + at, len, &used, &b, counts, &why);
		FUZZ_CHECK(used <= len && (used > 0 || len == 0 || got != IIO_ALL) && s.scan_len <= timed.bytes);
		more = got != IIO_ALL;
		if (got == IIO_BROKEN)
			return 0;
		s.asked = got == IIO_SPENT ? 4096 : s.asked;
		if (got != IIO_BLOCK)
			continue;
		FUZZ_CHECK(b.frames > 0 && b.frames * 2 <= IIO_COUNTS_MAX && b.first_index >= next);
		FUZZ_CHECK((b.first_index != next) == ((b.flags & SAMPLE_GAP) != 0));
		next = b.first_index + b.frames;
		for (unsigned i = 0; i < b.frames * 2; i++)
			FUZZ_CHECK(counts[i] >= -8388608 && counts[i] < 8388608);
		digest = crc32c(digest, (const uint8_t *)counts, b.frames * 2 * sizeof(counts[0]));
	}
	return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t piece = size ? 1 + data[0] % 67 : 1, whole = size ? size : 1;

	FUZZ_CHECK(describe(data, size, whole) == describe(data, size, piece));
	FUZZ_CHECK(answer(data, size, whole) == answer(data, size, piece));
	FUZZ_CHECK(stream(data, size, whole) == stream(data, size, piece));
	return 0;
}

#ifndef PENRIG_LIBFUZZER
static void with_damage(const uint8_t *bytes, size_t len)
{
	static uint64_t state = 1;
	uint8_t copy[2048];

	fuzz_run(bytes, len);
	for (int i = 0; i < 300; i++) {
		memcpy(copy, bytes, len);
		for (uint64_t n = fuzz_random(&state) % 4; n > 0; n--)
			copy[fuzz_random(&state) % len] = (uint8_t)fuzz_random(&state);
		fuzz_run(copy, 1 + fuzz_random(&state) % len);
	}
}

int main(int argc, char **argv)
{
	static const char xml[] =
		"<?xml version='1.0'?><!DOCTYPE context [<!ELEMENT context (device)*>]><context><device "
		"id='iio:device0' name='d'>"
		"<channel id='voltage0' type='input'><scan-element index='0' format='le:s24/32&gt;&gt;8'/><attribute "
		"name='scale'/></channel>"
		"<channel id='voltage1' type='input'><scan-element index='1' format='be:u12/16&gt;&gt;4'/><attribute "
		"name='scale'/></channel>"
		"<channel id='timestamp' type='input'><scan-element index='2' format='le:s64/64&gt;&gt;0'/></channel>"
		"<attribute name='sampling_frequency'/></device></context>";
	static const char answers[] = "6\n20000\0\n-16\n0\n10\n0.00143051\n2\n1\n\n";
	uint8_t scans[512] = "64\n0000000b\n";
	size_t len = 12;

	for (unsigned i = 0; i < 8; i++) {
		if (i == 4)
			len += (size_t)snprintf((char *)scans + len, 8, "64\n");
		scans[len + 1] = (uint8_t)(i * 37);
		scans[len + 4] = 0x80;
		for (int k = 0; k < 4; k++)
			scans[len + 8 + (size_t)k] = (uint8_t)((1000000u * (i + i / 6)) >> 8 * k);
		len += 16;
	}
	for (int i = 1; i < argc; i++)
		fuzz_file(argv[i]);
	if (argc == 1) {
		with_damage((const uint8_t *)xml, sizeof(xml) - 1);
		with_damage((const uint8_t *)answers, sizeof(answers) - 1);
		with_damage(scans, len);
	}
	return 0;
}
#endif
