/* One device of a bench file: what may stand in its entry follows from its roles. For bench.c and bench_device.c. */
#ifndef PENRIG_CONFIG_BENCH_DEVICE_H
#define PENRIG_CONFIG_BENCH_DEVICE_H

#include "rig/config/bench.h"

/* Puts `dut` in the place of {dut} in a link's name. -ENAMETOOLONG. */
int bench_link_fill(const char *link, const char *dut, char *ret, size_t size);
/* Does the pen's link wait for a serial number? */
bool bench_link_waits(const char *link);
/* Whether some DUT's serial number makes a bench file's link this name. */
bool bench_link_could_be(const char *link, const char *name);

/* The short form: "pen" or "sensor", without a name, with roles that are known beforehand. Adds the device to `bench`, and what its roles
 * say of pen and force. -EINVAL with file:line:column. */
int bench_device_read(const struct json_doc *doc, const struct json *node, uint32_t roles, struct bench *bench,
		      struct err *err);
/* The list "devices": FIELD_CUSTOM into a struct bench. */
int bench_devices_read(const struct json_doc *doc, const struct json *node, void *dst, struct err *err);

/* A name in a bench file to a path: a relative one counts from the folder of the bench file. -ENAMETOOLONG. */
int bench_file_path(const char *bench_path, const char *file, char ret[FILE_PATH_MAX]);

/* On a bench in production a profile's file is one that the bench names by its digest, so that whoever approves the bench
 * approves it too: -EINVAL with file:line:column. */
int bench_profiles_check(const struct bench *bench, struct err *err);

/* As many devices of each role as a bench needs: -EINVAL with file:line:column of the one too many, or of `doc`. */
int bench_devices_check(const struct bench *bench, struct err *err);

#endif
