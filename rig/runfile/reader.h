/* An open run file, for the files that read it: opening (open.c), walks and cursors (walk.c), verifying
 * (verify.c). Everybody else has runfile.h. */
#ifndef PENRIG_RUNFILE_READER_H
#define PENRIG_RUNFILE_READER_H

#include "rig/base/db.h"
#include "rig/runfile/pack.h"
#include "rig/runfile/runfile.h"
#include "rig/runfile/squeeze.h"

#define SIDE_PATH_MAX (FILE_PATH_MAX + 160) /* a path with what SQLite, or the copy, puts behind it */

struct verification; /* verify.c */

struct runfile_reader {
	char path[SIDE_PATH_MAX];
	char copy[SIDE_PATH_MAX]; /* folder of the copy that is read instead; empty: none */
	struct db *db;
	bool final;
	uint64_t search; /* bytes to be hashed at most in looking for what was altered (altered.h) */
	struct unpacker unpacker;
	struct squeeze_buffer bytes;       /* decompressed */
	struct verification *verification; /* under way; NULL: none */
};

/* For a query that begins with BLOCK_COLUMNS: the row's block, borrowed from the row and the buffer; -EBADMSG where its
 * samples do not decode. */
#define BLOCK_COLUMNS                                                                                                  \
	"SELECT device, stream, channels, width, first_index, frames, first_host_ns, last_host_ns, zstd, arrivals, "   \
	"samples,"                                                                                                     \
	" digest, seq FROM block "
#define BLOCK_TYPES  "iiiiiiiiibbbi"
#define BLOCK_DIGEST 11
#define BLOCK_SEQ    12
int read_packed(const struct runfile_reader *reader, struct squeeze_buffer *buffer, struct db_stmt *row,
		struct packed *ret, struct err *err);

/* A block that was just read: row and what it holds. Remembers what does not fit. */
void verify_block(struct verification *verification, struct db_stmt *row, const struct packed *packed);
void verification_free(struct verification *verification); /* NULL is allowed */

/* Brings the record of a run that did not come to its end to what is known of it: interrupted, where, since when. */
int settle_unfinished(struct runfile_reader *reader, struct record *record, struct err *err);

#endif
