/* A file in a site's store, by its SHA-256: in pieces, each packed by itself (zstd), so that an upload that was cut goes on where it
 * was; all of them behind each other are the packed file. What is read is held against the SHA-256. */
#ifndef PENRIG_FLEET_SHELF_H
#define PENRIG_FLEET_SHELF_H

#include "rig/base/digest.h"
#include "rig/fleet/depot.h"

#define SHELF_PIECE (8u << 20) /* bytes, before packing; the last one is shorter */

/* sha256, size: of what fd holds. A piece that is there already, and is what it should be, is not sent again; one that is damaged
 * is replaced. Errors: depot.h; -EIO: fd cannot be read, or holds something else by now. */
int shelf_put(struct depot *store, int fd, const char *sha256, uint64_t size, struct err *err);
/* Writes it to fd. -EBADMSG: what the store has is not what was put there, or not all of it. */
int shelf_get(struct depot *store, const char *sha256, uint64_t size, int fd, struct err *err);

#endif
