/* NAME.penrig: one SQLite database that holds everything a verdict rests on. Writing goes through a bounded ring to one
 * thread, because an fsync can stall. Tables, hash chain and digests: docs/run-file.md.
 * Behind this header, each in its file: runfile.c (the run's side of the ring), writer.c (the thread),
 * store.c (rows under the chain), judged.c (later verdicts), resumed.c (who goes on with it), seal.c (who vouches for
 * it); open.c, unfinished.c,
 * walk.c, verify.c (reading). The only file that includes SQLite is db.c. */
#ifndef PENRIG_RUNFILE_RUNFILE_H
#define PENRIG_RUNFILE_RUNFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/base/keyring.h"
#include "rig/base/samples.h"
#include "rig/driver/driver.h"
#include "rig/measure/point/point.h"
#include "rig/record/disposition.h"
#include "rig/record/record.h"

#define RUNFILE_EXTENSION      ".penrig"
#define RUNFILE_APPLICATION_ID 0x50524947 /* "PRIG" */
#define RUNFILE_RING_S         2.5        /* seconds of samples that a stalled disk may cost before one is lost */

struct runfile;

/* Takes the name before there is anything to write: makes folder/name.penrig, empty, which runfile_create() takes over.
 * -EEXIST where it is there already, also as somebody else's empty file; -errno of the disk, with text. */
int runfile_take_name(const struct record *record, struct err *err);
/* Removes the file where nothing was written into it. */
void runfile_give_name_back(const struct record *record);

/* Creates folder/name.penrig (and the folder) or takes over the empty file of that name, writes the header (files, software, who) durably and starts the writer.
 * bytes_per_s: of all sample streams together, sizes the ring. may_wait: a full ring waits for the disk (time stands
 * still meanwhile) instead of losing samples. -EEXIST, -ENOSPC, -EACCES ... with text. */
int runfile_create(const struct record *record, double bytes_per_s, bool may_wait, struct runfile **ret,
		   struct err *err);

/* All of these copy, return at once and are written in order. After the storage failed they do nothing. */
void runfile_block(struct runfile *rf, unsigned device, const struct channel *channels, unsigned channel_count,
		   const struct sample_block *block);
/* Journal: kind is a short word ("command", "reply", "event", "phase", "verdict" ...), text one line of JSON. The last
 * entry of kind "stage" or "phase" with a member "stage" or "phase" tells how far a killed run got. "begin", "item" and
 * "blocks" are the file's own. */
void runfile_journal(struct runfile *rf, uint64_t host_ns, const char *kind, const char *json);
void runfile_telemetry(struct runfile *rf, const struct pen_telemetry *telemetry);
void runfile_stroke(struct runfile *rf, unsigned point_row, const struct stroke *stroke);
/* point_row: index in record->point. Begin when its tare begins; end when its results stand. */
void runfile_point_begin(struct runfile *rf, unsigned point_row, const struct record_point *point);
void runfile_point_end(struct runfile *rf, unsigned point_row, const struct record_point *point);

/* The record as it stands, without points and sweeps: after identification, tests and conditions. The last one is what
 * a killed run leaves. */
void runfile_record(struct runfile *rf, const struct record *record);

/* 0, or the first error of the writer (-ENOSPC, -EIO ...) with its text; lost: samples dropped by a full ring so far.
 */
int runfile_status(struct runfile *rf, uint64_t *ret_lost, struct err *err);

/* Waits until everything so far is durable, and gives the head of the journal's chain. */
int runfile_sync(struct runfile *rf, char ret_head[SHA256_HEX], struct err *err);
/* The final record and the report text (may be NULL), as entries of the journal too. */
int runfile_finish(struct runfile *rf, const struct record *record, const char *report_json, struct err *err);
/* Checkpoints, leaves journal mode DELETE, one file; fsyncs file and folder. Frees always. */
int runfile_close(struct runfile *rf, struct err *err);
/* Instead: a run that never began leaves no file. NULL does nothing. Frees. */
void runfile_discard(struct runfile *rf);
const char *runfile_path(const struct runfile *rf);

