/* Sends a raw i16 file through the light pass: the same input, mapped into memory likewise, as numpy_fast.py's.
 * raw_light FILE RATE_HZ */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/bench/light_pass.h"

#define CHUNK 8192u

int main(int argc, char **argv)
{
	static int32_t counts[CHUNK];
	struct sample_block block = {.channels = 1, .counts = counts};
	int fd = argc == 3 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	struct light *light;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0) {
		fprintf(stderr, "usage: raw_light FILE.i16 RATE_HZ\n");
		return 2;
	}
	size_t samples = (size_t)st.st_size / 2;
	const uint8_t *x = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

	if (x == MAP_FAILED) {
		perror("raw_light");
		return 1;
	}
	light = light_pass_new(strtod(argv[2], NULL));
	for (size_t done = 0; done < samples; done += block.frames) {
		block.frames = (uint32_t)(samples - done < CHUNK ? samples - done : CHUNK);
		block.first_index = done;
		light_pass_widen(x + 2 * done, block.frames, counts);
		light_feed(light, &block);
	}
	light_pass_end(light);
	close(fd);
	return 0;
}
