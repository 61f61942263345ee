/* What a fuzz target needs beside its function: with libFuzzer (-DPENRIG_LIBFUZZER -fsanitize=fuzzer) nothing; without
 * it a main() that runs the files it is given, or, given none, every line of bytes in the protocol's vectors as they
 * are and with seeded damage. */
#ifndef PENRIG_TESTS_FUZZ_STANDALONE_H
#define PENRIG_TESTS_FUZZ_STANDALONE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Unlike assert() it stays in every build. */
#define FUZZ_CHECK(condition)                                                                                          \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

#ifndef PENRIG_LIBFUZZER

#define DAMAGED_RUNS 40 /* per line of the vectors */
#define INPUT_MAX    65536

static uint64_t fuzz_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
	z = (z ^ z >> 27) * 0x94D049BB133111EB;
	return z ^ z >> 31;
}

/* With CORPUS=FOLDER in the environment every input is kept there as a file as well, to begin a fuzzer with; 2000 at most. */
static void fuzz_keep(const uint8_t *data, size_t size)
{
	static unsigned kept;
	const char *folder = getenv("CORPUS");
	char path[512];

	if (!folder || kept == 2000)
		return;
	snprintf(path, sizeof(path), "%s/seed-%04u", folder, kept++);
	FILE *file = fopen(path, "wb");
	FUZZ_CHECK(file);
	fwrite(data, 1, size, file);
	fclose(file);
}

/* A copy of exactly its size, so that the sanitizer sees a read beyond it. */
static void fuzz_run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	FUZZ_CHECK(copy);
	memcpy(copy, data, size);
	fuzz_keep(data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void fuzz_damage(const uint8_t *data, size_t size, uint64_t *state)
{
	static uint8_t damaged[2 * INPUT_MAX];
	size_t start = size ? fuzz_random(state) % size : 0, len = 0;

	memcpy(damaged, data, size);
	len = size;
	for (uint64_t n = fuzz_random(state) % 4; n > 0 && len > 0; n--)
		damaged[fuzz_random(state) % len] ^= (uint8_t)(1 << fuzz_random(state) % 8);
	if (fuzz_random(state) % 2) {
		memcpy(damaged + len, data + start, size - start);
		len += size - start;
	}
	if (fuzz_random(state) % 4 == 0)
		len = len ? fuzz_random(state) % len : 0;
	fuzz_run(damaged, len);
}

/* Of a target that has vectors; one that makes its seeds itself has a main() of its own. */
__attribute__((unused)) static unsigned fuzz_vectors(const char *path)
{
	static char line[8192];
	static uint8_t data[INPUT_MAX];
	uint64_t state = 1;
	unsigned inputs = 0;
	FILE *file = fopen(path, "r");

	FUZZ_CHECK(file);
	while (fgets(line, sizeof(line), file)) {
		if (line[0] == '#')
			continue;
		for (char *word = strtok(line, " \n"); word && *word != '#'; word = strtok(NULL, " \n")) {
			size_t len = 0;
			unsigned byte;
			if (strlen(word) < 4 || strlen(word) % 2 || strspn(word, "0123456789abcdef") != strlen(word))
				continue;
			while (sscanf(word + 2 * len, "%2x", &byte) == 1)
				data[len++] = (uint8_t)byte;
			fuzz_run(data, len);
			for (int i = 0; i < DAMAGED_RUNS; i++)
				fuzz_damage(data, len, &state);
			inputs++;
		}
	}
	fclose(file);
	return inputs;
}

static void fuzz_file(const char *path)
{
	static uint8_t data[INPUT_MAX];
	FILE *file = fopen(path, "rb");

	FUZZ_CHECK(file);
	fuzz_run(data, fread(data, 1, sizeof(data), file));
	fclose(file);
}

#define FUZZ_MAIN(vectors)                                                                                             \
	int main(int argc, char **argv)                                                                                \
	{                                                                                                              \
		for (int i = 1; i < argc; i++)                                                                         \
			fuzz_file(argv[i]);                                                                            \
		if (argc == 1)                                                                                         \
			FUZZ_CHECK(fuzz_vectors("docs/protocols/vectors/" vectors) > 20);                              \
		return 0;                                                                                              \
	}
#else
#define FUZZ_MAIN(vectors)
#endif

#endif
