/* Small texts that statements are made of. */
#ifndef PENRIG_FLEET_WORDS_H
#define PENRIG_FLEET_WORDS_H

#include <stddef.h>

#include "rig/base/error.h"

#define UUID_TEXT 37

/* A random UUID (RFC 4122, version 4). -EIO: this computer gives no random numbers. */
int uuid_draw(char ret[UUID_TEXT], struct err *err);

/* The words as an array of PostgreSQL's: {"a","b \"c\""}. malloc'd; NULL: out of memory. */
char *words_array(const char *const *words, unsigned count);

#endif
