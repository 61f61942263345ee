/* SHA-256 through nettle, which uses the processor's own instructions where it has them. */
#include "rig/base/digest.h"

#include <errno.h>
#include <stdio.h>

void digest_begin(struct digest *digest)
{
	sha256_init(&digest->state);
}

void digest_raw(struct digest *digest, const void *data, size_t len)
{
	sha256_update(&digest->state, len, data);
}

void digest_end(struct digest *digest, uint8_t ret[DIGEST_BYTES])
{
	sha256_digest(&digest->state, DIGEST_BYTES, ret);
}

void digest_of(const void *data, size_t len, uint8_t ret[DIGEST_BYTES])
{
	struct digest digest;
	digest_begin(&digest);
	digest_raw(&digest, data, len);
	digest_end(&digest, ret);
}

void digest_hex(const uint8_t digest[DIGEST_BYTES], char ret[DIGEST_HEX])
{
	static const char nibble[] = "0123456789abcdef";
	for (unsigned i = 0; i < DIGEST_BYTES; i++) {
		ret[2 * i] = nibble[digest[i] >> 4];
		ret[2 * i + 1] = nibble[digest[i] & 15];
	}
	ret[2 * DIGEST_BYTES] = '\0';
}

void digest_text(const void *data, size_t len, char ret[DIGEST_HEX])
{
	uint8_t hash[DIGEST_BYTES];
	digest_of(data, len, hash);
	digest_hex(hash, ret);
}

static void hex_of(const uint8_t *bytes, size_t len, char *ret)
{
	for (size_t i = 0; i < len; i++)
		snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
}

int digest_read_file(const char *path, char sha256[DIGEST_HEX], char md5[MD5_HEX])
{
	uint8_t bytes[65536], sum[DIGEST_BYTES], old[MD5_DIGEST_SIZE];
	struct digest digest;
	struct md5_ctx other;
	size_t n;
	FILE *in = fopen(path, "re");

	if (!in)
		return -errno;
	digest_begin(&digest);
	md5_init(&other);
	while ((n = fread(bytes, 1, sizeof(bytes), in)) > 0) {
		digest_raw(&digest, bytes, n);
		if (md5)
			md5_update(&other, n, bytes);
	}
	int rc = ferror(in) ? -EIO : 0;
	fclose(in);
	digest_end(&digest, sum);
	hex_of(sum, sizeof(sum), sha256);
	if (md5) {
		md5_digest(&other, sizeof(old), old);
		hex_of(old, sizeof(old), md5);
	}
	return rc;
}
