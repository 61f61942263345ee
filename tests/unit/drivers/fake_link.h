/* A link made of bytes for driver tests: what the driver writes is kept, what the test says arrives through the sink.
 * It knows no protocol; the dialogue is the test's. Also the reader of docs/protocols/vectors. Leaves out time: the
 * test owns it. */
#ifndef PENRIG_TESTS_FAKE_LINK_H
#define PENRIG_TESTS_FAKE_LINK_H

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/load-stream/device.h"
#include "drivers/scpi-pen/device.h"

#define MAYBE_UNUSED    __attribute__((unused))
#define VECTORS         "docs/protocols/vectors/"
#define VECTOR_LINE_MAX 8192

struct fake {
	struct link link;
	struct link_sink sink;
	struct link_wants wants;
	uint8_t written[65536];
	size_t written_len, read_to;
	unsigned writes;
	int refuse_writes; /* -errno for every write */
	struct link_identity identity;
	bool open;
};

static struct fake fake;

static int fake_open(struct loop *loop, const char *uri, const struct link_wants *wants, const struct link_sink *sink,
		     struct link **ret, struct err *err);
static void fake_close(struct link *link);
static int fake_write(struct link *link, const uint8_t *data, size_t len, uint64_t deadline_ns, link_done_fn done,
		      void *ctx);
static void fake_counters(const struct link *link, struct link_counters *ret);
static void fake_identity(const struct link *link, struct link_identity *ret);

static const struct link_ops fake_ops = {
	.name = "fake",
	.scheme = "serial",
	.open = fake_open,
	.close = fake_close,
	.write = fake_write,
	.identity = fake_identity,
	.counters = fake_counters,
};
static const struct link_ops *const fake_table[] = {&fake_ops, NULL};

static int fake_open(struct loop *loop, const char *uri, const struct link_wants *wants, const struct link_sink *sink,
		     struct link **ret, struct err *err)
{
	(void)loop;
	(void)err;
	assert_non_null(strstr(uri, "by-id=TEST"));
	struct fake kept = fake;
	fake = (struct fake){.link = {.ops = &fake_ops}, .sink = *sink, .wants = *wants, .open = true};
	fake.refuse_writes = kept.refuse_writes;
	fake.identity = kept.identity;
	*ret = &fake.link;
	return 0;
}

static void fake_close(struct link *link)
{
	assert_ptr_equal(link, &fake.link);
	assert_true(fake.open);
	fake.open = false;
}

static int fake_write(struct link *link, const uint8_t *data, size_t len, uint64_t deadline_ns, link_done_fn done,
		      void *ctx)
{
	(void)ctx;
	assert_ptr_equal(link, &fake.link);
	assert_true(fake.open);
	assert_true(deadline_ns > 0 && deadline_ns != LOOP_NEVER);
	assert_null(done);
	if (fake.refuse_writes)
		return fake.refuse_writes;
	assert_true(len <= sizeof(fake.written) - fake.written_len);
	memcpy(fake.written + fake.written_len, data, len);
	fake.written_len += len;
	fake.writes++;
	return 0;
}

static void fake_counters(const struct link *link, struct link_counters *ret)
{
	assert_ptr_equal(link, &fake.link);
	*ret = (struct link_counters){.bytes_out = fake.written_len, .counters_known = true};
}

static void fake_identity(const struct link *link, struct link_identity *ret)
{
	assert_ptr_equal(link, &fake.link);
	*ret = fake.identity;
}

/* ---- what the driver tells its host ---------------------------------------------------------------------------- */

struct heard {
	unsigned ready, lost, events, telemetries, blocks;
	int ready_status, lost_status;
	uint32_t conditions;
	char event[256], err[ERR_TEXT_MAX];
	struct pen_telemetry telemetry;
	struct sample_block block; /* counts point nowhere */
	int32_t counts[SAMPLES_PER_BLOCK_MAX];
	uint64_t samples, samples_before_event;
};

static struct heard heard;
static bool inside_verb; /* callbacks must not come then */

static MAYBE_UNUSED void on_ready(void *ctx, int status, const struct err *err)
{
	assert_ptr_equal(ctx, &heard);
	assert_false(inside_verb);
	heard.ready++;
	heard.ready_status = status;
	if (status)
		snprintf(heard.err, sizeof(heard.err), "%s", err->text);
}

