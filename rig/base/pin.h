/* PINs as they are kept: Argon2id (RFC 9106) with a salt of their own, through libsodium, in its text form. A PIN is short, so the
 * text is no secret to be published: whoever has it can try all PINs at leisure. */
#ifndef PENRIG_BASE_PIN_H
#define PENRIG_BASE_PIN_H

#include <stdbool.h>

#include "rig/base/error.h"

#define PIN_KEPT_MAX 128 /* bytes with the end */
#define PIN_MIN      4   /* characters */
#define PIN_MAX      64

/* Takes about 30 ms and 19 MiB. -EINVAL: too short or too long; -ENOMEM, -EIO. */
int pin_keep(const char *pin, char ret[PIN_KEPT_MAX], struct err *err);
/* False also for a text that pin_keep() did not write. */
bool pin_fits(const char *kept, const char *pin);

#endif
