/* Bytes of a USB-1608FS-Plus, whatever they are: no crash, no read beyond, the same samples whether the bytes come whole or in
 * pieces, none left out and none twice; what its memory says is a curve or none. */
#include <math.h>
#include <string.h>

#include "drivers/mcc-fs-plus/wire.h"
#include "rig/base/crc32c.h"
#include "tests/fuzz/standalone.h"

static const struct mcc_curve curves[MCC_INPUTS] = {{200, -6.5e6}, {210, -6.6e6}, {190, -6.7e6}, {205, -6.4e6},
						    {200, -6.5e6}, {210, -6.6e6}, {190, -6.7e6}, {205, -6.4e6}};

static uint32_t feed(const uint8_t *data, size_t size, size_t step, unsigned inputs)
{
	struct daq_setup setup = {.inputs = inputs};
	struct mcc_stream stream;
	struct sample_block block;
	int32_t counts[MCC_SAMPLES_MAX];
	uint32_t digest = 0;

	for (unsigned i = 0; i < inputs; i++)
		setup.input[i].channel.column = inputs - 1 - i;
	mcc_stream_begin(&stream, &setup, curves);
	for (size_t at = 0; at < size;) {
		size_t used = 0, piece = size - at < step ? size - at : step;
		uint64_t before = stream.next_index;
		if (mcc_stream_take(&stream, data + at, piece, &used, &block, counts)) {
			FUZZ_CHECK(block.first_index == before && block.frames * inputs <= MCC_SAMPLES_MAX);
			digest = crc32c(digest, counts, block.frames * inputs * sizeof(*counts));
		}
		FUZZ_CHECK(used > 0 && used <= piece);
		at += used;
	}
	FUZZ_CHECK(stream.next_index == size / (2 * inputs) && stream.rest_len == size % (2 * inputs));
	return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const double ranges[] = {10, 5, 2, 1};
	size_t step = size ? 1 + data[0] % 67 : 1;
	uint8_t memory[MCC_CAL_LEN] = {0};
	struct mcc_curve read;

	for (unsigned inputs = 1; inputs <= MCC_INPUTS; inputs++)
		FUZZ_CHECK(feed(data, size, size ? size : 1, inputs) == feed(data, size, step, inputs));
	memcpy(memory, data, size < sizeof(memory) ? size : sizeof(memory));
	for (unsigned i = 0; i < 4 * MCC_INPUTS; i++) {
		const struct daq_input input = {.channel = {.column = i % MCC_INPUTS},
						.range_v = ranges[i / MCC_INPUTS]};
		if (mcc_curve_read(&input, memory, &read))
			FUZZ_CHECK(read.slope > 0 && isfinite(read.offset));
	}
	return 0;
}

#ifndef PENRIG_LIBFUZZER
int main(int argc, char **argv)
{
	static uint64_t state = 1;
	static uint8_t bytes[9000];

	for (int i = 1; i < argc; i++)
		fuzz_file(argv[i]);
	for (int i = 0; argc == 1 && i < 300; i++) {
		for (size_t k = 0; k < sizeof(bytes); k++)
			bytes[k] = (uint8_t)(k % 4 == 3   ? 0x3F
					     : k % 4 == 2 ? 0x80
							  : fuzz_random(&state)); /* slopes near 1 */
		fuzz_run(bytes, 1 + fuzz_random(&state) % sizeof(bytes));
	}
	return 0;
}
#endif
