/* Where a site's files are, beside the database: a folder that all its computers see, or a bucket of an object store that speaks
 * S3. An object is there as a whole or not at all, and durable when depot_put() has returned. */
#ifndef PENRIG_FLEET_DEPOT_H
#define PENRIG_FLEET_DEPOT_H

#include <stddef.h>
#include <stdint.h>

#include "rig/fleet/address.h"
#include "rig/fleet/words.h"

#define DEPOT_KEY_MAX 128 /* of [0-9a-z./-] */
#define DEPOT_URL_MAX 600

struct depot_config {       /* of this computer; borrowed */
	const char *secret; /* file "KEY:SECRET", of a bucket; NULL: none */
	const char *ca;     /* file; NULL: what the computer trusts */
	uint64_t rate;      /* bytes a second that go there at most, on average; 0: as many as may */
};
/* What must not wait while bytes go over a slow line, once a second or more often. An error of it ends the transfer. */
struct depot_tick {
	int (*fn)(void *ctx, struct err *err);
	void *ctx;
};

struct depot;
/* Of one kind of place. Errors: -EAGAIN with text whatever stands in the way, for a person can mend all of it, or time does;
 * those of tick. */
struct depot_ops {
	int (*put)(struct depot *store, const char *key, const void *bytes, size_t len, struct err *err);
	/* -ENOENT: there is no such object; -EFBIG: it is longer than size; -EACCES with text: this key may not read it, or, where it
	 * may not list the bucket either, there is none */
	int (*get)(struct depot *store, const char *key, void *bytes, size_t size, size_t *ret_len, struct err *err);
	void (*free)(struct depot *store);
};
struct depot { /* a kind's own begins with it */
	const struct depot_ops *ops;
	struct depot_config config;
	struct depot_tick tick;
};

/* url: file:///FOLDER#ID, or s3://HOST[:PORT]/BUCKET[/PREFIX][?region=NAME], s3+http:// on this computer alone. The folder has to be
 * there, with the file penrig-store that holds the ID (a UUID) as its line: one that is not mounted has none. -EINVAL: what is wrong
 * with it; -EAGAIN as above, also where a library is missing. */
int depot_check(const char *url, struct err *err); /* the ID may be missing, nothing is opened */
/* The URL by which it is opened; of file:///FOLDER with the ID of its marker, which is made where there is none. One that has its ID
 * is held against the marker. ret: DEPOT_URL_MAX bytes. Errors: as depot_open(). */
int depot_mark(const char *url, char *ret, struct err *err);
int depot_open(const char *url, const struct depot_config *config, const struct depot_tick *tick, struct depot **ret,
	       struct err *err);
int depot_put(struct depot *store, const char *key, const void *bytes, size_t len, struct err *err);
int depot_get(struct depot *store, const char *key, void *bytes, size_t size, size_t *ret_len, struct err *err);
void depot_free(struct depot *store); /* NULL is fine */

/* Waits until so many more bytes may go at that rate; *next_ms: of the caller, 0 at first. */
int depot_pace(uint64_t rate, const struct depot_tick *tick, size_t len, int64_t *next_ms, struct err *err);

/* The kinds: depot_folder.c, s3.c. path: without a slash at its end, less than 300 bytes. */
int depot_folder_mark(const char *path, char ret_id[UUID_TEXT], struct err *err);
int depot_folder_open(const char *path, const char *id, const struct depot_tick *tick, struct depot **ret,
		      struct err *err);
int s3_open(const struct address *address, const char *region, const struct depot_config *config, struct depot **ret,
	    struct err *err);

#endif
