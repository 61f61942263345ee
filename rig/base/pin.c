/* PINs through libsodium. */
#include "rig/base/pin.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

/* The lower of the two settings that OWASP's Password Storage Cheat Sheet gives for Argon2id: 19 MiB, two passes. */
#define MEMORY_BYTES (19u << 20)
#define PASSES       2

int pin_keep(const char *pin, char ret[PIN_KEPT_MAX], struct err *err)
{
	size_t len = strlen(pin);

	_Static_assert(PIN_KEPT_MAX >= crypto_pwhash_STRBYTES, "libsodium's text fits");
	if (len < PIN_MIN || len > PIN_MAX)
		return err_set(err, -EINVAL, "a PIN has %d to %d characters", PIN_MIN, PIN_MAX);
	if (sodium_init() < 0)
		return err_set(err, -EIO, "libsodium finds no source of random numbers");
	if (crypto_pwhash_str_alg(ret, pin, len, PASSES, MEMORY_BYTES, crypto_pwhash_ALG_ARGON2ID13) != 0)
		return err_set(err, -ENOMEM, "no memory for a PIN");
	return 0;
}

bool pin_fits(const char *kept, const char *pin)
{
	return sodium_init() >= 0 && strlen(pin) <= PIN_MAX && crypto_pwhash_str_verify(kept, pin, strlen(pin)) == 0;
}
