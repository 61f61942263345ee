/* SHA-256 (FIPS 180-4) of bytes that come in any number of parts, and as lower-case hex text. */
#ifndef PENRIG_BASE_DIGEST_H
#define PENRIG_BASE_DIGEST_H

#include <nettle/md5.h>
#include <nettle/sha2.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_BYTES SHA256_DIGEST_SIZE
#define DIGEST_HEX   (2 * DIGEST_BYTES + 1)
#define MD5_HEX      (2 * MD5_DIGEST_SIZE + 1)

struct digest {
	struct sha256_ctx state;
};

void digest_begin(struct digest *digest);
void digest_raw(struct digest *digest, const void *data, size_t len);
void digest_end(struct digest *digest, uint8_t ret[DIGEST_BYTES]);

void digest_of(const void *data, size_t len, uint8_t ret[DIGEST_BYTES]);
void digest_hex(const uint8_t digest[DIGEST_BYTES], char ret[DIGEST_HEX]);
void digest_text(const void *data, size_t len, char ret[DIGEST_HEX]);
/* Of a file, as hex, and its MD5 [RFC 1321], which package managers list; md5 NULL: not wanted. 0 or -errno. */
int digest_read_file(const char *path, char sha256[DIGEST_HEX], char md5[MD5_HEX]);

#endif
