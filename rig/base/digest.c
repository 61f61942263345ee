/* SHA-256 through libsodium. */
#include "rig/base/digest.h"

#include <sodium.h>

void digest_text(const void *data, size_t len, char ret[DIGEST_HEX])
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256(hash, data, len);
	sodium_bin2hex(ret, DIGEST_HEX, hash, sizeof(hash));
}
