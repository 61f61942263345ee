/* The run file's second thread: takes messages from the ring, in order, and has them stored. The first thread puts them
 * in (runfile.c), and hears of the first thing that failed. */
#ifndef PENRIG_RUNFILE_WRITER_H
#define PENRIG_RUNFILE_WRITER_H

#include "rig/record/record.h"
#include "rig/runfile/rows.h"
#include "rig/runfile/store.h"

#define KIND_MAX           16
#define WRITER_ITEM_MAX    (STROKES_PER_ITEM * STROKE_BYTES) /* bytes of the longest item of rows, before zstd */
#define WRITER_RESERVE     (512u << 10) /* kept free of samples: what was done matters more than what was seen */
#define WRITER_SAMPLES_MAX (SAMPLES_PER_BLOCK_MAX * 4) /* bytes of the longest piece */

enum message_type { MSG_BLOCK, MSG_JOURNAL, MSG_ITEM, MSG_TELEMETRY, MSG_STROKE, MSG_SYNC };

struct message { /* in the ring, followed by its body: packed counts, or the text of a journal entry */
	enum message_type type;
	uint32_t block_frames;
	union {
		struct pack_piece piece;
		struct {
			uint64_t host_ns;
			char kind[KIND_MAX];
		} journal;
		struct {
			char kind[KIND_MAX], state[KIND_MAX];
			uint64_t key;
			char *data; /* malloc'd, the receiver's */
			size_t len;
		} item;
		struct pen_telemetry telemetry;
		struct {
			uint64_t point_row;
			struct stroke stroke;
		} stroke;
		struct {
			uint64_t token;
			bool gather;
		} sync;
	};
};

struct writer;

/* path: for errors, borrowed. bytes_per_s: of all sample streams together, sizes the ring. may_wait: a full ring waits.
 * 0 or -ENOMEM. */
int writer_new(const char *path, double bytes_per_s, bool may_wait, struct writer **ret);
/* Starts the thread; from here until writer_stop() the store is the thread's alone. */
int writer_start(struct writer *writer, struct store *store, struct err *err);

/* What must not be lost: -ENOBUFS, -EMSGSIZE: no room for it, which fails the whole file; -ESHUTDOWN: that failed
 * before. The body is copied. */
int writer_put(struct writer *writer, const struct message *msg, const void *body, size_t body_len);
/* Samples, which leave WRITER_RESERVE free: -ENOBUFS, -EMSGSIZE: these are lost; -ESHUTDOWN. */
int writer_put_samples(struct writer *writer, const struct message *msg, const void *body, size_t body_len);
/* Waits until everything so far is durable; ret_head: of the journal's chain. gather: also moves it into the one file,
 * so that what follows needs room for itself alone. */
int writer_sync(struct writer *writer, bool gather, uint8_t ret_head[DIGEST_BYTES], struct err *err);

/* 0, or the first thing that failed. */
int writer_status(struct writer *writer, struct err *err);
/* The file failed, for a reason of the first thread's: nothing more is taken. */
void writer_fail(struct writer *writer, int status, const struct err *err);

/* Ends the thread once the ring is empty. False: the store failed under it. */
bool writer_stop(struct writer *writer);
/* After writer_stop(): what is still gathered goes to the store. */
int writer_flush(struct writer *writer, struct err *err);
void writer_free(struct writer *writer); /* NULL is fine; the thread is stopped or was never started */

#endif
