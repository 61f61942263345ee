/* A walk over blocks in which one thread reads the file and another one unpacks and calls. */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "rig/base/worker.h"
#include "rig/runfile/reader.h"

#define ASIDE_DEPTH        12   /* stored blocks that wait */
#define ASIDE_ARRIVALS_MAX 4096 /* bytes of a block's arrivals that are passed on; with more it waits for its turn */

struct stored { /* a stored block, out of the database's hands */
	struct packed packed;
	int64_t seq;
	uint8_t raw[PACK_RAW_MAX], arrivals[ASIDE_ARRIVALS_MAX];
};

struct aside {
	struct runfile_reader *reader;
	struct worker *worker;
	int (*fn)(void *ctx, const struct sample_block *block);
	void *ctx;
	atomic_int rc; /* the first thing other than 0 that came back: nothing is called any more */
	int64_t seq;   /* of the block it came back for */
};

static void unpack(struct aside *aside, const struct packed *packed, int64_t seq)
{
	if (aside->rc)
		return;
	int rc = unpacker_feed(&aside->reader->unpacker, packed, aside->fn, aside->ctx);
	if (rc) {
		aside->seq = seq;
		aside->rc = rc;
	}
}

static void unpack_stored(void *ctx, const void *job)
{
	const struct stored *stored = job;

	unpack(ctx, &stored->packed, stored->seq);
}

static int on_row(void *ctx, struct db_stmt *row, struct err *err)
{
	struct aside *aside = ctx;
	struct packed packed;
	int64_t seq = db_int(row, BLOCK_SEQ);
	int rc = aside->rc ? aside->rc : read_packed(aside->reader, &aside->reader->bytes, row, &packed, err);

	if (rc)
		return rc;
	if (packed.raw_len > PACK_RAW_MAX || packed.arrivals_len > ASIDE_ARRIVALS_MAX) {
		worker_drain(aside->worker);
		unpack(aside, &packed, seq);
		return aside->rc;
	}
	struct stored *stored = worker_slot(aside->worker);

	stored->seq = seq;
	stored->packed = packed;
	stored->packed.raw = memcpy(stored->raw, packed.raw, packed.raw_len);
	stored->packed.arrivals = memcpy(stored->arrivals, packed.arrivals, packed.arrivals_len);
	worker_post(aside->worker);
	return 0;
}

int runfile_each_block_aside(struct runfile_reader *reader, unsigned device, unsigned stream,
			     int (*fn)(void *ctx, const struct sample_block *block), void *ctx, struct err *err)
{
	struct aside aside = {.reader = reader, .fn = fn, .ctx = ctx};
	int rc = worker_new(sizeof(struct stored), ASIDE_DEPTH, unpack_stored, &aside, &aside.worker);

	if (rc)
		return err_set(err, rc, "no second thread for reading the run file: %s", strerror(-rc));
	reader->unpacker.frames = 0;
	rc = db_each(reader->db, BLOCK_COLUMNS "WHERE device=? AND stream=? ORDER BY seq", device, stream, on_row,
		     &aside, err);
	worker_free(aside.worker);
	if (aside.rc == -EBADMSG)
		err_set(err, -EBADMSG, "%.300s: block %lld does not decode", reader->path, (long long)aside.seq);
	return aside.rc ? aside.rc : rc;
}