/* Reading. Opens read-only, also where the folder cannot be written; a file left by a killed run opens too (with its
 * -wal) and says at which step it ended. Restores the record (run_status of an unfinished file: interrupted, without a
 * verdict; rig/offline/reopen.h forms it). */
struct runfile_reader;
/* It is of a run that was killed as it made it: no pen was opened yet. False also where that cannot be seen. */
bool runfile_holds_nothing(const char *path);
int runfile_open(const char *path, struct runfile_reader **ret, struct record **ret_record, struct err *err);
/* Recomputes the journal's chain and every block's digest: 0, or -EBADMSG naming the first entry, item or block that does not
 * fit, and in a short one the cell, the byte and what was written there, where it is one byte. */
int runfile_verify(struct runfile_reader *reader, struct err *err);
/* From now on the byte is looked for in long rows too, which may take minutes. */
void runfile_search_long(struct runfile_reader *reader);
/* The same but for the samples: the chain, all that the file says in words and rows, and the digests of its blocks as they
 * stand. Reads no block: cheap enough for whoever shows something of a file. */
int runfile_verify_words(struct runfile_reader *reader, struct err *err);
/* runfile_verify() beside another reading: from begin on, runfile_each_block() verifies what it reads, and goes on whatever
 * comes of that; end verifies the rest and returns what runfile_verify() would. */
int runfile_verify_begin(struct runfile_reader *reader, struct err *err);
int runfile_verify_end(struct runfile_reader *reader, struct err *err);
/* What lies beneath the rows: indices hold what their tables hold, and every byte that nothing uses is zero. Reads the whole
 * file. -EBADMSG names the place; -EAGAIN: a log beside the file was not written back, and nothing was checked. */
int runfile_verify_pages(struct runfile_reader *reader, struct err *err);
/* Every block of one device and stream, in order, cut as it arrived: replaying them is the run again. fn returns 0 to
 * go on; anything else ends the walk and is returned (the other walks alike). */
int runfile_each_block(struct runfile_reader *reader, unsigned device, unsigned stream,
		       int (*fn)(void *ctx, const struct sample_block *block), void *ctx, struct err *err);
/* From the piece that holds this sample on, found without reading what stands before it. */
int runfile_each_block_from(struct runfile_reader *reader, unsigned device, unsigned stream, uint64_t first_index,
			    int (*fn)(void *ctx, const struct sample_block *block), void *ctx, struct err *err);
/* The same with fn on a second thread while this one reads on; fn must not touch the reader. */
int runfile_each_block_aside(struct runfile_reader *reader, unsigned device, unsigned stream,
			     int (*fn)(void *ctx, const struct sample_block *block), void *ctx, struct err *err);
int runfile_each_journal(struct runfile_reader *reader,
			 int (*fn)(void *ctx, uint64_t host_ns, const char *kind, const char *json), void *ctx,
			 struct err *err);
int runfile_each_stroke(struct runfile_reader *reader, unsigned point_row,
			int (*fn)(void *ctx, const struct stroke *stroke), void *ctx, struct err *err);
int runfile_each_telemetry(struct runfile_reader *reader, int (*fn)(void *ctx, const struct pen_telemetry *telemetry),
			   void *ctx, struct err *err);
/* The same a piece at a time, for reading several streams side by side: the next stored piece of a stream, or of the
 * telemetry, goes to fn row by row. 1: there was one; 0: the end; or -errno, or what fn returned (negative). */
struct runfile_cursor;
int runfile_blocks(struct runfile_reader *reader, unsigned device, unsigned stream, struct runfile_cursor **ret,
		   struct err *err);
int runfile_telemetries(struct runfile_reader *reader, struct runfile_cursor **ret, struct err *err);
int runfile_next_blocks(struct runfile_cursor *cursor, int (*fn)(void *ctx, const struct sample_block *block),
			void *ctx, struct err *err);
int runfile_next_telemetry(struct runfile_cursor *cursor, int (*fn)(void *ctx, const struct pen_telemetry *telemetry),
			   void *ctx, struct err *err);
void runfile_cursor_free(struct runfile_cursor *cursor); /* NULL is fine; before the reader */

/* The run came to its end: its record is the final one. */
bool runfile_is_final(const struct runfile_reader *reader);

