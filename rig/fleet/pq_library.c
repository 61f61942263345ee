#include "rig/fleet/pq_library.h"

#include <stddef.h>

const char *pq_file(void)
{
#ifdef PENRIG_PQ
	return PENRIG_PQ;
#else
	return NULL;
#endif
}

#ifdef PENRIG_PQ

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

struct pq_library pq;

#define SYMBOL(name) {#name, &pq.name},
static const struct {
	const char *name;
	void *address;
} symbols[] = {PQ_FUNCTIONS(SYMBOL)};

int pq_load(struct err *err)
{
	void *library = dlopen(PENRIG_PQ, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return err_set(err, -ENOENT,
			       "a fleet needs a library that is not there (%.300s): install it (Debian, Ubuntu: "
			       "apt-get install %s)",
			       dlerror(), PQ_PACKAGE);
	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		void *found = dlsym(library, symbols[i].name);
		if (!found)
			return err_set(err, -ENOTSUP, "%s lacks %s: it is not the libpq that penrig was built for",
				       PENRIG_PQ, symbols[i].name);
		memcpy(symbols[i].address, &found, sizeof(found));
	}
	return 0;
}

#endif
