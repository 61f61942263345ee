#include "rig/offline/hdf5_library.h"

#include <stddef.h>

const char *hdf5_file(void)
{
#ifdef PENRIG_HDF5
	return PENRIG_HDF5;
#else
	return NULL;
#endif
}

#ifdef PENRIG_HDF5

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

struct hdf5_library h5;

#define SYMBOL(name) {#name, &h5.name},
static const struct {
	const char *name;
	void *address;
} symbols[] = {HDF5_FUNCTIONS(SYMBOL) HDF5_DATA(SYMBOL)};

/* It stays loaded, and does not tidy up as the program ends: what an export could not write it would touch once more, and dies of that
 * (1.10.8). */
int hdf5_load(struct err *err)
{
	void *library = dlopen(PENRIG_HDF5, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return err_set(
			err, -ENOENT,
			"HDF5 needs a library that is not there (%.300s): install it (Debian, Ubuntu: apt-get install "
			"%s), or use another --format",
			dlerror(), HDF5_PACKAGE);
	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		void *found = dlsym(library, symbols[i].name);
		if (!found)
			return err_set(err, -ENOTSUP, "%s lacks %s: it is not the libhdf5 that penrig was built for",
				       PENRIG_HDF5, symbols[i].name);
		memcpy(symbols[i].address, &found, sizeof(found));
	}
	(void)h5.H5dont_atexit(); /* refuses a second time */
	if (h5.H5open() < 0)
		return err_set(err, -EIO, "%s does not start", PENRIG_HDF5);
	h5.H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
	return 0;
}

#endif
