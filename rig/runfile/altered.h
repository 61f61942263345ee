/* Where a row of the run file was altered: which cell, which byte, and what was written there. The digest that the chain
 * names is that of what was written, so that it can be found by trying: each bit the other way, each digit another one.
 * No I/O. */
#ifndef PENRIG_RUNFILE_ALTERED_H
#define PENRIG_RUNFILE_ALTERED_H

#include "rig/runfile/chain.h"

#define ALTERED_TEXT_MAX 200
/* Bytes to be hashed in a search; one that would take more is not begun. The first is over before anybody notices. */
#define ALTERED_SEARCH_SHORT (48ull << 20)
#define ALTERED_SEARCH_LONG  (16ull << 30)

/* What a journal's entry is made of, and the head before it. */
struct altered_entry {
	const uint8_t *before; /* DIGEST_BYTES */
	uint64_t seq, host_ns;
	const char *kind, *json;
	size_t len;
};

/* wanted: the digest that was written. True, and in `ret` of ALTERED_TEXT_MAX bytes "cell data, byte 812: \"0.2\" stands
 * there, and \"0.1\" was written", where one byte is another; false, and a few words on what is known, where more is, or
 * where the search would take more than `most` bytes. */
bool altered_in_item(const struct item *item, const uint8_t wanted[DIGEST_BYTES], uint64_t most, char *ret);
bool altered_in_entry(const struct altered_entry *entry, const uint8_t wanted[DIGEST_BYTES], uint64_t most, char *ret);
/* Of samples as they are unpacked. */
bool altered_in_block(const struct packed *packed, const uint8_t wanted[DIGEST_BYTES], uint64_t most, char *ret);

/* Two digests that differ in one bit: it is the digest that was altered. */
bool altered_digest(const uint8_t a[DIGEST_BYTES], const uint8_t b[DIGEST_BYTES]);

#endif
