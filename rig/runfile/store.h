/* Rows into the run file's tables: numbered, digested, under the journal's chain, in one transaction after the other.
 * For one thread at a time. Functions with `err` return 0 or -errno as db.h says. */
#ifndef PENRIG_RUNFILE_STORE_H
#define PENRIG_RUNFILE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rig/base/error.h"
#include "rig/runfile/chain.h"
#include "rig/runfile/pack.h"

struct store;

/* Makes the tables in the empty file at `path`; longest: bytes of the longest item that store_squeezed() will get. The
 * path is borrowed as long as the store lives. */
int store_create(const char *path, size_t longest, struct store **ret, struct err *err);
/* To put entries behind those that are there. */
int store_open(const char *path, struct store **ret, struct err *err);
/* NULL is fine. What was not committed is lost. */
void store_free(struct store *store);

/* The host's time under which the store's own entries ("item", "blocks") stand: of what was stored last. */
void store_set_time(struct store *store, uint64_t host_ns);
uint64_t store_time(const struct store *store);

int store_journal(struct store *store, uint64_t host_ns, const char *kind, const char *json, size_t len,
		  struct err *err);
/* item.seq is given here. */
int store_item(struct store *store, struct item item, struct err *err);
/* Compressed where that helps; item.state says so. */
int store_squeezed(struct store *store, struct item item, struct err *err);
int store_block(struct store *store, const struct packed *packed, struct err *err);
/* Puts the blocks that no entry holds yet under one. */
int store_cover(struct store *store, struct err *err);
/* The head of the journal's chain. */
void store_head(const struct store *store, uint8_t ret[DIGEST_BYTES]);

int store_commit(struct store *store, struct err *err);
/* A commit is due: enough bytes, or late enough; store_wake_ns(): CLOCK_MONOTONIC when it will be, UINT64_MAX: there is
 * nothing to commit. */
bool store_due(const struct store *store);
uint64_t store_wake_ns(const struct store *store);
/* What was just stored is committed within so long. */
void store_hurry(struct store *store, uint64_t within_ns);
/* After a failure: drops what was not committed. */
void store_abandon(struct store *store);

/* Moves what was committed from the write-ahead log into the file; while another program reads it, later. */
int store_gather(struct store *store, struct err *err);

/* Commits, and leaves one file that can be copied and opened where nothing can be written. Nothing may be stored after
 * that. -EBUSY: another program has it open; all is saved, in two files. */
int store_settle(struct store *store, struct err *err);

#endif
