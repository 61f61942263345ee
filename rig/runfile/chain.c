/* Digests of the run file: SHA-256 over typed parts, and the hash chain of its journal.
 * Leaves out where they are kept. */
#include "rig/runfile/chain.h"

#include <string.h>

void digest_number(struct digest *digest, uint64_t number)
{
	uint8_t bytes[8];
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(number >> (8 * i));
	digest_raw(digest, bytes, sizeof(bytes));
}

void digest_bytes(struct digest *digest, const void *data, size_t len)
{
	digest_number(digest, len);
	if (len)
		digest_raw(digest, data, len);
}

void item_digest(const struct item *item, uint8_t ret[DIGEST_BYTES])
{
	struct digest digest;
	digest_begin(&digest);
	digest_number(&digest, item->seq);
	digest_bytes(&digest, item->kind, strlen(item->kind));
	digest_number(&digest, item->key);
	digest_bytes(&digest, item->state, strlen(item->state));
	digest_number(&digest, item->count);
	digest_bytes(&digest, item->data, item->len);
	digest_end(&digest, ret);
}

void block_digest(const struct packed *packed, uint8_t ret[DIGEST_BYTES])
{
	struct digest digest;
	digest_begin(&digest);
	digest_number(&digest, packed->device);
	digest_number(&digest, packed->stream);
	digest_number(&digest, packed->first_index);
	digest_number(&digest, packed->frames);
	digest_number(&digest, packed->channels);
	digest_number(&digest, packed->width);
	digest_bytes(&digest, packed->arrivals, packed->arrivals_len);
	digest_bytes(&digest, packed->raw, packed->raw_len);
	digest_end(&digest, ret);
}

void chain_append(uint8_t head[DIGEST_BYTES], uint64_t seq, uint64_t host_ns, const char *kind, const char *json,
		  size_t len)
{
	struct digest digest;

	digest_begin(&digest);
	digest_raw(&digest, head, DIGEST_BYTES);
	digest_number(&digest, seq);
	digest_number(&digest, host_ns);
	digest_bytes(&digest, kind, strlen(kind));
	digest_bytes(&digest, json, len);
	digest_end(&digest, head);
}
