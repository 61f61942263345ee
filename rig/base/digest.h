/* SHA-256, as lower-case hex text. */
#ifndef PENRIG_BASE_DIGEST_H
#define PENRIG_BASE_DIGEST_H

#include <stddef.h>

#define DIGEST_HEX 65 /* 2 * 32 + 1 */

void digest_text(const void *data, size_t len, char ret[DIGEST_HEX]);

#endif