static MAYBE_UNUSED void on_block(void *ctx, const struct sample_block *block)
{
	assert_ptr_equal(ctx, &heard);
	assert_true(block->frames > 0 && block->frames * block->channels <= SAMPLES_PER_BLOCK_MAX);
	heard.blocks++;
	heard.block = *block;
	heard.block.counts = NULL;
	heard.samples += block->frames;
	memcpy(heard.counts, block->counts, block->frames * block->channels * sizeof(*block->counts));
}

static MAYBE_UNUSED void on_telemetry(void *ctx, const struct pen_telemetry *telemetry)
{
	assert_ptr_equal(ctx, &heard);
	assert_false(inside_verb);
	heard.telemetries++;
	heard.telemetry = *telemetry;
}

static MAYBE_UNUSED void on_event(void *ctx, uint32_t condition, const char *text)
{
	assert_ptr_equal(ctx, &heard);
	assert_false(inside_verb);
	heard.events++;
	heard.samples_before_event = heard.samples;
	heard.conditions |= condition;
	snprintf(heard.event, sizeof(heard.event), "%s", text);
}

static MAYBE_UNUSED void on_lost(void *ctx, int status, const struct err *err)
{
	assert_ptr_equal(ctx, &heard);
	assert_false(inside_verb);
	heard.lost++;
	heard.lost_status = status;
	assert_true(err->text[0] != '\0');
	snprintf(heard.err, sizeof(heard.err), "%s", err->text);
}

static const MAYBE_UNUSED struct driver_host test_host = {
	.ctx = &heard,
	.ready = on_ready,
	.block = on_block,
	.telemetry = on_telemetry,
	.event = on_event,
	.lost = on_lost,
};

/* One outcome of a verb. */
struct outcome {
	unsigned calls;
	int status;
	char err[ERR_TEXT_MAX];
};

static MAYBE_UNUSED void on_done(void *ctx, int status, const struct err *err)
{
	struct outcome *outcome = ctx;

	assert_false(inside_verb);
	outcome->calls++;
	outcome->status = status;
	if (status) {
		assert_non_null(err);
		snprintf(outcome->err, sizeof(outcome->err), "%s", err->text);
	}
}

/* Bytes arrive in pieces of `step` bytes. */
static MAYBE_UNUSED void arrive(const void *data, size_t len, size_t step, uint64_t host_ns)
{
	const uint8_t *p = data;

	while (len > 0) {
		size_t n = len < step ? len : step;
		/* A copy of its own length, so that a read beyond the end is seen by the sanitizer. */
		uint8_t *piece = malloc(n);
		assert_non_null(piece);
		memcpy(piece, p, n);
		fake.sink.bytes(fake.sink.ctx, piece, n, true, host_ns);
		free(piece);
		p += n;
		len -= n;
	}
}

/* ---- vectors --------------------------------------------------------------------------------------------------- */

static MAYBE_UNUSED size_t from_hex(const char *hex, uint8_t *out, size_t room)
{
	size_t len = strlen(hex) / 2;

	if (strcmp(hex, "-") == 0)
		return 0;
	assert_true(strlen(hex) % 2 == 0 && len <= room);
	for (size_t i = 0; i < len; i++) {
		unsigned byte;
		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		out[i] = (uint8_t)byte;
	}
	return len;
}

struct vectors {
	FILE *file;
	char line[VECTOR_LINE_MAX];
	char *words[16];
	int count;
};

static MAYBE_UNUSED void vectors_open(struct vectors *vectors, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s%s", VECTORS, name);
	vectors->file = fopen(path, "r");
	if (!vectors->file)
		fail_msg("%s: %s (tests run from the project's root)", path, strerror(errno));
}

static MAYBE_UNUSED bool vectors_next(struct vectors *vectors)
{
	while (fgets(vectors->line, sizeof(vectors->line), vectors->file)) {
		assert_non_null(strchr(vectors->line, '\n'));
		char *comment = vectors->line[0] == '#' ? vectors->line : strstr(vectors->line, " #");
		if (comment)
			*comment = '\0';
		vectors->count = 0;
		for (char *word = strtok(vectors->line, " \n"); word; word = strtok(NULL, " \n")) {
			assert_true(vectors->count < 16);
			vectors->words[vectors->count++] = word;
		}
		if (vectors->count > 0)
			return true;
	}
	fclose(vectors->file);
	return false;
}

#endif
