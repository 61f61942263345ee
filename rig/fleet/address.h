/* SCHEME://[USER@]HOST[:PORT][/PATH], of a broker or a store; and secrets, which stand in files. */
#ifndef PENRIG_FLEET_ADDRESS_H
#define PENRIG_FLEET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "rig/base/error.h"

#define SECRET_MAX 512

struct address {
	char scheme[16], user[128]; /* user "": none */
	char host[256];             /* a numeric one of IPv6 without its brackets */
	unsigned port;              /* 0: none */
	char path[256];             /* without the first and the last slash; "": none */
};

/* what: the option, for error texts. -EINVAL with text: also where it holds a password, which is not repeated. */
int address_parse(const char *text, const char *what, struct address *ret, struct err *err);
bool address_is_here(const struct address *address); /* loopback: nobody stands in that way */

/* The first line of a file that its owner alone may read. -EINVAL, -EACCES or -errno with text, never with what it holds. */
int secret_read(const char *path, char ret[SECRET_MAX], struct err *err);

#endif
