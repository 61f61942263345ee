/* Reads a file of PW1-F and checks each frame's CRC-32: what no program that reads frames can go below. */
#include <inttypes.h>
#include <stdio.h>

#include "tests/bench/pw1_frame.h"

#define FRAMES 64

int main(int argc, char **argv)
{
	static uint8_t frames[FRAMES][PW1_FRAME_BYTES];
	FILE *in = argc == 2 ? fopen(argv[1], "re") : NULL;
	uint64_t good = 0, bad = 0;
	size_t n;

	if (!in) {
		fprintf(stderr, "usage: crc_only FILE.pw1f\n");
		return 2;
	}
	setvbuf(in, NULL, _IONBF, 0);
	while ((n = fread(frames, PW1_FRAME_BYTES, FRAMES, in)) > 0) {
		for (size_t i = 0; i < n; i++) {
			if (pw1_frame_good(frames[i]))
				good++;
			else
				bad++;
		}
	}
	fclose(in);
	printf("%" PRIu64 " frames, %" PRIu64 " bad\n", good + bad, bad);
	return bad ? 1 : 0;
}
