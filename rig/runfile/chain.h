/* Digests of the run file: SHA-256 over typed parts, and the hash chain of its journal. No I/O. */
#ifndef PENRIG_RUNFILE_CHAIN_H
#define PENRIG_RUNFILE_CHAIN_H

#include <stddef.h>
#include <stdint.h>

#include "rig/base/digest.h"
#include "rig/runfile/pack.h"

/* Numbers enter as 8 bytes little-endian; bytes enter behind their length, so that no two sequences of parts are alike.
 */
void digest_number(struct digest *digest, uint64_t number);
void digest_bytes(struct digest *digest, const void *data, size_t len);

/* A row of the table `item`. Borrowed. */
struct item {
	const char *kind, *state;
	uint64_t seq, key, count;
	const void *data;
	size_t len;
};

void item_digest(const struct item *item, uint8_t ret[DIGEST_BYTES]);
/* Of a row of the table `block`, its samples decompressed. */
void block_digest(const struct packed *packed, uint8_t ret[DIGEST_BYTES]);

/* h_i = SHA-256(h_(i-1), seq, host_ns, kind, json); h_0 is 32 zero bytes. `head` holds h_(i-1) and becomes h_i. */
void chain_append(uint8_t head[DIGEST_BYTES], uint64_t seq, uint64_t host_ns, const char *kind, const char *json,
		  size_t len);

#endif