/* Verdicts that were formed later, by other limits: appended behind everything; what stands in the file stays. number from
 * 1. -EACCES, -EROFS ... with text. */
struct judged_texts {
	const void *limits; /* the limits file's bytes; NULL: the plan's own limits */
	size_t limits_len;
	const char *approval; /* the signature by which it was approved, as minisign has it; NULL: it was not */
	const char *report;
};
int runfile_append_judged(const char *path, const struct record_judged *judged, const struct judged_texts *texts,
			  struct err *err);
int runfile_each_judged(struct runfile_reader *reader, int (*fn)(void *ctx, const struct record_judged *judged),
			void *ctx, struct err *err);
/* What a supervisor decided about the run, appended to its journal; in the order in which it was decided. -EACCES, -EROFS ... with
 * text. */
int runfile_append_disposition(const char *path, const struct disposition *disposition, struct err *err);
int runfile_each_disposition(struct runfile_reader *reader, int (*fn)(void *ctx, const struct disposition *disposition),
			     void *ctx, struct err *err);
/* The newest entry of the journal: its number, and the chain's head behind it. */
struct runfile_head {
	uint64_t entries;
	char head[SHA256_HEX];
};
int runfile_head_of(struct runfile_reader *reader, struct runfile_head *ret, struct err *err);
/* The run `by` goes on with this one, from the state `seen`: appended to its journal, so that no other does. -ESTALE: the
 * file is no longer as it was seen. -EACCES, -EROFS ... with text. */
int runfile_append_resumed(const char *path, const struct runfile_head *seen, const char *by, const char *utc,
			   struct err *err);
/* The run that went on with this one; empty: none did. */
int runfile_resumed_by(struct runfile_reader *reader, char *ret, size_t size, struct err *err);
const char *runfile_reader_path(const struct runfile_reader *reader); /* as it was opened */
/* malloc'd text of the stored report of the run (judged 0), or of a later verdict; -ENOENT if there is none. */
int runfile_report(struct runfile_reader *reader, unsigned judged, char **ret_text, struct err *err);
/* malloc'd text of the limits file of a later verdict; -ENOENT if there is none. */
int runfile_judged_limits(struct runfile_reader *reader, unsigned judged, char **ret_text, struct err *err);

/* Seals (seal.c; docs/records.md). The statement that is to be signed, as the file stands: number, newest verdict, report,
 * entries, head and marks; who, when and what for is the caller's. -ENODATA: the run did not come to its end. */
int runfile_seal_draft(struct runfile_reader *reader, struct record_seal *ret, struct err *err);
struct seal_texts {
	char *seal, *signature; /* what `minisign -V` takes as file and file.minisig */
};
void seal_texts_free(struct seal_texts *texts);
/* Signs it and appends both. -ESTALE: the file is no longer as it was drafted. */
int runfile_append_seal(const char *path, const struct record_seal *seal, const struct signing_key *key,
			struct seal_texts *ret, struct err *err);
/* Every seal of the file into record->seal, each with what is known of it: its signature against the ring's keys, its head
 * against the chain (verify that for itself), its report's digest. ret_behind: entries of the journal behind what the last
 * seal that holds covers, itself included: all of them where none holds. */
#define SEAL_ENTRIES 2 /* of the journal, for statement and signature */
int runfile_seals(struct runfile_reader *reader, const struct keyring *ring, struct record *record,
		  uint64_t *ret_behind, struct err *err);
/* Whether the chain has this head behind that entry. */
int runfile_has_head(struct runfile_reader *reader, uint64_t entry, const char *head, bool *ret, struct err *err);
/* Entries of the journal; items, blocks: rows of theirs. */
struct runfile_counts {
	uint64_t entries, items, blocks;
};
int runfile_count(struct runfile_reader *reader, struct runfile_counts *ret, struct err *err);
/* The signature alone: state, key_id and why. */
void seal_check_signature(struct record_seal *seal, const struct seal_texts *texts, const struct keyring *ring);
/* malloc'd texts of a seal of the file; -ENOENT. */
int runfile_seal_texts(struct runfile_reader *reader, unsigned number, struct seal_texts *ret, struct err *err);
void runfile_reader_free(struct runfile_reader *reader);

#endif
