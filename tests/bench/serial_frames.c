/* A load sensor's frames over a serial line: what penrig's serial link and reader make of them, or the frames themselves.
 * usage: serial_frames make COUNT        writes frames to standard output
 *        serial_frames read COUNT TTY    reads so many good ones; prints the seconds from the first bytes to the last frame */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drivers/load-stream/wire.h"
#include "rig/link/link.h"

#define SAMPLES    100 /* of one channel of 24 bits: 5 ms at 20 kS/s */
#define HEAD       20
#define FRAME_ROOM 1100

static struct ls_decoder decoder;
static struct loop *loop;
static unsigned long wanted, good;
static uint64_t first_ns, last_ns;
static int64_t sum;

static int make(unsigned long count)
{
	uint8_t body[HEAD + 3 * SAMPLES] = {0}, frame[FRAME_ROOM];

	for (unsigned long i = 0; i < count; i++) {
		uint64_t index = i * SAMPLES, device_ns = 1 + i * 5 * NS_PER_MS;

		body[2] = SAMPLES;
		memcpy(body + 4, &index, sizeof(index));
		memcpy(body + 12, &device_ns, sizeof(device_ns));
		for (unsigned k = 0; k < 3 * SAMPLES; k++)
			body[HEAD + k] = (uint8_t)(i * 7 + k * 31);
		size_t len = ls_encode(LS_DATA, (uint16_t)i, body, sizeof(body), frame, sizeof(frame));
		if (len == 0 || fwrite(frame, 1, len, stdout) != len)
			return 1;
	}
	return fflush(stdout) != 0;
}

static void on_bytes(void *ctx, const uint8_t *data, size_t len, bool end, uint64_t host_ns)
{
	static const uint8_t bits[1] = {24};
	int32_t counts[SAMPLES];
	struct ls_packet packet;
	struct ls_data frame;
	size_t used;

	(void)ctx, (void)end;
	first_ns = first_ns ? first_ns : host_ns;
	for (; ls_decode(&decoder, data, len, &used, &packet); data += used, len -= used) {
		if (packet.type != LS_DATA || !ls_read_data(&packet, &frame) || frame.samples != SAMPLES)
			continue;
		ls_unpack(frame.counts, frame.samples, bits, 1, counts);
		sum += counts[SAMPLES - 1];
		if (++good == wanted)
			loop_stop(loop);
	}
	last_ns = loop_now_ns(loop);
}

static void on_gone(void *ctx, const struct err *why)
{
	(void)ctx;
	fprintf(stderr, "serial_frames: %s\n", why->text);
	exit(1);
}

static int read_frames(const char *tty)
{
	const struct link_sink sink = {.bytes = on_bytes, .gone = on_gone};
	int fd = open(tty, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct link *link;
	struct err err;

	if (fd < 0 || loop_new(&loop_clock_monotonic, NULL, &loop, &err) ||
	    link_serial.adopt(loop, "by-id=frames", fd, &sink, &link, &err))
		return 1;
	puts("ready");
	fflush(stdout);
	int status = loop_run(loop);
	printf("%.9f %lld\n", 1e-9 * (double)(last_ns - first_ns), (long long)sum);
	link_close(link);
	loop_free(loop);
	close(fd);
	return status != 0;
}

int main(int argc, char **argv)
{
	wanted = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	if (argc == 3 && strcmp(argv[1], "make") == 0)
		return make(wanted);
	if (argc == 4 && strcmp(argv[1], "read") == 0)
		return read_frames(argv[3]);
	fprintf(stderr, "usage: serial_frames make COUNT | read COUNT TTY\n");
	return 2;
}
