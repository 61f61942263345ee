#include "rig/fleet/on_demand.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

int on_demand_load(const struct on_demand *library, struct err *err)
{
	void *handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);

	if (!handle)
		return err_set(err, -ENOENT,
			       "%s needs a library that is not there (%.300s): install it (Debian, Ubuntu: apt-get "
			       "install %s)",
			       library->use, dlerror(), library->package);
	for (size_t i = 0; i < library->count; i++) {
		void *found = dlsym(handle, library->symbols[i].name);
		if (!found)
			return err_set(err, -ENOTSUP, "%s lacks %s: it is not the one that penrig was built for",
				       library->file, library->symbols[i].name);
		memcpy(library->symbols[i].address, &found, sizeof(found));
	}
	return 0;
}
