/* A profile and bytes of its device, whatever they are: no crash, no read beyond, values that are numbers, nothing shown that
 * steers a terminal, and the same lines whether the bytes come whole or in pieces. */
#include <math.h>
#include <stdbool.h>

#include "drivers/profile/device.h"
#include "drivers/profile/frame.h"
#include "drivers/profile/profile.h"
#include "drivers/profile/reply.h"
#include "rig/base/crc32c.h"
#include "tests/fuzz/standalone.h"

#define SHOWN_MAX 60

static uint32_t meet(const struct profile *profile, const struct profile_alternatives *any, const char *line,
		     uint32_t digest)
{
	struct reply reply;

	reply_read(profile, any, profile->unit_by_bench ? profile->unit[0].text : "", line, &reply);
	FUZZ_CHECK(reply.kind == REPLY_DONE || reply.reading.values == 0);
	FUZZ_CHECK(reply.reading.values <= profile->values && profile->values <= PROFILE_VALUES_MAX);
	for (unsigned i = 0; i < reply.reading.values; i++)
		FUZZ_CHECK(isfinite(reply.reading.value[i]));
	FUZZ_CHECK(reply.reading.values == 0 || profile_unit(profile, reply.reading.unit));
	FUZZ_CHECK(strlen(reply.serial) < REPLY_TEXT_MAX && strlen(reply.model) < REPLY_TEXT_MAX);
	digest = crc32c(digest, &reply.kind, sizeof(reply.kind));
	return crc32c(digest, reply.reading.value, reply.reading.values * sizeof(double));
}

static uint32_t meet_all(const struct profile *profile, const char *line, uint32_t digest)
{
	for (unsigned verb = 0; verb < VERBS; verb++)
		for (unsigned i = 0; i < profile->verb[verb].lines; i++)
			digest = meet(profile, &profile->verb[verb].line[i].any, line, digest);
	return meet(profile, profile->samples_per_s > 0 ? &profile->sample : NULL, line, digest);
}

static uint32_t read_bytes(const struct profile *profile, const uint8_t *data, size_t size, size_t step)
{
	struct frame frame = {.len = 0};
	uint32_t digest = 0;

	for (size_t at = 0; at < size;) {
		size_t used = 0, piece = size - at < step ? size - at : step;
		enum frame_fed fed = frame_feed(&frame, &profile->frame, data + at, piece, &used);
		char shown[SHOWN_MAX];

		FUZZ_CHECK(used > 0 && used <= piece);
		at += used;
		if (fed == FRAME_MORE)
			continue;
		frame_show(&frame, shown, sizeof(shown));
		FUZZ_CHECK(strlen(shown) < sizeof(shown));
		for (const char *c = shown; *c; c++)
			FUZZ_CHECK(*c >= 0x20 && *c <= 0x7e);
		digest = crc32c(digest, &fed, sizeof(fed));
		if (fed == FRAME_LINE)
			digest = meet_all(profile, frame.text, crc32c(digest, frame.text, strlen(frame.text)));
	}
	return digest;
}

/* Profile, a NUL, and bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, 0, size) : NULL;
	size_t len = end ? (size_t)(end - data) : size;
	struct profile *profile = NULL;
	struct err err = {""};
	int status = profile_parse("fuzz.json", size ? (const char *)data : "", len, &profile, &err);

	FUZZ_CHECK((status == 0) == (profile != NULL) && (status == 0 || err.text[0]));
	if (profile && end) {
		size_t rest = size - len - 1;
		FUZZ_CHECK(read_bytes(profile, end + 1, rest, rest ? rest : 1) ==
			   read_bytes(profile, end + 1, rest, 1 + size % 13));
	}
	profile_free(profile);
	return 0;
}

#ifndef PENRIG_LIBFUZZER
/* What a dialogue's devices say. */
static size_t bytes_of(const char *dialogue, uint8_t *ret, size_t room)
{
	size_t len = 0;

	for (const char *line = strstr(dialogue, "\n< "); line; line = strstr(line + 1, "\n< "))
		for (const char *c = line + 3; *c && *c != '\n' && len < room; c++) {
			bool escape = *c == '\\' && (c[1] == 'r' || c[1] == 'n');
			ret[len++] = escape ? (c[1] == 'r' ? '\r' : '\n') : (uint8_t)*c;
			c += escape;
		}
	return len;
}

int main(int argc, char **argv)
{
	static uint8_t data[INPUT_MAX];
	uint64_t state = 1;

	for (int i = 1; i < argc; i++)
		fuzz_file(argv[i]);
	for (unsigned n = 0; argc == 1 && driver_profile.profiles->shipped(n); n++) {
		const struct shipped_profile *p = driver_profile.profiles->shipped(n);
		size_t len = strlen(p->text) + 1;
		memcpy(data, p->text, len);
		size_t all = len + bytes_of(p->dialogue, data + len, sizeof(data) - len);
		fuzz_run(data, all);
		for (int i = 0; i < DAMAGED_RUNS; i++)
			fuzz_damage(data, all, &state);
		/* Of the bytes alone: a damaged profile seldom reads, and never sees them. */
		for (int i = 0; i < 2 * DAMAGED_RUNS; i++) {
			size_t at = len + fuzz_random(&state) % (all - len);
			uint8_t kept = data[at];
			data[at] ^= (uint8_t)(1 << fuzz_random(&state) % 8);
			fuzz_run(data, all);
			data[at] = kept;
		}
	}
	return 0;
}
#endif
