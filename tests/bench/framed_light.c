/* Reads a file of PW1-F, checks each frame's CRC-32 and sends the samples through the light pass. framed_light FILE
 * RATE_HZ */
#include "tests/bench/light_pass.h"
#include "tests/bench/pw1_frame.h"

#define FRAMES 64
#define HEADER 12

int main(int argc, char **argv)
{
	static uint8_t frames[FRAMES][PW1_FRAME_BYTES];
	static int32_t counts[FRAMES * PW1_FRAME_SAMPLES];
	FILE *in = argc == 3 ? fopen(argv[1], "re") : NULL;
	struct sample_block block = {.channels = 1, .counts = counts};
	struct light *light;
	size_t n;

	if (!in) {
		fprintf(stderr, "usage: framed_light FILE.pw1f RATE_HZ\n");
		return 2;
	}
	setvbuf(in, NULL, _IONBF, 0);
	light = light_pass_new(strtod(argv[2], NULL));
	while ((n = fread(frames, PW1_FRAME_BYTES, FRAMES, in)) > 0) {
		for (size_t i = 0; i < n; i++) {
			if (!pw1_frame_good(frames[i])) {
				fprintf(stderr, "framed_light: a frame is damaged\n");
				return 1;
			}
			light_pass_widen(frames[i] + HEADER, PW1_FRAME_SAMPLES, counts + i * PW1_FRAME_SAMPLES);
		}
		block.frames = (uint32_t)(n * PW1_FRAME_SAMPLES);
		light_feed(light, &block);
		block.first_index += block.frames;
	}
	fclose(in);
	light_pass_end(light);
	return 0;
}
